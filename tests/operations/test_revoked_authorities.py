"""What is revoked on our record does not become an authority, and no authority below it issues."""

import asyncio
import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.ocsp import OCSPCertStatus

from certwright.core import keys
from certwright.core.distinguished_name import parse_name
from certwright.core.errors import CertwrightError, Conflict, Refused
from certwright.core.keys import KeyAlgorithm
from certwright.core.request import parse_csr, request_for
from certwright.core.revocation import Reason
from certwright.operations.accept_certificate import (
    Accepted,
    accept_certificate,
    authority_csr,
    import_authority,
)
from certwright.operations.authority_health import authority_health
from certwright.operations.context import Context
from certwright.operations.found_authority import (
    AuthorityOrder,
    found_authority,
    retire_authority,
    sign_subordinate,
)
from certwright.operations.issue import IssueOrder, issue
from certwright.operations.issue_ocsp_signer import issue_ocsp_signer
from certwright.operations.publish_crl import ListTimes, publish_crl
from certwright.operations.revoke import release_certificate, revoke_certificate
from certwright.store.rows import CertificateRow
from certwright.store.snapshot import Generation
from tests.core.toy_chain import Outside, outside
from tests.operations.installed import revoked, with_installation
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock, make_csr
from tests.status import asking
from tests.status.responding import responding


def order(name: str, kind: str = "issuing", parent: str = "") -> AuthorityOrder:
    subject = parse_name(f"CN={name},O=Test")
    return AuthorityOrder(name, kind, subject, KeyAlgorithm.ECDSA_P256, "software", parent)


async def founded(context: Context, name: str, kind: str = "issuing", parent: str = "") -> Generation:
    return await found_authority(context, ADMINISTRATOR, order(name, kind, parent))


async def ask(context: Context, authority: str) -> CertificateRow:
    wanted = IssueOrder(ADMINISTRATOR, parse_csr(make_csr("a.example.test")), authority, "tls-server")
    return (await issue(context, wanted)).row


async def revoke_der(context: Context, der: bytes, reason: Reason = Reason.SUPERSEDED) -> None:
    reference = hashlib.sha256(der).hexdigest()
    await revoke_certificate(context, ADMINISTRATOR, reference, reason, context.clock())
    await context.snapshots.refresh()


async def awaiting(context: Context) -> tuple[CertificateRow, Accepted]:
    """The authority `sub` awaits its certificate, which our root has signed as it would an outside one's."""
    await founded(context, "sub")
    request = parse_csr(await authority_csr(context, ADMINISTRATOR, "sub"))
    row, der = await sign_subordinate(context, ADMINISTRATOR, "root", request, "issuing-authority")
    return row, Accepted(der, (context.snapshot.issuing("root").der,))


