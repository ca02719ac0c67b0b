"""Rules that want approval, and people who give it."""

from certwright.core.access import Actor, Grant, Role
from certwright.core.request import parse_csr
from certwright.core.rules_toml import rules_from_toml
from certwright.operations.context import Context
from certwright.operations.issue import Issued, IssueOrder
from certwright.operations.request_certificate import request_certificate
from certwright.operations.save_policy import save_policy
from certwright.store.approvals import Request
from tests.real.pki import ADMINISTRATOR, make_csr

ONE_STEP = """
[[rule]]
name = "pay"
when.names.dns = [".pay.test"]
approval = [{ step = "pki", from = ["role:ra-officer"], expires = "14d" }]
"""
TWO_STEPS = """
[[rule]]
name = "pay"
when.names.dns = [".pay.test"]
approval = [
    { step = "pki", from = ["role:ra-officer"], quorum = 2, expires = "1d" },
    { step = "board", from = ["user:carol", "team:board"], expires = "2d" },
]
"""


def person(name: str, *roles: Role, teams: tuple[str, ...] = ()) -> Actor:
    """An account that acts in person."""
    return Actor(f"user:{name}", tuple([Grant(role) for role in roles]), "", name, teams)


REQUESTER = Actor("local:asker", (Grant(Role.ADMINISTRATOR),))
ALICE, BOB = person("alice", Role.RA_OFFICER), person("bob", Role.RA_OFFICER)
CAROL = person("carol")


async def rules(context: Context, toml: str) -> None:
    await save_policy(context, ADMINISTRATOR, rules_from_toml(toml), "for a test", anyway=True)


def order(name: str = "a.pay.test", actor: Actor = REQUESTER) -> IssueOrder:
    return IssueOrder(actor, parse_csr(make_csr(name)), "issuing", "tls-server")


async def waiting(context: Context, name: str = "a.pay.test", actor: Actor = REQUESTER) -> Request:
    made = await request_certificate(context, order(name, actor))
    assert not isinstance(made, Issued)
    return made
