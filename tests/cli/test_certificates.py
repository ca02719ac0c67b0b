"""`certwright certificates`, `show`, `revoke`, `release`."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.conftest import Shell


def issued(shell: Shell, name: str, *more: str) -> dict[str, str]:
    document: dict[str, str] = shell.gives(
        "issue", "--profile", "tls-server", "--dns", name, "--out", name, *more
    )
    return document


def subjects(shell: Shell, *arguments: str) -> list[str]:
    return [one["subject"] for one in shell.gives("certificates", *arguments)["certificates"]]


def test_lists_by_what_is_asked(shell: Shell) -> None:
    issued(shell, "a.example.test")
    short = issued(shell, "b.example.test", "--days", "3")
    shell.does("revoke", short["serial"], "--reason", "superseded")
    mine = ("--profile", "tls-server", "--issuer", "issuing")
    assert subjects(shell, *mine) == ["CN=b.example.test", "CN=a.example.test", "CN=localhost"]
    assert subjects(shell, "--expiring", "5d") == ["CN=b.example.test"]
    assert subjects(shell, "--name", "a.example.test") == ["CN=a.example.test"]
    assert subjects(shell, "--name", ".example.test", "--not-revoked") == ["CN=a.example.test"]
    assert subjects(shell, "--revoked") == ["CN=b.example.test"]
    assert subjects(shell, "--authority", "root", "--profile", "tls-server") == []
    assert shell.does("certificates", "--authority", "root", "--profile", "tls-server") == "none\n"
    assert "revoked (superseded)" in shell.does("certificates", "--revoked")


@pytest.mark.parametrize("expiring", [(), ("--expiring", "365d")])
def test_pages_go_on_where_they_stopped(expiring: tuple[str, ...], shell: Shell) -> None:
    for number in range(5):
        issued(shell, f"n{number}.test")
    whole = subjects(shell, *expiring)
    found: list[str] = []
    place: tuple[str, ...] = ()
    while True:
        page = shell.gives("certificates", "--limit", "2", *expiring, *place)
        found += [one["subject"] for one in page["certificates"]]
        if page["next"] is None:
            break
        assert f"go on with --after {page['next']}" in shell.does(
            "certificates", "--limit", "2", *expiring, *place
        )
        place = ("--after", page["next"])
    assert found == whole


def test_the_table_has_a_line_for_each(shell: Shell) -> None:
    serial = issued(shell, "a.test")["serial"]
    lines = shell.does("certificates", "--limit", "1").splitlines()
    assert lines[0].split() == ["SERIAL", "UNTIL", "STATUS", "PROFILE", "AUTHORITY", "SUBJECT"]
    assert lines[1].startswith(serial)
    assert lines[1].endswith("good    tls-server  issuing    CN=a.test")


def test_one_is_shown_by_serial_or_fingerprint_in_any_writing(shell: Shell) -> None:
    document = issued(shell, "a.test")
    serial, fingerprint = document["serial"], document["fingerprint"]
    colons = ":".join(fingerprint[place : place + 2] for place in range(0, 64, 2)).upper()
    for reference in (serial, serial.upper(), fingerprint, colons):
        shown = shell.gives("show", reference)
        assert shown["certificate"] == document["certificate"]
        assert shown["chain"] == document["chain"]
    said = shell.does("show", serial)
    assert "dns:a.test" in said
    assert said.rstrip().endswith("-----END CERTIFICATE-----")


def test_what_is_not_there_is_not_found(shell: Shell) -> None:
    assert shell.refuses("show", "ab" * 16) == f"no certificate with serial {'ab' * 16} is known here"
    assert "is neither a SHA-256 fingerprint nor a serial number" in shell.refuses("show", "zz")
    assert "no certificate with serial" in shell.refuses("revoke", "ab" * 16)


def test_hold_release_and_revoke_for_good(shell: Shell) -> None:
    serial = issued(shell, "a.test")["serial"]
    assert "for certificateHold" in shell.does("revoke", serial, "--reason", "certificateHold")
    assert "Released" in shell.does("release", serial)
    assert "nothing to release" in shell.refuses("release", serial)
    document = shell.gives("revoke", serial, "--reason", "KEYCOMPROMISE")
    assert document["revocation_reason"] == "keyCompromise"
    assert "cannot replace that" in shell.refuses("revoke", serial)
    assert shell.gives("show", serial)["revocation_reason"] == "keyCompromise"


def test_a_key_revoked_as_compromised_is_certified_no_more(shell: Shell) -> None:
    document = issued(shell, "a.test")
    shell.does("revoke", document["serial"], "--reason", "keyCompromise")
    from cryptography.hazmat.primitives import serialization

    from certwright.cli.requests import make_csr
    from certwright.core.keys import KeyAlgorithm
    from certwright.core.names import parse_identifier

    key = serialization.load_pem_private_key((shell.folder / "a.test/key.pem").read_bytes(), None)
    names = [parse_identifier("dns", "a.test")]
    (shell.folder / "again.csr").write_bytes(make_csr(key, KeyAlgorithm.ECDSA_P256, names=names))
    asked = ("issue", "--profile", "tls-server", "--csr", "again.csr", "--out", "again")
    said = shell.refuses(*asked)
    assert said.endswith("[key.compromised]")
    assert shell.refuses(*asked, "--preview") == said


def test_the_invalidity_date_must_make_sense(shell: Shell) -> None:
    serial = issued(shell, "a.test")["serial"]
    future = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert "lies in the future" in shell.refuses("revoke", serial, "--invalidity-date", future)
    assert "before the certificate was issued" in shell.refuses(
        "revoke", serial, "--invalidity-date", "2020-01-01"
    )
    assert "is no time like" in shell.refuses("revoke", serial, "--invalidity-date", "yesterday")
    now = datetime.now(UTC).isoformat()
    shell.does("revoke", serial, "--reason", "keyCompromise", "--invalidity-date", now)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["certificates", "--expiring", "soon"], "--expiring must be a duration like 90d"),
        (["certificates", "--authority", "nobody"], "there is no authority 'nobody'"),
        (["certificates", "--profile", "nobody"], "there is no profile 'nobody'"),
        (["certificates", "--after", "x"], "--after takes `next` of an earlier answer"),
        (["certificates", "--name", "a b"], "is not a DNS name"),
        (["revoke", "ab", "--reason", "boredom"], "'boredom' is not a revocation reason"),
    ],
)
def test_what_cannot_be_read_says_so(arguments: list[str], line: str, shell: Shell) -> None:
    assert line in shell.refuses(*arguments)


def test_what_is_done_here_is_audited_as_local(shell: Shell) -> None:
    import getpass

    serial = issued(shell, "a.test")["serial"]
    shell.does("revoke", serial)
    shell.does("audit", "export", "log")
    rows = [json.loads(line).get("row") for line in (shell.folder / "log").read_text().splitlines()]
    done = {(row["kind"], row["actor"]) for row in rows if row}
    actor = f"local:{getpass.getuser()}"
    assert {("certificate.issued", actor), ("certificate.revoked", actor), ("audit.exported", actor)} <= done
