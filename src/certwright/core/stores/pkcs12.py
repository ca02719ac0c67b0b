"""PKCS #12 (RFC 7292), read here and not by `cryptography` for three reasons: the rounds that a file asks
for are known before they are done, every entry keeps its name, and a file may have many keys, as Java's do.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .. import ber, der
from ..errors import CertwrightError, Malformed, TooLarge
from . import encryption
from .chains import Findings
from .encryption import Password, authenticated, derive_code_key, derive_pkcs12, openings
from .private_keys import read_encrypted, read_plain
from .values import CERTIFICATE_OCTETS_MAX, ENTRIES_MAX, Effort, Store, StoreFormat

_DATA, _ENCRYPTED_DATA = "1.2.840.113549.1.7.1", "1.2.840.113549.1.7.6"
_SIGNED_DATA = "1.2.840.113549.1.7.2"
_KEY_BAG, _SHROUDED_BAG, _CERTIFICATE_BAG, _, _, _NESTED = (
    f"1.2.840.113549.1.12.10.1.{n}" for n in range(1, 7)
)
_X509 = "1.2.840.113549.1.9.22.1"
_FRIENDLY_NAME, _LOCAL_KEY = "1.2.840.113549.1.9.20", "1.2.840.113549.1.9.21"
_DEPTH_MAX = 4


def is_pkcs12(octets: bytes) -> bool:
    """Whether it begins as a PFX (definite lengths) does."""
    try:
        fields = der.Reader(octets, "PKCS #12").inside()
        if fields.integer() != 3:
            return False
        return fields.inside().object_identifier() in {_DATA, _SIGNED_DATA}
    except Malformed:
        return False


def read_pkcs12(octets: bytes, passwords: Sequence[Password], effort: Effort) -> Store:
    """Its certificates with their keys; what no password opens is a problem. `octets` have definite lengths.

    Raises Malformed, TooLarge.
    """
    fields = der.Reader(octets, "PKCS #12").inside()
    fields.integer()
    content = fields.inside()
    if content.object_identifier() != _DATA:
        raise Malformed("it is protected by a public key, which is not read here")
    safes = content.inside(0xA0).content(der.OCTET_STRING)
    intact = False
    if not fields.at_end():
        fitting = _proved(fields.inside(), safes, passwords, effort)
        intact, passwords = bool(fitting), fitting or passwords
    reader = _Safes(Findings.none(), passwords, effort)
    reader.all(safes)
    return Store(StoreFormat.PKCS12, reader.findings.entries(), intact)


def _proved(
    fields: der.Reader, safes: bytes, passwords: Sequence[Password], effort: Effort
) -> tuple[Password, ...]:
    """The passwords under which the code over the safes is right (RFC 7292 section 4, RFC 9579)."""
    digest = fields.inside()
    algorithm, code = digest.whole(der.SEQUENCE), digest.content(der.OCTET_STRING)
    salt = fields.content(der.OCTET_STRING)
    rounds = 1 if fields.at_end() else fields.integer()
    for password in passwords:
        try:
            key, hash_name = _mac_key(algorithm, password, salt, rounds, effort)
        except Malformed:  # a code of another kind: what is encrypted may be read all the same
            return ()
        if authenticated(key, hash_name, safes, code):
            return (password,)
    return ()


def _mac_key(
    algorithm: bytes, password: Password, salt: bytes, rounds: int, effort: Effort
) -> tuple[bytes, str]:
    fields = der.Reader(algorithm, "PKCS #12").inside()
    oid = fields.object_identifier()
    if oid == encryption.PBMAC1:
        parameters = fields.inside()
        derivation, code = parameters.whole(der.SEQUENCE), parameters.inside().object_identifier()
        return derive_code_key(derivation, password, effort), _known(encryption.HMACS, code)
    hash_name = _known(encryption.HASHES, oid)
    size = encryption.width(hash_name)
    return derive_pkcs12(3, hash_name, password.wide, salt, rounds, size, effort), hash_name


def _known(table: dict[str, str], oid: str) -> str:
    if oid not in table:
        raise Malformed(f"its code is made with {oid}, which is not read here")
    return table[oid]


@dataclass(frozen=True, slots=True)
class _Safes:
    """Goes through the safes and gathers what is in them."""

    findings: Findings
    passwords: Sequence[Password]
    effort: Effort

    def all(self, safes: bytes) -> None:
        contents = der.Reader(ber.definite(safes, "PKCS #12"), "PKCS #12").inside()
        for number in range(1, ENTRIES_MAX):
            if contents.at_end():
                return
            try:
                self._safe(contents.inside())
            except CertwrightError as error:
                self.findings.problem(f"safe {number}", error.detail)
        raise TooLarge(f"it holds more than {ENTRIES_MAX} safes")

    def _safe(self, content: der.Reader) -> None:
        kind = content.object_identifier()
        if kind == _DATA:
            self._bags(content.inside(0xA0).content(der.OCTET_STRING), 0)
        elif kind == _ENCRYPTED_DATA:
            encrypted = content.inside(0xA0).inside()
            encrypted.integer()
            self._encrypted(encrypted.inside())
        else:
            raise Malformed("a part of it is encrypted to a public key")

    def _encrypted(self, info: der.Reader) -> None:
        """EncryptedContentInfo (RFC 5652 section 6.1)."""
        info.object_identifier()
        algorithm, secret = info.whole(der.SEQUENCE), _implicit_octets(info)
        for opened in openings(algorithm, secret, self.passwords, self.effort):
            if (bags := _definite(opened)) is not None:
                self._bags(bags, 0)
                return
        raise Malformed("no password that is set opens it")

    def _bags(self, octets: bytes, depth: int) -> None:
        if depth > _DEPTH_MAX:
            raise TooLarge(f"bags in bags, more than {_DEPTH_MAX} deep")
        bags = der.Reader(ber.definite(octets, "PKCS #12"), "PKCS #12").inside()
        while not bags.at_end():
            bag = bags.inside()
            kind, value = bag.object_identifier(), bag.inside(0xA0)
            name, mark = _attributes(bag)
            self._bag(kind, value, name, mark, depth)

    def _bag(self, kind: str, value: der.Reader, name: str, mark: bytes, depth: int) -> None:
        if kind == _CERTIFICATE_BAG:
            certificate = value.inside()
            if certificate.object_identifier() == _X509:
                self.findings.certificate(
                    certificate.inside(0xA0).content(der.OCTET_STRING), "bag", name, mark
                )
        elif kind == _KEY_BAG:
            self.findings.key(read_plain(value.whole(der.SEQUENCE)), name, mark)
        elif kind == _SHROUDED_BAG:
            key = read_encrypted(value.whole(der.SEQUENCE), self.passwords, self.effort)
            self.findings.key(key, name, mark)
        elif kind == _NESTED:
            self._bags(value.whole(der.SEQUENCE), depth + 1)


def _definite(opened: bytes) -> bytes | None:
    """None for what a wrong password has left."""
    try:
        return ber.definite(opened, "PKCS #12")
    except Malformed:
        return None


def _implicit_octets(info: der.Reader) -> bytes:
    """[0] IMPLICIT OCTET STRING, whole or in pieces."""
    if info.peek() == 0x80:
        return info.content()
    pieces = info.inside(0xA0)
    found = []
    while not pieces.at_end():
        found.append(pieces.content(der.OCTET_STRING))
    return b"".join(found)


def _attributes(bag: der.Reader) -> tuple[str, bytes]:
    """Name and mark of a bag; others, and those that are not as they must be, are passed over."""
    name, mark = "", b""
    for kind, values in _pairs(bag):
        tag, _, start, end = values.element() if not values.at_end() else (0, 0, 0, 0)
        if kind == _FRIENDLY_NAME and tag == 0x1E:
            name = values.data[start:end].decode("utf-16-be", "replace")
        elif kind == _LOCAL_KEY and tag == der.OCTET_STRING and end - start <= CERTIFICATE_OCTETS_MAX:
            mark = values.data[start:end]
    return name, mark


def _pairs(bag: der.Reader) -> Iterator[tuple[str, der.Reader]]:
    if bag.peek() != der.SET:
        return
    attributes = bag.inside(der.SET)
    while not attributes.at_end():
        attribute = attributes.inside()
        yield attribute.object_identifier(), attribute.inside(der.SET)
