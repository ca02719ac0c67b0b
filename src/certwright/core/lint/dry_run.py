"""What every certificate of a profile would be refused for, found before there is a request."""

from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import ed25519

from .. import keys
from ..distinguished_name import NO_NAME, parse_name
from ..issuer import Issuer, Pointers
from ..keys import KeyAlgorithm
from ..plan import VERSION_3, Shape, shape_of_profile
from ..profile import Profile
from . import lint_frame, rfc5280
from .decoded import Decoded, Frame
from .finding import Finding, Severity

_BEGIN, _END = datetime(2000, 1, 1, tzinfo=UTC), datetime(2049, 1, 1, tzinfo=UTC)
_BASE = "http://pki.example.com"
# an authority with all that a profile can point at, and a key that every lint set takes
_ISSUER = Issuer(
    parse_name("CN=Dry run").encode(),
    bytes(20),
    KeyAlgorithm.ECDSA_P256,
    _BEGIN,
    _END,
    pointers=Pointers(f"{_BASE}/ocsp", f"{_BASE}/ca.cer", f"{_BASE}/{{shard}}.crl"),
)
_KEY = ed25519.Ed25519PublicKey.from_public_bytes(bytes(32))


def profile_findings(profile: Profile) -> tuple[Finding, ...]:
    """The errors in what all certificates of a profile share, when there are some with every key that it
    takes; else none."""
    found = [_errors(profile, algorithm) for algorithm in sorted(profile.keys)]
    return tuple(dict.fromkeys([one for errors in found for one in errors])) if all(found) else ()


def _errors(profile: Profile, algorithm: KeyAlgorithm) -> list[Finding]:
    decoded = _decoded(shape_of_profile(profile, _ISSUER, algorithm))
    found = lint_frame(decoded, profile)
    if not profile.is_authority:
        found += rfc5280.authority_key_identifier.run(decoded, profile)
    return [one for one in found if one.severity is Severity.ERROR]


def _decoded(shape: Shape) -> Decoded:
    """As if a certificate of this shape had been read; what varies stands for anything, and is not judged."""
    frame = Frame(
        VERSION_3,
        shape.signature_identifier,
        shape.issuer.name,
        shape.key_algorithm,
        not shape.names_critical,
        shape.heads,
        shape.constant,
    )
    return Decoded(frame, 1, 16, _BEGIN, _END, (0, 0), NO_NAME, (), _KEY, keys.spki(_KEY), None)
