"""Others' responders, asked about their certificates: OpenSSL's program, and another Certwright's own."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from certwright.core.egress import Unreached
from certwright.core.keys import KeyAlgorithm
from certwright.core.pem import pem
from certwright.core.revocation import Reason
from certwright.operations.check_outside_answers import check_outside_answers
from certwright.operations.check_outside_lists import check_outside_lists
from certwright.operations.context import Context
from certwright.operations.take_sightings import Look, take_sightings
from certwright.ports import Place, Sighting
from certwright.site.configuration import Configuration
from certwright.site.outside import answer_fetcher
from certwright.store.discovery_rows import OutsideAnswerRow
from certwright.store.rows import CertificateRow
from tests.peers.conftest import Worlds
from tests.peers.world import NAMES
from tests.real.databases import Database
from tests.real.pki import MovableClock, Secrets, opened
from tests.real.processes import free_port, start
from tests.real.toy_answers import Signer, delegated
from tests.real.toy_chains import ToyAuthority

CORP = ToyAuthority("Corp")
SINCE = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)


async def nothing(url: str) -> bytes:
    """No list can be had."""
    raise Unreached("connection", "connection refused")


def looked_at(database: Database, tmp_path: Path, chains: Sequence[tuple[bytes, ...]], port: int) -> "Found":
    """The inventory after these were seen and their responders were asked."""

    async def main() -> Found:
        settings = {"egress": {"status_ports": [port], "allow_loopback": True}}
        fetch = answer_fetcher(Configuration.load(tmp_path, settings))
        async with opened(database.url, Secrets(), MovableClock()) as bare:
            context = replace(bare, fetch_answer=fetch, fetch_list=nothing)
            sightings = [
                Sighting(Place("tls", f"192.0.2.{number}", 443), context.clock(), chain)
                for number, chain in enumerate(chains)
            ]
            await take_sightings(context, Look(1), sightings)
            await check_outside_lists(context)
            while await check_outside_answers(context):
                continue
            return await found(context)

    return asyncio.run(main())


Found = tuple[dict[str, tuple[datetime | None, int | None]], set[str]]
"""By the first name of a certificate when and why it is revoked; and what is wrong with answers."""


async def found(context: Context) -> Found:
    rows = await context.database.select(CertificateRow, 'NOT "is_authority"')
    problems = {row.problem for row in await context.database.select(OutsideAnswerRow, "1 = 1")}
    return {row.subject: (row.revoked_at, row.revocation_reason) for row in rows}, problems


# -- OpenSSL ---------------------------------------------------------------------------------------


@contextmanager
def openssl_responder(
    folder: Path, port: int, signer: Signer, index: Sequence[str], *how: str
) -> Iterator[None]:
    """`openssl ocsp` with a database of one line for each certificate. A connection that asks nothing would
    keep it from all others, so it is not tried out."""
    (folder / "index.txt").write_text("".join(f"{line}\n" for line in index))
    (folder / "ca.pem").write_bytes(pem(CORP.certificate))
    (folder / "signer.pem").write_bytes(pem(signer.certificate))
    key = signer.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "signer.key").write_bytes(key)
    files = ("-index", folder / "index.txt", "-CA", folder / "ca.pem")
    signing = ("-rsigner", folder / "signer.pem", "-rkey", folder / "signer.key")
    call: list[str | Path] = ["openssl", "ocsp", "-port", str(port), *files, *signing, *how]
    with start(call, log=folder / "ocsp.log", ready="waiting for OCSP client connections"):
        yield


def line(leaf: bytes, status: str = "V", revoked: str = "") -> str:
    parsed = x509.load_der_x509_certificate(leaf)
    serial = f"{parsed.serial_number:X}"
    serial = serial.rjust(len(serial) + len(serial) % 2, "0")
    name = parsed.subject.rfc4514_string()
    return "\t".join(
        (status, f"{parsed.not_valid_after_utc:%y%m%d%H%M%SZ}", revoked, serial, "unknown", f"/{name}")
    )


def leaf(name: str, port: int) -> bytes:
    begin = datetime.now(UTC) - timedelta(days=1)
    return CORP.sign(name, begin=begin, answer_url=f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("by", ["authority", "delegated"])
def test_openssl_answers(database: Database, tmp_path: Path, by: str) -> None:
    port, begin = free_port(), datetime.now(UTC) - timedelta(hours=1)
    signer = delegated(CORP, begin=begin) if by == "delegated" else Signer(CORP.certificate, CORP.key)
    good, revoked, held, unknown = [leaf(name, port) for name in ("good", "revoked", "held", "unknown")]
    when = f"{SINCE:%y%m%d%H%M%SZ}"
    index = [
        line(good),
        line(revoked, "R", f"{when},keyCompromise"),
        line(held, "R", f"{when},certificateHold"),
    ]
    chains = [(one, CORP.certificate) for one in (good, revoked, held, unknown)]
    with openssl_responder(tmp_path, port, signer, index, "-ndays", "2"):
        status, problems = looked_at(database, tmp_path, chains, port)
    assert status == {
        "CN=good": (None, None),
        "CN=revoked": (SINCE, Reason.KEY_COMPROMISE),
        "CN=held": (SINCE, Reason.CERTIFICATE_HOLD),
        "CN=unknown": (None, None),
    }
    assert problems == {"", "the responder does not know the certificate (unknown)"}


@pytest.mark.parametrize(
    ("how", "problem"),
    [
        ((), "the OCSP answer that is there does not say until when it holds"),
        (("-ndays", "2", "-rmd", "sha1"), "is signed with ecdsa-with-SHA1, which is not believed"),
    ],
    ids=["for-ever", "sha1"],
)
def test_openssl_answers_badly(
    database: Database, tmp_path: Path, how: tuple[str, ...], problem: str
) -> None:
    port = free_port()
    one = leaf("a", port)
    index = [line(one, "R", f"{SINCE:%y%m%d%H%M%SZ},keyCompromise")]
    signer = Signer(CORP.certificate, CORP.key)
    with openssl_responder(tmp_path, port, signer, index, *how):
        status, (told,) = looked_at(database, tmp_path, [(one, CORP.certificate)], port)
    assert status == {"CN=a": (None, None)}
    assert told.endswith(problem)


# -- another Certwright ----------------------------------------------------------------------------


def test_another_certwright_answers(database: Database, tmp_path: Path, worlds: Worlds) -> None:
    """Its lists are not to be had; its responder is a delegated one."""
    world = worlds[KeyAlgorithm.ECDSA_P256]
    issuing = x509.load_pem_x509_certificate(world.path("issuing").read_bytes()).public_bytes(Encoding.DER)
    leaves = {
        name: x509.load_pem_x509_certificate(world.path(name).read_bytes()).public_bytes(Encoding.DER)
        for name in NAMES
    }
    port = int(world.url.rpartition(":")[2])
    chains = [(one, issuing) for one in leaves.values()]
    status, problems = looked_at(database, tmp_path, chains, port)
    reasons = [reason for _, reason in status.values() if reason is not None]
    assert sorted(reasons) == [Reason.KEY_COMPROMISE, Reason.CERTIFICATE_HOLD]
    assert len(status) == len(NAMES)
    assert problems == {""}
