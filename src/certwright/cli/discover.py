"""`certwright discover`: look for certificates, and say what is found as it is found."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Session, anywhere
from .output import Progress, one_line

if TYPE_CHECKING:
    from ..core.access import Actor
    from ..operations.context import Context
    from ..operations.discovery_runs import DiscoveryOrder
    from ..store.discovery_rows import DiscoveryRunRow
    from .remote import Remote

Document = dict[str, Any]
POLL_SECONDS = 0.5
HEADS = ("PLACE", "SUBJECT", "ISSUER", "ENDS", "FINDINGS")
WIDTHS = (30, 34, 24, 10, 0)


@anywhere
def discover(
    session: Session,
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="TARGET...", help="Hosts, addresses, networks, host:port; or folders and files."
        ),
    ],
    ports: Annotated[
        str, typer.Option("--ports", metavar="443,8000-9000", help="Where targets name no port.")
    ] = "",
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", metavar="TARGET", help="Never touched; may be repeated.")
    ] = None,
    names: Annotated[
        list[str] | None,
        typer.Option("--name", metavar="NAME", help="Server name to ask for too; may be repeated."),
    ] = None,
    source: Annotated[
        str,
        typer.Option("--source", metavar="NAME", help="Default: files for paths, network for all else."),
    ] = "",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A setting of the source; may be repeated."),
    ] = None,
    zone: Annotated[
        str, typer.Option("--zone", metavar="NAME", help="The network in which addresses are meant.")
    ] = "",
) -> None:
    """Look for certificates in networks and files.

    Each is taken into the inventory, and printed with what is wrong with it.
    """
    from ..operations.discovery_runs import DiscoveryOrder

    given = dict(_pair(text) for text in settings or ())
    if ports:
        given["ports"] = ports
    if names:
        given["names"] = list(names)
    order = DiscoveryOrder(source or _source(targets), tuple(targets), tuple(exclude or ()), given, zone)
    with session.output.progress("Discovery") as progress:
        table = _Table(session, progress)

        async def act(context: Context, actor: Actor) -> Document:
            return await _run_here(context, actor, order, table)

        found = session.run(act, lambda remote: _run_there(remote, order, table))
    session.output.show(found, table.end(found["run"]))


def _source(targets: list[str]) -> str:
    """Paths, and configurations of servers (`nginx:/etc/nginx/nginx.conf`), are of files."""
    return "files" if all(_OF_FILES.match(target) for target in targets) else "network"


_OF_FILES = re.compile(r"(?:[a-z]+:)?/|\.{1,2}/|~")


def _pair(text: str) -> tuple[str, Any]:
    """A setting; a value may be JSON, and is text otherwise. Raises Malformed."""
    import json

    from ..core.errors import Malformed

    name, equals, value = text.partition("=")
    if not equals or not name:
        raise Malformed(f"--set {one_line(text)[:60]}: write NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


async def _run_here(context: Context, actor: Actor, order: DiscoveryOrder, table: _Table) -> Document:
    from ..operations.discovery_runs import ask_discovery, cancel_run, run_document
    from ..operations.run_discovery import run_discovery
    from ..operations.seen_documents import telling

    def show(row: DiscoveryRunRow, seen: list[Document]) -> None:
        table.progress(row.done, row.total)
        table.add(seen)

    row = await ask_discovery(context, actor, order, mine=True)
    try:
        row = await run_discovery(context, row, telling(context, show))
    except BaseException:
        await cancel_run(context, actor, row.id)  # nobody goes on with what was interrupted here
        raise
    return {"run": run_document(row, context.clock()), "seen": table.seen}


def _run_there(remote: Remote, order: DiscoveryOrder, table: _Table) -> Document:
    """Have a worker there do it, and print what it has seen once it has."""
    from .remote import path_of

    body: Document = {
        "source": order.source,
        "targets": list(order.targets),
        "exclude": list(order.exclude),
        "settings": dict(order.settings),
        "zone": order.zone,
    }
    run = remote.post("/discovery/runs", body)
    path = path_of("discovery", "runs", run["id"])
    while run["status"] in ("waiting", "running"):
        time.sleep(POLL_SECONDS)
        run = remote.get(path)
        table.progress(run["done"], run["total"])
    table.add(list(remote.rows(f"{path}/seen", "seen")))
    return {"run": run, "seen": table.seen}


class _Table:
    """Rows as they come, on standard output where text is wanted."""

    def __init__(self, session: Session, progress: Progress) -> None:
        self.progress = progress
        self.seen: list[Document] = []
        self._quiet = session.output.as_json

    def add(self, documents: list[Document]) -> None:
        for document in documents:
            if not self._quiet:
                if not self.seen:
                    print(_line(HEADS))
                print(_line(_cells(document)), flush=True)
            self.seen.append(document)

    def end(self, run: Document) -> str:
        text = (
            f"{run['done']} places looked at, {run['seen']} certificates seen there; "
            f"{run['new']} not known before, {run['appeared']} new at their place"
        )
        if run["problems"]:
            text += f"; {run['problems']} places could not be read"
        return f"{text}\nthe run ended early: {run['problem']}" if run["problem"] else text


def _cells(document: Document) -> tuple[str, ...]:
    place = document["place"]
    where = f"{place['host']}:{place['port']}" if place["port"] else place["host"]
    if place["name"]:
        where += f" {place['name']}"
    if document["problem"]:
        return where, one_line(document["problem"]), "", "", ""
    findings = " ".join(one["code"] for one in document["findings"]) or "-"
    return (
        where,
        document["subject"] or ", ".join(document["names"][:3]) or document["fingerprint"][:16],
        document["issuer"],
        document["not_after"][:10],
        findings,
    )


def _line(cells: tuple[str, ...]) -> str:
    return "  ".join(one_line(cell).ljust(width) for cell, width in zip(cells, WIDTHS, strict=True)).rstrip()
