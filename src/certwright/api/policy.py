"""`/policy`: the organisation's rules of issuance, as an object and as TOML."""

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from ..core.access import Actor
from ..core.errors import Malformed
from ..core.rules import RuleSet
from ..core.rules_document import rules_from_document
from ..core.rules_toml import rules_from_toml
from ..operations.context import Context
from ..operations.policy_replays import (
    cancel_replay,
    find_replay,
    list_replays,
    replay_document,
    replay_number,
    start_replay,
)
from ..operations.policy_warnings import check_policy
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


@router.post("/policy/check", response=models.PolicyCheck, operation_id="check_policy")
def check(request: HttpRequest, body: models.RulesBody) -> Document:
    """Say what rules would change, and what they would break. Nothing is saved."""
    rules = _rules(body)

    async def act(context: Context, actor: Actor) -> Document:
        return await check_policy(context.database, context.snapshot, actor, rules, context.clock())

    return run(request, act)


@router.get("/policy/replays", response=models.ReplayList, operation_id="list_replays")
def list_policy_replays(request: HttpRequest) -> Document:
    """List the replays that are kept, the newest first, without their results."""

    async def act(context: Context, actor: Actor) -> Document:
        rows, now = await list_replays(context.database, actor), context.clock()
        return {"replays": [replay_document(row, now) for row in rows]}

    return run(request, act)


@router.post("/policy/replays", response={202: models.Replay}, operation_id="start_replay")
def start_policy_replay(
    request: HttpRequest, response: HttpResponse, body: models.ReplayBody
) -> tuple[int, Document]:
    """Have rules run over all that is on record, beside those in force. A worker does it."""
    rules = _rules(body)

    async def act(context: Context, actor: Actor) -> Document:
        row = await start_replay(context, actor, rules, body.at, everything=body.everything)
        return replay_document(row, context.clock())

    document = run(request, act)
    response["Location"] = f"/api/v1/policy/replays/{document['id']}"
    return 202, document


@router.get("/policy/replays/{identifier}", response=models.Replay, operation_id="show_replay")
def show_policy_replay(request: HttpRequest, identifier: str) -> Document:
    """Show how far a replay is, and what it has found."""

    async def act(context: Context, actor: Actor) -> Document:
        row = await find_replay(context.database, actor, replay_number(identifier))
        return replay_document(row, context.clock())

    return run(request, act)


@router.post("/policy/replays/{identifier}/cancel", response=models.Replay, operation_id="cancel_replay")
def cancel_policy_replay(request: HttpRequest, identifier: str, body: schemas.NoBody) -> Document:
    """Stop a replay."""

    async def act(context: Context, actor: Actor) -> Document:
        row = await cancel_replay(context, actor, replay_number(identifier))
        return replay_document(row, context.clock())

    return run(request, act)


def _rules(body: models.RulesBody | models.PolicyBody) -> RuleSet:
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
