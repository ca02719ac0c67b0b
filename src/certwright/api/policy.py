"""`/policy`: the organisation's rules of issuance, as an object and as TOML."""

from django.http import HttpRequest
from ninja import Query, Router

from ..core.access import Actor
from ..core.errors import Malformed
from ..core.rules import RuleSet
from ..core.rules_document import rules_from_document
from ..core.rules_toml import rules_from_toml
from ..operations.context import Context
from ..operations.read_policy import (
    NUMBER_MAX,
    history_document,
    policy_document,
    policy_history,
    read_policy,
)
from ..operations.save_policy import save_policy
from . import request_schemas as models
from . import schemas
from .paging import read_cursor, write_cursor
from .web import Document, require_known_parameters, run

router = Router(tags=["policy"])


@router.get("/policy", response=models.Policy)
def show_policy(request: HttpRequest, wanted: Query[models.PolicyQuery]) -> Document:
    """Show the rules of issuance in force, or earlier ones."""
    require_known_parameters(request, models.PolicyQuery)

    async def act(context: Context, actor: Actor) -> Document:
        found = await read_policy(context.database, context.snapshot, actor, wanted.number)
        return policy_document(found)

    return run(request, act)


@router.put("/policy", response=models.Policy, operation_id="save_policy")
def put_policy(request: HttpRequest, body: models.PolicyBody) -> Document:
    """Put rules of issuance in force, as a new version."""
    rules = _rules(body)

    async def act(context: Context, actor: Actor) -> Document:
        row = await save_policy(
            context, actor, rules, body.comment, based_on=body.based_on, anyway=body.anyway
        )
        return policy_document(await read_policy(context.database, context.snapshot, actor, row.number))

    return run(request, act)


def _rules(body: models.PolicyBody) -> RuleSet:
    if (body.rules is None) == (body.toml is None):
        raise Malformed("body: give either rules or toml")
    return rules_from_toml(body.toml) if body.toml is not None else rules_from_document(body.rules)


@router.get("/policy/versions", response=models.PolicyHistory)
def list_policy_versions(request: HttpRequest, wanted: Query[schemas.PageQuery]) -> Document:
    """List the versions of the rules, the newest first, each with what it changed."""
    require_known_parameters(request, schemas.PageQuery)
    before = read_cursor(wanted.after, by_time=False)[1] if wanted.after else NUMBER_MAX

    async def act(context: Context, actor: Actor) -> Document:
        found = await policy_history(context.database, actor, min(before, NUMBER_MAX), wanted.limit + 1)
        page = found[: wanted.limit]
        return {
            "versions": [history_document(row, changes) for row, changes in page],
            "next": write_cursor((None, page[-1][0].number)) if len(found) > len(page) else None,
        }

    return run(request, act)
