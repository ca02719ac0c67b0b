"""Organizations vetted on a real database: who may, what is on record, and how documents are kept."""

import hashlib
import json
from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta

import pytest

from certwright.core.access import Actor, Grant, Role
from certwright.core.errors import (
    CertwrightError,
    Conflict,
    Forbidden,
    IntegrityError,
    Malformed,
    NotFound,
    TooLarge,
    Unavailable,
)
from certwright.core.rules_facts import Validation
from certwright.core.vetting import CheckKind
from certwright.operations import organizations as module
from certwright.operations.context import Context
from certwright.operations.evidence import download_evidence, upload_evidence
from certwright.operations.manage_teams import create_team
from certwright.operations.organizations import (
    find_organization,
    level_now,
    list_organizations,
    save_organization,
)
from certwright.operations.record_check import CheckOrder, record_check, revoke_check
from certwright.operations.vetting_settings import VettingSettings
from certwright.store.rows import AuditEventRow
from certwright.store.vetting_rows import EvidenceChunkRow
from tests.operations.approving import ALICE, BOB, CAROL, person
from tests.operations.installed import later, with_installation
from tests.operations.vetting import AUDITOR, FIELDS, PDF, checked, made, vetted
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock

NOTE = "seen"


async def refused(kind: type[CertwrightError], doing: Awaitable[object]) -> str:
    with pytest.raises(kind) as caught:
        await doing
    assert "\n" not in caught.value.detail
    return caught.value.detail


async def level(context: Context, identifier: int) -> Validation:
    return level_now(context, await find_organization(context, ALICE, identifier)).reached


async def kinds(context: Context) -> list[str]:
    rows = await context.database.select(AuditEventRow, '"subject" LIKE \'organization:%\' ORDER BY "id"')
    return [row.kind for row in rows]


