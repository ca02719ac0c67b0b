"""`certwright audit verify --certificates`: certificates under our keys against their records, both ways."""

import base64
import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7, pkcs12

from certwright.cli.certificate_search import BLOCK_OCTETS_MAX, PART_OCTETS
from certwright.core.pem import pem as pem_of
from certwright.operations import check_issuance
from tests.cli.conftest import Shell
from tests.cli.test_audit import change

NOW = datetime.now(UTC)


def test_what_we_issued_is_on_record(shell: Shell) -> None:
    for name in ("a.test", "b.test"):
        shell.does("issue", "--profile", "tls-server", "--dns", name)
    (shell.folder / "notes.txt").write_text("no certificate")
    document = shell.gives("audit", "verify", "--certificates", shell.folder)["certificates"]
    assert (document["found"], document["contradictions"], document["unresolved_intents"]) == (0, [], [])
    assert document["certificates"] == 2 + 2 + 2 * 2
    said = shell.does("audit", "verify", "--certificates", shell.folder)
    assert said.rstrip().endswith("9 files, and every record: no contradictions")


def forget(shell: Shell, document: dict[str, Any]) -> None:
    """As if a certificate had never been on record."""
    with sqlite3.connect(shell.home / "certwright.sqlite3") as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        for table in ("certificate_name", "certificate_body"):
            connection.execute(f"DELETE FROM {table} WHERE certificate_id = {document['id']}")
        connection.execute(f"DELETE FROM certificate WHERE id = {document['id']}")


def test_a_certificate_under_our_key_without_a_record_is_found(shell: Shell) -> None:
    document = shell.gives("issue", "--profile", "tls-server", "--dns", "a.test")
    foreign = x509.load_pem_x509_certificate((shell.home / "root.pem").read_bytes())
    (shell.folder / "der.cer").write_bytes(
        x509.load_pem_x509_certificate(document["certificate"].encode()).public_bytes(
            serialization.Encoding.DER
        )
    )
    (shell.folder / "root.pem").write_bytes(foreign.public_bytes(serialization.Encoding.PEM))
    forget(shell, document)
    outcome = shell("audit", "verify", "--certificates", shell.folder, "--json")
    assert outcome.status == 1
    found = outcome.document["certificates"]["contradictions"]
    assert {Path(one["subject"]).name for one in found} == {"certificate.pem", "fullchain.pem", "der.cer"}
    assert {one["kind"] for one in found} == {"unrecorded"}
    assert f"serial {document['serial']}" in found[0]["text"]
    assert "is signed by authority issuing/1" in found[0]["text"]


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("UPDATE certificate SET subject = 'CN=evil' WHERE id = {id}", "subject"),
        ("UPDATE certificate SET not_after = '2030-01-01 00:00:00' WHERE id = {id}", "not_after"),
        ("UPDATE certificate SET serial = x'40000000000000000000000000000000' WHERE id = {id}", "serial"),
        ("UPDATE certificate SET fingerprint = x'00' WHERE id = {id}", "fingerprint"),
        ("UPDATE certificate SET spki_sha256 = x'00' WHERE id = {id}", "spki_sha256"),
        ("UPDATE certificate SET authority = 'root' WHERE id = {id}", "authority"),
        ("UPDATE certificate_name SET value = 'evil.test' WHERE certificate_id = {id}", "names"),
        ("DELETE FROM certificate_body WHERE certificate_id = {id}", "the certificate itself is missing"),
        ("UPDATE certificate_body SET der = x'3000' WHERE certificate_id = {id}", "fingerprint"),
        ("UPDATE certificate SET generation_id = NULL WHERE id = {id}", "authority"),
        ("UPDATE certificate SET generation_id = NULL, authority = '' WHERE id = {id}", "authority"),
        ("UPDATE certificate SET generation_id = NULL, authority = 'x' WHERE id = {id}", "authority"),
        ("UPDATE certificate SET crl_shard = 1 WHERE id = {id}", "crl_shard"),
        ("UPDATE certificate SET profile = 'other' WHERE id = {id}", "profile"),
        ("UPDATE certificate SET profile_number = 7 WHERE id = {id}", "profile"),
        ("UPDATE certificate SET revoked_at = '2030-01-01 00:00:00' WHERE id = {id}", "revoked_at"),
        ("UPDATE certificate SET revocation_reason = 1 WHERE id = {id}", "revocation_reason"),
        ("UPDATE certificate SET invalidity_date = issued_at WHERE id = {id}", "invalidity_date"),
        ("UPDATE certificate_name SET reversed_value = 'evil' WHERE certificate_id = {id}", "names"),
    ],
)
def test_a_record_that_says_something_else_is_found(sql: str, named: str, shell: Shell) -> None:
    document = shell.gives("issue", "--profile", "tls-server", "--dns", "a.test")
    (shell.folder / "empty").mkdir()
    change(shell, sql.format(id=document["id"]))
    outcome = shell("audit", "verify", "--certificates", "empty", "--json")
    assert outcome.status == 1
    (found,) = outcome.document["certificates"]["contradictions"]
    assert found["kind"] == "different"
    assert named in found["text"]


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("UPDATE certificate SET revoked_at = NULL, revocation_reason = NULL WHERE id = {id}", "revoked_at"),
        ("UPDATE certificate SET revocation_reason = 5 WHERE id = {id}", "revocation_reason"),
        ("UPDATE certificate SET invalidity_date = issued_at WHERE id = {id}", "invalidity_date"),
        ("UPDATE status_change SET revoked = 0 WHERE certificate_id = {id}", "revoked_at"),
        ("UPDATE status_change SET reason = 5 WHERE certificate_id = {id}", "revocation_reason"),
        ("UPDATE status_change SET serial = x'4100' WHERE certificate_id = {id}", "status_change"),
        ("UPDATE status_change SET crl_shard = 1 WHERE certificate_id = {id}", "status_change"),
        ("DELETE FROM status_change WHERE certificate_id = {id}", "revoked_at"),
    ],
)
def test_a_record_that_says_something_else_than_the_status_feed_is_found(
    sql: str, named: str, shell: Shell
) -> None:
    document = shell.gives("issue", "--profile", "tls-server", "--dns", "a.test")
    (shell.folder / "empty").mkdir()
    for command, *words in (
        ("revoke", "--reason", "certificateHold"),
        ("release",),
        ("revoke", "--reason", "superseded"),
    ):
        shell.does(command, document["serial"], *words)
        assert shell.gives("audit", "verify", "--certificates", "empty")["certificates"]["found"] == 0
    change(shell, sql.format(id=document["id"]))
    outcome = shell("audit", "verify", "--certificates", "empty", "--json")
    assert outcome.status == 1
    (found,) = outcome.document["certificates"]["contradictions"]
    assert named in found["text"]


