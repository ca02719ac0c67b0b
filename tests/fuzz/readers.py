"""Feeds what atheris invents to every reader that has no harness of its own.

    python -m tests.fuzz.readers [-runs=N | -max_total_time=SECONDS] [CORPUS]

One input is raw octets for one reader, or good octets with a few changed, removed or put in. It ends with a
crash when a reader raises anything but the errors that the table allows it, or tells
more than one short line.
"""

import gzip
import json
import os
import sys
from dataclasses import dataclass

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.real.tables")

import atheris

with atheris.instrument_imports(include=["certwright"]):
    from certwright.api import documents, paging
    from certwright.cli import options, pem_files, requests
    from certwright.core import (
        audit_export,
        caa,
        checkpoint,
        egress,
        envelope,
        image_manifests,
        last_list,
        merkle,
        moments,
        targets,
    )
    from certwright.core.acme_settings import acme_settings_from_document
    from certwright.core.certs_only import certs_only
    from certwright.core.chain import check_chain
    from certwright.core.errors import (
        CertwrightError,
        Conflict,
        Forbidden,
        IntegrityError,
        Malformed,
        NotFound,
        Refused,
        TooLarge,
    )
    from certwright.core.keys import KeyAlgorithm
    from certwright.core.names import parse_identifier
    from certwright.core.profile_document import parse_subtree
    from certwright.core.server_configurations.reading import READERS as SOFTWARE
    from certwright.core.server_configurations.reading import read_configuration
    from certwright.core.stores.parts import Part
    from certwright.core.stores.reading import read_store
    from certwright.core.stores.tar_file import Walk, members
    from certwright.core.stores.unpacking import unpacked
    from certwright.plugins import resolver
    from certwright.plugins.keys import pkcs11, pkcs11_wire
    from certwright.plugins.validators.tls_alpn_01 import judge_certificate
    from certwright.ports import Challenge
    from certwright.protocols import asgi
    from certwright.protocols.acme.certificate_keys import require_key_of
    from certwright.protocols.acme.jwk import jwk_of
    from certwright.protocols.acme.problems import AcmeProblem
    from certwright.protocols.ct import tiles
    from certwright.protocols.ct.messages import read_entry
    from certwright.protocols.tls.wire import TlsFault
    from certwright.site import addresses
    from tests.fuzz import answers_of_others, looks, reading, rows, tarball

from cryptography import x509
from cryptography.hazmat.primitives.serialization import NoEncryption

from tests.core.stores.made import PASSWORD, chain, jks, key_pem, p12, pem
from tests.core.stores.signed import (
    NESTED,
    archive,
    compound_file,
    portable_executable,
    signed_data,
    signer_info,
    zip64,
)
from tests.core.toy_audit_log import KEY as LOG_KEY
from tests.core.toy_audit_log import LOG, NEWEST
from tests.fuzz.changed import changed
from tests.fuzz.reading import AUTHORITY, KEY, LAST_LIST, NOW, PRESENTED, Encoding, Read, of_json, of_text
from tests.plugins.discovery import fake_ct_log
from tests.plugins.discovery.fake_static_log import FakeStaticLog
from tests.protocols.ct import known as known_log


@dataclass(frozen=True, slots=True)
class Reader:
    """`read` takes any octets, good ones among them, and raises nothing but `errors`. What these say is
    printable, unless it `quotes` the names of fields; who shows it to a person escapes those."""

    read: Read
    errors: tuple[type[Exception], ...]
    good: tuple[bytes, ...]
    quotes: bool = False


# -- readers that are more than one call ------------------------------------------------------------

HOLDER = jwk_of(KEY.public_key())
CHALLENGE = Challenge(
    "tls-alpn-01", parse_identifier("dns", "www.example.test"), "token", reading.KEY_AUTHORIZATION
)
ISSUERS = caa.CaaRequest("www.example.test", ("pki.example",), "https://pki.example/acme/1", "http-01")
BASE = egress.parse_url("http://www.example.test:8080/a/b?c")
SECRET_KEY, CONTEXT = bytes(range(32)), "key/issuing-1/ecdsa-p256"


def read_caa(value: str) -> None:
    caa.check_caa(caa.CaaSet("example.test", (caa.CaaRecord(0, "issue", value),)), ISSUERS)


def read_host(text: str) -> None:
    name = asgi.host_name(text)
    assert name == name.lower()
    assert not set(name) & set("/@[] ")


