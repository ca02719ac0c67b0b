"""Certificate profiles: what kind of certificate, as versioned data.

`profile_document` reads and writes them as JSON documents (docs/reference/profiles.md).
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from .distinguished_name import DistinguishedName
from .extensions import BasicConstraints, CertificatePolicy, Extension, NameConstraints
from .keys import KeyAlgorithm
from .names import Identifier, IdentifierKind
from .rules_facts import Validation

LINT_SETS = ("cabf-tls", "cabf-smime")
KEY_FAMILIES = ("rsa", "ecdsa", "eddsa", "ml-dsa")


class BeyondIssuer(StrEnum):
    """When a certificate would outlive its issuer: end with it, or be refused."""

    CLAMP = "clamp"
    REFUSE = "refuse"


class Source(StrEnum):
    """Where the value of a subject attribute comes from."""

    REQUEST = "request"
    FIXED = "fixed"
    FIRST_NAME = "first-name"


class Unlisted(StrEnum):
    """What happens to subject attributes of a request that the profile does not list."""

    IGNORE = "ignore"
    REFUSE = "refuse"


class MustStaple(StrEnum):
    NEVER = "never"
    ON_REQUEST = "on-request"
    ALWAYS = "always"


class Pointer(StrEnum):
    """What the certificate says about where to find validation data."""

    OCSP = "ocsp"
    CA_ISSUERS = "ca-issuers"
    CRL = "crl"


@dataclass(frozen=True, slots=True)
class Lifetime:
    """Seconds, counted from notBefore to notAfter with both ends included. notBefore is `now - backdate`."""

    default: int
    maximum: int
    backdate: int = 0
    beyond_issuer: BeyondIssuer = BeyondIssuer.CLAMP


@dataclass(frozen=True, slots=True)
class SubjectAttribute:
    """One rule about one attribute type, by OID. `maximum` counts values."""

    oid: str
    source: Source = Source.REQUEST
    value: str = ""
    required: bool = False
    maximum: int = 1


def subject_rules(name: DistinguishedName) -> tuple[SubjectAttribute, ...]:
    """Rules that take a name as it is: its attributes, as often as it has them, in its order."""
    counted = Counter(oid for oid, _ in name.attributes())
    return tuple([SubjectAttribute(oid, maximum=count) for oid, count in counted.items()])


@dataclass(frozen=True, slots=True)
class NameRules:
    """Subject alternative names. One at least is of a kind in `required`, where that names any. With
    `from_subject`, a CN that is a DNS name or address, and emailAddress, join them."""

    kinds: frozenset[IdentifierKind] = frozenset()
    minimum: int = 0
    maximum: int = 0
    wildcards: bool = False
    from_subject: bool = False
    required: frozenset[IdentifierKind] = frozenset()

    def lacks_required(self, names: Iterable[Identifier]) -> bool:
        """Is there no name of a kind that one must be of?"""
        return bool(self.required) and not any(name.kind in self.required for name in names)


@dataclass(frozen=True, slots=True)
class KeyUsageRules:
    """`always`, and more for a family of keys: rsa, ecdsa, eddsa, ml-dsa. Names of RFC 5280 4.2.1.3."""

    always: frozenset[str] = frozenset()
    by_key: tuple[tuple[str, frozenset[str]], ...] = ()
    critical: bool = True

    def uses(self, algorithm: KeyAlgorithm) -> frozenset[str]:
        family = key_family(algorithm)
        return self.always.union(*[more for name, more in self.by_key if name == family])


@dataclass(frozen=True, slots=True)
class Profile:
    """One version of a profile. Two profiles of the same name and version are meant to be the same.

    `validation` is how far identity must have been checked.
    """

    name: str
    version: int
    description: str
    keys: frozenset[KeyAlgorithm]
    lifetime: Lifetime
    subject: tuple[SubjectAttribute, ...] = ()
    unlisted: Unlisted = Unlisted.IGNORE
    names: NameRules = field(default_factory=NameRules)
    key_usage: KeyUsageRules = field(default_factory=KeyUsageRules)
    purposes: tuple[str, ...] = ()
    purposes_critical: bool = False
    basic_constraints: BasicConstraints | None = None
    policies: tuple[CertificatePolicy, ...] = ()
    name_constraints: NameConstraints | None = None
    subject_key_identifier: bool = True
    authority_key_identifier: bool = True
    pointers: frozenset[Pointer] = frozenset()
    must_staple: MustStaple = MustStaple.NEVER
    ocsp_nocheck: bool = False
    server_made_keys: bool = False
    extensions: tuple[Extension, ...] = ()
    lints: frozenset[str] = frozenset()
    validation: Validation = Validation.NONE

    def __hash__(self) -> int:
        return hash((self.name, self.version))

    @property
    def is_authority(self) -> bool:
        return self.basic_constraints is not None and self.basic_constraints.authority


def key_family(algorithm: KeyAlgorithm) -> str:
    """rsa, ecdsa, eddsa or ml-dsa."""
    family, _, rest = algorithm.value.partition("-")
    return "ml-dsa" if family == "ml" else family if rest else "eddsa"
