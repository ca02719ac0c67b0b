"""An example of a request, so that a certificate of a profile can be shown before anybody has asked."""

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, rsa

from ...core.distinguished_name import parse_name, short_name
from ...core.errors import Malformed
from ...core.keys import KeyAlgorithm, PublicKey
from ...core.names import Identifier, IdentifierKind, parse_identifier
from ...core.profile import Profile, Source
from ...core.request import CertificateRequest, request_for

NAMES = {
    "dns": "www.example.org",
    "ip": "192.0.2.1",
    "email": "ann@example.org",
    "uri": "https://www.example.org/",
    "upn": "ann@example.org",
    "guid": "6b29fc40-ca47-1067-b31d-00dd010662da",
    "kerberos": "ann@EXAMPLE.ORG",
}
NAMES_MAX = 100
EXPONENT = 65537
MAKERS: dict[KeyAlgorithm, Callable[[], PublicKey]] = {
    KeyAlgorithm.ECDSA_P256: lambda: ec.generate_private_key(ec.SECP256R1()).public_key(),
    KeyAlgorithm.ECDSA_P384: lambda: ec.generate_private_key(ec.SECP384R1()).public_key(),
    KeyAlgorithm.ECDSA_P521: lambda: ec.generate_private_key(ec.SECP521R1()).public_key(),
    KeyAlgorithm.ED25519: lambda: ed25519.Ed25519PrivateKey.generate().public_key(),
    KeyAlgorithm.ED448: lambda: ed448.Ed448PrivateKey.generate().public_key(),
    KeyAlgorithm.ML_DSA_44: lambda: mldsa.MLDSA44PrivateKey.generate().public_key(),
    KeyAlgorithm.ML_DSA_65: lambda: mldsa.MLDSA65PrivateKey.generate().public_key(),
    KeyAlgorithm.ML_DSA_87: lambda: mldsa.MLDSA87PrivateKey.generate().public_key(),
    KeyAlgorithm.RSA_2048: lambda: rsa.generate_private_key(EXPONENT, 2048).public_key(),
    KeyAlgorithm.RSA_3072: lambda: rsa.generate_private_key(EXPONENT, 3072).public_key(),
    KeyAlgorithm.RSA_4096: lambda: rsa.generate_private_key(EXPONENT, 4096).public_key(),
}
"""The quick ones first."""


def algorithms(profile: Profile) -> list[str]:
    """Those it takes, the quickest to make first."""
    return [algorithm.value for algorithm in MAKERS if algorithm in profile.keys]


def example_names(profile: Profile) -> str:
    """As many names as it wants, one a line, like `dns:www.example.org`."""
    rules = profile.names
    wanted = max(rules.minimum, 1 if rules.kinds else 0)
    kinds = [*sorted(rules.required), *(kind for kind in NAMES if kind in rules.kinds - rules.required)]
    return "\n".join(f"{kind}:{NAMES[kind]}" for kind in kinds[:wanted])


def example_subject(profile: Profile) -> str:
    """The attributes that a request must have."""
    rules = [rule for rule in profile.subject if rule.required and rule.source is Source.REQUEST]
    values = {"C": "DE", "emailAddress": NAMES["email"]}
    names = [short_name(rule.oid) for rule in rules]
    return ",".join(f"{name}={values.get(name, 'Example')}" for name in names)


def example_request(names: str, subject: str, algorithm: str) -> CertificateRequest:
    """With a key that nobody keeps. Raises Malformed naming what cannot be read."""
    lines = [line.strip() for line in names.splitlines() if line.strip()]
    if len(lines) > NAMES_MAX:
        raise Malformed(f"an example has {NAMES_MAX} names at the most, not {len(lines)}")
    key = MAKERS[KeyAlgorithm(algorithm)]()
    return request_for(key, parse_name(subject), tuple(dict.fromkeys(map(_identifier, lines))))


def _identifier(line: str) -> Identifier:
    kind, separator, value = line.partition(":")
    if not separator or kind not in tuple(IdentifierKind):
        kind, value = IdentifierKind.DNS, line
    return parse_identifier(kind, value)
