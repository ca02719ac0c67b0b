"""Mail addresses: a code goes by a real server to the very address; the account that has asked answers."""

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from certwright.core.access import Actor, Grant, Role
from certwright.core.distinguished_name import parse_name
from certwright.core.errors import CertwrightError, Conflict, Forbidden, Malformed, Moved, NotFound, Refused
from certwright.core.mailbox import MailboxState
from certwright.core.names import parse_identifier
from certwright.core.request import request_for
from certwright.operations import issue as issuing
from certwright.operations.context import Context
from certwright.operations.decide_request import approve_request
from certwright.operations.grant_role import grant_role
from certwright.operations.issue import IssueOrder, issue
from certwright.operations.mail_codes import mail_codes
from certwright.operations.mailboxes import (
    ACCOUNT_MAX,
    ADDRESS_ASKED_MAX,
    PAIR_MAX,
    ask_for_code,
    list_proofs,
    own_proofs,
    prove_mailbox,
    take_away_proof,
)
from certwright.operations.manage_users import NewUser, create_user, disable_user
from certwright.operations.preview import preview
from certwright.operations.purge_expired import MAILBOXES_KEPT, purge_expired
from certwright.operations.renew import renew_certificate
from certwright.operations.request_certificate import request_certificate
from certwright.operations.send_notices import AGAIN
from certwright.operations.vetting_reached import OnRecord, on_record_for
from certwright.operations.vetting_settings import VettingSettings
from certwright.operations.vetting_state import request_validation
from certwright.store.approvals import Request
from certwright.store.rows import AuditEventRow
from certwright.store.vetting_rows import MailboxProofRow
from tests.operations.approving import rules
from tests.operations.installed import later, with_installation
from tests.operations.test_notices import post
from tests.real.databases import Database
from tests.real.mail_server import Mailbox, mail_server
from tests.real.pki import ADMINISTRATOR, MovableClock

Body = Callable[[Context, MovableClock, Mailbox], Awaitable[None]]
ADDRESS = "Ann@example.test"
CODE = re.compile(r"([A-Z2-7]{4}-){7}[A-Z2-7]{4}")
WANTS = """
[[rule]]
name = "mailbox"
when.profiles = ["smime-signing"]
limits.require.validation = "domain"
"""
ASKS = """
[[rule]]
name = "mailbox"
when.validation_below = "domain"
approval = [{ step = "pki", from = ["role:ra-officer"], expires = "60d" }]
"""


def with_mail(database: Database, body: Body) -> None:
    """ann and eve ask for certificates, olga is an RA officer, and there is a mail server."""

    async def act(context: Context, clock: MovableClock) -> None:
        for name, role in (("ann", Role.REQUESTER), ("eve", Role.REQUESTER), ("olga", Role.RA_OFFICER)):
            await create_user(context, ADMINISTRATOR, NewUser(name))
            await grant_role(context, ADMINISTRATOR, f"user:{name}", Grant(role))
        async with mail_server() as box:
            await body(context, clock, box)

    with_installation(database, act)


def user(context: Context, name: str) -> Actor:
    return context.snapshot.user_actor(name, "")


def order(actor: Actor, *addresses: str, owner: str = "", team: str = "") -> IssueOrder:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    names = tuple([parse_identifier("email", one) for one in addresses])
    return IssueOrder(
        actor,
        request_for(key, parse_name("CN=Ann"), names),
        "issuing",
        "smime-signing",
        owner=owner,
        team=team,
    )


async def asked(context: Context, box: Mailbox, name: str = "ann", address: str = ADDRESS) -> tuple[int, str]:
    """The proof that was asked for, and the code that was mailed for it."""
    row = await ask_for_code(context, user(context, name), address)
    assert await mail_codes(context, post(box.port)) == 1
    return row.id, newest_code(box)


def newest_code(box: Mailbox) -> str:
    found = CODE.search(box.mails()[-1].get_content())
    assert found
    return found[0]


async def proved(context: Context, box: Mailbox, name: str = "ann", address: str = ADDRESS) -> int:
    identifier, code = await asked(context, box, name, address)
    await prove_mailbox(context, user(context, name), identifier, code)
    return identifier


async def refused(doing: Awaitable[object], kind: type[CertwrightError]) -> str:
    with pytest.raises(kind) as caught:
        await doing
    return str(caught.value)


