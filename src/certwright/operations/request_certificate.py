"""Ask for a certificate: it is issued at once, or a request waits where the rules want people to approve it.
What the rules refuse is kept as a request that has ended, for who asked and whoever is asked why.

A request keeps what was asked for and what the certificate shall say. Once approved it is asked for again,
under the configuration of that moment (`issue_approved`).
"""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.serialization import load_der_public_key

from ..core import keys
from ..core.access import Actor, Verb
from ..core.approval import ApprovalNeeded, RefusedByRules
from ..core.approval_steps import ApprovalStep
from ..core.audit import Event, EventKind, JsonValue, shown
from ..core.distinguished_name import DistinguishedName, decode_name
from ..core.errors import CertwrightError, Conflict, Malformed, Reconfigured, Refused, Unavailable
from ..core.lifetimes import lifetime_of
from ..core.names import Identifier
from ..core.profile_document import shape_of
from ..core.request import CertificateRequest
from ..core.rules_facts import IssuanceFacts
from ..store.approvals import OPEN, REFUSED, Request, request_of, write_steps
from ..store.enrolment import read_identifiers, write_identifiers
from ..store.ledger import Change
from ..store.people_rows import CertificateRequestRow, RequestApproverRow
from .apply_rules import ORIGINS, origin_of
from .context import DECISIONS_MAX, Context
from .issue import NAME_SHOWN, NAMES_SHOWN, SUBJECT_SHOWN, Issued, IssueOrder, issue, tell_refusal
from .tell_of_request import tell_deciders

COMMENT_MAX = 2000
COMMENT_SHOWN = 500
OPEN_MAX = 1000
"""How many requests of one requester can wait at the same time."""
REFUSED_MAX, REFUSED_WITHIN = 100, timedelta(days=1)
"""How many refusals of one requester are kept as requests within that time; further ones are on record in the
audit log alone."""
PROBLEM_SHOWN = 4000


@dataclass(frozen=True, slots=True)
class Words:
    """What goes with a request: the requester's words, and the ended request that it mends."""

    comment: str = ""
    resubmits: int | None = None


NO_WORDS = Words()


async def request_certificate(
    context: Context, order: IssueOrder, words: Words = NO_WORDS
) -> Issued | Request:
    """The certificate, or the request that waits for approval. Raises as `issue` does, Malformed for a
    comment that is too long, Conflict when too many requests of the same requester wait."""
    check_comment(words.comment)
    for _ in range(DECISIONS_MAX):
        try:
            return await issue(context, replace(order, tells_refusal=False))
        except ApprovalNeeded as needed:
            with suppress(Reconfigured):  # then it is asked for again, under the new rules
                return await _wait(context, order, needed, words)
        except Refused as refused:
            await _refuse(context, order, refused, words)
            raise
        await context.snapshots.refresh()
    raise Unavailable("the configuration changes all the time; try again", retry_after=1)


async def _wait(context: Context, order: IssueOrder, needed: ApprovalNeeded, words: Words) -> Request:
    await require_room(context, order.actor)
    request, change = make_request(context, order, needed, words)
    await tell_deciders(context, change, request.row, request.facts)
    await context.ledger.commit(change)
    return request


async def _refuse(context: Context, order: IssueOrder, refused: Refused, words: Words) -> None:
    """On record. Raises the refusal where that fails."""
    try:
        rows = await _kept(context, order, refused, words)
    except CertwrightError as failure:
        raise refused from failure
    await tell_refusal(context, order, refused, rows)


async def _kept(
    context: Context, order: IssueOrder, refused: Refused, words: Words
) -> list[CertificateRequestRow]:
    """The row of a request that the rules have refused: one without steps."""
    if not isinstance(refused, RefusedByRules) or origin_of(order.actor) not in ORIGINS.values():
        return []
    facts = refused.facts
    sql = (
        f'SELECT count(*) FROM "certificate_request" WHERE "requester" = ? AND "created_at" > ? AND {REFUSED}'
    )
    [(kept,)] = await context.database.query(sql, order.actor.name, facts.at - REFUSED_WITHIN)
    if kept >= REFUSED_MAX:
        return []
    row = _row(context, order, facts, words, refused.policy, ())
    return [row._replace(rejected_at=facts.at, problem=shown(refused.detail, PROBLEM_SHOWN))]


def check_comment(comment: str) -> None:
    """Raises Malformed."""
    if len(comment) > COMMENT_MAX or not comment.replace("\n", "").isprintable():
        raise Malformed(f"a comment has at most {COMMENT_MAX} printable characters")


async def require_room(context: Context, actor: Actor) -> None:
    """Raises Conflict."""
    sql = f'SELECT count(*) FROM "certificate_request" WHERE "requester" = ? AND {OPEN}'
    [(waiting,)] = await context.database.query(sql, actor.name)
    if waiting >= OPEN_MAX:
        raise Conflict(f"{waiting} requests of {actor.name} wait already; have some decided or withdrawn")


def make_request(
    context: Context,
    order: IssueOrder,
    needed: ApprovalNeeded,
    words: Words = NO_WORDS,
    acme_order: int | None = None,
) -> tuple[Request, Change]:
    """A request that waits at its first step, and the change that makes it. `order` is as it was asked."""
    row = _row(context, order, needed.facts, words, needed.policy, needed.needed.steps, acme_order)
    named = approvers_named(steps_approvers(needed), context.ledger.new_id, row.id)
    change = Change(
        inserted=[row, *named], events=[_made(row, order.actor, needed)], revision=needed.revision
    )
    return request_of(row, (), frozenset(one.approver for one in named)), change


