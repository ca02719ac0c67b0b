"""Keys, requests and issuers for the tests of profiles, plans and the seal."""

from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import IPv4Address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import strategies as st

from certwright.core import keys
from certwright.core.distinguished_name import NO_NAME, DistinguishedName, name_of, parse_name, short_name
from certwright.core.issuer import Issuer, Pointers, self_issuer
from certwright.core.keys import KeyAlgorithm, PrivateKey
from certwright.core.names import Identifier, parse_identifier
from certwright.core.plan import CertificatePlan, make_plan, make_serial
from certwright.core.policy import EVERYTHING, EndpointPolicy, evaluate
from certwright.core.profile import Profile, Source
from certwright.core.profiles_builtin import built_in_profiles
from certwright.core.request import CertificateRequest, request_for

NOW = datetime(2026, 11, 23, 20, 0, 0, tzinfo=UTC)
SERIAL = make_serial(bytes(range(16)))
POINTERS = Pointers(
    "http://pki.example.test/ocsp/issuing/1",
    "http://pki.example.test/ca/issuing/1.cer",
    "http://pki.example.test/crl/issuing/1/{shard}.crl",
)
AUTHORITY_NAME = parse_name("CN=Example Issuing 1,O=Example,C=DE")
ADDRESSES = st.ip_addresses().filter(lambda one: isinstance(one, IPv4Address) or one.ipv4_mapped is None)
QUICK_ALGORITHMS = tuple(name for name in KeyAlgorithm if name not in {"rsa-3072", "rsa-4096"})


@cache
def private_key(algorithm: KeyAlgorithm, which: str = "subscriber") -> PrivateKey:
    """One key for each algorithm and use, made once for the whole run."""
    match algorithm:
        case KeyAlgorithm.RSA_2048 | KeyAlgorithm.RSA_3072 | KeyAlgorithm.RSA_4096:
            return rsa.generate_private_key(65537, int(algorithm.removeprefix("rsa-")))
        case KeyAlgorithm.ECDSA_P256:
            return ec.generate_private_key(ec.SECP256R1())
        case KeyAlgorithm.ECDSA_P384:
            return ec.generate_private_key(ec.SECP384R1())
        case KeyAlgorithm.ECDSA_P521:
            return ec.generate_private_key(ec.SECP521R1())
        case KeyAlgorithm.ED25519:
            return ed25519.Ed25519PrivateKey.generate()
        case KeyAlgorithm.ED448:
            return ed448.Ed448PrivateKey.generate()
        case KeyAlgorithm.ML_DSA_44:
            return mldsa.MLDSA44PrivateKey.generate()
        case KeyAlgorithm.ML_DSA_65:
            return mldsa.MLDSA65PrivateKey.generate()
    return mldsa.MLDSA87PrivateKey.generate()


def issuer(
    algorithm: KeyAlgorithm = KeyAlgorithm.ECDSA_P256,
    *,
    name: DistinguishedName = AUTHORITY_NAME,
    path_length: int | None = None,
    days: int = 3650,
) -> Issuer:
    """An authority that has been there for a day."""
    public_key = private_key(algorithm, "authority").public_key()
    return Issuer(
        name.encode(),
        keys.key_identifier(keys.spki(public_key)),
        algorithm,
        NOW - timedelta(days=1),
        NOW + timedelta(days=days),
        path_length,
        pointers=POINTERS,
    )


def profile(name: str = "tls-server") -> Profile:
    return built_in_profiles()[name]


def identifiers(*texts: str) -> tuple[Identifier, ...]:
    """From `dns:www.example.test` and the like."""
    return tuple(parse_identifier(*text.split(":", 1)) for text in texts)


