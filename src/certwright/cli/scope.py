"""`certwright scope`: list, show, save, remove, run, runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Session, anywhere, group
from .output import columns, facts
from .profile import read_json

if TYPE_CHECKING:
    from ..core.access import Actor
    from ..operations.context import Context
    from ..operations.discovery_scopes import ScopeOrder
    from .remote import Remote
    from .wiring import Reading

Document = dict[str, Any]
app = group("What is looked at again and again.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the scope.")]
SAVED = ("name", "source", "targets", "exclude", "settings", "zone", "every_minutes", "quiet", "version")


@app.command("list")
@anywhere
def list_all(session: Session) -> None:
    """List the scopes."""

    async def act(reading: Reading) -> list[Document]:
        from ..operations.discovery_scopes import list_scopes, scope_document

        return [scope_document(row) for row in await list_scopes(reading.database, reading.actor)]

    found = session.read(act, lambda remote: list(remote.rows("/discovery/scopes", "scopes")))
    heads = ("NAME", "SOURCE", "TARGETS", "EVERY", "NEXT RUN", "ZONE")
    rows = [
        (
            one["name"],
            one["source"],
            str(len(one["targets"])),
            f"{one['every_minutes']} min" if one["every_minutes"] else "-",
            one["next_run_at"] or "-",
            one["zone"],
        )
        for one in found
    ]
    session.output.show({"scopes": found}, columns(heads, rows))


@app.command()
@anywhere
def show(session: Session, name: Name) -> None:
    """Print a scope's document, to be changed and saved. Secret settings are not in it."""
    from .remote import path_of

    async def act(reading: Reading) -> Document:
        from ..operations.discovery_scopes import find_scope, scope_document

        return scope_document(await find_scope(reading.database, reading.actor, name))

    document = session.read(act, lambda remote: remote.get(path_of("discovery", "scopes", name)))
    kept = {field: document[field] for field in SAVED}
    session.output.show(kept, json.dumps(kept, indent=2))


@app.command()
@anywhere
def save(
    session: Session,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The document, JSON; - is standard input.")],
) -> None:
    """Make a scope, or change the one of that name as the document's `version` has it."""
    from ..operations.discovery_scopes import save_scope, scope_document
    from .remote import path_of

    order, version = _order(read_json(file))

    async def act(context: Context, actor: Actor) -> Document:
        return scope_document(await save_scope(context, actor, order, version))

    def there(remote: Remote) -> Document:
        look = order.look
        body = {
            "source": look.source,
            "targets": list(look.targets),
            "exclude": list(look.exclude),
            "settings": dict(look.settings),
            "zone": look.zone,
            "every_minutes": order.every_minutes,
            "quiet": list(order.quiet),
            "version": version,
        }
        return remote.put(path_of("discovery", "scopes", order.name), body)

    document = session.run(act, there)
    told = facts([("Saved scope", document["name"]), ("next run", document["next_run_at"] or "when asked")])
    session.output.show(document, told)


def _order(document: object) -> tuple[ScopeOrder, int]:
    """Raises Malformed naming the field."""
    from ..core.documents import Fields
    from ..operations.discovery_runs import DiscoveryOrder
    from ..operations.discovery_scopes import ScopeOrder

    fields = Fields(document, "scope")
    fields.only(*SAVED)
    settings = fields.take("settings") if fields.has("settings") else {}
    look = DiscoveryOrder(
        fields.text("source"),
        fields.texts("targets"),
        fields.texts("exclude") if fields.has("exclude") else (),
        settings if isinstance(settings, dict) else {},
        fields.text("zone", ""),
    )
    every = fields.number("every_minutes", 0)
    quiet = fields.texts("quiet") if fields.has("quiet") else ()
    order = ScopeOrder(fields.text("name"), look, every, quiet)
    version = fields.number("version", 0)
    fields.finish()
    return order, version


@app.command()
@anywhere
def remove(session: Session, name: Name) -> None:
    """Look at a scope no more; what it has seen stays."""
    from .remote import path_of

    async def act(context: Context, actor: Actor) -> Document:
        from ..operations.discovery_scopes import remove_scope, scope_document

        return scope_document(await remove_scope(context, actor, name))

    found = session.run(act, lambda remote: remote.delete(path_of("discovery", "scopes", name)))
    session.output.show(found, f"Removed scope {name}")


@app.command()
@anywhere
def run(session: Session, name: Name) -> None:
    """Have a worker look at a scope now."""
    from .remote import path_of

    async def act(context: Context, actor: Actor) -> Document:
        from ..operations.discovery_runs import run_document
        from ..operations.discovery_scopes import run_scope

        return run_document(await run_scope(context, actor, name), context.clock())

    found = session.run(act, lambda remote: remote.post(path_of("discovery", "scopes", name, "run"), {}))
    session.output.show(found, f"A worker looks at {name}: run {found['id']}")


@app.command()
@anywhere
def runs(session: Session) -> None:
    """List the newest runs."""

    async def act(reading: Reading) -> list[Document]:
        from ..operations.discovery_runs import list_runs, run_document

        rows = await list_runs(reading.database, reading.actor, limit=100)
        return [run_document(row, reading.now) for row in rows]

    found = session.read(act, lambda remote: list(remote.get("/discovery/runs")["runs"]))
    heads = ("RUN", "STATUS", "SOURCE", "ASKED AT", "SEEN", "NEW", "GONE", "PROBLEMS")
    rows = [
        (
            *(one["id"], one["status"], one["source"], one["asked_at"][:16]),
            *(str(one[name]) for name in ("seen", "new", "gone", "problems")),
        )
        for one in found
    ]
    session.output.show({"runs": found}, columns(heads, rows))


@app.command()
@anywhere
def stop(
    session: Session, identifier: Annotated[str, typer.Argument(metavar="RUN", help="Number of the run.")]
) -> None:
    """Stop a run; what it has seen stays."""
    from .remote import path_of

    async def act(context: Context, actor: Actor) -> Document:
        from ..core.errors import NotFound
        from ..operations.discovery_runs import cancel_run, run_document

        if not (identifier.isascii() and identifier.isdecimal() and len(identifier) < 19):
            raise NotFound(f"there is no discovery run {identifier[:40]!r}")
        return run_document(await cancel_run(context, actor, int(identifier)), context.clock())

    found = session.run(
        act, lambda remote: remote.post(path_of("discovery", "runs", identifier, "cancel"), {})
    )
    session.output.show(found, f"Stopped run {found['id']}")
