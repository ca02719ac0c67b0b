"""`certwright finding`: list, show, acknowledge, accept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Session, anywhere, group, parse_duration
from .output import columns, facts

if TYPE_CHECKING:
    from ..core.access import Actor
    from ..operations.context import Context
    from ..store.discovery_rows import FindingRow

Document = dict[str, Any]
app = group("What is wrong with certificates.")
Number = Annotated[str, typer.Argument(metavar="FINDING", help="Number of the finding.")]


@app.command("list")
@anywhere
def list_all(
    session: Session,
    code: Annotated[str, typer.Option("--code", metavar="CODE", help="Of docs/reference/health.md.")] = "",
    severity: Annotated[
        str, typer.Option("--severity", metavar="NAME", help="critical, warning or notice.")
    ] = "",
    state: Annotated[
        str, typer.Option("--state", metavar="NAME", help="open, acknowledged, accepted, closed or due.")
    ] = "",
    team: Annotated[
        str, typer.Option("--team", metavar="NAME", help="Of this team's certificates; none: of no team.")
    ] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many at the most.")] = 100,
) -> None:
    """List findings that are not closed, the newest first."""
    from urllib.parse import urlencode

    given = {"code": code, "severity": severity, "state": state, "team": team}
    query = {name: value for name, value in given.items() if value} | {"limit": str(limit)}

    async def act(context: Context, actor: Actor) -> list[Document]:
        from ..operations.findings import FindingFilter, finding_documents, list_findings

        wanted = FindingFilter(code, severity, team, state=state)
        return await finding_documents(context, await list_findings(context, actor, wanted, limit=limit))

    found = session.run(act, lambda remote: remote.get(f"/findings?{urlencode(query)}")["findings"])
    heads = ("FINDING", "SEVERITY", "CODE", "STATE", "CERTIFICATE", "PLACE", "WHAT")
    session.output.show({"findings": found}, columns(heads, [_cells(one) for one in found]))


def _cells(one: Document) -> tuple[str, ...]:
    subject = one["subject"] or one["certificate"][:16]
    return one["id"], one["severity"], one["code"], one["state"], subject, _place(one), one["detail"]


def _place(one: Document) -> str:
    place = one["place"]
    if place is None:
        return "-"
    where = f"{place['host']}:{place['port']}" if place["port"] else place["host"]
    return f"{where} {place['name']}".rstrip()


@app.command()
@anywhere
def scores(session: Session) -> None:
    """List the scores of teams, and by how many points each has changed in 30 days."""

    async def act(context: Context, actor: Actor) -> Document:
        from ..operations.count_scores import list_scores, trend_document

        found = await list_scores(context, actor)
        return {"scores": [trend_document(one) for one in found.trends], "total": found.total}

    found = session.run(act, lambda remote: remote.get("/scores"))
    heads = ("TEAM", "SCORE", "CHANGE", "IN USE", "CRITICAL", "WARNING", "NOTICE", "ACCEPTED")
    session.output.show(found, columns(heads, [_score_cells(one) for one in found["scores"]]))


def _score_cells(one: Document) -> tuple[str, ...]:
    team = "everything" if one["team"] is None else one["team"] or "no team"
    score = "-" if one["score"] is None else f"{one['score']} %"
    change = "-" if one["change"] is None else f"{one['change']:+d}"
    return (
        team,
        score,
        change,
        *(str(one[name]) for name in ("certificates", "critical", "warning", "notice", "accepted")),
    )


@app.command()
@anywhere
def readiness(session: Session) -> None:
    """List how far systems are towards post-quantum cryptography."""

    async def act(context: Context, actor: Actor) -> Document:
        from ..operations.count_readiness import list_readiness, readiness_document

        return readiness_document(await list_readiness(context, actor))

    found = session.run(act, lambda remote: remote.get("/readiness"))
    numbers = ("places", "hybrid", "plain", "certificates", "safe", "classical", "lasting")
    heads = ("KIND", "NAME", "ENDPOINTS", "HYBRID", "PLAIN", "CERTIFICATES", "SAFE", "CLASSICAL", "LASTING")
    rows = [
        (one["kind"], one["name"] or "-", *(str(one[name]) for name in numbers)) for one in found["systems"]
    ]
    session.output.show(found, columns(heads, rows))


@app.command()
@anywhere
def show(session: Session, finding: Number) -> None:
    """Show one, what it means, and what to do."""
    from ..core.health import KINDS
    from .remote import path_of

    async def act(context: Context, actor: Actor) -> Document:
        from ..operations.findings import find_finding

        row, _ = await find_finding(context.database, actor, _number(finding))
        return await _told(context, row)

    found = session.run(act, lambda remote: remote.get(path_of("findings", finding)))
    kind = KINDS.get(found["code"])
    pairs = [
        ("Finding", f"{found['code']} ({found['severity']}, {found['state']})"),
        ("certificate", f"{found['subject']} {found['certificate']}".strip()),
        ("place", _place(found)),
        ("what", found["detail"]),
        ("since", found["opened_at"]),
    ]
    if kind is not None:
        pairs += [("meaning", kind.meaning), ("what to do", kind.remedy)]
    session.output.show(found, facts(pairs))


@app.command()
@anywhere
def acknowledge(session: Session, finding: Number) -> None:
    """Say that somebody is at it."""
    from .remote import path_of

    async def act(context: Context, actor: Actor) -> Document:
        from ..operations.findings import acknowledge_finding

        return await _told(context, await acknowledge_finding(context, actor, _number(finding)))

    found = session.run(act, lambda remote: remote.post(path_of("findings", finding, "acknowledge"), {}))
    session.output.show(found, f"Acknowledged {found['code']} of {found['subject'] or found['certificate']}")


@app.command()
@anywhere
def accept(
    session: Session,
    finding: Number,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why it may stay so.")],
    duration: Annotated[str, typer.Option("--for", metavar="30d", help="For how long, from now on.")] = "30d",
) -> None:
    """Let it stay so for a time; it opens again by itself after that."""
    from .remote import path_of

    until = datetime.now(UTC) + parse_duration("for", duration)

    async def act(context: Context, actor: Actor) -> Document:
        from ..operations.findings import accept_finding

        return await _told(context, await accept_finding(context, actor, _number(finding), until, reason))

    body = {"until": until.isoformat(), "reason": reason}
    found = session.run(act, lambda remote: remote.post(path_of("findings", finding, "accept"), body))
    session.output.show(found, f"Accepted {found['code']} until {found['accepted_until'][:16]}")


async def _told(context: Context, row: FindingRow) -> Document:
    from ..operations.findings import finding_documents

    return (await finding_documents(context, [row]))[0]


def _number(text: str) -> int:
    """Raises NotFound: what is no number names nothing."""
    from ..core.errors import NotFound

    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise NotFound(f"there is no finding {text[:40]!r}")
    return int(text)