# what each built-in profile is asked for in these tests
NAMES: dict[str, tuple[str, ...]] = {
    "tls-server": ("dns:www.example.test", "dns:*.apps.example.test", "ip:192.0.2.7", "ip:2001:db8::7"),
    "tls-client": ("email:ann@example.test",),
    "tls-server-client": ("dns:db1.example.test", "uri:spiffe://example.test/db/1"),
    "smime-signing": ("email:ann@example.test",),
    "smime-encryption": ("email:ann@example.test",),
    "document-signing": ("email:ann@example.test",),
    "device": ("dns:sensor7.example.test", "uri:urn:dev:ops:32473-sensor-7"),
    "vpn-gateway": ("dns:gate.example.test", "ip:192.0.2.1"),
    "smart-card-logon": ("upn:ann@corp.example.test", "kerberos:ann@CORP.EXAMPLE.TEST"),
    "domain-controller": (
        "dns:dc1.corp.example.test",
        "guid:0b2c8a4e-7c1e-4f6b-9a53-3f1f8c6f2a11",
        "kerberos:krbtgt/CORP.EXAMPLE.TEST@CORP.EXAMPLE.TEST",
    ),
}
_VALUES = {
    "C": "DE",
    "CN": "Example Subject 7",
    "serialNumber": "4711-A",
    "emailAddress": "ann@example.test",
    "DC": "corp",
}


def request(
    name: str = "tls-server",
    algorithm: KeyAlgorithm = KeyAlgorithm.ECDSA_P256,
    names: tuple[str, ...] | None = None,
) -> CertificateRequest:
    """A request that this built-in profile takes: every attribute it lists, and names of its kinds."""
    wanted = [short_name(rule.oid) for rule in profile(name).subject if rule.source is Source.REQUEST]
    pairs = [(short, _VALUES.get(short, f"Example {short}")) for short in wanted]
    subject = name_of([("DC", "test"), *pairs] if "DC" in wanted else pairs)
    asked = NAMES.get(name, ()) if names is None else names
    return request_for(private_key(algorithm).public_key(), subject, identifiers(*asked))


def plan(
    name: str = "tls-server",
    algorithm: KeyAlgorithm = KeyAlgorithm.ECDSA_P256,
    by: Issuer | None = None,
    endpoint: EndpointPolicy = EVERYTHING,
) -> CertificatePlan:
    """The plan of a good certificate of this built-in profile; a root's is self-signed."""
    asked = request(name, algorithm)
    if name == "root-authority":
        by = self_issuer(evaluate(asked, profile(name), issuer(days=20_000), NOW).subject, asked.public_key)
    return make_plan(evaluate(asked, profile(name), by or issuer(), NOW, endpoint), SERIAL, shard=3)


def csr(
    names: list[x509.GeneralName],
    *extensions: x509.ExtensionType,
    algorithm: KeyAlgorithm = KeyAlgorithm.ECDSA_P256,
    subject: DistinguishedName = NO_NAME,
    encoding: Encoding = Encoding.DER,
) -> bytes:
    """A CSR made by `cryptography`."""
    parsed = x509.Name.from_rfc4514_string(str(subject)) if subject else x509.Name([])
    builder = x509.CertificateSigningRequestBuilder(parsed)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    digest = keys.SIGNATURES[algorithm].digest
    assert digest is None or isinstance(digest, (hashes.SHA256, hashes.SHA384, hashes.SHA512))
    return builder.sign(private_key(algorithm), digest).public_bytes(encoding)


def uses_of(value: x509.KeyUsage) -> list[str]:
    """The bits that are set, in their order, by the names of RFC 5280 section 4.2.1.3."""
    bits = {
        "digitalSignature": value.digital_signature,
        "contentCommitment": value.content_commitment,
        "keyEncipherment": value.key_encipherment,
        "dataEncipherment": value.data_encipherment,
        "keyAgreement": value.key_agreement,
        "keyCertSign": value.key_cert_sign,
        "cRLSign": value.crl_sign,
        "encipherOnly": value.key_agreement and value.encipher_only,
        "decipherOnly": value.key_agreement and value.decipher_only,
    }
    return [name for name, bit in bits.items() if bit]