async def signed_for_others(context: Context) -> tuple[CertificateRow, Outside]:
    """An intermediate authority below our root, whose key others have."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = request_for(key.public_key(), parse_name("CN=Theirs"))
    row, der = await sign_subordinate(context, ADMINISTRATOR, "root", request, "intermediate-authority")
    name = x509.load_der_x509_certificate(der).subject
    return row, Outside(name, key, (der, context.snapshot.issuing("root").der))


async def bring(context: Context, name: str, one: Outside) -> Generation:
    subject, algorithm = parse_name(one.name.rfc4514_string()), keys.algorithm_of(one.key.public_key())
    wanted = AuthorityOrder(name, "issuing", subject, algorithm, "software")
    return await import_authority(context, ADMINISTRATOR, wanted, one.key, Accepted(one.der, one.path[1:]))


# -- becoming an authority -------------------------------------------------------------------------


@pytest.mark.parametrize("reason", [Reason.SUPERSEDED, Reason.CERTIFICATE_HOLD])
def test_a_revoked_certificate_is_not_accepted(reason: Reason, database: Database) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        row, given = await awaiting(context)
        await revoked(context, row, reason)
        with pytest.raises(Refused, match="the certificate of CN=sub,O=Test is revoked or on hold") as found:
            await accept_certificate(context, ADMINISTRATOR, "sub", given)
        assert [one.code for one in found.value.reasons] == ["authority.revoked"]
        assert (await context.snapshots.refresh()).of_authority("sub")[0].certificate is None
        if reason is Reason.CERTIFICATE_HOLD:
            await release_certificate(context, ADMINISTRATOR, row.fingerprint.hex(), context.clock())
            await accept_certificate(context, ADMINISTRATOR, "sub", given)
            await ask(context, "sub")

    with_installation(database, body)


def test_a_key_lost_meanwhile_is_not_accepted(database: Database) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        _row, given = await awaiting(context)
        request = parse_csr(await authority_csr(context, ADMINISTRATOR, "sub"))
        other, _der = await sign_subordinate(context, ADMINISTRATOR, "root", request, "issuing-authority")
        await revoked(context, other, Reason.KEY_COMPROMISE)
        with pytest.raises(Refused, match=r"key\.compromised"):
            await accept_certificate(context, ADMINISTRATOR, "sub", given)

    with_installation(database, body)


def test_nothing_below_a_revoked_certificate_is_brought_along(database: Database) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        row, theirs = await signed_for_others(context)
        await revoked(context, row)
        with pytest.raises(Refused, match="the certificate of CN=Theirs is revoked or on hold"):
            await bring(context, "below", outside("CN=Below", theirs))
        with pytest.raises(Refused, match="the certificate of CN=Theirs is revoked or on hold"):
            await bring(context, "theirs", theirs)
        assert (await context.snapshots.refresh()).authorities.keys() == {"root", "issuing"}

    with_installation(database, body)


def test_accepted_and_revoked_at_once_it_does_not_issue(database: Database) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        row, given = await awaiting(context)
        await asyncio.gather(
            accept_certificate(context, ADMINISTRATOR, "sub", given),
            revoked(context, row),
            return_exceptions=True,
        )
        [generation] = (await context.snapshots.refresh()).of_authority("sub")
        assert generation.certificate is None or generation.row.retired_at
        with pytest.raises(Conflict):
            await ask(context, "sub")

    with_installation(database, body)


# -- below a revoked one ---------------------------------------------------------------------------


def test_below_a_revoked_authority_of_ours_none_issues(database: Database, tmp_path: Path) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        middle = await founded(context, "middle", "intermediate", "root")
        await founded(context, "lower", "intermediate", "middle")
        lowest = await founded(context, "lowest", parent="lower")
        await issue_ocsp_signer(context, lowest)
        row = await ask(context, "lowest")
        await revoke_der(context, middle.der, Reason.CA_COMPROMISE)
        for name in ("lower", "lowest"):
            with pytest.raises(Conflict, match=f"of authority middle/1, above authority {name}, is revoked"):
                await ask(context, name)
        with pytest.raises(Conflict, match="above authority lower, is revoked"):
            await founded(context, "further", parent="lower")
        assert "further" not in (await context.snapshots.refresh()).authorities
        await ask(context, "issuing")
        [health] = await authority_health(context, ADMINISTRATOR, "lowest")
        assert "authority middle/1, above it, is revoked or on hold" in health.problems[0]

        await revoked(context, row)  # what it has issued keeps its status
        lowest = context.snapshot.generations[lowest.id]
        await issue_ocsp_signer(context, lowest)
        [entry] = x509.load_der_x509_crl((await publish_crl(context, lowest, 0, True, ListTimes())).der)
        assert entry.serial_number == int.from_bytes(row.serial, "big")
        application = (await responding(context, tmp_path)).application
        assert lowest.certificate is not None
        told = await asking.ask(
            application, "POST", "/ocsp/lowest/1", asking.question(lowest.certificate, row.serial)
        )
        assert told.ocsp.certificate_status is OCSPCertStatus.REVOKED

    with_installation(database, body)


def test_below_a_retired_authority_of_ours_all_goes_on(database: Database) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        await founded(context, "middle", "intermediate", "root")
        await founded(context, "lower", parent="middle")
        await retire_authority(context, ADMINISTRATOR, "middle")
        await ask(context, "lower")

    with_installation(database, body)


def test_below_what_we_have_signed_for_others_none_issues_while_it_is_on_hold(database: Database) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        row, theirs = await signed_for_others(context)
        await bring(context, "below", outside("CN=Below", theirs))
        await ask(context, "below")
        await revoked(context, row, Reason.CERTIFICATE_HOLD)
        with pytest.raises(Conflict, match="of CN=Theirs, above authority below, is revoked or on hold"):
            await ask(context, "below")
        await release_certificate(context, ADMINISTRATOR, row.fingerprint.hex(), context.clock())
        await context.snapshots.refresh()
        await ask(context, "below")

    with_installation(database, body)


def test_no_certificate_follows_the_revocation_of_its_issuer_in_one_commit(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        issuing = context.snapshot.issuing("issuing")
        clock.offset = timedelta(seconds=1)
        results = await asyncio.gather(
            *(ask(context, "issuing") for _ in range(5)),
            revoke_der(context, issuing.der),
            *(ask(context, "issuing") for _ in range(5)),
            return_exceptions=True,
        )
        assert {type(one) for one in results if isinstance(one, BaseException)} <= {Conflict}
        if context.database.lanes == 1:  # else two writers have put them on record
            rows = await context.database.query(
                'SELECT "kind" FROM "audit_event" WHERE "kind" IN (?, ?) ORDER BY "id"',
                "authority.retired",
                "certificate.issued",
            )
            assert rows[-1][0] == "authority.retired"
        with pytest.raises(CertwrightError):
            await ask(context, "issuing")

    with_installation(database, body)