@pytest.mark.parametrize("identifier", [-5, -(2**63), 2**63 - 1])
def test_no_identifier_hides_a_record(identifier: int, shell: Shell) -> None:
    document = shell.gives("issue", "--profile", "tls-server", "--dns", "a.test")
    (shell.folder / "empty").mkdir()
    old = document["id"]
    change(shell, f"UPDATE certificate SET id = {identifier}, subject = 'CN=evil' WHERE id = {old}")
    for table in ("certificate_body", "certificate_name"):
        change(shell, f"UPDATE {table} SET certificate_id = {identifier} WHERE certificate_id = {old}")
    outcome = shell("audit", "verify", "--certificates", "empty", "--json")
    (found,) = outcome.document["certificates"]["contradictions"]
    assert found["text"].endswith("disagree: subject")


def intend(shell: Shell) -> None:
    change(
        shell,
        "INSERT INTO issuance_intent (id, generation_id, serial, tbs_sha256, profile, requester, at) "
        "SELECT 77, id, x'4100', x'00', 'tls-server', 'local:x', '2026-01-01 00:00:00' "
        "FROM authority_generation LIMIT 1",
    )


def test_intents_that_are_not_named_are_counted(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_issuance, "INTENTS_MAX", 0)
    intend(shell)
    (shell.folder / "empty").mkdir()
    told = shell.does("audit", "verify", "--certificates", "empty")
    assert "intents without a certificate: 1 more" in told


def test_an_intent_that_came_to_nothing_is_named(shell: Shell) -> None:
    intend(shell)
    (shell.folder / "empty").mkdir()
    document = shell.gives("audit", "verify", "--certificates", "empty")["certificates"]
    assert [one["serial"] for one in document["unresolved_intents"]] == ["4100"]
    assert "intent without a certificate: serial 4100" in shell.does(
        "audit", "verify", "--certificates", "empty"
    )


