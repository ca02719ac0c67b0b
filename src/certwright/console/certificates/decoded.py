"""A certificate field by field, for people: RFC 5280 section 4.1 in the order of the certificate."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from django.utils.translation import gettext as _

from ...core.keys import algorithm_of


@dataclass(frozen=True, slots=True)
class Field:
    """One line, or several, of what a certificate says."""

    name: str
    lines: tuple[str, ...]
    critical: bool = False


def decoded(der: bytes) -> list[Field]:
    """All fields and extensions; what cannot be read is shown in hexadecimal. Never raises for any octets."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        return [*_fields(certificate), *_extensions(certificate)]
    except (ValueError, x509.UnsupportedGeneralNameType, x509.DuplicateExtension) as error:
        return [Field(_("Cannot be read"), (str(error), der.hex()))]


def _fields(certificate: x509.Certificate) -> Iterator[Field]:
    yield Field(_("Version"), (certificate.version.name,))
    yield Field(_("Serial number"), (f"{certificate.serial_number:x}",))
    yield Field(_("Signature algorithm"), (certificate.signature_algorithm_oid._name,))
    yield Field(_("Issuer"), (certificate.issuer.rfc4514_string(),))
    ends = (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    yield Field(_("Valid"), tuple(f"{moment:%Y-%m-%d %H:%M:%S} UTC" for moment in ends))
    yield Field(_("Subject"), (certificate.subject.rfc4514_string(),))
    yield Field(_("Public key"), _key(certificate))
    yield Field(_("Signature"), (certificate.signature.hex(),))


def _key(certificate: x509.Certificate) -> tuple[str, ...]:
    key = certificate.public_key()
    octets = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    try:
        return str(algorithm_of(key)), octets.hex()
    except Exception as error:  # noqa: BLE001 - whatever kind of key it is, the page shows its octets
        return str(error), octets.hex()


def _extensions(certificate: x509.Certificate) -> Iterator[Field]:
    for extension in certificate.extensions:
        name = extension.oid._name
        shown = (
            f"{name} ({extension.oid.dotted_string})"
            if name != "Unknown OID"
            else extension.oid.dotted_string
        )
        yield Field(shown, tuple(_lines(extension.value)), extension.critical)


def _lines(value: x509.ExtensionType) -> Iterator[str]:
    for kind, told in _KINDS:
        if isinstance(value, kind):
            yield from told(value)
            return
    yield value.public_bytes().hex()


_USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
    *("key_agreement", "key_cert_sign", "crl_sign"),
)


def _usages(value: x509.KeyUsage) -> Iterator[str]:
    yield from (name.replace("_", " ") for name in _USAGES if getattr(value, name))
    if value.key_agreement:
        yield from (
            name.replace("_", " ") for name in ("encipher_only", "decipher_only") if getattr(value, name)
        )


def _constraints(value: x509.BasicConstraints) -> Iterator[str]:
    yield _("authority") if value.ca else _("no authority")
    if value.path_length is not None:
        yield _("path length %d") % value.path_length


def _points(value: "x509.CRLDistributionPoints | x509.FreshestCRL") -> Iterator[str]:
    for point in value:
        yield from map(_name, point.full_name or ())
        yield from map(_name, point.crl_issuer or ())


def _name(name: x509.GeneralName) -> str:
    kind = type(name).__name__
    if isinstance(name, x509.OtherName):
        return f"{kind} {name.type_id.dotted_string}: {name.value.hex()}"
    value = name.value
    return f"{kind}: {value.rfc4514_string() if isinstance(value, x509.Name) else value}"


_KINDS: tuple[tuple[type | tuple[type, ...], Callable[..., Iterator[str]]], ...] = (
    (x509.KeyUsage, _usages),
    (x509.BasicConstraints, _constraints),
    (x509.ExtendedKeyUsage, lambda value: (f"{one._name} ({one.dotted_string})" for one in value)),
    ((x509.SubjectAlternativeName, x509.IssuerAlternativeName), lambda value: map(_name, value)),
    (x509.SubjectKeyIdentifier, lambda value: iter((value.digest.hex(),))),
    (x509.AuthorityKeyIdentifier, lambda value: iter(((value.key_identifier or b"").hex(),))),
    (
        (x509.AuthorityInformationAccess, x509.SubjectInformationAccess),
        lambda value: (f"{one.access_method._name}: {_name(one.access_location)}" for one in value),
    ),
    ((x509.CRLDistributionPoints, x509.FreshestCRL), _points),
    (x509.CertificatePolicies, lambda value: (one.policy_identifier.dotted_string for one in value)),
)
