"""From `certwright up` to a running supervisor: found, migrate, look whether it is safe, and become it."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from ..cli.wiring import Founded, ServeHooks, ServeOrder, Serving, Steps
from ..core.access import Actor
from ..core.errors import Conflict, Malformed
from ..core.keys import KeyAlgorithm
from ..operations.save_base_url import save_base_url
from ..store.databases import Database, open_database
from ..store.snapshot import Endpoint, Snapshot, load_snapshot
from .addresses import LOCALHOST, default_url
from .configuration import Configuration
from .installation import (
    DEFAULT_ENDPOINT,
    PASSWORD_HOURS,
    ROOT_FILE,
    initialize,
    migrate,
    service_certificate,
)
from .key_lists import read_key_lists
from .listener_certificate import due, issue_listener_certificate
from .supervisor import LANES, Plan, refuse_taken, replace_process
from .wiring import RECOVERY_PARAMETERS, now, open_context

ORGANIZATION, ALGORITHM = "Certwright", "ecdsa-p256"
_APPLICATIONS = {
    "store": ("certwright", "store/migrations"),
    "auth": ("django", "contrib/auth/migrations"),
    "contenttypes": ("django", "contrib/contenttypes/migrations"),
    "sessions": ("django", "contrib/sessions/migrations"),
    "account": ("allauth", "account/migrations"),
    "mfa": ("allauth", "mfa/migrations"),
    "usersessions": ("allauth", "usersessions/migrations"),
}


def found(configuration: Configuration, organization: str, algorithm: str, step: Steps) -> Founded:
    """Found an installation. Raises Conflict when there is one, Malformed for an unknown algorithm."""
    if algorithm not in tuple(KeyAlgorithm):
        known = ", ".join(KeyAlgorithm)
        raise Malformed(f"there is no key algorithm {algorithm[:40]!r}; known are {known}")
    made = asyncio.run(initialize(configuration, organization, KeyAlgorithm(algorithm), step))
    return Founded(
        made.home,
        made.root_certificate,
        made.root_fingerprint,
        made.service_certificate,
        made.administrator,
        made.recovery_passphrase,
        made.password,
        PASSWORD_HOURS,
    )


def launch(order: ServeOrder, hooks: ServeHooks, actor: Actor) -> NoReturn:
    """Raises CertwrightError naming what stands against it; otherwise this process becomes the supervisor."""
    overrides = {
        name: value
        for name in ("https", "http", "mtls", "workers", "open_enrolment")
        if (value := getattr(order, name)) is not None
    }
    configuration = Configuration.load(order.home, overrides)
    if order.only != "worker":  # before the recovery passphrase is shown, the only time that it is
        for name, address in configuration.listeners.items():
            refuse_taken(name, str(address))
    if not (configuration.home / RECOVERY_PARAMETERS).exists():
        _refuse_to_found_in_public(configuration)
        hooks.founded(found(configuration, ORGANIZATION, ALGORITHM, hooks.step))
    asyncio.run(_migrate(configuration, hooks.step))
    read_key_lists(configuration)
    snapshot = asyncio.run(_facts(configuration))
    configuration = as_founded(configuration, overrides, snapshot.installation.base_url)
    _refuse_open_enrolment(configuration, snapshot)
    for line in warnings(configuration, snapshot):
        hooks.warn(line)
    if due(configuration, now()) or configuration.url != snapshot.installation.base_url:
        asyncio.run(_renew(configuration, actor))
    replace_process(_plan(configuration, order, hooks, snapshot))


def _plan(configuration: Configuration, order: ServeOrder, hooks: ServeHooks, snapshot: Snapshot) -> Plan:
    return Plan(
        str(configuration.home),
        {name: str(address) for name, address in configuration.listeners.items()},
        configuration.workers,
        (order.only,) if order.only else LANES,
        hooks.ready(serving(configuration, snapshot, order.only)),
        configuration.environment(),
    )


def serving(configuration: Configuration, snapshot: Snapshot, only: str) -> Serving:
    """Where everything is that these lanes serve, the endpoint `default` before the others."""
    home, base = configuration.home, configuration.service_url
    names = [
        endpoint.row.name
        for _, endpoint in sorted(snapshot.endpoints.items())
        if endpoint.row.protocol == "acme" and endpoint.row.enabled
    ]
    names.sort(key=lambda name: name != DEFAULT_ENDPOINT)
    fast, console = (bool(configuration.https) and only in ("", lane) for lane in ("fast", "console"))
    root = home / ROOT_FILE
    return Serving(
        home,
        f"{base}/" if console else "",
        tuple(directory_url(configuration, name) for name in names) if fast else (),
        root,
        (home / "root.sha256").read_text().strip(),
        service_certificate(home) or root,
    )


def directory_url(configuration: Configuration, endpoint: str) -> str:
    """Where ACME clients find an endpoint."""
    return f"{configuration.service_url}/acme/{endpoint}/directory"


# -- safe? ---------------------------------------------------------------------------------------


def _refuse_to_found_in_public(configuration: Configuration) -> None:
    if not configuration.embedded and not configuration.open_enrolment:
        raise Conflict(
            f"{configuration.home} holds no installation, and its first endpoint lets anybody enrol; run "
            "`certwright init` and restrict the endpoint first, or give --open-enrolment"
        )


def _refuse_open_enrolment(configuration: Configuration, snapshot: Snapshot) -> None:
    if configuration.embedded or configuration.open_enrolment:
        return
    names = ", ".join(endpoint.path for endpoint in open_endpoints(snapshot))
    if names:
        raise Conflict(
            f"anybody who reaches {_beyond(configuration)} could enrol at {names}; set "
            "settings.require_account_binding or policy.names.allow with `certwright endpoint save`, "
            "listen on loopback, or give --open-enrolment"
        )


def open_endpoints(snapshot: Snapshot) -> list[Endpoint]:
    """ACME endpoints with neither account binding nor a list of names."""
    return [
        endpoint
        for _, endpoint in sorted(snapshot.endpoints.items())
        if endpoint.row.protocol == "acme"
        and endpoint.row.enabled
        and not endpoint.settings.get("require_account_binding")
        and endpoint.policy.allow is None
    ]


def _beyond(configuration: Configuration) -> str:
    """Where others reach us: a listener, or what stands before it."""
    listeners = [str(address) for address in configuration.listeners.values() if not address.loopback]
    return ", ".join(listeners or [configuration.service_url])


def warnings(configuration: Configuration, snapshot: Snapshot) -> list[str]:
    """What will not work for others, though it can be served."""
    found = []
    base = urlsplit(configuration.url)
    host = base.hostname or ""
    if not configuration.embedded and (host == LOCALHOST or host.startswith("127.") or host == "::1"):
        found.append(
            f"certificates will point at {configuration.url}, where only this machine finds their "
            "status; set url to where relying parties reach the plain-HTTP listener"
        )
    http = configuration.http
    if http is None:
        found.append("the plain-HTTP listener is off; relying parties look for status data over plain HTTP")
    elif host == LOCALHOST and (base.port or 80) != http.port:
        found.append(
            f"certificates point at {configuration.url}, and plain HTTP listens on port {http.port}; "
            f"set url to http://{LOCALHOST}:{http.port}, or listen where it says"
        )
    return found


# -- facts of the installation -------------------------------------------------------------------


async def _facts(configuration: Configuration) -> Snapshot:
    database = await open_database(configuration.database_url)
    try:
        return await load_snapshot(database)
    finally:
        await database.close()


def as_founded(configuration: Configuration, overrides: dict[str, object], base: str) -> Configuration:
    """With `base`, the URL the installation was founded for, unless the settings say one."""
    if configuration.url == base or configuration.url != default_url(configuration.http):
        return configuration
    given = {**overrides, "url": base}
    if urlsplit(base).hostname == LOCALHOST:  # nobody maps ports there: we are reached at our own
        given["service_url"] = configuration.service_url
    return Configuration.load(configuration.home, given)


async def _renew(configuration: Configuration, actor: Actor) -> None:
    """Have the installation's URL and our listeners' certificate agree with the settings."""
    async with open_context(configuration, "up") as context:
        if configuration.url != context.snapshot.installation.base_url:
            await save_base_url(context, actor, configuration.url)
        if due(configuration, now()):
            await issue_listener_certificate(context, configuration, now())


async def _migrate(configuration: Configuration, step: Steps) -> None:
    database = await open_database(configuration.database_url)
    try:
        missing = await pending_migrations(database)
    finally:
        await database.close()
    if missing:
        step("bringing the tables up to date")
        await asyncio.to_thread(migrate, configuration)


async def pending_migrations(database: Database) -> set[tuple[str, str]]:
    """(application, name) of the migrations that come with this release and have not been applied.

    Looks at file names, since asking Django takes longer than starting everything else.
    """
    applied = {tuple(row) for row in await database.query('SELECT "app", "name" FROM "django_migrations"')}
    known = {
        (label, path.stem)
        for label, (package, folder) in _APPLICATIONS.items()
        for path in (_folder(package) / folder).glob("[0-9]*.py")
    }
    return known - applied


def _folder(package: str) -> Path:
    spec = find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0])