async def row_of(context: Context, identifier: int) -> MailboxProofRow:
    [row] = await context.database.select(MailboxProofRow, '"id" = ?', identifier)
    return row


async def events(context: Context) -> list[AuditEventRow]:
    return await context.database.select(AuditEventRow, """ "kind" LIKE 'mailbox.%' ORDER BY "id" """)


# -- asking and answering ------------------------------------------------------------------------


def test_the_code_goes_to_the_address_and_counts_once(database: Database) -> None:
    async def body(context: Context, clock: MovableClock, box: Mailbox) -> None:
        ann = user(context, "ann")
        identifier, code = await asked(context, box, address=" Ann@EXAMPLE.test ")
        assert [one.rcpt_tos for one in box.envelopes] == [[ADDRESS]]
        text = box.mails()[0].get_content()
        assert f"https://pki.test:8443/console/account/mail-addresses/{identifier}/" in text
        assert "The account ann at" in text
        assert await mail_codes(context, post(box.port)) == 0
        assert "not the code" in await refused(prove_mailbox(context, ann, identifier, "AAAA"), Malformed)
        await prove_mailbox(context, ann, identifier, code.lower().replace("-", " "))
        again = await refused(prove_mailbox(context, ann, identifier, code), Conflict)
        assert "answered already" in again
        [one] = await own_proofs(context, ann)
        assert (one.state, one.until) == (MailboxState.IN_FORCE, one.row.proved_at + timedelta(days=30))
        rows = await events(context)
        assert [row.kind for row in rows] == ["mailbox.asked", "mailbox.proved"]
        assert [row.actor for row in rows] == ["user:ann", "user:ann"]

    with_mail(database, body)


def test_no_code_is_kept_anywhere(database: Database) -> None:
    async def body(context: Context, clock: MovableClock, box: Mailbox) -> None:
        identifier, code = await asked(context, box)
        row = await row_of(context, identifier)
        assert row.digest != hashlib.sha256(code.encode()).digest()
        kept = [str(await context.database.query(f'SELECT * FROM "{name}"')) for name in
                ("mailbox_proof", "audit_event", "outbox", "remembered", "notice")]  # fmt: skip
        for text in (code, code.replace("-", "")):
            assert text not in "".join(kept)

    with_mail(database, body)


def test_nobody_else_answers_or_sees_it(database: Database) -> None:
    async def body(context: Context, clock: MovableClock, box: Mailbox) -> None:
        identifier, code = await asked(context, box, "eve")  # ann gets the mail that eve has asked for
        await refused(prove_mailbox(context, user(context, "ann"), identifier, code), NotFound)
        assert await own_proofs(context, user(context, "ann")) == []
        token = Actor("token:eves", (Grant(Role.ADMINISTRATOR),), "", "eve")
        await refused(prove_mailbox(context, token, identifier, code), Forbidden)
        await refused(ask_for_code(context, token, ADDRESS), Forbidden)
        await refused(ask_for_code(context, ADMINISTRATOR, ADDRESS), Forbidden)
        for wrong in (-1, 2**70, identifier + 1):
            await refused(prove_mailbox(context, user(context, "eve"), wrong, code), NotFound)

    with_mail(database, body)


def test_a_code_is_good_for_a_day_and_the_newest_alone(database: Database) -> None:
    async def body(context: Context, clock: MovableClock, box: Mailbox) -> None:
        ann = user(context, "ann")
        identifier, code = await asked(context, box)
        other, second = await asked(context, box)
        await refused(prove_mailbox(context, ann, identifier, second), Malformed)
        later(clock, hours=24)
        assert "which is over" in await refused(prove_mailbox(context, ann, identifier, code), Conflict)
        assert [one.state for one in await own_proofs(context, ann)] == [MailboxState.UNANSWERED] * 2
        assert code != second
        assert other != identifier

    with_mail(database, body)


def test_of_many_answers_at_once_one_counts(database: Database) -> None:
    async def body(context: Context, clock: MovableClock, box: Mailbox) -> None:
        identifier, code = await asked(context, box)
        answers = [prove_mailbox(context, user(context, "ann"), identifier, code) for _ in range(5)]
        done = await asyncio.gather(*answers, return_exceptions=True)
        assert sum(isinstance(one, MailboxProofRow) for one in done) == 1
        assert sum(isinstance(one, Conflict) for one in done) == 4
        assert [row.kind for row in await events(context)].count("mailbox.proved") == 1

    with_mail(database, body)