def read_url(text: str) -> None:
    url = egress.parse_url(text)
    assert egress.parse_url(str(url)) == url


def read_redirect(text: str) -> None:
    url = egress.redirect(BASE, text)
    assert egress.parse_url(str(url)) == url


def read_address(text: str) -> None:
    address = addresses.parse_listen_address(text)
    assert addresses.parse_listen_address(str(address)) == address


def read_export(octets: bytes) -> None:
    lines = octets.decode("ascii", "replace").splitlines(keepends=True)
    audit_export.verify_export(lines, (LOG_KEY,), (NEWEST,))
    for line in lines:
        audit_export.encode(audit_export.decode(line))


def read_note(text: str) -> None:
    checkpoint.parse(text)
    checkpoint.verify(text, (LOG_KEY,))


def read_verifier_key(text: str) -> None:
    assert checkpoint.parse_verifier_key(text).text() == text


def read_frontier(octets: bytes) -> None:
    frontier = merkle.Frontier.from_bytes(octets)
    assert frontier.to_bytes() == octets
    frontier.append(bytes(32)).root()


def read_envelope(octets: bytes) -> None:
    assert envelope.decrypt(SECRET_KEY, octets, CONTEXT) == b"secret"


def read_recovery(text: str) -> None:
    assert envelope.read_recovery_passphrase(envelope.read_recovery_passphrase(text))


def read_target(text: str) -> None:
    target = targets.parse_target(text)
    plan = targets.Plan([target], targets.Exclusions(()), targets.Ports(((443, 443),)))
    assert plan.item(plan.total - 1) is not None


def read_derivation(text: str) -> None:
    derivation = envelope.parse_derivation(text)
    assert envelope.parse_derivation(derivation.text()) == derivation


def read_message(octets: bytes) -> None:
    assert pkcs11_wire.pack(pkcs11_wire.unpack(octets))[4:] == octets


def read_token_key(octets: bytes) -> None:
    """The first octet says which algorithm, and whether there are one or two values."""
    algorithm = list(KeyAlgorithm)[octets[0] % len(KeyAlgorithm)] if octets else KeyAlgorithm.ED25519
    values = [octets[1:257], octets[257:]] if octets[:1] >= b"\x80" else [octets[1:]]
    pkcs11._public_key(algorithm, values)


def read_rest(octets: bytes) -> None:
    for read in (documents.read_nothing, documents.read_renew, documents.read_revoke):
        try:
            read(octets)
        except Malformed:
            continue
    documents.read_issue(octets, NOW)


def read_cursor(text: str) -> None:
    for by_time in (False, True):
        try:
            place = paging.read_cursor(text, by_time)
        except Malformed:
            continue
        assert paging.read_cursor(paging.write_cursor(place), by_time) == place


def read_moment(text: str) -> None:
    at = moments.read_moment(text, "--since", zone_needed=False)
    assert moments.read_moment(at.isoformat(), "--since") == at


def read_subtree(text: str) -> None:
    tree = parse_subtree(text)
    assert parse_subtree(f"{tree.kind}:{tree.base}") == tree


def read_chain(octets: bytes) -> None:
    check_chain(octets, (AUTHORITY,), NOW)
    check_chain(AUTHORITY, (octets,), NOW)


def read_key(octets: bytes) -> None:
    requests.load_key(octets, "")


def in_one(entry: tuple[bytes, bytes]) -> bytes:
    leaf, extra = entry
    return len(leaf).to_bytes(2, "big") + leaf + extra


def read_log_entry(octets: bytes) -> None:
    end = 2 + int.from_bytes(octets[:2], "big")
    read_entry(octets[2:end], octets[end:])


LOG_ENTRIES = (
    fake_ct_log.entry(PRESENTED, AUTHORITY),
    fake_ct_log.pre_entry(PRESENTED, PRESENTED, AUTHORITY, AUTHORITY),
)


def read_entries_of_a_tile(octets: bytes) -> None:
    for leaf in tiles.read_data_tile(octets):
        tiles.read_leaf_index(leaf.extensions)