def test_an_organization_is_vetted_by_two_people(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        row = await vetted(context)
        assert await level(context, row.id) is Validation.ORGANIZATION
        why = await refused(Conflict, checked(context, row.id, CheckKind.DUE_DILIGENCE, BOB))
        assert "legal existence and status: it was never done" in why
        row = await vetted(context, extended=True, legal_name="Other AG")
        assert await level(context, row.id) is Validation.EXTENDED
        later(clock, days=200)
        assert await level(context, row.id) is Validation.NONE
        await checked(context, row.id, CheckKind.DOMAIN)
        assert await level(context, row.id) is Validation.ORGANIZATION, "not gone through by bob"
        await checked(context, row.id, CheckKind.DUE_DILIGENCE, BOB)
        assert await level(context, row.id) is Validation.EXTENDED
        assert set(await kinds(context)) == {"organization.saved", "vetting.checked", "evidence.uploaded"}

    with_installation(database, body)


def test_one_person_is_not_two(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        row = await made(context)
        for kind in list(CheckKind)[:-1]:
            await checked(context, row.id, kind)
        alices_token = Actor("token:hers", (Grant(Role.RA_OFFICER),), "", "alice")
        for who in (ALICE, alices_token, ADMINISTRATOR):
            why = await refused(Conflict, checked(context, row.id, CheckKind.DUE_DILIGENCE, who))
            assert "a second person" in why
        shown = await upload_evidence(context, BOB, row.id, "by bob.pdf", PDF)
        order = CheckOrder(CheckKind.SIGNATORY, NOTE, (shown.id,))
        found = await find_organization(context, ALICE, row.id)
        first = next(one for one in found.checks if one.kind == CheckKind.SIGNATORY)
        await record_check(context, ALICE, row.id, order)
        await revoke_check(context, ALICE, row.id, first.id, "the wrong person")
        await refused(Conflict, checked(context, row.id, CheckKind.DUE_DILIGENCE, BOB))
        await checked(context, row.id, CheckKind.DUE_DILIGENCE, person("dora", Role.RA_OFFICER))
        assert await level(context, row.id) is Validation.EXTENDED

    with_installation(database, body)


def test_what_was_changed_or_revoked_counts_no_more(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        row = await vetted(context)
        await save_organization(context, ALICE, {**FIELDS, "phone": "+49 30 99"}, "", row.id)
        told = level_now(context, await find_organization(context, ALICE, row.id))
        assert [one.kind for one in told.for_organization] == [CheckKind.CALL_BACK]
        again = await checked(context, row.id, CheckKind.CALL_BACK)
        assert await level(context, row.id) is Validation.ORGANIZATION
        await revoke_check(context, ALICE, row.id, again.id, "somebody else answered")
        assert await level(context, row.id) is Validation.NONE
        await refused(Conflict, revoke_check(context, ALICE, row.id, again.id, "again"))
        await refused(NotFound, revoke_check(context, ALICE, row.id, 1, "what"))
        await refused(Malformed, revoke_check(context, ALICE, row.id, again.id, " "))

    with_installation(database, body)


def test_checks_that_show_nothing_are_refused(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        row = await save_organization(context, ALICE, {"legal_name": "Bare", "country": "DE"}, "")
        other = await made(context)
        document = await upload_evidence(context, ALICE, other.id, "a.pdf", PDF)
        now = clock()
        for order, kind in (
            (CheckOrder(CheckKind.CALL_BACK, NOTE), Malformed),
            (CheckOrder(CheckKind.OPERATIONAL_EXISTENCE, NOTE), Malformed),
            (CheckOrder(CheckKind.OPERATIONAL_EXISTENCE, NOTE, (document.id,)), NotFound),
            (CheckOrder(CheckKind.DOMAIN, NOTE), Malformed),
            (CheckOrder(CheckKind.DOMAIN, NOTE, domain="*.example.test"), Malformed),
            (CheckOrder(CheckKind.DOMAIN, NOTE, domain="test"), Malformed),
            (CheckOrder(CheckKind.DOMAIN, "", domain="example.test"), Malformed),
            (CheckOrder(CheckKind.DOMAIN, "\x00", domain="example.test"), Malformed),
            (CheckOrder(CheckKind.SIGNATORY, NOTE, (), domain="example.test"), Malformed),
            (CheckOrder(CheckKind.DOMAIN, NOTE, (), now + timedelta(hours=1), "example.test"), Malformed),
            (CheckOrder(CheckKind.DOMAIN, NOTE, (), now - timedelta(days=201), "example.test"), Malformed),
        ):
            await refused(kind, record_check(context, ALICE, row.id, order))
        found = await find_organization(context, ALICE, row.id)
        assert not found.checks
        old = CheckOrder(CheckKind.DOMAIN, NOTE, (), now - timedelta(days=199), "Example.TEST")
        assert (await record_check(context, ALICE, row.id, old)).domain == "example.test"
        context.vetting = VettingSettings(replace(context.vetting.ages, domain_days=198))
        told = level_now(context, await find_organization(context, ALICE, row.id))
        assert "expired" in next(one.why for one in told.for_organization if one.kind is CheckKind.DOMAIN)

    with_installation(database, body)


def test_records_that_no_certificate_could_have_are_refused(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        for changed in (
            {"legal_name": ""},
            {"legal_name": "x" * 65},
            {"country": "Germany"},
            {"country": ""},
            {"jurisdiction_country": "de"},
            {"phone": "call me"},
            {"register_number": "Nr. ü"},
            {"color": "red"},
        ):
            await refused(Malformed, made(context, **changed))
        await refused(NotFound, made(context, team="nobody"))

    with_installation(database, body)


def test_who_vets_who_reads_and_who_knows_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await create_team(context, ADMINISTRATOR, "pay")
        await create_team(context, ADMINISTRATOR, "web")
        pay, web = await made(context, "pay"), await made(context, "web")
        everybodys = await made(context)
        within = Actor("user:eve", (Grant(Role.RA_OFFICER, "team:pay"),), "", "eve")
        page = await list_organizations(context, within)
        assert [one.row.id for one in page.organizations] == [pay.id]
        for identifier in (web.id, everybodys.id):
            await refused(NotFound, find_organization(context, within, identifier))
            await refused(NotFound, checked(context, identifier, CheckKind.DOMAIN, within))
        await checked(context, pay.id, CheckKind.DOMAIN, within)
        for team in ("web", ""):
            await refused(Forbidden, save_organization(context, within, FIELDS, team))
            await refused(Forbidden, save_organization(context, within, FIELDS, team, pay.id))
        document = await upload_evidence(context, ALICE, pay.id, "a.pdf", PDF)
        assert len((await list_organizations(context, AUDITOR)).organizations) == 3
        assert (await download_evidence(context, AUDITOR, pay.id, document.id)).content == PDF
        await refused(Forbidden, checked(context, pay.id, CheckKind.DOMAIN, AUDITOR))
        await refused(Forbidden, save_organization(context, AUDITOR, FIELDS, "", pay.id))
        await refused(Forbidden, list_organizations(context, CAROL))
        for nobody in (CAROL, person("rita", Role.REQUESTER), person("olga", Role.OPERATOR)):
            await refused(Forbidden, find_organization(context, nobody, pay.id))
            await refused(Forbidden, download_evidence(context, nobody, pay.id, document.id))
        first = await list_organizations(context, ALICE, limit=2)
        rest = await list_organizations(context, ALICE, after=first.next)
        ours = [one.row.id for one in (*first.organizations, *rest.organizations)]
        assert (ours, rest.next) == ([pay.id, web.id, everybodys.id], None)
        monkeypatch.setattr(module, "PER_TEAM_MAX", 1)
        await refused(Conflict, made(context, "pay"))
        await refused(Conflict, save_organization(context, ALICE, FIELDS, "pay", web.id))
        await save_organization(context, ALICE, FIELDS, "web", web.id)

    with_installation(database, body)


def test_a_document_comes_back_as_it_was_and_is_not_there_in_clear(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        row = await made(context)
        content = PDF + hashlib.shake_256(b"pages").digest(200_000) + b"a secret address"
        kept = await upload_evidence(context, ALICE, row.id, "extract.pdf", content)
        assert (kept.media_type, kept.octets, kept.scanned) == ("application/pdf", len(content), False)
        chunks = await context.database.select(EvidenceChunkRow, '1 = 1 ORDER BY "position"')
        assert len(chunks) == 4
        assert b"a secret address" not in b"".join(one.sealed for one in chunks)
        document = await download_evidence(context, AUDITOR, row.id, kept.id)
        assert document.content == content
        assert (await kinds(context))[-1] == "evidence.read"
        other = await made(context)
        await refused(NotFound, download_evidence(context, AUDITOR, other.id, kept.id))
        swapped = replace_chunk(context, chunks[0], chunks[1])
        await swapped
        await refused(IntegrityError, download_evidence(context, AUDITOR, row.id, kept.id))

    with_installation(database, body)


async def replace_chunk(context: Context, place: EvidenceChunkRow, other: EvidenceChunkRow) -> None:
    """What an intruder in the database could do."""
    async with context.database.transaction(0) as transaction:
        sql = 'UPDATE "evidence_chunk" SET "sealed" = ? WHERE "id" = ?'
        await transaction.execute(sql, (other.sealed, place.id))


def test_documents_that_are_not_taken(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        row = await made(context)
        for name, content in (
            ("a.pdf", b"MZ\x90\x00 a program"),
            ("a.pdf", b""),
            ("a.pdf", b"<html>\x00"),
            ("../a.pdf", PDF),
            ("a\n.pdf", PDF),
            ("", PDF),
            ("x" * 201, PDF),
        ):
            await refused(Malformed, upload_evidence(context, ALICE, row.id, name, content))
        plain = await upload_evidence(context, ALICE, row.id, "note.txt", "Gespräch mit\n".encode())
        assert plain.media_type == "text/plain"
        context.vetting = VettingSettings(evidence_octets=len(PDF))
        await upload_evidence(context, ALICE, row.id, "a.pdf", PDF)
        await refused(TooLarge, upload_evidence(context, ALICE, row.id, "a.pdf", PDF + b" "))
        monkeypatch.setattr("certwright.operations.evidence.DOCUMENTS_MAX", 2)
        await refused(Conflict, upload_evidence(context, ALICE, row.id, "a.pdf", PDF))

    with_installation(database, body)


def test_what_the_scanner_says_goes(database: Database) -> None:
    answers: list[str | CertwrightError] = ["", "Eicar FOUND\x1b[2J" + "x" * 500, Unavailable("no scanner")]

    async def scan(content: bytes) -> str:
        assert content == PDF
        answer = answers.pop(0)
        if isinstance(answer, CertwrightError):
            raise answer
        return answer

    async def body(context: Context, clock: MovableClock) -> None:
        context.vetting = VettingSettings(scan=scan)
        row = await made(context)
        assert (await upload_evidence(context, ALICE, row.id, "a.pdf", PDF)).scanned
        why = await refused(Malformed, upload_evidence(context, ALICE, row.id, "a.pdf", PDF))
        assert "Eicar FOUND" in why
        assert "\x1b" not in why
        assert len(why) < 300
        await refused(Unavailable, upload_evidence(context, ALICE, row.id, "a.pdf", PDF))
        assert len((await find_organization(context, ALICE, row.id)).documents) == 1
        rows = await context.database.select(AuditEventRow, '"kind" = ?', "evidence.refused")
        assert json.loads(rows[0].body)["detail"]["sha256"] == hashlib.sha256(PDF).hexdigest()

    with_installation(database, body)
