"""The source `openssl-ca` on what `openssl ca` and easy-rsa make."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import uvloop
from cryptography import x509

from certwright.core.egress import EgressPolicy
from certwright.core.errors import Malformed
from certwright.plugins.discovery.ca_folders import WRONG_LINES_MAX
from certwright.plugins.discovery.openssl_ca import OpensslCaSettings, OpensslCaSource, OpensslCaSshSource
from certwright.plugins.discovery.ssh import SshLogin
from certwright.ports import DISCOVERY_SOURCES, DiscoverySource, Place, Progress, Scope, Sighting
from certwright.testing.discovery_source import Case, DiscoverySourceContract, Situation
from tests.core.stores.made import chain, pem
from tests.real import sshd
from tests.real.openssl_ca import EasyRsa, OpensslAuthority

SETTINGS = OpensslCaSettings("ca.example.test")
SERVER, ISSUING, ROOT = chain().ders


def look(*targets: Path | str, source: DiscoverySource | None = None, **others: object) -> list[Sighting]:
    async def run() -> list[Sighting]:
        scope = Scope(tuple(map(str, targets)), **others)  # type: ignore[arg-type]
        events = (source or OpensslCaSource(SETTINGS)).look(scope)
        return [event async for event in events if isinstance(event, Sighting)]

    return asyncio.run(run())


def by_serial(found: list[Sighting]) -> dict[str, Sighting]:
    return {one.place.name.rpartition("#")[2]: one for one in found}


def serial(certificate: bytes) -> str:
    """As openssl writes it: whole octets."""
    number = x509.load_der_x509_certificate(certificate).serial_number
    return number.to_bytes((number.bit_length() + 7) // 8).hex().upper()


def test_both_are_registered() -> None:
    for name, made in (("openssl-ca", OpensslCaSource), ("openssl-ca-ssh", OpensslCaSshSource)):
        (entry,) = entry_points(group=DISCOVERY_SOURCES, name=name)
        assert entry.load() is made


def test_what_openssl_has_issued_and_revoked(tmp_path: Path) -> None:
    corp = OpensslAuthority.founded(tmp_path / "corp")
    names = ("good", "lost", "held", "superseded", "silent")
    issued = {name: corp.issue(name) for name in names}
    corp.revoke("lost", "-crl_compromise", "20260101000000Z")
    corp.revoke("held", "-crl_hold", "holdInstructionReject")
    corp.revoke("superseded", "-crl_reason", "superseded")
    corp.revoke("silent")
    found = by_serial(look(tmp_path / "corp"))
    assert set(found) == {serial(der) for der in issued.values()}
    place = found["1000"].place
    assert place == Place("authority", "ca.example.test", 0, f"{tmp_path}/corp/index.txt#1000")
    told = {}
    for name, der in issued.items():
        one = found[serial(der)]
        assert one.chain == (der, corp.certificate)
        assert one.problem == ""
        told[name] = one.facts.get("reason", one.facts["status"])
        if name != "good":
            moment = datetime.fromisoformat(str(one.facts["revoked_at"]))
            assert abs(datetime.now(UTC) - moment) < timedelta(minutes=1)
    assert told == {
        "good": "good",
        "lost": "keyCompromise",
        "held": "certificateHold",
        "superseded": "superseded",
        "silent": "unspecified",
    }
    assert found["1000"].facts == {"status": "good"}
    assert len(look(tmp_path / "corp/index.txt")) == len(look(f"{tmp_path}/*")) == len(issued)


def test_what_easy_rsa_has_issued_renewed_and_revoked(tmp_path: Path) -> None:
    made = EasyRsa.founded(tmp_path / "pki")
    kept, first = made.issue("kept"), made.issue("again")
    gone = made.issue("gone")
    made.run("revoke", "gone", "cessationOfOperation")
    made.run("renew", "again", "nopass", EASYRSA_CERT_RENEW="4000")
    found = by_serial(look(tmp_path / "pki"))
    assert len(found) == 4
    assert all(one.chain[1:] == (made.certificate,) for one in found.values())
    assert found[serial(first)].chain[0] == first
    assert found[serial(kept)].facts == {"status": "good"}
    assert found[serial(gone)].chain[0] == gone
    assert found[serial(gone)].facts["reason"] == "cessationOfOperation"


def test_a_certificate_that_is_missing_or_another_is_a_problem(tmp_path: Path) -> None:
    corp = OpensslAuthority.founded(tmp_path)
    corp.issue("one")
    two = corp.issue("two")
    (tmp_path / "newcerts/1000.pem").write_bytes(pem(two))
    with (tmp_path / "index.txt").open("a") as file:
        file.write(
            "V\t300101000000Z\t\t77\tunknown\t/CN=gone\nnonsense\nR\t300101000000Z\tlate\t78\tunknown\t/\n"
        )
    found = {name: one.problem for name, one in by_serial(look(tmp_path)).items()}
    assert found == {
        "1000": "its certificate is not there (/CN=one)",
        "1001": "",
        "77": "its certificate is not there (/CN=gone)",
        "line 4": "it is no line of a database of openssl",
        "line 5": "the time of its revocation cannot be read",
    }


def test_a_database_without_its_authority_is_told(tmp_path: Path) -> None:
    corp = OpensslAuthority.founded(tmp_path)
    one = corp.issue("one")
    (tmp_path / "cacert.pem").unlink()
    problem, issued = look(tmp_path)
    assert problem.problem == "no certificate of the authority lies beside it: ca.crt"
    assert issued.chain == (one,)


def test_what_is_no_database_has_an_end(tmp_path: Path) -> None:
    (tmp_path / "index.txt").write_text("hello\n" * 10_000)
    found = look(tmp_path)
    assert len(found) == WRONG_LINES_MAX + 2
    assert found[-1].problem == f"{WRONG_LINES_MAX} of its lines cannot be read: the others are left out"


def test_only_what_this_machine_permits_is_read(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        _write(tmp_path / folder, 1)
    only = OpensslCaSource(replace(SETTINGS, folders=(f"{tmp_path}/a",)))
    assert [one.problem for one in look(tmp_path / "a", source=only)] == [""]
    (refused,) = look(tmp_path / "b", source=only)
    assert "discovery.file_folders" in refused.problem
    (tmp_path / f"a/{serial(SERVER)}.pem").unlink()
    (tmp_path / f"a/{serial(SERVER)}.pem").symlink_to(tmp_path / f"b/{serial(SERVER)}.pem")
    (outside,) = look(tmp_path / "a", source=only)
    assert outside.problem == "its certificate is not there (/CN=x)"


def test_a_run_goes_on_after_its_cursor(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        _write(tmp_path / folder, 3)

    async def events(after: str) -> list[Sighting | Progress]:
        scope = Scope((f"{tmp_path}/*",), after=after)
        return [event async for event in OpensslCaSource(SETTINGS).look(scope)]

    whole = asyncio.run(events(""))
    seen = [one.place for one in whole if isinstance(one, Sighting)]
    for number, event in enumerate(whole):
        if isinstance(event, Progress):
            before = [one.place for one in whole[:number] if isinstance(one, Sighting)]
            rest = [one.place for one in asyncio.run(events(event.cursor)) if isinstance(one, Sighting)]
            assert before + rest == seen


@pytest.mark.parametrize("after", ["/x", "x:3", "/x:-1", "/x:y", "/x:\u0663"])
def test_what_is_no_cursor_is_malformed(after: str) -> None:
    with pytest.raises(Malformed):
        OpensslCaSource(SETTINGS).check(Scope(("/x",), after=after))


def test_over_ssh(tmp_path: Path) -> None:
    corp = OpensslAuthority.founded(tmp_path / "corp")
    one = corp.issue("one")
    corp.revoke("one")
    (tmp_path / "sshd").mkdir()
    with sshd.served(tmp_path / "sshd") as server:
        login = SshLogin(server.user, server.known_hosts, server.private_key)
        source = OpensslCaSshSource(replace(login, policy=EgressPolicy(allow_loopback=True)))
        (found,) = look(f"127.0.0.1:{server.port} {tmp_path}/corp", source=source)
        assert found.place == Place("authority", "127.0.0.1", server.port, f"{tmp_path}/corp/index.txt#1000")
        assert found.chain == (one, corp.certificate)
        assert found.facts["status"] == "revoked"
        (shut,) = look(f"127.0.0.1:{server.port} {tmp_path}/corp", source=OpensslCaSshSource(login))
        assert shut.place == Place("authority", "127.0.0.1", server.port)
        assert "loopback" in shut.problem


# -- the contract ----------------------------------------------------------------------------------


def _write(folder: Path, number: int) -> None:
    """A database of the first few of the toy chain."""
    ders = (SERVER, ISSUING, ROOT)[:number]
    (folder / "ca.crt").write_bytes(pem(ISSUING))
    lines = []
    for der in ders:
        (folder / f"{serial(der)}.pem").write_bytes(pem(der))
        lines.append(f"V\t300101000000Z\t\t{serial(der)}\tunknown\t/CN=x\n")
    (folder / "index.txt").write_text("".join(lines))


def _line(number: int) -> str:
    return f"V\t300101000000Z\t\t{number:04X}\tunknown\t/CN=x\n"


class TestOpensslCaContract(DiscoverySourceContract):
    loops = (asyncio.new_event_loop, uvloop.new_event_loop)

    @asynccontextmanager
    async def situation(self, case: Case) -> AsyncIterator[Situation]:
        with tempfile.TemporaryDirectory() as name:
            folder, source = Path(name), OpensslCaSource(SETTINGS)
            targets: tuple[str, ...] = (f"{name}/a", f"{name}/b", f"{name}/none*")
            expected: dict[Place, tuple[bytes, ...]] = {}
            if case is Case.EMPTY:
                targets = (f"{name}/*",)
            elif case is Case.NO_SCOPE:
                targets = ()
            else:
                for one in ("a", "b"):
                    (folder / one).mkdir()
                    expected |= _SET_UP[case](folder / one)
            left_out = frozenset(one for one in expected if one.name.startswith(f"{name}/b/"))
            yield Situation(source, Scope(targets), expected, f"{name}/b", left_out)


def _place(folder: Path, entry: str) -> Place:
    return Place("authority", SETTINGS.host, 0, f"{folder}/index.txt#{entry}")


def _good(folder: Path) -> dict[Place, tuple[bytes, ...]]:
    _write(folder, 3)
    chains = ((SERVER, ISSUING), (ISSUING,), (ROOT, ISSUING))
    return {_place(folder, serial(one[0])): one for one in chains}


def _bad(folder: Path) -> dict[Place, tuple[bytes, ...]]:
    (folder / "ca.crt").write_bytes(pem(ISSUING))
    (folder / "12.pem").symlink_to("/dev/zero")
    (folder / "index.txt").write_text(_line(0x12) + "\0\n" + "x" * 100_000)
    return {_place(folder, entry): () for entry in ("0012", "line 2", "line 3")}


def _slow(folder: Path) -> dict[Place, tuple[bytes, ...]]:
    (folder / "ca.crt").write_bytes(pem(ISSUING))
    (folder / "index.txt").write_text("".join(_line(number) for number in range(40_000)))
    return {}


_SET_UP = {Case.GOOD: _good, Case.BAD: _bad, Case.SLOW: _slow}