def _row(
    context: Context,
    order: IssueOrder,
    facts: IssuanceFacts,
    words: Words,
    policy: int,
    steps: tuple[ApprovalStep, ...],
    acme_order: int | None = None,
) -> CertificateRequestRow:
    """At its first step, where there is one. `order` is as it was asked, `facts` as it was judged."""
    return CertificateRequestRow(
        id=context.ledger.new_id(),
        origin=origin_of(order.actor),
        endpoint=facts.endpoint,
        requester=order.actor.name,
        requester_user=order.actor.user,
        team=facts.team,
        owner=facts.owner,
        authority=facts.authority,
        profile=facts.profile,
        public_key=order.request.spki,
        key_algorithm=order.request.algorithm,
        names=write_identifiers(facts.names),
        subject=str(facts.subject),
        lifetime=facts.lifetime,
        wanted=json.dumps(
            {**_wanted(order, facts.at), "shape": shape_of(context.snapshot.profile(facts.profile))},
            sort_keys=True,
        ),
        comment=words.comment,
        resubmits=words.resubmits,
        policy=policy,
        steps=write_steps(steps),
        created_at=facts.at,
        expires_at=facts.at + timedelta(seconds=steps[0].expires if steps else 0),
        approved_at=None,
        rejected_at=None,
        withdrawn_at=None,
        expired_at=None,
        issued_at=None,
        certificate=None,
        acme_order=acme_order,
        failed_at=None,
        problem="",
        version=1,
    )


def steps_approvers(needed: ApprovalNeeded) -> list[str]:
    return [approver for step in needed.needed.steps for approver in step.approvers]


def approvers_named(
    approvers: list[str], new_id: Callable[[], int], request: int
) -> list[RequestApproverRow]:
    """Rows for those that are no roles, each once."""
    named = [one for one in dict.fromkeys(approvers) if not one.startswith("role:")]
    return [RequestApproverRow(new_id(), request, one) for one in named]


def _made(row: CertificateRequestRow, actor: Actor, needed: ApprovalNeeded) -> Event:
    facts = needed.facts
    detail: dict[str, JsonValue] = {
        "authority": row.authority,
        "profile": row.profile,
        "subject": shown(row.subject, SUBJECT_SHOWN),
        "names": [shown(str(name), NAME_SHOWN) for name in facts.names[:NAMES_SHOWN]],
        "names_count": len(facts.names),
        "rules": list(needed.needed.rules[:NAMES_SHOWN]),
        "steps": [step.name for step in needed.needed.steps],
        "policy": row.policy,
        "comment": shown(row.comment, COMMENT_SHOWN),
    }
    if row.endpoint:
        detail["endpoint"] = row.endpoint
    if row.resubmits is not None:
        detail["resubmits"] = str(row.resubmits)
    return Event(
        EventKind.REQUEST_MADE, row.created_at, actor.name, actor.source, f"request:{row.id}", detail
    )


# -- what was asked for, to be asked for again ---------------------------------------------------


def _wanted(order: IssueOrder, now: datetime) -> dict[str, Any]:
    """The end that a person wished for is a lifetime from issuance on; a protocol's is that moment."""
    request, ends = order.request, order.request.not_after
    fixed = ends is not None and order.actor.name.startswith("acme:")
    return {
        "verb": order.verb,
        "identifiers": json.loads(write_identifiers(request.identifiers)),
        "subject": request.subject.encode().hex(),
        "exact": bool(request.subject.exact),
        "must_staple": request.must_staple,
        "ends": ends.isoformat() if ends is not None and fixed else None,
        "seconds": lifetime_of(now, ends) - 1 if ends is not None and not fixed else None,
        "replaces": str(order.replaces) if order.replaces is not None else None,
        "team": order.team,
        "owner": order.owner,
        "tags": sorted(order.tags),
    }


def shape_asked_for(row: CertificateRequestRow) -> str:
    """Of the profile as it was when the request was made (`profile_document.shape_of`)."""
    shape: str = json.loads(row.wanted)["shape"]
    return shape


def asked_again(row: CertificateRequestRow, actor: Actor, now: datetime) -> IssueOrder:
    """The order that a request was made of, with its wish for an end counted from now. The endpoint is for
    the caller to add."""
    wanted = json.loads(row.wanted)
    public_key: Any = load_der_public_key(row.public_key)
    request = CertificateRequest(
        public_key,
        row.public_key,
        keys.algorithm_of(public_key),
        _subject(bytes.fromhex(wanted["subject"]), wanted["exact"]),
        _identifiers(wanted["identifiers"]),
        wanted["must_staple"],
        not_after=_end(wanted, now),
    )
    replaces = wanted["replaces"]
    return IssueOrder(
        actor,
        request,
        row.authority,
        row.profile,
        replaces=int(replaces) if replaces else None,
        verb=Verb(wanted["verb"]),
        team=wanted["team"],
        owner=wanted["owner"],
        tags=frozenset(wanted["tags"]),
    )


def _subject(encoded: bytes, exact: bool) -> DistinguishedName:
    name = decode_name(encoded)
    return replace(name, exact=encoded) if exact else name


def _identifiers(pairs: list[list[str]]) -> tuple[Identifier, ...]:
    return read_identifiers(json.dumps(pairs))


def _end(wanted: dict[str, Any], now: datetime) -> datetime | None:
    if wanted["ends"]:
        return datetime.fromisoformat(wanted["ends"])
    return now + timedelta(seconds=wanted["seconds"]) if wanted["seconds"] else None
