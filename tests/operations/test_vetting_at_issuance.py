"""Rules and profiles that ask for validation: by whom it is reached, why not, and what happens meanwhile."""

import json
from collections.abc import Awaitable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from certwright.core.access import Actor
from certwright.core.approval import RequestStatus, request_status
from certwright.core.distinguished_name import parse_name
from certwright.core.errors import Malformed, Moved, Refused
from certwright.core.names import IdentifierKind, parse_identifier
from certwright.core.profile_document import to_document
from certwright.core.request import request_for
from certwright.core.vetting import CheckKind
from certwright.operations import issue as module
from certwright.operations.context import Context
from certwright.operations.decide_request import approve_request
from certwright.operations.issue import Issued, IssueOrder, issue
from certwright.operations.manage_teams import create_team
from certwright.operations.organizations import save_organization
from certwright.operations.preview import preview
from certwright.operations.record_check import revoke_check
from certwright.operations.request_certificate import request_certificate
from certwright.operations.save_profile import save_profile
from certwright.operations.vetting_reached import OnRecord, on_record_for
from certwright.operations.vetting_state import request_validation
from certwright.store.approvals import Request
from tests.operations.approving import ALICE, BOB, REQUESTER, rules
from tests.operations.installed import later, with_installation
from tests.operations.vetting import FIELDS, checked, vetted
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock

WANTS = """
[[rule]]
name = "validated"
when.profiles = ["organization"]
limits.require.validation = "{level}"
"""
ASKS = """
[[rule]]
name = "validated"
when.validation_below = "organization"
approval = [{ step = "pki", from = ["role:ra-officer"], expires = "14d" }]
"""
FULL = (
    "O=example gmbh,L=BERLIN,C=DE,serialNumber=HRB 12345,"
    "businessCategory=Private Organization,jurisdictionC=DE"
)


async def profile(context: Context, **changed: object) -> None:
    """One that takes an organization's attributes from the request."""
    document = to_document(context.snapshot.profile("tls-server"))
    taken = ("O", "L", "C", "OU", "serialNumber", "businessCategory", "jurisdictionC")
    subject = {"attributes": [{"type": one} for one in taken], "unlisted": "refuse"}
    known = context.snapshot.profiles.get("organization")
    version = known.version if known else 1
    wanted = {
        **document,
        "name": "organization",
        "version": version,
        "subject": subject,
        "lint": [],
        **changed,
    }
    await save_profile(context, ADMINISTRATOR, wanted)


def order(
    subject: str = "O=Example GmbH,C=DE", name: str = "www.example.test", actor: Actor = REQUESTER
) -> IssueOrder:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    names = (parse_identifier(IdentifierKind.DNS, name),)
    return IssueOrder(actor, request_for(key, parse_name(subject), names), "issuing", "organization")


async def why_not(doing: Awaitable[object], code: str = "policy.rule.validation") -> str:
    with pytest.raises(Refused) as caught:
        await doing
    assert [reason.code for reason in caught.value.reasons] == [code]
    return caught.value.reasons[0].message