# -- mailing -------------------------------------------------------------------------------------


def test_what_the_server_does_not_take_is_sent_again_with_another_code(database: Database) -> None:
    async def body(context: Context, clock: MovableClock, box: Mailbox) -> None:
        box.answers = ["451 not now", "250 OK"]
        row = await ask_for_code(context, user(context, "ann"), ADDRESS)
        assert await mail_codes(context, post(box.port)) == 1
        first = (await row_of(context, row.id)).digest
        assert box.envelopes == []
        assert await mail_codes(context, post(box.port)) == 0
        later(clock, seconds=AGAIN[0].total_seconds() + 1)
        assert await mail_codes(context, post(box.port)) == 1
        assert (await row_of(context, row.id)).digest != first
        await prove_mailbox(context, user(context, "ann"), row.id, newest_code(box))

    with_mail(database, body)


def test_what_cannot_be_mailed_is_on_record(database: Database) -> None:
    async def body(context: Context, clock: MovableClock, box: Mailbox) -> None:
        box.answers = ["550 nobody of that name"]
        ann = user(context, "ann")
        row = await ask_for_code(context, ann, ADDRESS)
        assert await mail_codes(context, post(box.port)) == 1
        assert "nobody of that name" in (await row_of(context, row.id)).problem
        [one] = await own_proofs(context, ann)
        assert one.state is MailboxState.FAILED
        late = await ask_for_code(context, ann, ADDRESS)
        later(clock, hours=25)
        gone = await ask_for_code(context, user(context, "eve"), ADDRESS)
        await disable_user(context, ADMINISTRATOR, "eve")
        asks = box.asked
        assert await mail_codes(context, post(box.port)) == 2
        assert box.asked == asks, "neither is mailed"
        assert "too late" in (await row_of(context, late.id)).problem
        assert "not in use" in (await row_of(context, gone.id)).problem
        assert [one.kind for one in await events(context)].count("mailbox.failed") == 3

    with_mail(database, body)


def test_several_workers_send_one_mail(database: Database) -> None:
    async def body(context: Context, clock: MovableClock, box: Mailbox) -> None:
        await ask_for_code(context, user(context, "ann"), ADDRESS)
        await asyncio.gather(*(mail_codes(context, post(box.port)) for _ in range(4)))
        assert len(box.envelopes) == 1

    with_mail(database, body)


def test_nobody_floods_a_mailbox(database: Database) -> None:
    async def body(context: Context, clock: MovableClock, box: Mailbox) -> None:
        ann, eve, olga = (user(context, name) for name in ("ann", "eve", "olga"))
        asks = [ask_for_code(context, eve, ADDRESS) for _ in range(PAIR_MAX + 3)]
        done = await asyncio.gather(*asks, return_exceptions=True)
        assert sum(isinstance(one, MailboxProofRow) for one in done) == PAIR_MAX
        await refused(ask_for_code(context, eve, "aNN@example.test"), Conflict)
        for _ in range(ADDRESS_ASKED_MAX - PAIR_MAX):
            await ask_for_code(context, ann, ADDRESS)
        assert "people have asked" in await refused(ask_for_code(context, olga, ADDRESS), Conflict)
        asks = [ask_for_code(context, ann, f"ann{number}@example.test") for number in range(ACCOUNT_MAX + 1)]
        done = await asyncio.gather(*asks, return_exceptions=True)
        left = ACCOUNT_MAX - (ADDRESS_ASKED_MAX - PAIR_MAX)
        assert sum(isinstance(one, MailboxProofRow) for one in done) == left
        later(clock, days=1, seconds=1)
        await ask_for_code(context, olga, ADDRESS)

    with_mail(database, body)


def test_what_no_mail_can_be_sent_to_is_refused(database: Database) -> None:
    async def body(context: Context, clock: MovableClock, box: Mailbox) -> None:
        ann = user(context, "ann")
        for wrong in ("", "ann", "@x.test", "a b@x.test", '"a"@x.test', "ann@_x.test", "a\n@x.test"):
            await refused(ask_for_code(context, ann, wrong), Malformed)
        context.vetting = VettingSettings(mails=False)
        assert "mail.host" in await refused(ask_for_code(context, ann, ADDRESS), Conflict)
        assert await events(context) == []

    with_mail(database, body)


# -- at issuance ---------------------------------------------------------------------------------


