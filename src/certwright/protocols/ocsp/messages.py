"""OCSP requests (RFC 6960 section 4.1) from octets, and out of the path of a GET.

Nearly every client sends one shape of request: one CertID by SHA-1, a serial of 16 octets, no extension or
a nonce. Such requests are recognised by their length and compared with a known encoding; everything else
goes through the strict reader. Both ways give the same value.

A signature on the request and the requestor's name are skipped: answers are for everyone.
"""

from binascii import Error as Base64Error
from binascii import a2b_base64
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from ...core import der
from ...core.errors import Malformed, TooLarge
from ...core.ocsp import NONCE_OCTETS_MAX, SERIAL_OCTETS, SINGLE_RESPONSES_MAX, CertId

REQUEST_OCTETS_MAX = 8192
SERIAL_OCTETS_MAX = 32
CONTENT_TYPE = b"application/ocsp-response"

_NONCE = "1.3.6.1.5.5.7.48.1.2"
_WHAT = "OCSP request"


@dataclass(frozen=True, slots=True)
class OcspRequest:
    """What is asked: 1 to 20 certificates, in order; `nonce` is empty when there is none."""

    cert_ids: tuple[CertId, ...]
    nonce: bytes = b""


def parse_request(data: bytes) -> OcspRequest:
    """Read an OCSPRequest in DER. Raises TooLarge beyond 8 KiB and Malformed (malformedRequest)."""
    if len(data) > REQUEST_OCTETS_MAX:
        raise TooLarge(f"{_WHAT}: more than {REQUEST_OCTETS_MAX} octets")
    layout = _LAYOUTS.get(len(data))
    if layout is not None:
        usual = layout.read(data)
        if usual is not None:
            return usual
    return _parse(data)


# -- any request ---------------------------------------------------------------------------------


def _parse(data: bytes) -> OcspRequest:
    whole = der.Reader(data, _WHAT)
    request = whole.inside()
    whole.finish()
    tbs = request.inside()
    if request.peek() == 0xA0:  # optionalSignature
        request.element()
    request.finish()
    if tbs.peek() == 0xA0:
        _check_version(tbs.inside(0xA0))
    if tbs.peek() == 0xA1:  # requestorName
        tbs.element()
    cert_ids = _cert_ids(tbs.inside())
    nonce = _extensions(tbs.inside(0xA2)) if tbs.peek() == 0xA2 else b""
    tbs.finish()
    return OcspRequest(cert_ids, nonce)


def _check_version(version: der.Reader) -> None:
    if version.integer() != 0:
        raise Malformed(f"{_WHAT}: only version 1 is known")
    version.finish()


def _cert_ids(requests: der.Reader) -> tuple[CertId, ...]:
    found: list[CertId] = []
    while not requests.at_end():
        if len(found) == SINGLE_RESPONSES_MAX:
            raise Malformed(f"{_WHAT}: asks for more than {SINGLE_RESPONSES_MAX} certificates at once")
        found.append(_cert_id(requests.inside()))
    if not found:
        raise Malformed(f"{_WHAT}: asks for no certificate")
    return tuple(found)


def _cert_id(request: der.Reader) -> CertId:
    fields = request.inside()
    if request.peek() == 0xA0:
        _extensions(request.inside(0xA0))
    request.finish()
    start = fields.position
    _hash_algorithm(fields.inside())
    fields.element(der.OCTET_STRING)
    fields.element(der.OCTET_STRING)
    issuer = fields.data[start : fields.position]
    serial = fields.content(der.INTEGER)
    fields.finish()
    if not 1 <= len(serial) <= SERIAL_OCTETS_MAX:
        raise Malformed(f"{_WHAT}: a serial number has 1 to {SERIAL_OCTETS_MAX} octets")
    if len(serial) > 1 and serial[0] in (0, 0xFF) and (serial[0] ^ serial[1]) < 0x80:
        raise Malformed(f"{_WHAT}: serial number not in shortest form")
    return CertId(issuer, serial)


def _hash_algorithm(fields: der.Reader) -> None:
    """Any hash will do, but its parameters are absent or NULL: the answer repeats these octets, signed."""
    fields.object_identifier()
    if not fields.at_end() and fields.content(der.NULL):
        raise Malformed(f"{_WHAT}: the parameters of the hash algorithm must be NULL or absent")
    fields.finish()


