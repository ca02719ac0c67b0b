"""Certificate extensions as values (RFC 5280 section 4.2), and their DER.

Each value type has its `oid` and `encode()`, which gives the DER inside extnValue. `Extension` adds the
critical flag. `read_extension` makes the same values from what `cryptography` has parsed.
"""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from cryptography import x509

from . import der
from .distinguished_name import DistinguishedName, name_from_x509
from .errors import Malformed
from .general_names import encode_general_name, read_general_name
from .names import Identifier, IdentifierKind

BASIC_CONSTRAINTS = "2.5.29.19"
KEY_USAGE = "2.5.29.15"
EXTENDED_KEY_USAGE = "2.5.29.37"
SUBJECT_ALTERNATIVE_NAME = "2.5.29.17"
SUBJECT_KEY_IDENTIFIER = "2.5.29.14"
AUTHORITY_KEY_IDENTIFIER = "2.5.29.35"
CERTIFICATE_POLICIES = "2.5.29.32"
NAME_CONSTRAINTS = "2.5.29.30"
CRL_DISTRIBUTION_POINTS = "2.5.29.31"
AUTHORITY_INFORMATION_ACCESS = "1.3.6.1.5.5.7.1.1"
TLS_FEATURE = "1.3.6.1.5.5.7.1.24"
ANY_POLICY = "2.5.29.32.0"
OCSP_NO_CHECK = "1.3.6.1.5.5.7.48.1.5"

# in the order of their bits, RFC 5280 section 4.2.1.3
KEY_USES = (
    "digitalSignature",
    "contentCommitment",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
)
# extended key purposes by name: RFC 5280 4.2.1.12, 4556, 4945, 9336, and Microsoft's
PURPOSES = {
    "serverAuth": "1.3.6.1.5.5.7.3.1",
    "clientAuth": "1.3.6.1.5.5.7.3.2",
    "codeSigning": "1.3.6.1.5.5.7.3.3",
    "emailProtection": "1.3.6.1.5.5.7.3.4",
    "timeStamping": "1.3.6.1.5.5.7.3.8",
    "OCSPSigning": "1.3.6.1.5.5.7.3.9",
    "ipsecIKE": "1.3.6.1.5.5.7.3.17",
    "documentSigning": "1.3.6.1.5.5.7.3.36",
    "pkinitClientAuth": "1.3.6.1.5.2.3.4",
    "pkinitKdc": "1.3.6.1.5.2.3.5",
    "msSmartcardLogon": "1.3.6.1.4.1.311.20.2.2",
    "msDocumentSigning": "1.3.6.1.4.1.311.10.3.12",
    "anyExtendedKeyUsage": "2.5.29.37.0",
}
_PURPOSE_NAMES = {oid: name for name, oid in PURPOSES.items()}
_CPS_QUALIFIER = "1.3.6.1.5.5.7.2.1"
_OCSP, _CA_ISSUERS = "1.3.6.1.5.5.7.48.1", "1.3.6.1.5.5.7.48.2"
_URI_NAME = 0x86


def purpose_name(oid: str) -> str:
    """Name of an extended key purpose, or its OID where it has none here."""
    return _PURPOSE_NAMES.get(oid, oid)


@dataclass(frozen=True, slots=True)
class BasicConstraints:
    oid: ClassVar[str] = BASIC_CONSTRAINTS
    authority: bool
    path_length: int | None = None

    def encode(self) -> bytes:
        flag = der.boolean(True) if self.authority else b""
        return der.sequence(flag, b"" if self.path_length is None else der.integer(self.path_length))


@dataclass(frozen=True, slots=True)
class KeyUsage:
    """`uses` are names from `KEY_USES`."""

    oid: ClassVar[str] = KEY_USAGE
    uses: frozenset[str]

    def encode(self) -> bytes:
        return der.named_bits(tuple([use in self.uses for use in KEY_USES]))


