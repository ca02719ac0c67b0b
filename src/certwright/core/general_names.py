"""GeneralName (RFC 5280 section 4.2.1.6): identifiers to DER, and back from what `cryptography` has parsed.

The kinds that are an otherName: user principal name and object GUID of Microsoft's directory, and
KRB5PrincipalName of RFC 4556.
"""

import ipaddress
import uuid
from collections.abc import Callable

from cryptography import x509

from . import der
from .errors import Malformed, Reason, Refused
from .names import Identifier, IdentifierKind, parse_identifier

UPN_OID = "1.3.6.1.4.1.311.20.2.3"
GUID_OID = "1.3.6.1.4.1.311.25.1"
KERBEROS_OID = "1.3.6.1.5.2.2"
_GENERAL_STRING = 27
_NAME_TYPE_PRINCIPAL, _NAME_TYPE_SERVICE_INSTANCE = 1, 2
_EXPLICIT_0, _EXPLICIT_1 = 0xA0, 0xA1


def encode_general_name(identifier: Identifier) -> bytes:
    """DER of one GeneralName."""
    return _ENCODERS[identifier.kind](identifier.value)


def _other_name(oid: str, value: bytes) -> bytes:
    return der.tlv(0xA0, der.object_identifier(oid) + der.tlv(_EXPLICIT_0, value))


def _encode_dns(value: str) -> bytes:
    return der.tlv(0x82, value.encode())


def _encode_ip(value: str) -> bytes:
    return der.tlv(0x87, ipaddress.ip_address(value).packed)


def _encode_email(value: str) -> bytes:
    return der.tlv(0x81, value.encode())


def _encode_uri(value: str) -> bytes:
    return der.tlv(0x86, value.encode())


def _encode_upn(value: str) -> bytes:
    return _other_name(UPN_OID, der.tlv(der.UTF8_STRING, value.encode()))


def _encode_guid(value: str) -> bytes:
    return _other_name(GUID_OID, der.octet_string(uuid.UUID(value).bytes_le))


def _encode_kerberos(value: str) -> bytes:
    return _other_name(KERBEROS_OID, _kerberos_name(value))


def _kerberos_name(value: str) -> bytes:
    """KRB5PrincipalName of RFC 4556 section 3.2.2; the name type is that of RFC 4120 section 6.2."""
    principal, _, realm = value.rpartition("@")
    parts = principal.split("/")
    kind = _NAME_TYPE_SERVICE_INSTANCE if len(parts) > 1 else _NAME_TYPE_PRINCIPAL
    strings = der.sequence(*[der.tlv(_GENERAL_STRING, part.encode()) for part in parts])
    name = der.sequence(der.tlv(_EXPLICIT_0, der.integer(kind)), der.tlv(_EXPLICIT_1, strings))
    realm_element = der.tlv(_EXPLICIT_0, der.tlv(_GENERAL_STRING, realm.encode()))
    return der.sequence(realm_element, der.tlv(_EXPLICIT_1, name))


_ENCODERS: dict[IdentifierKind, Callable[[str], bytes]] = {
    IdentifierKind.DNS: _encode_dns,
    IdentifierKind.IP: _encode_ip,
    IdentifierKind.EMAIL: _encode_email,
    IdentifierKind.URI: _encode_uri,
    IdentifierKind.UPN: _encode_upn,
    IdentifierKind.GUID: _encode_guid,
    IdentifierKind.KERBEROS: _encode_kerberos,
}


# -- back ------------------------------------------------------------------------------------------


def read_general_name(name: x509.GeneralName) -> tuple[IdentifierKind, str]:
    """Kind and text of a parsed GeneralName, not yet checked or normalized.

    Raises Refused, naming the kind, for one that no identifier stands for; Malformed for a broken otherName.
    """
    simple = _SIMPLE.get(type(name))
    if simple is not None:
        text = str(name.value)
        if not text.isascii():
            raise Malformed(
                f"{simple} name {text[:80]!r} is not ASCII, as an IA5String must be (RFC 5280 4.2.1.6)"
            )
        return simple, text
    if isinstance(name, x509.IPAddress) and isinstance(
        name.value, (ipaddress.IPv4Address, ipaddress.IPv6Address)
    ):
        return IdentifierKind.IP, name.value.compressed
    if isinstance(name, x509.OtherName) and name.type_id.dotted_string in _OTHER:
        kind, read = _OTHER[name.type_id.dotted_string]
        return kind, read(name.value)
    raise Refused(
        (
            Reason(
                "request.name.kind", f"names of kind {_kind_of(name)} are not supported", "RFC 5280 4.2.1.6"
            ),
        )
    )


def decode_general_name(name: x509.GeneralName) -> Identifier:
    """The checked identifier of a parsed GeneralName. Raises as `read_general_name`, Malformed."""
    kind, text = read_general_name(name)
    return parse_identifier(kind, text)


def _kind_of(name: x509.GeneralName) -> str:
    if isinstance(name, x509.OtherName):
        return f"otherName {name.type_id.dotted_string}"
    if isinstance(name, x509.IPAddress):
        return "iPAddress with a mask"
    return type(name).__name__[:1].lower() + type(name).__name__[1:]


def _read_upn(value: bytes) -> str:
    return _string(value, der.UTF8_STRING, "user principal name")


def _read_guid(value: bytes) -> str:
    reader = der.Reader(value, "object GUID")
    octets = reader.content(der.OCTET_STRING)
    reader.finish()
    if len(octets) != 16:
        raise Malformed(f"object GUID: 16 octets expected, not {len(octets)}")
    return str(uuid.UUID(bytes_le=octets))


def _read_kerberos(value: bytes) -> str:
    outer = der.Reader(value, "KRB5PrincipalName")
    fields = outer.inside()
    outer.finish()
    realm = fields.inside(_EXPLICIT_0).content(_GENERAL_STRING)
    name = fields.inside(_EXPLICIT_1).inside()
    fields.finish()
    name.element(_EXPLICIT_0)
    strings = name.inside(_EXPLICIT_1).inside()
    name.finish()
    parts = []
    while not strings.at_end():
        parts.append(strings.content(_GENERAL_STRING))
    try:
        text = (b"/".join(parts) + b"@" + realm).decode("ascii")
    except UnicodeDecodeError:
        raise Malformed("KRB5PrincipalName: only ASCII is supported") from None
    if _kerberos_name(text) != value:
        raise Malformed(
            "KRB5PrincipalName: the name type must be principal, or service instance with two parts"
        )
    return text


def _string(value: bytes, tag: int, what: str) -> str:
    reader = der.Reader(value, what)
    content = reader.content(tag)
    reader.finish()
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise Malformed(f"{what}: not UTF-8") from None


_SIMPLE: dict[type[x509.GeneralName], IdentifierKind] = {
    x509.DNSName: IdentifierKind.DNS,
    x509.RFC822Name: IdentifierKind.EMAIL,
    x509.UniformResourceIdentifier: IdentifierKind.URI,
}
_OTHER: dict[str, tuple[IdentifierKind, Callable[[bytes], str]]] = {
    UPN_OID: (IdentifierKind.UPN, _read_upn),
    GUID_OID: (IdentifierKind.GUID, _read_guid),
    KERBEROS_OID: (IdentifierKind.KERBEROS, _read_kerberos),
}