DATA_TILE = FakeStaticLog([*LOG_ENTRIES, *LOG_ENTRIES]).tile("/tile/data/000.p/4") or b""
PEM_OF_AUTHORITY = x509.load_der_x509_certificate(AUTHORITY).public_bytes(Encoding.PEM)
PEM_OF_LIST = x509.load_der_x509_crl(LAST_LIST).public_bytes(Encoding.PEM)
ISSUE = json.dumps({"csr": "AAAA", "profile": "tls-server", "days": 90, "replaces": "ab"}).encode()
REVOKE = json.dumps({"reason": "superseded", "invalidity_date": "2026-06-01T00:00:00Z"}).encode()
ACME = {
    "require_account_binding": True,
    "caa_identities": ["pki.example"],
    "challenges": ["http-01", "dns-01"],
    "identifiers_max": 7,
    "order_lifetime": "7d",
    "new_orders_per_hour": 9,
}
PROXY = (
    b"host: pki.example:8443\nx-forwarded-for: 192.0.2.1, 10.0.0.2\nclient-cert: :AAAA:\n"
    b"client-cert-chain: :AAAA:, :BBBB:"
)
SETTINGS = (
    b'url = "http://pki.example:8080"\nhttps = "0.0.0.0:8443"\nhosts = ["a.example"]\nworkers = 2\n'
    b'[egress]\nallow = ["10.0.0.0/8"]\n[[pkcs11]]\nname = "hsm"\nmodule = "/a.so"\ntoken = "t"\npin = "1"\n'
)
VARIABLES = (
    b"URL=http://pki.example\nSERVICE_URL=https://pki.example:8443\nHTTP=off\nPROXIES=10.0.0.0/8,fd00::/8\n"
    b"VALIDATION__RESOLVERS=192.0.2.1:53\nLIMITS__HEADERS=50\n"
    b'PKCS11=[{"name":"hsm","module":"/a.so","token":"t","pin":"1"}]'
)
REFUSING = (Malformed, Refused)


def read_a_store(octets: bytes) -> None:
    store = read_store(octets, ("", PASSWORD))
    for entry in store.entries if store else ():
        assert entry.chain or entry.key or entry.problem
        assert len(entry.problem) < 300
        assert "\n" not in entry.problem


def read_a_tar(octets: bytes) -> None:
    def walk() -> Walk:
        yield from members((yield from unpacked(0, len(octets))), lambda member: member.size <= len(octets))

    going, handed = walk(), None
    for _ in range(100_000):
        try:
            step = going.send(handed)
        except StopIteration:
            return
        handed = octets[step.offset : step.offset + step.length] if isinstance(step, Part) else None
    raise AssertionError("it does not end")


def read_a_manifest(octets: bytes) -> None:
    document = image_manifests.read_document(octets)
    image_manifests.references_in(document)
    image_manifests.image_of(document, ())
    for configuration, names, layers in image_manifests.saved_images(document):
        image_manifests.saved_image(names, layers, {"rootfs": {"diff_ids": [configuration]}})


class Alone:
    """A configuration of one file."""

    def __init__(self, text: str) -> None:
        self._text = text

    def read(self, path: str) -> str:
        if path != "/x":
            raise NotFound("no such file")
        return self._text

    def expand(self, pattern: str) -> tuple[str, ...]:
        return ("/x",) if pattern in {"/x", "/*"} else ()


def read_configurations(text: str) -> None:
    for software in SOFTWARE:
        found, _ = read_configuration(software, "/x", Alone(text))
        assert all(one.certificate.startswith("/") for one in found)


STORED = chain()
MAKER_CMS = signed_data(STORED.ders, signer_info(STORED.server, [(NESTED, certs_only(STORED.ders))]))
SIGNED = (
    MAKER_CMS,
    portable_executable(MAKER_CMS),
    compound_file(MAKER_CMS),
    archive(("META-INF/A.RSA", MAKER_CMS), ("a", bytes(9))),
    zip64(archive(("META-INF/A.RSA", MAKER_CMS), packed=False)),
)
STORES = (
    pem(*STORED.ders) + key_pem(STORED.server.key, PASSWORD),
    STORED.server.der,
    certs_only(STORED.ders),
    p12(encryption=NoEncryption()),
    jks(STORED.root.der),
    b'"' + pem(*STORED.ders).replace(b"\n", b'\\r\\n" +\n  "') + b"// " + key_pem(STORED.server.key),
)
CONFIGURATIONS = (
    b"http { server { listen 443 ssl; ssl_certificate a.pem; include /x; } }",
    b"<VirtualHost *:443>\nSSLEngine on\nSSLCertificateFile a.pem\nInclude /x\n</VirtualHost>",
    b"frontend web\nbind :443 ssl crt a.pem crt-list /x\n",
    b"smtpd_tls_cert_file = $base/a.pem\nbase = /a\nssl = on\nssl_cert = </a.pem\nlocal_name a {\n}\n",
    b"<Server><Connector port='1'><Certificate certificateFile='a'/></Connector></Server>",
    b"a.test {\ntls a.pem a.key\nimport /x\n}\n",
)

