"""The rules in force, earlier ones, and what changed between them."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from ...core.access import Actor, Verb
from ...core.errors import Malformed
from ...core.rules import NO_RULES
from ...core.rules_toml import rules_to_toml
from ...operations.bridge import bridge
from ...operations.context import Context
from ...operations.policy_replays import list_replays, replay_status
from ...operations.read_policy import NUMBER_MAX, PolicyVersion, policy_history, read_policy
from ...operations.shown import has_anywhere
from ..acting import actor_of, run
from .words import compared, worded

HISTORY = 50
DRAFTS = 10


@require_safe
def policy(request: HttpRequest) -> HttpResponse:
    found = _version(request, None)
    before = _number(request, "before", NUMBER_MAX)

    async def act(context: Context, actor: Actor) -> tuple[object, ...]:
        history = await policy_history(context.database, actor, before, HISTORY + 1)
        drafts = await list_replays(context.database, actor)
        return history, [(row, replay_status(row, context.clock())) for row in drafts[:DRAFTS]]

    history, drafts = run(request, act)
    facts = {
        "current": found.row,
        "rules": worded(found.rules),
        "history": history[:HISTORY],  # type: ignore[index]
        "more": history[HISTORY - 1][0].number if len(history) > HISTORY else None,  # type: ignore[arg-type,index]
        "drafts": drafts,
        "manages": has_anywhere(actor_of(request), (Verb.MANAGE_POLICY,)),
    }
    return render(request, "policy/policy.html", facts)


@require_safe
def version(request: HttpRequest, number: int) -> HttpResponse:
    found = _version(request, min(number, NUMBER_MAX))
    current = bridge().context.snapshot.policy
    facts = {
        "row": found.row,
        "rules": worded(found.rules),
        "current": current,
        "manages": has_anywhere(actor_of(request), (Verb.MANAGE_POLICY,)),
    }
    return render(request, "policy/version.html", facts)


@require_safe
def compare(request: HttpRequest) -> HttpResponse:
    """Between any two versions; 0 is before the first."""
    numbers = [_number(request, name, 0) for name in ("from", "to")]
    old, new = [_version(request, number) for number in numbers]
    history = run(request, lambda context, actor: policy_history(context.database, actor, limit=1000))
    facts = {
        "from": numbers[0],
        "to": numbers[1],
        "compared": compared(old.rules, new.rules),
        "numbers": [*[row.number for row, _changes in history], 0],
    }
    return render(request, "policy/compare.html", facts)


@require_safe
def export(request: HttpRequest) -> HttpResponse:
    """The rules as a file, for version control."""
    found = _version(request, _number(request, "number", 0) or None)
    number = found.row.number if found.row else 0
    response = HttpResponse(rules_to_toml(found.rules), content_type="application/toml")
    response["Content-Disposition"] = f'attachment; filename="policy-{number}.toml"'
    return response


def _version(request: HttpRequest, number: int | None) -> PolicyVersion:
    if number == 0:
        run(request, lambda context, actor: read_policy(context.database, context.snapshot, actor))
        return PolicyVersion(None, NO_RULES)
    return run(request, lambda context, actor: read_policy(context.database, context.snapshot, actor, number))


def _number(request: HttpRequest, name: str, default: int) -> int:
    text = request.GET.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= 10):
        raise Malformed(f"{name} is the number of a version, not {text[:40]!r}")
    return min(int(text), NUMBER_MAX)
