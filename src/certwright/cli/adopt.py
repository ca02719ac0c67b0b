"""`certwright adopt` and `certwright ignore`: certificates of others that were found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .options import Session, anywhere
from .owner import Environment, Owner, OwnField, Team, assign_named, assign_selected, fields_given, named

if TYPE_CHECKING:
    from ..core.responsibility import Assignment

Certificates = Annotated[
    list[str] | None,
    typer.Argument(metavar="[FINGERPRINT|SERIAL]...", help="Which; without, those that --query finds."),
]
Searched = Annotated[
    str,
    typer.Option(
        "--query", metavar="TEXT", help="All of others that this finds: 'standing:found team:none'."
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say how many; change nothing.")]


@anywhere
def adopt(
    session: Session,
    certificate: Certificates = None,
    team: Team = "",
    owner: Owner = "",
    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="WORD", help="Put this tag on; again for more.")
    ] = None,
    environment: Environment = "",
    own_field: OwnField = None,
    query: Searched = "",
    dry_run: DryRun = False,
) -> None:
    """Adopt certificates that were found.

    From now on we answer for them: say who does, and what they are used in.
    """
    from ..core.responsibility import Assignment
    from ..core.standing import Standing

    wanted = Assignment(
        *(named(team), named(owner), frozenset(tag or ()), frozenset(), named(environment)),
        standing=Standing.ADOPTED,
        fields=fields_given(own_field or []),
    )
    _change(session, certificate or [], query, wanted, dry_run)


@anywhere
def ignore(
    session: Session,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why they do not matter to us.")],
    certificate: Certificates = None,
    query: Searched = "",
    dry_run: DryRun = False,
) -> None:
    """Ignore certificates that were found.

    They stay in the inventory, are found by standing:ignored, and can be adopted later.
    """
    from ..core.responsibility import Assignment
    from ..core.standing import Standing

    _change(session, certificate or [], query, Assignment(standing=Standing.IGNORED, reason=reason), dry_run)


def _change(session: Session, certificates: list[str], query: str, wanted: Assignment, dry_run: bool) -> None:
    from ..core.errors import Malformed

    if bool(certificates) == bool(query):
        raise Malformed("give either certificates or --query that finds them")
    if certificates and dry_run:
        raise Malformed("--dry-run is for --query; certificates that are named are as many as you name")
    if certificates:
        assign_named(session, certificates, wanted)
    else:
        assign_selected(session, {"query": query}, wanted, dry_run)
