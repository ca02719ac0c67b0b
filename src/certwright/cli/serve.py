"""`certwright up`."""

from __future__ import annotations

import json
import shlex
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from .initialize import founded_document, founded_text
from .options import Home, Json, begin
from .wiring import ServeHooks, ServeOrder

if TYPE_CHECKING:
    from .output import Output
    from .wiring import Founded, Serving

LANES = ("fast", "console", "worker")
DEMO_HOST = "localhost"


def up(
    context: typer.Context,
    https: Annotated[
        str | None, typer.Option("--https", metavar="ADDRESS:PORT", help="HTTPS listener, or off.")
    ] = None,
    http: Annotated[
        str | None, typer.Option("--http", metavar="ADDRESS:PORT", help="Plain-HTTP listener, or off.")
    ] = None,
    mtls: Annotated[
        str | None,
        typer.Option("--mtls", metavar="ADDRESS:PORT", help="Listener for client certificates, or off."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, max=64, help="Number of serving processes.")
    ] = None,
    only: Annotated[
        str, typer.Option("--only", metavar="LANE", help="Run one lane alone: fast, console or worker.")
    ] = "",
    open_enrolment: Annotated[
        bool,
        typer.Option("--open-enrolment", help="Serve beyond this machine although anybody could enrol."),
    ] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Serve an installation; found one first where there is none."""
    from ..core.errors import Malformed

    session = begin(context, home, as_json)
    if only and only not in LANES:
        raise Malformed(f"--only knows {', '.join(LANES)}, not {only[:40]!r}")
    order = ServeOrder(home, https, http, mtls, workers, only, open_enrolment or None)
    output = session.output
    # lines and no bar: what the process becomes could not put the terminal in order again
    hooks = ServeHooks(
        output.say,
        output.warn,
        lambda founded: _show(output, founded),
        lambda serving: ready_text(serving, only, as_json),
    )
    session.wiring.serve(order, hooks)


def _show(output: Output, founded: Founded) -> None:
    """On one line as JSON, since another follows when everything serves."""
    print(json.dumps(founded_document(founded)) if output.as_json else founded_text(founded) + "\n")
    sys.stdout.flush()


def ready_text(serving: Serving, only: str, as_json: bool) -> str:
    """What is printed when everything serves, or the one lane does."""
    if as_json:
        return json.dumps(
            {
                "console": serving.console,
                "acme": list(serving.directories),
                "root_certificate": str(serving.root_certificate),
                "root_fingerprint": serving.root_fingerprint,
                "trust": str(serving.trust),
            }
        )
    if only == "worker":
        return "The worker runs."
    lines = ["Certwright serves.", ""]
    if serving.console:
        lines.append(f"  console         {serving.console}")
    lines += [f"  ACME directory  {directory}" for directory in serving.directories]
    lines += [
        f"  root            {serving.root_certificate}",
        f"                  SHA-256 {serving.root_fingerprint}",
    ]
    if serving.directories and serving.directories[0].startswith(f"https://{DEMO_HOST}"):
        lines += ["", "A first certificate, in another shell:", "", *_first_certificate(serving)]
    return "\n".join(lines)


def _first_certificate(serving: Serving) -> list[str]:
    """As the README has it."""
    trust, demo = shlex.quote(str(serving.trust)), shlex.quote(str(serving.home / "demo"))
    return [
        f"  REQUESTS_CA_BUNDLE={trust} \\",
        "  certbot certonly --standalone --http-01-port 5002 -d demo.localhost \\",
        f"    --server {serving.directories[0]} \\",
        f"    --config-dir {demo} --work-dir {demo} --logs-dir {demo} \\",
        "    --agree-tos --register-unsafely-without-email",
    ]