@dataclass(frozen=True, slots=True)
class ExtendedKeyUsage:
    """`purposes` are dotted OIDs."""

    oid: ClassVar[str] = EXTENDED_KEY_USAGE
    purposes: tuple[str, ...]

    def encode(self) -> bytes:
        return der.sequence(*map(der.object_identifier, self.purposes))


@dataclass(frozen=True, slots=True)
class SubjectAlternativeName:
    oid: ClassVar[str] = SUBJECT_ALTERNATIVE_NAME
    identifiers: tuple[Identifier, ...]

    def encode(self) -> bytes:
        return der.tlv(
            der.SEQUENCE, b"".join([encode_general_name(identifier) for identifier in self.identifiers])
        )


@dataclass(frozen=True, slots=True)
class SubjectKeyIdentifier:
    oid: ClassVar[str] = SUBJECT_KEY_IDENTIFIER
    value: bytes

    def encode(self) -> bytes:
        return der.octet_string(self.value)


@dataclass(frozen=True, slots=True)
class AuthorityKeyIdentifier:
    oid: ClassVar[str] = AUTHORITY_KEY_IDENTIFIER
    value: bytes

    def encode(self) -> bytes:
        return der.sequence(der.tlv(0x80, self.value))


@dataclass(frozen=True, slots=True)
class CertificatePolicy:
    """A policy by OID; `cps` is the URI of its practice statement, or empty."""

    oid: str
    cps: str = ""

    def encode(self) -> bytes:
        if not self.cps:
            return der.sequence(der.object_identifier(self.oid))
        qualifier = der.sequence(
            der.object_identifier(_CPS_QUALIFIER), der.tlv(der.IA5_STRING, self.cps.encode())
        )
        return der.sequence(der.object_identifier(self.oid), der.sequence(qualifier))


@dataclass(frozen=True, slots=True)
class CertificatePolicies:
    oid: ClassVar[str] = CERTIFICATE_POLICIES
    policies: tuple[CertificatePolicy, ...]

    def encode(self) -> bytes:
        return der.sequence(*[policy.encode() for policy in self.policies])


@dataclass(frozen=True, slots=True)
class Subtree:
    """Base of a name constraint: a domain, a mail domain or address, a URI host, a network `10.0.0.0/8`."""

    kind: IdentifierKind
    base: str

    def encode(self) -> bytes:
        if self.kind is IdentifierKind.IP:
            network = ipaddress.ip_network(self.base)
            return der.sequence(der.tlv(0x87, network.network_address.packed + network.netmask.packed))
        return der.sequence(der.tlv(_SUBTREE_TAGS[self.kind], self.base.encode()))


@dataclass(frozen=True, slots=True)
class DirectorySubtree:
    """Base of a name constraint on directory names: this one, and all that begin with it."""

    kind: ClassVar[str] = "dn"
    name: DistinguishedName

    @property
    def base(self) -> str:
        """RFC 4514 text."""
        return str(self.name)

    def encode(self) -> bytes:
        return der.sequence(der.tlv(_DIRECTORY_NAME, self.name.encode()))


AnySubtree = Subtree | DirectorySubtree
_DIRECTORY_NAME = 0xA4
_SUBTREE_TAGS = {IdentifierKind.EMAIL: 0x81, IdentifierKind.DNS: 0x82, IdentifierKind.URI: _URI_NAME}


@dataclass(frozen=True, slots=True)
class NameConstraints:
    oid: ClassVar[str] = NAME_CONSTRAINTS
    permitted: tuple[AnySubtree, ...] = ()
    excluded: tuple[AnySubtree, ...] = ()

    def encode(self) -> bytes:
        trees = [(0xA0, self.permitted), (0xA1, self.excluded)]
        return der.sequence(
            *[der.tlv(tag, b"".join([t.encode() for t in some])) for tag, some in trees if some]
        )


