"""`certwright endpoint`: list, show, save, remove."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Home, Json, begin, group
from .output import columns, facts
from .profile import read_json

if TYPE_CHECKING:
    from ..core.access import Actor
    from ..operations.context import Context
    from ..operations.found_installation import EndpointOrder
    from ..store.snapshot import Endpoint
    from .wiring import Reading

Document = dict[str, Any]
app = group("Enrolment endpoints.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the endpoint, default for the first.")]
Protocol = Annotated[str, typer.Option("--protocol", metavar="NAME", help="Its protocol.")]


@app.command("list")
def list_all(context: typer.Context, home: Home = None, as_json: Json = False) -> None:
    """List the endpoints."""
    session = begin(context, home, as_json)

    async def act(reading: Reading) -> list[Document]:
        from ..core.access import Subject, Verb, may

        endpoints = sorted(reading.snapshot.endpoints.values(), key=lambda one: one.path)
        return [
            _document(one)
            for one in endpoints
            if may(reading.actor, Verb.VIEW, Subject(authority=one.authority, endpoint=one.path))
        ]

    found = session.read(act)
    heads = ("PROTOCOL", "NAME", "SERVED", "AUTHORITY", "PROFILES")
    rows = [
        (
            one["protocol"],
            one["name"],
            "yes" if one["enabled"] else "no",
            one["authority"],
            ", ".join(one["profiles"]),
        )
        for one in found
    ]
    session.output.show({"endpoints": found}, columns(heads, rows))


@app.command()
def show(
    context: typer.Context, name: Name, protocol: Protocol = "acme", home: Home = None, as_json: Json = False
) -> None:
    """Print an endpoint's document, to be changed and saved."""
    session = begin(context, home, as_json)

    async def act(reading: Reading) -> Document:
        from ..core.access import Subject, Verb, require

        endpoint = reading.snapshot.endpoint(protocol, name)
        require(reading.actor, Verb.VIEW, Subject(authority=endpoint.authority, endpoint=endpoint.path))
        return _document(endpoint)

    document = session.read(act)
    document.pop("enabled")
    session.output.show(document, json.dumps(document, indent=2))


@app.command()
def save(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The document, JSON; - is standard input.")],
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Make an endpoint, or change the one of this protocol and name; say where the settings serve it."""
    from ..operations.found_installation import save_endpoint

    session = begin(context, home, as_json)
    order = _order(read_json(file))

    async def act(context: Context, actor: Actor) -> Document:
        await save_endpoint(context, actor, order)
        return _document(context.snapshot.endpoint(order.protocol, order.name))

    document = session.run(act)
    directory = session.wiring.directory(session.home, order.name)
    told = facts([("Saved endpoint", f"{order.protocol}/{order.name}"), ("directory", directory)])
    session.output.show(document | {"directory": directory}, told)


def _order(document: object) -> EndpointOrder:
    """Raises Malformed naming the field."""
    from ..core.documents import Fields
    from ..operations.found_installation import EndpointOrder

    fields = Fields(document, "endpoint")
    fields.only("protocol", "name", "authority", "profiles", "policy", "settings")
    order = EndpointOrder(
        fields.text("protocol", "acme"),
        fields.text("name"),
        fields.text("authority"),
        fields.texts("profiles"),
        fields.take("policy") if fields.has("policy") else {},
        fields.take("settings") if fields.has("settings") else {},
    )
    fields.finish()
    return order


@app.command()
def remove(
    context: typer.Context, name: Name, protocol: Protocol = "acme", home: Home = None, as_json: Json = False
) -> None:
    """Serve an endpoint no more; saving it again brings it back."""
    from ..operations.remove_endpoint import remove_endpoint

    session = begin(context, home, as_json)

    async def act(context: Context, actor: Actor) -> Document:
        row = await remove_endpoint(context, actor, protocol, name)
        return {"protocol": row.protocol, "name": row.name, "enabled": row.enabled}

    session.output.show(session.run(act), f"Removed endpoint {protocol}/{name}")


def _document(endpoint: Endpoint) -> Document:
    row = endpoint.row
    return {
        "protocol": row.protocol,
        "name": row.name,
        "authority": endpoint.authority,
        "profiles": list(endpoint.profiles),
        "policy": json.loads(row.policy),
        "settings": endpoint.settings,
        "enabled": row.enabled,
    }
