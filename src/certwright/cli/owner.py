"""`certwright owner`: who answers for certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Session, anywhere, group, parse_duration
from .output import columns

if TYPE_CHECKING:
    from ..core.access import Actor
    from ..core.responsibility import Assignment
    from ..operations.context import Context
    from .output import Progress
    from .remote import Remote
    from .wiring import Reading

Document = dict[str, Any]
app = group("Who answers for certificates.")
NOBODY = "-"
SELECTED_BY = ("authority", "profile", "endpoint", "name", "responsible", "tag", "key_algorithm", "query")
COUNTS = ("changed", "unchanged", "refused")
Team = Annotated[str, typer.Option("--team", metavar="TEAM", help="Team that shall answer; - for none.")]
Owner = Annotated[
    str, typer.Option("--owner", metavar="ACCOUNT", help="Account that shall answer; - for none.")
]
Environment = Annotated[
    str, typer.Option("--environment", metavar="WORD", help="What they are used in; - for not said.")
]
OwnField = Annotated[
    list[str] | None,
    typer.Option("--field", metavar="NAME=VALUE", help="Fill in your own field; NAME= empties it."),
]
Filter = Annotated[str, typer.Option(metavar="NAME", help="All of those.")]


@app.command()
@anywhere
def assign(
    session: Session,
    certificate: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FINGERPRINT|SERIAL]...", help="Which; without, those that filters select."),
    ] = None,
    team: Team = "",
    owner: Owner = "",
    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="WORD", help="Put this tag on; again for more.")
    ] = None,
    untag: Annotated[
        list[str] | None, typer.Option("--untag", metavar="WORD", help="Take this tag off.")
    ] = None,
    environment: Environment = "",
    own_field: OwnField = None,
    authority: Annotated[
        str, typer.Option("--of-authority", metavar="NAME", help="All of this authority.")
    ] = "",
    profile: Annotated[str, typer.Option("--of-profile", metavar="NAME", help="All of this profile.")] = "",
    endpoint: Annotated[
        str, typer.Option("--of-endpoint", metavar="PROTOCOL/NAME", help="All that came through it.")
    ] = "",
    name: Annotated[
        str, typer.Option("--of-name", metavar="NAME", help="All with this DNS name; .example.test: below.")
    ] = "",
    responsible: Annotated[
        str, typer.Option("--of-owner", metavar="TEAM|ACCOUNT", help="All that they answer for.")
    ] = "",
    tagged: Annotated[str, typer.Option("--of-tag", metavar="WORD", help="All with this tag.")] = "",
    key_algorithm: Annotated[
        str, typer.Option("--of-key-algorithm", metavar="NAME", help="All with such a key: rsa-2048, ...")
    ] = "",
    query: Annotated[
        str, typer.Option("--query", metavar="TEXT", help="All that this finds, in the language of searches.")
    ] = "",
    unowned: Annotated[bool, typer.Option("--of-nobody", help="All for which nobody answers.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how many; change nothing.")] = False,
) -> None:
    """Say who answers for certificates, and tag them.

    For those that are named, or for all that every given filter selects. What is not said stays as it is.
    """
    from ..core.errors import Malformed
    from ..core.responsibility import Assignment

    given = (authority, profile, endpoint, name, responsible, tagged, key_algorithm, query)
    selected: Document = {key: value for key, value in zip(SELECTED_BY, given, strict=True) if value}
    if unowned:
        selected["unowned"] = True
    if bool(certificate) == bool(selected):
        raise Malformed("give either certificates or filters that select them")
    if certificate and dry_run:
        raise Malformed("--dry-run is for filters; certificates that are named are as many as you name")
    tags = frozenset(tag or ()), frozenset(untag or ())
    wanted = Assignment(
        named(team), named(owner), *tags, named(environment), fields=fields_given(own_field or [])
    )
    if certificate:
        assign_named(session, certificate, wanted)
    else:
        assign_selected(session, selected, wanted, dry_run)


def named(text: str) -> str | None:
    return None if not text else "" if text == NOBODY else text


def fields_given(pairs: list[str]) -> dict[str, str]:
    """Raises Malformed."""
    from ..core.errors import Malformed

    for pair in pairs:
        if "=" not in pair:
            raise Malformed(f"--field {pair[:80]!r} has no value; write --field NAME=VALUE")
    return dict(pair.split("=", 1) for pair in pairs)


def _body(wanted: Assignment) -> Document:
    texts = {"team": wanted.team, "owner": wanted.owner, "environment": wanted.environment}
    texts |= {"standing": wanted.standing, "reason": wanted.reason or None}
    tags = {"tagged": sorted(wanted.tagged), "untagged": sorted(wanted.untagged)}
    said = texts | tags | {"fields": dict(wanted.fields)}
    return {key: value for key, value in said.items() if value is not None and value not in ([], {})}


def assign_named(session: Session, certificates: list[str], wanted: Assignment) -> None:
    from ..operations.assign_owner import assign_owner
    from ..operations.certificate_documents import certificate_document
    from .remote import path_of

    async def act(context: Context, actor: Actor) -> list[Document]:
        return list(map(certificate_document, await assign_owner(context, actor, certificates, wanted)))

    def there(remote: Remote) -> list[Document]:
        return [remote.put(path_of("certificates", one, "owner"), _body(wanted)) for one in certificates]

    found = session.run(act, there)
    rows = [(one["serial"], one["team"], one["owner"], one["subject"]) for one in found]
    session.output.show({"certificates": found}, columns(("SERIAL", "TEAM", "OWNER", "SUBJECT"), rows))


def assign_selected(session: Session, selected: Document, wanted: Assignment, dry_run: bool) -> None:
    with session.output.progress("Certificates") as progress:
        sums = session.run(
            lambda context, actor: _all_here(context, actor, selected, wanted, dry_run, progress),
            lambda remote: _all_there(remote, selected, wanted, dry_run, progress),
        )
    done = "would be changed" if dry_run else "changed"
    told = f"{sums['changed']} {done}, {sums['unchanged']} are so already, {sums['refused']} refused"
    session.output.show(sums, told)


async def _all_here(
    context: Context, actor: Actor, selected: Document, wanted: Assignment, dry_run: bool, told: Progress
) -> dict[str, int]:
    from ..operations import assign_owner
    from ..operations.list_certificates import CertificateFilter

    sums, place = dict.fromkeys(COUNTS, 0), None
    while True:
        done = await assign_owner.assign_selected(
            context,
            actor,
            CertificateFilter(**selected),
            wanted,
            after=place,
            rehearse=dry_run,
            progress=told,
        )
        for name in COUNTS:
            sums[name] += getattr(done, name)
        if done.next is None:
            return sums
        place = done.next


def _all_there(
    remote: Remote, selected: Document, wanted: Assignment, dry_run: bool, told: Progress
) -> dict[str, int]:
    body = _body(wanted) | {"filter": selected, "rehearse": dry_run}
    sums = dict.fromkeys(COUNTS, 0)
    while True:
        done = remote.post("/certificates/assign", body)
        for name in COUNTS:
            sums[name] += done[name]
        if not done["next"]:
            return sums
        told(sum(sums.values()), sum(sums.values()) + done["total"])
        body["after"] = done["next"]


@app.command("hand-over")
@anywhere
def hand_over_all(
    session: Session,
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Who leaves.")],
    owner: Annotated[
        str, typer.Option("--owner", metavar="ACCOUNT", help="Who answers from now on. Default: the team.")
    ] = "",
    team: Annotated[
        str, typer.Option("--team", metavar="TEAM", help="Team that answers. Default: as it was.")
    ] = "",
) -> None:
    """Hand over everything that an account answers for.

    Certificates, and endpoints with what they will issue. To do it again does no harm.
    """
    from ..operations.hand_over import hand_over
    from .remote import path_of

    async def act(context: Context, actor: Actor) -> Document:
        done = await hand_over(context, actor, account, owner, team)
        return {"certificates": done.certificates, "endpoints": done.endpoints, "refused": done.refused}

    body = {key: value for key, value in (("owner", owner), ("team", team)) if value}
    done = session.run(act, lambda remote: remote.post(path_of("users", account, "hand-over"), body))
    told = f"{done['certificates']} certificates and {done['endpoints']} endpoints handed over"
    session.output.show(done, told + (f", {done['refused']} refused" if done["refused"] else ""))


@app.command()
@anywhere
def matrix(
    session: Session,
    expiring: Annotated[
        str, typer.Option("--expiring", metavar="30d", help="What counts as ending soon.")
    ] = "30d",
    csv: Annotated[bool, typer.Option("--csv", help="As comma-separated values, for a spreadsheet.")] = False,
) -> None:
    """Show who answers for how many certificates that hold."""
    from ..core.tables import csv_text

    within = parse_duration("expiring", expiring)

    async def act(reading: Reading) -> list[Document]:
        from dataclasses import asdict

        from ..operations.responsibility_matrix import responsibility_matrix

        lines = await responsibility_matrix(reading.database, reading.actor, reading.now, within)
        return list(map(asdict, lines))

    lines = session.read(
        act, lambda remote: list(remote.get("/responsibility", {"expiring": expiring})["lines"])
    )
    heads = ("team", "owner", "profile", "authority", "live", "expiring")
    rows = [[str(line[head]) for head in heads] for line in lines]
    table = columns([head.upper() for head in heads], rows)
    session.output.show({"lines": lines}, csv_text(heads, rows).rstrip("\r\n") if csv else table)