@dataclass(frozen=True, slots=True)
class CrlDistributionPoints:
    """Each URL is a distribution point of its own."""

    oid: ClassVar[str] = CRL_DISTRIBUTION_POINTS
    urls: tuple[str, ...]

    def encode(self) -> bytes:
        full_names = [der.tlv(0xA0, der.tlv(_URI_NAME, url.encode())) for url in self.urls]
        return der.sequence(*[der.sequence(der.tlv(0xA0, name)) for name in full_names])


@dataclass(frozen=True, slots=True)
class AuthorityInformationAccess:
    oid: ClassVar[str] = AUTHORITY_INFORMATION_ACCESS
    ocsp: tuple[str, ...] = ()
    ca_issuers: tuple[str, ...] = ()

    def encode(self) -> bytes:
        pairs = [(_OCSP, url) for url in self.ocsp] + [(_CA_ISSUERS, url) for url in self.ca_issuers]
        return der.sequence(
            *[
                der.sequence(der.object_identifier(oid), der.tlv(_URI_NAME, url.encode()))
                for oid, url in pairs
            ]
        )


@dataclass(frozen=True, slots=True)
class TlsFeature:
    """RFC 7633; feature 5 (status_request) is OCSP must-staple."""

    oid: ClassVar[str] = TLS_FEATURE
    features: tuple[int, ...] = (5,)

    def encode(self) -> bytes:
        return der.sequence(*map(der.integer, self.features))


@dataclass(frozen=True, slots=True)
class OcspNoCheck:
    """RFC 6960 section 4.2.2.2.1."""

    oid: ClassVar[str] = OCSP_NO_CHECK

    def encode(self) -> bytes:
        return der.tlv(der.NULL, b"")


@dataclass(frozen=True, slots=True)
class OtherExtension:
    """An extension that has no type of its own here: its OID and the DER inside extnValue."""

    oid: str
    der: bytes

    def encode(self) -> bytes:
        return self.der


ExtensionValue = (
    BasicConstraints
    | KeyUsage
    | ExtendedKeyUsage
    | SubjectAlternativeName
    | SubjectKeyIdentifier
    | AuthorityKeyIdentifier
    | CertificatePolicies
    | NameConstraints
    | CrlDistributionPoints
    | AuthorityInformationAccess
    | TlsFeature
    | OcspNoCheck
    | OtherExtension
)


@dataclass(frozen=True, slots=True)
class Extension:
    critical: bool
    value: ExtensionValue

    @property
    def oid(self) -> str:
        return self.value.oid

    def encode(self) -> bytes:
        flag = der.boolean(True) if self.critical else b""
        return der.sequence(der.object_identifier(self.oid), flag, der.octet_string(self.value.encode()))


# -- back ------------------------------------------------------------------------------------------


def read_extension(extension: x509.Extension[Any]) -> Extension:
    """The value of a parsed extension. Raises Malformed for content that no value here stands for."""
    read = _READERS.get(type(extension.value))
    if read is not None:
        return Extension(extension.critical, read(extension.value))
    return Extension(
        extension.critical, OtherExtension(extension.oid.dotted_string, extension.value.public_bytes())
    )


def _read_key_usage(value: x509.KeyUsage) -> KeyUsage:
    agreement = value.key_agreement
    bits = (
        value.digital_signature,
        value.content_commitment,
        value.key_encipherment,
        value.data_encipherment,
        agreement,
        value.key_cert_sign,
        value.crl_sign,
        agreement and value.encipher_only,
        agreement and value.decipher_only,
    )
    return KeyUsage(frozenset([use for use, bit in zip(KEY_USES, bits, strict=True) if bit]))


def _read_authority_key(value: x509.AuthorityKeyIdentifier) -> AuthorityKeyIdentifier:
    if (
        value.key_identifier is None
        or value.authority_cert_issuer
        or value.authority_cert_serial_number is not None
    ):
        raise Malformed("authorityKeyIdentifier: only the form with a key identifier is known here")
    return AuthorityKeyIdentifier(value.key_identifier)


