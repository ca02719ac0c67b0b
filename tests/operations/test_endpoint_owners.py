"""Who answers for what an endpoint issues: named with it, and left alone by other changes."""

from dataclasses import replace

import pytest

from certwright.core.access import Actor, Grant, Role
from certwright.core.errors import Conflict, Forbidden, NotFound
from certwright.core.request import parse_csr
from certwright.operations.context import Context
from certwright.operations.found_installation import EndpointOrder, save_endpoint
from certwright.operations.issue import IssueOrder, issue
from certwright.operations.manage_users import disable_user
from tests.operations.test_assign_owner import installed
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, make_csr

PLAIN = EndpointOrder("acme", "default", "issuing", ("tls-server",), {}, {})


def test_others_changes_leave_them_as_they_are(database: Database) -> None:
    async def body(context: Context) -> None:
        named = replace(PLAIN, team="web", owner="alice")
        await save_endpoint(context, ADMINISTRATOR, named)
        row = await save_endpoint(context, ADMINISTRATOR, replace(PLAIN, settings={"check_caa": False}))
        assert (row.team, row.owner) == ("web", "alice")
        endpoint = context.snapshot.endpoint("acme", "default")
        request = parse_csr(make_csr("a.example.test"))
        made = await issue(context, IssueOrder(ADMINISTRATOR, request, "", "", endpoint=endpoint))
        assert (made.row.team, made.row.owner) == ("web", "alice")
        row = await save_endpoint(context, ADMINISTRATOR, replace(PLAIN, owner=""))
        assert (row.team, row.owner) == ("web", "")

    installed(database, body)


def test_who_is_named_must_be_there_and_naming_takes_a_right(database: Database) -> None:
    async def body(context: Context) -> None:
        await disable_user(context, ADMINISTRATOR, "carol")
        for order, error in (
            (replace(PLAIN, team="none"), NotFound),
            (replace(PLAIN, owner="nobody"), NotFound),
            (replace(PLAIN, owner="carol"), Conflict),
        ):
            with pytest.raises(error):
                await save_endpoint(context, ADMINISTRATOR, order)
        assert context.snapshot.endpoint("acme", "default").row.owner == ""
        officer = Actor("token:x", (Grant(Role.OPERATOR, "endpoint:acme/default"),))
        with pytest.raises(Forbidden):
            await save_endpoint(context, officer, replace(PLAIN, owner="alice"))
        officer = Actor("token:x", (Grant(Role.SECURITY_OFFICER, "endpoint:acme/default"),))
        await save_endpoint(context, officer, replace(PLAIN, owner="alice"))
        assert context.snapshot.endpoint("acme", "default").row.owner == "alice"

    installed(database, body)