def test_a_certificate_names_what_its_own_account_has_proved(database: Database) -> None:
    async def body(context: Context, clock: MovableClock, box: Mailbox) -> None:
        await rules(context, WANTS)
        ann, eve, olga = (user(context, name) for name in ("ann", "eve", "olga"))
        why = await refused(issue(context, order(ann, ADDRESS)), Refused)
        assert "ann has not shown control of email:Ann@example.test: have a code mailed to it" in why
        assert "under Mail addresses of the account" in why
        assert why.count(ADDRESS) == 1
        await proved(context, box, "ann")
        first = (await issue(context, order(ann, ADDRESS))).row
        assert first.owner == "ann"
        assert (await preview(context, order(ann, ADDRESS)))["approval"] is None
        for other in (
            order(eve, ADDRESS),
            order(olga, ADDRESS),
            order(olga, ADDRESS, owner="ann"),  # the key would be olga's
            order(ADMINISTRATOR, ADDRESS),
            order(ADMINISTRATOR, ADDRESS, owner="eve"),
            order(ann, "ann@example.test"),
            order(ann, ADDRESS, "other@example.test"),
        ):
            await refused(issue(context, other), Refused)
        later(clock, days=30)
        assert "expired on" in await refused(issue(context, order(ann, ADDRESS)), Refused)
        await refused(renew_certificate(context, ann, first.fingerprint.hex()), Refused)
        await proved(context, box, "ann")
        assert (await issue(context, order(ann, ADDRESS))).der
        await refused(renew_certificate(context, olga, first.fingerprint.hex()), Refused)
        assert (await renew_certificate(context, ann, first.fingerprint.hex())).row.owner == "ann"

    with_mail(database, body)


def test_an_officer_takes_it_away(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(context: Context, clock: MovableClock, box: Mailbox) -> None:
        await rules(context, WANTS)
        ann, eve, olga = (user(context, name) for name in ("ann", "eve", "olga"))
        await proved(context, box)
        open_too, code = await asked(context, box)
        identifier = await proved(context, box)
        await refused(take_away_proof(context, ann, identifier, "mine"), Forbidden)
        await refused(list_proofs(context, eve), Forbidden)
        await refused(take_away_proof(context, olga, identifier, " "), Malformed)

        async def overtaken(*given: object) -> OnRecord:
            found = await on_record_for(*given)  # type: ignore[arg-type]
            assert await take_away_proof(context, olga, identifier, "they have left") == 3
            return found

        with monkeypatch.context() as patched:
            patched.setattr(issuing, "on_record_for", overtaken)
            await refused(issue(context, order(ann, ADDRESS)), Moved)
        await refused(issue(context, order(ann, ADDRESS)), Refused)
        await refused(prove_mailbox(context, ann, open_too, code), Conflict)
        await refused(take_away_proof(context, olga, identifier, "again"), Conflict)
        rows, following = await list_proofs(context, olga)
        assert ([one.state for one in rows], following) == ([MailboxState.TAKEN_AWAY] * 3, None)
        assert (await events(context))[-1].kind == "mailbox.taken-away"

    with_mail(database, body)


def test_who_decides_on_a_request_sees_what_was_proved(database: Database) -> None:
    async def body(context: Context, clock: MovableClock, box: Mailbox) -> None:
        await rules(context, ASKS)
        ann, olga = user(context, "ann"), user(context, "olga")
        request = await request_certificate(context, order(ann, ADDRESS))
        assert isinstance(request, Request)
        told = await request_validation(context, olga, request.row.id)
        assert (told.reached.validation, told.names[0].shown_by) == ("none", "")
        await proved(context, box)
        told = await request_validation(context, olga, request.row.id)
        assert told.reached.validation == "domain"
        assert told.names[0].shown_by == "a code mailed to it, which ann has answered with"
        assert told.names[0].at is not None
        await approve_request(context, olga, request.row.id)
        assert not isinstance(await request_certificate(context, order(ann, ADDRESS)), Request)

    with_mail(database, body)


def test_old_ones_go(database: Database) -> None:
    async def body(context: Context, clock: MovableClock, box: Mailbox) -> None:
        identifier = await proved(context, box)
        later(clock, days=MAILBOXES_KEPT.days - 1)
        await purge_expired(context)
        assert (await row_of(context, identifier)).id == identifier
        later(clock, days=2)
        await purge_expired(context)
        assert await own_proofs(context, user(context, "ann")) == []

    with_mail(database, body)