def _extensions(explicit: der.Reader) -> bytes:
    """The nonce among the Extensions, empty if there is none. Raises Malformed for unknown critical ones."""
    extensions = explicit.inside()
    explicit.finish()
    nonce = b""
    while not extensions.at_end():
        fields = extensions.inside()
        identifier = fields.object_identifier()
        critical = fields.peek() == der.BOOLEAN and fields.content(der.BOOLEAN) != b"\x00"
        value = fields.content(der.OCTET_STRING)
        fields.finish()
        if identifier == _NONCE:
            if nonce:
                raise Malformed(f"{_WHAT}: more than one nonce")
            nonce = _nonce(value)
        elif critical:
            raise Malformed(f"{_WHAT}: the critical extension {identifier} is not known here")
    return nonce


def _nonce(value: bytes) -> bytes:
    reader = der.Reader(value, f"{_WHAT}, nonce")
    nonce = reader.content(der.OCTET_STRING)
    reader.finish()
    if not 1 <= len(nonce) <= NONCE_OCTETS_MAX:
        raise Malformed(f"{_WHAT}: a nonce has 1 to {NONCE_OCTETS_MAX} octets (RFC 9654 section 2.1)")
    return nonce


# -- the usual ones ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where things stand in a request of the usual shape: offsets into it, and the octets in between.

    front   nameHash   between   keyHash   tag+size   serial   to_nonce   nonce
          a          b         c         d          e        f          g
    """

    front: bytes
    between: bytes
    to_nonce: bytes
    issuer: int
    offsets: tuple[int, int, int, int, int, int, int]

    def read(self, data: bytes) -> OcspRequest | None:
        """The request, or None when it is of another shape."""
        a, b, c, d, e, f, g = self.offsets
        if (
            data[:a] == self.front
            and data[b:c] == self.between
            and data[d:e] == b"\x02\x10"
            and data[f:g] == self.to_nonce
            and 0 < data[e] < 0x80
        ):
            return OcspRequest((CertId(data[self.issuer : d], data[e:f]),), data[g:])
        return None


def _layout(hash_octets: int, algorithm: bytes, nonce_octets: int) -> tuple[int, _Layout]:
    """Encode a request of this shape and note where its parts are; gives its length too."""
    hashed = der.octet_string(bytes(hash_octets))
    cert_id = der.sequence(algorithm, hashed, hashed, der.tlv(der.INTEGER, bytes(SERIAL_OCTETS)))
    extension = der.sequence(
        der.object_identifier(_NONCE), der.octet_string(der.octet_string(bytes(nonce_octets)))
    )
    extensions = der.tlv(0xA2, der.sequence(extension)) if nonce_octets else b""
    data = der.sequence(der.sequence(der.sequence(der.sequence(cert_id)), extensions))
    serial_end = len(data) - len(extensions)
    key_hash_end = serial_end - SERIAL_OCTETS - 2
    name_hash_end = key_hash_end - hash_octets - 2
    name_hash = name_hash_end - hash_octets
    nonce = len(data) - nonce_octets
    offsets = (
        name_hash,
        name_hash_end,
        name_hash_end + 2,
        key_hash_end,
        key_hash_end + 2,
        serial_end,
        nonce,
    )
    issuer = name_hash - 2 - len(algorithm)
    layout = _Layout(
        data[:name_hash],
        data[name_hash_end : name_hash_end + 2],
        data[serial_end:nonce],
        issuer,
        offsets,
    )
    return len(data), layout


# SHA-1 with NULL parameters, and SHA-256 with and without, are what clients were seen to send; nonces have
# 16 octets in old clients and 32 in those of RFC 9654.
_ALGORITHMS = (
    (20, bytes.fromhex("300906052b0e03021a0500")),
    (32, bytes.fromhex("300d06096086480165030402010500")),
    (32, bytes.fromhex("300b0609608648016503040201")),
)
_LAYOUTS = dict(_layout(size, algorithm, nonce) for size, algorithm in _ALGORITHMS for nonce in (0, 16, 32))


# -- over HTTP -----------------------------------------------------------------------------------


def decode_get(rest: bytes) -> bytes:
    """The request out of a GET's path, after the responder's own (RFC 6960 appendix A.1). Raises Malformed.

    Taken as clients really send it: base64 that is percent-encoded wholly, partly, not at all or, by some
    proxies, twice; with or without padding. DER never begins with a `/` in base64, so doubled ones go.
    """
    if len(rest) > 4 * REQUEST_OCTETS_MAX:
        raise TooLarge(f"{_WHAT}: more than {REQUEST_OCTETS_MAX} octets")
    for _ in range(2):
        if b"%" in rest:
            rest = unquote_to_bytes(rest)
    text = rest.lstrip(b"/").rstrip(b"=")
    try:
        return a2b_base64(text + b"=" * (-len(text) % 4), strict_mode=True)
    except Base64Error:
        raise Malformed(f"{_WHAT}: the path does not end in base64 (RFC 6960 appendix A.1)") from None