def test_a_folder_that_is_not_there(shell: Shell) -> None:
    assert "nowhere is no folder" in shell.refuses("audit", "verify", "--certificates", "nowhere")


def test_what_cannot_be_judged_is_named_and_counts(shell: Shell) -> None:
    (shell.folder / "broken.pem").write_text("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
    (shell.folder / "key.der").write_bytes(b"\x30\x82\x01\x00" + bytes(256))
    (shell.folder / "worse.pem").write_text("-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n")
    outcome = shell("audit", "verify", "--certificates", shell.folder, "--json")
    document = outcome.document["certificates"]
    assert (outcome.status, document["found"], document["not_judged_count"]) == (1, 0, 2)
    assert [Path(line.split(":")[0]).name for line in document["not_judged"]] == ["broken.pem", "worse.pem"]
    said = shell("audit", "verify", "--certificates", shell.folder).out
    assert "broken.pem: a CERTIFICATE block holds nothing that can be read" in said
    assert said.rstrip().endswith("in 3 files, and every record: no contradictions, 2 not judged")
    for name in ("broken.pem", "worse.pem"):
        (shell.folder / name).unlink()
    assert shell.gives("audit", "verify", "--certificates", shell.folder)["certificates"]["files"] == 1


def test_a_certificate_under_the_key_of_an_authority_that_awaits_its_own_is_found(shell: Shell) -> None:
    """Signed by whoever holds that authority's key file."""
    shell.does("authority", "found", "sub", "--kind", "intermediate", "--subject", "CN=Sub,O=Example")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Sub")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    with sqlite3.connect(shell.home / "certwright.sqlite3") as connection:
        connection.execute(
            "UPDATE authority_generation SET csr = ? WHERE certificate IS NULL",
            (request.public_bytes(Encoding.DER),),
        )
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, NOW, NOW + timedelta(days=1))
    foreign = builder.sign(key, hashes.SHA256())
    (shell.folder / "foreign.pem").write_bytes(foreign.public_bytes(Encoding.PEM))
    outcome = shell("audit", "verify", "--certificates", shell.folder, "--json")
    (found,) = outcome.document["certificates"]["contradictions"]
    assert (outcome.status, found["kind"]) == (1, "unrecorded")
    assert "is signed by authority sub/1" in found["text"]


def test_a_key_of_which_nothing_is_known_is_named(shell: Shell) -> None:
    """An authority awaits its certificate, and has not been asked for its CSR."""
    shell.does("authority", "found", "sub", "--kind", "intermediate", "--subject", "CN=Sub,O=Example")
    change(shell, "UPDATE authority_generation SET csr = NULL WHERE certificate IS NULL")
    outcome = shell("audit", "verify", "--certificates", shell.folder, "--json")
    assert outcome.status == 1
    (told,) = outcome.document["certificates"]["not_judged"]
    assert told.startswith("authority:sub/1: it has neither a certificate nor a CSR")


def held_in(der: bytes) -> dict[str, bytes]:
    """Files that hold a certificate, in every form that lies about."""
    certificate = x509.load_der_x509_certificate(der)
    pem = certificate.public_bytes(Encoding.PEM)
    text = b"-----BEGIN CERTIFICATE-----\n%b-----END CERTIFICATE-----\n"
    plain = serialization.NoEncryption()
    return {
        "der": der,
        "der-and-newline": der + b"\n",
        "der-after-others": b"\x30\x03\x02\x01\x00" + der,
        "trusted": pem.replace(b"CERTIFICATE", b"TRUSTED CERTIFICATE"),
        "pkcs7-pem": pkcs7.serialize_certificates([certificate], Encoding.PEM),
        "pkcs7-der": pkcs7.serialize_certificates([certificate], Encoding.DER),
        "pkcs12": pkcs12.serialize_key_and_certificates(b"x", None, certificate, None, plain),
        "pkcs12-empty-password": pkcs12_under(certificate, b""),
        "json": json.dumps({"certificate": pem.decode()}).encode(),
        "base64": base64.b64encode(der),
        "base64-lines": base64.encodebytes(der),
        "byte-order-mark": b"\xef\xbb\xbf" + pem,
        "utf-16": pem.decode().encode("utf-16"),
        "carriage-returns": pem.replace(b"\n", b"\r\n"),
        "large": b"# x\n" * (4 * 1024 * 1024) + pem,
        "across-the-border": b"#" * (PART_OCTETS - 100) + pem,
        "before-the-border": pem + b"#" * PART_OCTETS,
        "broken-before": text % b"!!!\n" + pem,
        "unended-before": b"-----BEGIN CERTIFICATE-----\nMIIB\n" + pem,
        "unended": pem[: pem.index(b"-----END")],
        "key-before": key_pem() + pem,
    }