def _read_policies(value: x509.CertificatePolicies) -> CertificatePolicies:
    policies = []
    for policy in value:
        qualifiers = policy.policy_qualifiers or [""]
        cps = qualifiers[0]
        if len(qualifiers) != 1 or not isinstance(cps, str):
            raise Malformed("certificatePolicies: only one CPS URI per policy is known here")
        policies.append(CertificatePolicy(policy.policy_identifier.dotted_string, cps))
    return CertificatePolicies(tuple(policies))


def _read_subtree(name: x509.GeneralName) -> AnySubtree:
    if isinstance(name, x509.DirectoryName):
        return DirectorySubtree(name_from_x509(name.value))
    if isinstance(name, x509.IPAddress):
        return Subtree(IdentifierKind.IP, str(name.value))
    for kind, known in _SUBTREE_CLASSES.items():
        if isinstance(name, kind):
            return Subtree(known, str(name.value))
    raise Malformed(f"nameConstraints: a base of kind {type(name).__name__} is not known here")


_SUBTREE_CLASSES = {
    x509.RFC822Name: IdentifierKind.EMAIL,
    x509.DNSName: IdentifierKind.DNS,
    x509.UniformResourceIdentifier: IdentifierKind.URI,
}


def _read_name_constraints(value: x509.NameConstraints) -> NameConstraints:
    permitted = map(_read_subtree, value.permitted_subtrees or ())
    return NameConstraints(tuple(permitted), tuple(map(_read_subtree, value.excluded_subtrees or ())))


def _read_distribution_points(value: x509.CRLDistributionPoints) -> CrlDistributionPoints:
    urls = []
    for point in value:
        names = point.full_name or []
        if len(names) != 1 or point.reasons or point.crl_issuer or point.relative_name:
            raise Malformed("cRLDistributionPoints: only points of one URI are known here")
        urls.append(_uri(names[0]))
    return CrlDistributionPoints(tuple(urls))


def _read_access(value: x509.AuthorityInformationAccess) -> AuthorityInformationAccess:
    found: dict[str, list[str]] = {_OCSP: [], _CA_ISSUERS: []}
    for access in value:
        method = access.access_method.dotted_string
        if method not in found or (method == _OCSP and found[_CA_ISSUERS]):
            raise Malformed("authorityInfoAccess: only OCSP, then caIssuers, are known here")
        found[method].append(_uri(access.access_location))
    return AuthorityInformationAccess(tuple(found[_OCSP]), tuple(found[_CA_ISSUERS]))


def _uri(name: x509.GeneralName) -> str:
    if not isinstance(name, x509.UniformResourceIdentifier):
        raise Malformed("a pointer that is not a URI is not known here")
    return name.value


def _read_names(value: x509.SubjectAlternativeName) -> SubjectAlternativeName:
    """The names letter by letter: not normalized, so that another spelling is another value."""
    return SubjectAlternativeName(tuple([Identifier(*read_general_name(name)) for name in value]))


def _read_no_check(_value: x509.OCSPNoCheck) -> OcspNoCheck:
    return OcspNoCheck()


_READERS: dict[type[x509.ExtensionType], Callable[[Any], ExtensionValue]] = {
    x509.BasicConstraints: lambda value: BasicConstraints(value.ca, value.path_length),
    x509.KeyUsage: _read_key_usage,
    x509.ExtendedKeyUsage: lambda value: ExtendedKeyUsage(tuple([oid.dotted_string for oid in value])),
    x509.SubjectAlternativeName: _read_names,
    x509.SubjectKeyIdentifier: lambda value: SubjectKeyIdentifier(value.digest),
    x509.AuthorityKeyIdentifier: _read_authority_key,
    x509.CertificatePolicies: _read_policies,
    x509.NameConstraints: _read_name_constraints,
    x509.CRLDistributionPoints: _read_distribution_points,
    x509.AuthorityInformationAccess: _read_access,
    x509.TLSFeature: lambda value: TlsFeature(tuple([feature.value for feature in value])),
    x509.OCSPNoCheck: _read_no_check,
}
