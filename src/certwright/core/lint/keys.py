"""The key in the certificate: of a kind the profile takes, and used as its kind can be. Always on."""

from cryptography.hazmat.primitives.asymmetric import rsa

from .. import extensions as ext
from .. import keys
from ..profile import Profile, key_family
from .decoded import Decoded
from .finding import Finding, Part, error, notice, rule

Found = tuple[Finding, ...]

# what each family's own specification says about keyUsage
_CANNOT = {
    "rsa": ({"keyAgreement", "encipherOnly", "decipherOnly"}, "RFC 3279 2.3.1"),
    "ecdsa": ({"keyEncipherment", "dataEncipherment"}, "RFC 8813 3"),
    "eddsa": (
        {"keyEncipherment", "dataEncipherment", "keyAgreement", "encipherOnly", "decipherOnly"},
        "RFC 8410 5",
    ),
    "ml-dsa": (
        {"keyEncipherment", "dataEncipherment", "keyAgreement", "encipherOnly", "decipherOnly"},
        "RFC 9881 5",
    ),
}
_EXPONENT_MIN = 65537

ALGORITHM = error("keys.algorithm", "profile", "the profile does not take keys of this algorithm and size")
USAGE = error(
    "keys.usage", "RFC 3279, 8410, 8813, 9881", "keyUsage asks of the key what its algorithm cannot do"
)


@rule(findings=(ALGORITHM, USAGE))
def algorithm(decoded: Decoded, profile: Profile) -> list[Finding]:
    frame = decoded.frame
    found = [] if frame.key_algorithm in profile.keys else [ALGORITHM.about(frame.key_algorithm)]
    usage = frame.value(ext.KeyUsage)
    cannot, clause = _CANNOT[key_family(frame.key_algorithm)]
    if usage is not None and usage.uses & cannot:
        found.append(USAGE.about(f"{', '.join(sorted(usage.uses & cannot))} ({clause})"))
    return found


RSA_EXPONENT = error(
    "keys.rsa.exponent", "FIPS 186-5 A.1.1", "the RSA exponent must be odd and at least 65537"
)
RSA_MODULUS = error("keys.rsa.modulus", "RFC 8017 3.1", "the RSA modulus must be odd")
IDENTIFIER = notice(
    "keys.identifier", "RFC 5280 4.2.1.2", "subjectKeyIdentifier is not the SHA-1 of the key (method 1)"
)


@rule(Part.KEY, findings=(RSA_EXPONENT, RSA_MODULUS, IDENTIFIER))
def key(decoded: Decoded, _profile: Profile) -> Found:
    found: Found = ()
    if isinstance(decoded.public_key, rsa.RSAPublicKey):
        numbers = decoded.public_key.public_numbers()
        checks = (
            (numbers.e < _EXPONENT_MIN or numbers.e % 2 == 0, RSA_EXPONENT),
            (numbers.n % 2 == 0, RSA_MODULUS),
        )
        found = tuple([finding for wrong, finding in checks if wrong])
    if decoded.key_identifier is not None and decoded.key_identifier != keys.key_identifier(decoded.spki):
        found = (*found, IDENTIFIER)
    return found


RULES = (algorithm, key)
