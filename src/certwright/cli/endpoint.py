"""`certwright endpoint`: list, show, save, remove."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Session, anywhere, group
from .output import columns, facts
from .profile import read_json

if TYPE_CHECKING:
    from ..core.access import Actor
    from ..core.documents import Fields
    from ..operations.context import Context
    from ..operations.found_installation import EndpointOrder
    from ..store.snapshot import Endpoint
    from .remote import Remote
    from .wiring import Reading

Document = dict[str, Any]
app = group("Enrolment endpoints.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the endpoint, default for the first.")]
Protocol = Annotated[str, typer.Option("--protocol", metavar="NAME", help="Its protocol.")]


@app.command("list")
@anywhere
def list_all(session: Session) -> None:
    """List the endpoints."""

    async def act(reading: Reading) -> list[Document]:
        from ..operations.view_configuration import list_endpoints

        return list(map(_document, list_endpoints(reading.snapshot, reading.actor)))

    found = session.read(act, lambda remote: list(remote.rows("/endpoints", "endpoints")))
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
@anywhere
def show(session: Session, name: Name, protocol: Protocol = "acme") -> None:
    """Print an endpoint's document, to be changed and saved."""
    from ..core.errors import NotFound
    from .remote import path_of

    async def act(reading: Reading) -> Document:
        from ..operations.view_configuration import view_endpoint

        return _document(view_endpoint(reading.snapshot, reading.actor, protocol, name))

    document = session.read(act, lambda remote: remote.get(path_of("endpoints", protocol, name)))
    if not document.pop("enabled"):
        raise NotFound(f"there is no {protocol} endpoint {name[:60]!r}")
    session.output.show(document, json.dumps(document, indent=2))


@app.command()
@anywhere
def save(
    session: Session,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The document, JSON; - is standard input.")],
) -> None:
    """Make an endpoint, or change the one of this protocol and name; say where the settings serve it."""
    from ..operations.found_installation import save_endpoint
    from .remote import path_of

    order = _order(read_json(file))

    async def act(context: Context, actor: Actor) -> Document:
        await save_endpoint(context, actor, order)
        return _document(context.snapshot.endpoint(order.protocol, order.name))

    def there(remote: Remote) -> Document:
        fields = ("authority", "profiles", "policy", "settings", "team", "owner")
        body = {name: value for name in fields if (value := getattr(order, name)) is not None}
        return remote.put(path_of("endpoints", order.protocol, order.name), body)

    document = session.run(act, there)
    directory = (
        session.remote.url + path_of("acme", order.name, "directory")
        if session.remote
        else session.wiring.directory(session.home, order.name)
    )
    told = facts([("Saved endpoint", f"{order.protocol}/{order.name}"), ("directory", directory)])
    session.output.show(document | {"directory": directory}, told)


def _order(document: object) -> EndpointOrder:
    """Raises Malformed naming the field."""
    from ..core.documents import Fields
    from ..operations.found_installation import EndpointOrder

    fields = Fields(document, "endpoint")
    fields.only("protocol", "name", "authority", "profiles", "policy", "settings", "team", "owner")
    order = EndpointOrder(
        fields.text("protocol", "acme"),
        fields.text("name"),
        fields.text("authority"),
        fields.texts("profiles"),
        fields.take("policy") if fields.has("policy") else {},
        fields.take("settings") if fields.has("settings") else {},
        _answering(fields, "team"),
        _answering(fields, "owner"),
    )
    fields.finish()
    return order


def _answering(fields: Fields, name: str) -> str | None:
    """None where it is left out: then it stays as it is; empty text is nobody. Raises Malformed."""
    value = fields.take(name) if fields.has(name) else None
    if value is not None and not isinstance(value, str):
        raise fields.error(name, "must be a name, or empty")
    return value


@app.command()
@anywhere
def remove(session: Session, name: Name, protocol: Protocol = "acme") -> None:
    """Serve an endpoint no more; saving it again brings it back."""
    from ..operations.remove_endpoint import remove_endpoint
    from .remote import path_of

    async def act(context: Context, actor: Actor) -> Document:
        row = await remove_endpoint(context, actor, protocol, name)
        return {"protocol": row.protocol, "name": row.name, "enabled": row.enabled}

    def there(remote: Remote) -> Document:
        gone = remote.delete(path_of("endpoints", protocol, name))
        return {field: gone[field] for field in ("protocol", "name", "enabled")}

    session.output.show(session.run(act, there), f"Removed endpoint {protocol}/{name}")


def _document(endpoint: Endpoint) -> Document:
    from ..core.policy import endpoint_policy_to_document

    row = endpoint.row
    return {
        "protocol": row.protocol,
        "name": row.name,
        "authority": endpoint.authority,
        "profiles": list(endpoint.profiles),
        "policy": endpoint_policy_to_document(endpoint.policy),
        "settings": endpoint.settings,
        "team": row.team,
        "owner": row.owner,
        "enabled": row.enabled,
    }
