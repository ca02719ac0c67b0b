"""What `readers` reads: good octets of each kind, the same every time, and readers that take octets.

Octets become text as arguments and environment variables do: what is no UTF-8 stands as half a
surrogate pair.
"""

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from certwright.core import der, ocsp
from certwright.core.keys import KeyAlgorithm, spki
from certwright.core.outside_lists import issuer_of_list, read_list
from certwright.protocols.acme.challenges import tls_alpn_01_digest
from certwright.site.configuration import FILE_NAME, HOME_VARIABLE, PREFIX, Configuration
from certwright.site.peers import HostNames, Proxies
from certwright.store import answers
from certwright.store.feed import START

NOW = datetime(2026, 7, 1, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NAME = x509.Name.from_rfc4514_string("CN=Example Root,O=Example,C=DE")
KEY_AUTHORIZATION = "token.thumbprint"
ACME_IDENTIFIER = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")
ISSUER = ocsp.issuer_forms(NAME.public_bytes(), spki(KEY.public_key()))[0]

Read = Callable[[bytes], object]


def of_text(read: Callable[[str], object]) -> Read:
    return lambda octets: read(octets.decode("utf-8", "surrogateescape"))


def of_json(read: Callable[[object], object]) -> Read:
    def read_document(octets: bytes) -> None:
        try:
            document = json.loads(octets)
        except (ValueError, RecursionError):
            return
        read(document)

    return read_document


# -- good octets -----------------------------------------------------------------------------------


def _certificate(*extensions: tuple[x509.ExtensionType, bool]) -> bytes:
    builder = (
        x509.CertificateBuilder(NAME, NAME, KEY.public_key(), 4711)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=900))
    )
    for value, critical in extensions:
        builder = builder.add_extension(value, critical)
    return builder.sign(KEY, None).public_bytes(Encoding.DER)


_USES = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
_NAMES = x509.NameConstraints([x509.DNSName("example.test")], [x509.RFC822Name("example.test")])
AUTHORITY = _certificate(
    (x509.BasicConstraints(True, 1), True),
    (_USES, True),
    (_NAMES, True),
    (x509.SubjectAlternativeName([x509.DNSName("ca.example.test")]), False),
    (x509.SubjectKeyIdentifier(bytes(20)), False),
)
AUTHORITY_READ = x509.load_der_x509_certificate(AUTHORITY)
PRESENTED = _certificate(
    (x509.SubjectAlternativeName([x509.DNSName("www.example.test")]), False),
    (x509.UnrecognizedExtension(ACME_IDENTIFIER, b"\x04\x20" + tls_alpn_01_digest(KEY_AUTHORIZATION)), True),
)


def _list() -> bytes:
    entry = x509.RevokedCertificateBuilder(7, NOW).build()
    builder = x509.CertificateRevocationListBuilder(NAME, NOW, NOW + timedelta(days=7), [], [entry])
    return builder.add_extension(x509.CRLNumber(4711), False).sign(KEY, None).public_bytes(Encoding.DER)


LAST_LIST = _list()
TO_BE_SIGNED = x509.load_der_x509_crl(LAST_LIST).tbs_certlist_bytes


def read_list_of_others(to_be_signed: bytes) -> None:
    """What an authority has really signed, whatever it is."""
    algorithm = der.sequence(der.object_identifier("1.3.101.112"))
    signature = der.tlv(der.BIT_STRING, b"\0" + KEY.sign(to_be_signed))
    octets = der.sequence(to_be_signed, algorithm, signature)
    issuer_of_list(octets)
    found = read_list(octets, AUTHORITY_READ, NOW)
    found.entries([bytes([number]) for number in range(10)])
    found.entries([bytes([number, number]) for number in range(100)])


def private_key(encoding: Encoding) -> bytes:
    return KEY.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def answers_of_ocsp() -> bytes:
    times = ocsp.Times(NOW, NOW, NOW + timedelta(days=4))
    signer = ocsp.Responder(b"k" * 20, bytes.fromhex("300506032b6570"))
    with tempfile.TemporaryDirectory() as folder:
        run = answers.Run(1, 77, ISSUER, signer, times)
        with answers.AnswerWriter(Path(folder), run, KeyAlgorithm.ED25519) as writer:
            writer.add(1 << 121, None, b"s" * 64)
            writer.finish(START)
            return writer.publish().read_bytes()


# -- readers ---------------------------------------------------------------------------------------

_HOME = Path(tempfile.mkdtemp(prefix="certwright-fuzz-"))
_PROXIES = Proxies([ip_network("10.0.0.0/8"), ip_network("fd00::/8")])
_HOSTS = HostNames(frozenset({"pki.example"}))


def read_answers(octets: bytes) -> None:
    """A file in place of the one that was written, its answers asked for once it is found whole."""
    path = _HOME / "1.answers"
    path.write_bytes(octets)
    file = answers.AnswerFile(path, ISSUER)
    file.verify()
    assert file.answer((1 << 121).to_bytes(16, "big"))


def read_fields_of_a_proxy(octets: bytes) -> None:
    """Lines `name: value` as the fields of a request that a proxy hands on."""
    fields = [tuple(map(bytes.strip, line.partition(b":")[::2])) for line in octets.split(b"\n")]
    scope = {"client": ("10.0.0.1", 1), "headers": fields, "extensions": {}}
    _HOSTS.require(scope)
    _PROXIES.resolve(scope)
    assert str(scope["client"][0]).isprintable()


def read_settings_file(octets: bytes) -> None:
    (_HOME / FILE_NAME).write_bytes(octets)
    try:
        _load({})
    finally:
        (_HOME / FILE_NAME).unlink()


def read_variables(octets: bytes) -> None:
    """Lines `NAME=value`, the names without their prefix."""
    pairs = [os.fsdecode(line).partition("=") for line in octets.replace(b"\0", b"").split(b"\n")]
    _load({PREFIX + name: value for name, _, value in pairs if name not in {"", "HOME"}})


def _load(variables: Mapping[str, str]) -> None:
    """What is derived from settings that were taken can be asked for."""
    before = dict(os.environ)
    try:
        os.environ.update(variables)
        os.environ.pop(HOME_VARIABLE, None)
        made = Configuration.load(_HOME)
        assert made.service_urls
        assert made.host_names
        os.environ.update(made.environment())
        assert Configuration.load(_HOME).service_urls == made.service_urls
    finally:
        os.environ.clear()
        os.environ.update(before)