READERS = {
    "store": Reader(read_a_store, (), STORES),
    "signed file": Reader(read_a_store, (), SIGNED),
    "configuration of a server": Reader(of_text(read_configurations), (), CONFIGURATIONS),
    "CAA value": Reader(
        of_text(read_caa), (Refused,), (b"pki.example; accounturi=https://pki.example/acme/1", b";")
    ),
    "host": Reader(of_text(read_host), (), (b"pki.example:8443", b"[2001:db8::1]:1")),
    "URL": Reader(
        of_text(read_url), (Malformed, Forbidden), (b"http://www.example.test:81/a?b", b"https://[::1]/")
    ),
    "Location": Reader(of_text(read_redirect), (Malformed, Forbidden), (b"../c?d", b"//[2001:db8::1]:81/x")),
    "DNS resolver": Reader(
        of_text(resolver.parse_server), (Malformed,), (b"192.0.2.1:53", b"[2001:db8::1]:53", b"::1")
    ),
    "listening address": Reader(of_text(read_address), (Malformed,), (b"127.0.0.1:8443", b"[::1]:1")),
    "tls-alpn-01": Reader(
        lambda octets: judge_certificate(octets, CHALLENGE), (egress.Unreached,), (PRESENTED, AUTHORITY)
    ),
    "proxy": Reader(reading.read_fields_of_a_proxy, (Malformed,), (PROXY,)),
    "audit export": Reader(read_export, (Malformed, TooLarge), ("".join(LOG.lines()[:6]).encode(),)),
    "audit line": Reader(
        of_text(audit_export.decode),
        (Malformed, TooLarge),
        tuple({line[:7]: line.encode() for line in LOG.lines()}.values()),
    ),
    "checkpoint": Reader(of_text(read_note), (Malformed, TooLarge, IntegrityError), (NEWEST.encode(),)),
    "verifier key": Reader(of_text(read_verifier_key), (Malformed,), (LOG_KEY.text().encode(),)),
    "frontier": Reader(
        read_frontier, (Malformed,), (merkle.Frontier().extend([bytes(32)] * 5)[0].to_bytes(),)
    ),
    "envelope": Reader(
        read_envelope,
        (Conflict, IntegrityError),
        (envelope.encrypt(SECRET_KEY, b"secret", CONTEXT, bytes(range(envelope.RANDOM_BYTES))),),
    ),
    "recovery passphrase": Reader(
        of_text(read_recovery), (Malformed,), (envelope.recovery_passphrase(bytes(range(16))).encode(),)
    ),
    "key-encryption key": Reader(
        of_text(envelope.parse_key_encryption_key),
        (Malformed,),
        (envelope.key_encryption_key_text(SECRET_KEY).encode(), SECRET_KEY.hex().encode()),
    ),
    "derivation": Reader(
        of_text(read_derivation), (Malformed,), (envelope.Derivation(bytes(16)).text().encode(),)
    ),
    "OCSP answers": Reader(reading.read_answers, (IntegrityError,), (reading.answers_of_ocsp(),)),
    "PKCS#11 message": Reader(read_message, (ValueError,), (pkcs11_wire.pack([b"sign", b"", b"data"])[4:],)),
    "PKCS#11 key": Reader(
        read_token_key,
        (IntegrityError,),
        (b"\x06\x04\x20" + KEY.public_key().public_bytes_raw(), b"\x80" + b"\xff" * 256 + b"\1\0\1"),
    ),
    "REST body": Reader(read_rest, (Malformed,), (ISSUE, REVOKE, b"{}")),
    "cursor": Reader(
        of_text(read_cursor),
        (),
        (paging.write_cursor((NOW, 17)).encode(), paging.write_cursor((None, 17)).encode()),
    ),
    "moment": Reader(of_text(read_moment), (Malformed,), (b"2026-01-31T12:00:00.5+01:00", b"2026-01-31")),
    "duration": Reader(
        of_text(lambda text: options.parse_duration("expires", text)), (Malformed,), (b"90d", b"0s")
    ),
    "name constraint": Reader(
        of_text(read_subtree),
        (Malformed,),
        (b"dns:example.test", b"ip:10.0.0.0/8", b"email:a@example.test", b"uri:.example.test"),
    ),
    "ACME settings": Reader(
        of_json(acme_settings_from_document), (Malformed,), (json.dumps(ACME).encode(), b"{}")
    ),
    "certificates in a file": Reader(
        pem_files.certificates_in, (Malformed,), (PEM_OF_AUTHORITY, AUTHORITY, LAST_LIST)
    ),
    "private key": Reader(
        read_key, (Malformed,), tuple(map(reading.private_key, (Encoding.PEM, Encoding.DER)))
    ),
    "last list": Reader(
        lambda octets: last_list.number_of_last_list(octets, reading.AUTHORITY_READ),
        REFUSING,
        (LAST_LIST, PEM_OF_LIST),
    ),
    "list of others": Reader(reading.read_list_of_others, (Malformed,), (reading.TO_BE_SIGNED,)),
    "chain": Reader(read_chain, REFUSING, (AUTHORITY,)),
    "certificate to be revoked": Reader(
        lambda octets: require_key_of(octets, HOLDER), (AcmeProblem,), (AUTHORITY, PRESENTED)
    ),
    "settings file": Reader(reading.read_settings_file, (Malformed,), (SETTINGS, b""), quotes=True),
    "settings in variables": Reader(reading.read_variables, (Malformed,), (VARIABLES,), quotes=True),
}
READERS |= {
    "tar": Reader(read_a_tar, (Malformed, TooLarge), (tarball.GNU, tarball.PAX, gzip.compress(tarball.PAX))),
    "image": Reader(read_a_manifest, (Malformed, TooLarge), tarball.MANIFESTS),
    "target": Reader(
        of_text(read_target),
        (Malformed,),
        (b"a.example@192.0.2.0/28:443,80-83", b"192.0.2.1-20", b"[2001:db8::1]:443", b"www.example.test"),
    ),
    "TLS in the clear": Reader(looks.read_in_the_clear, (TlsFault,), (looks.IN_THE_CLEAR,)),
    "TLS 1.3": Reader(looks.read_encrypted, (TlsFault,), (looks.ENCRYPTED,)),
    "entry of a log": Reader(read_log_entry, (Malformed,), tuple(map(in_one, LOG_ENTRIES))),
    "checkpoint of a log": Reader(
        lambda octets: tiles.read_checkpoint(octets, known_log.KEY),
        (Malformed, TooLarge, IntegrityError),
        (known_log.SIGNED.encode(),),
    ),
    "data tile of a log": Reader(read_entries_of_a_tile, (Malformed,), (DATA_TILE,)),
    "answer of others": Reader(answers_of_others.read_an_answer, (Malformed,), answers_of_others.ANSWERS),
    "signed answer of others": Reader(
        answers_of_others.read_a_signed_answer, (Malformed,), answers_of_others.TO_BE_SIGNED
    ),
    "row of a step-ca": Reader(rows.read_row, (), (rows.ROW, rows.PART)),
    "words before TLS": Reader(looks.read_starttls, (TlsFault,), (looks.ANSWERS,)),
}
TABLE = list(READERS.items())


def read(name: str, reader: Reader, octets: bytes) -> None:
    try:
        reader.read(octets)
    except reader.errors as error:
        detail = error.detail if isinstance(error, CertwrightError) else ""
        assert reader.quotes or detail.isprintable(), f"{name}: {detail!r}"
        assert len(detail) < 5_000, f"{name}: {detail!r}"


def test_one_input(octets: bytes) -> None:
    data = atheris.FuzzedDataProvider(octets)
    name, reader = TABLE[data.ConsumeIntInRange(0, len(TABLE) - 1)]
    kind = data.ConsumeIntInRange(0, 7)
    good = reader.good[kind % len(reader.good)]
    read(name, reader, data.ConsumeBytes(len(octets)) if kind == 7 else changed(data, good))


if __name__ == "__main__":
    for name, reader in TABLE:
        for good in reader.good:
            read(name, reader, good)
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