def test_a_rule_refuses_what_is_not_vetted_and_says_what_is_missing(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await profile(context)
        await rules(context, WANTS.format(level="organization"))
        why = await why_not(issue(context, order()))
        assert "no record of an organization for this team has the legal name 'Example GmbH'" in why
        row = await vetted(context)
        assert (await issue(context, order("O=EXAMPLE  gmbh,L=berlin,C=DE"))).der
        assert "requires validation organization" in await why_not(
            preview(context, order(name="www.other.test"))
        )
        for subject, missing in (
            ("O=Example AG", "'Example AG'"),
            ("O=Example GmbH,L=Hamburg", "L is 'Berlin' in the record, not 'Hamburg'"),
            ("O=Example GmbH,OU=Sales", "OU is nothing that vetting confirms"),
            ("C=DE", "the subject has no O"),
        ):
            assert missing in await why_not(issue(context, order(subject)))
        why = await why_not(issue(context, order(name="www.other.test")))
        assert why.endswith("and none was reached; nobody has shown control of dns:www.other.test")
        later(clock, days=201)
        why = await why_not(issue(context, order()))
        assert "domain: it expired on" in why
        await checked(context, row.id, CheckKind.DOMAIN)
        done = await issue(context, order())
        phone = await checked(context, row.id, CheckKind.CALL_BACK)
        assert done.der
        await revoke_check(context, ALICE, row.id, phone.id, "not them")
        assert (await issue(context, order())).der, "the older call-back still counts"

    with_installation(database, body)


def test_extended_takes_all_of_it(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await profile(context)
        await rules(context, WANTS.format(level="extended"))
        row = await vetted(context)
        why = await why_not(issue(context, order(FULL)))
        assert "organization was reached; legal existence and status: it was never done" in why
        for kind in list(CheckKind)[4:-1]:
            await checked(context, row.id, kind)
        await checked(context, row.id, CheckKind.DUE_DILIGENCE, BOB)
        assert (await issue(context, order(FULL))).der
        why = await why_not(issue(context, order()))
        assert "the subject has no serialNumber, businessCategory, jurisdictionC (EVG 7.1.4.2)" in why

    with_installation(database, body)


def test_a_profile_can_require_it_without_any_rule(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await profile(context, validation="organization")
        why = await why_not(issue(context, order()), "policy.validation")
        assert why.startswith("profile organization requires validation organization, and none was reached; ")
        await vetted(context)
        assert (await issue(context, order())).der
        with pytest.raises(Malformed, match="validation must be one of"):
            await profile(context, validation="ov")

    with_installation(database, body)


def test_an_organization_is_that_of_its_team(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await profile(context)
        await rules(context, WANTS.format(level="organization"))
        for team in ("pay", "web"):
            await create_team(context, ADMINISTRATOR, team)
        row = await vetted(context)
        assert (await issue(context, replace(order(), team="web"))).der
        await save_organization(context, ALICE, FIELDS, "pay", row.id)
        assert (await issue(context, replace(order(), team="pay"))).der
        await why_not(issue(context, replace(order(), team="web")))
        await why_not(issue(context, order()))

    with_installation(database, body)


def test_nothing_is_issued_on_a_check_that_was_revoked_meanwhile(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await profile(context)
        await rules(context, WANTS.format(level="organization"))
        row = await vetted(context)
        phone = await checked(context, row.id, CheckKind.CALL_BACK)

        async def overtaken(*given: object) -> OnRecord:
            found = await on_record_for(*given)  # type: ignore[arg-type]
            await revoke_check(context, ALICE, row.id, phone.id, "not them")
            return found

        monkeypatch.setattr(module, "on_record_for", overtaken)
        with pytest.raises(Moved):
            await issue(context, order())
        [(number,)] = await context.database.query("""SELECT count(*) FROM "certificate" WHERE "team" = '' AND
            "profile" = 'organization'""")
        assert number == 0

    with_installation(database, body)


def test_approval_is_asked_for_and_the_officer_sees_why(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await profile(context)
        await rules(context, ASKS)
        row = await vetted(context)
        assert isinstance(await request_certificate(context, order()), Issued)
        request = await request_certificate(context, order(name="www.other.test"))
        assert isinstance(request, Request)
        told = await request_validation(context, ALICE, request.row.id)
        assert told.reached.validation == "none"
        assert [(one.name, one.shown_by) for one in told.names] == [("dns:www.other.test", "")]
        assert told.organization is not None
        assert told.organization.row.id == row.id
        await checked(context, row.id, CheckKind.DOMAIN, domain="other.test")
        told = await request_validation(context, ALICE, request.row.id)
        assert [one.shown_by for one in told.names] == ["domain other.test of Example GmbH"]
        assert told.reached.validation == "organization"
        assert json.dumps(told.document())
        after = await approve_request(context, ALICE, request.row.id)
        assert request_status(after.facts, context.clock()) is RequestStatus.ISSUED

    with_installation(database, body)