def carrying(der: bytes) -> bytes:
    """Another's certificate with these octets in an extension."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "outer")])
    inner = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), der)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(NOW).not_valid_after(NOW + timedelta(days=1))
    return builder.add_extension(inner, critical=False).sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def key_pem() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def pkcs12_under(certificate: x509.Certificate, password: bytes) -> bytes:
    made = serialization.PrivateFormat.PKCS12.encryption_builder().kdf_rounds(1)
    encryption = made.build(password) if password else serialization.NoEncryption()
    return pkcs12.serialize_key_and_certificates(b"x", None, certificate, None, encryption)


def issue_and_forget(shell: Shell, name: str) -> bytes:
    document = shell.gives("issue", "--profile", "tls-server", "--dns", name)
    forget(shell, document)
    certificate = x509.load_pem_x509_certificate(document["certificate"].encode())
    return certificate.public_bytes(Encoding.DER)


def lay_down(shell: Shell, files: dict[str, bytes]) -> Path:
    folder = shell.folder / "files"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def test_no_form_hides_a_certificate(shell: Shell) -> None:
    files = held_in(issue_and_forget(shell, "a.test"))
    outcome = shell("audit", "verify", "--certificates", lay_down(shell, files), "--json")
    found = outcome.document["certificates"]["contradictions"]
    assert sorted(Path(one["subject"]).name for one in found) == sorted(files)
    assert {one["kind"] for one in found} == {"unrecorded"}
    told = outcome.document["certificates"]["not_judged"]
    assert {Path(line.split(":")[0]).name for line in told} == {"broken-before", "unended-before"}


def test_a_certificate_within_another_is_found_beside_it(shell: Shell) -> None:
    folder = lay_down(shell, {"outer": carrying(issue_and_forget(shell, "a.test"))})
    outcome = shell("audit", "verify", "--certificates", folder, "--json")
    [found] = outcome.document["certificates"]["contradictions"]
    assert (found["kind"], Path(found["subject"]).name) == ("unrecorded", "outer (2)")


def test_two_certificates_one_after_another_are_two(shell: Shell) -> None:
    ders = [issue_and_forget(shell, name) for name in ("a.test", "b.test")]
    files = {"two.der": ders[0] + ders[1], "two.txt": b"\n\n".join(map(base64.b64encode, ders))}
    outcome = shell("audit", "verify", "--certificates", lay_down(shell, files), "--json")
    assert outcome.document["certificates"]["found"] == 4


def test_what_says_it_holds_a_certificate_and_cannot_be_read_is_not_judged(shell: Shell) -> None:
    root = x509.load_pem_x509_certificate((shell.home / "root.pem").read_bytes())
    der = root.public_bytes(Encoding.DER)
    files = {
        "cut.der": der[:-1],
        "cut.pem": root.public_bytes(Encoding.PEM)[:-100],
        "cut.txt": base64.b64encode(der)[:-20],
        "closed.p12": pkcs12_under(root, b"secret"),
        "empty.p7b": b"-----BEGIN PKCS7-----\n!!!\n-----END PKCS7-----\n",
        "in-a-bundle.pem": pem_of(der[:-1]) + root.public_bytes(Encoding.PEM),
        "long.pem": b"-----BEGIN CERTIFICATE-----\n" + b"AAAA" * (BLOCK_OCTETS_MAX // 4 + 1),
        "no-end.der": der[:4] + b"\x30\x82\xff\xff" + der[8:],
        "strange.der": der.replace(b"\x06\x03\x55\x1d", b"\x46\x03\x55\x1d", 1),
    }
    folder = lay_down(shell, files)
    (folder / "unreadable.pem").symlink_to("/proc/self/mem")
    outcome = shell("audit", "verify", "--certificates", folder, "--json")
    told = [Path(line.split(":")[0]).name for line in outcome.document["certificates"]["not_judged"]]
    assert (outcome.status, sorted(told)) == (1, sorted([*files, "unreadable.pem"]))
