"""`certwright init`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Home, Json, begin
from .output import facts
from .wiring import InitializeOrder

if TYPE_CHECKING:
    from .wiring import Founded

STEPS = 6


def init(
    context: typer.Context,
    organization: Annotated[
        str, typer.Option("--organization", metavar="NAME", help="Stands in the authorities' names.")
    ] = "Certwright",
    algorithm: Annotated[
        str,
        typer.Option(
            "--algorithm", metavar="NAME", help="Of the authorities' keys: rsa-3072, ml-dsa-65, ..."
        ),
    ] = "ecdsa-p256",
    url: Annotated[
        str,
        typer.Option(
            "--url",
            metavar="URL",
            help="Where relying parties reach us, http://pki.example; goes into certificates.",
        ),
    ] = "",
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Found a PKI.

    It gets a root, an issuing authority, the first ACME endpoint, and an administrator.
    """
    session = begin(context, home, as_json)
    order = InitializeOrder(home, organization, algorithm, url)
    with session.output.steps("founding", STEPS) as step:
        founded = session.wiring.initialize(order, step)
    option = f" --home {home}" if home else ""
    session.output.show(founded_document(founded), f"{founded_text(founded)}\n\nNext: certwright up{option}")


def founded_document(founded: Founded) -> dict[str, Any]:
    service = founded.service_certificate
    return {
        "home": str(founded.home),
        "recovery_passphrase": founded.recovery_passphrase,
        "root_certificate": str(founded.root_certificate),
        "root_fingerprint": founded.root_fingerprint,
        "service_certificate": str(service) if service else None,
        "administrator": founded.administrator,
        "password": founded.password,
        "password_hours": founded.hours,
    }


def founded_text(founded: Founded) -> str:
    service = founded.service_certificate
    trust = [
        ("trust the root", f"{founded.root_certificate}"),
        ("SHA-256", founded.root_fingerprint),
        ("and for our listeners", str(service) if service else ""),
        ("administrator", founded.administrator),
        ("password", f"{founded.password}   (good for one log-in, dead after {founded.hours} hours)"),
    ]
    return (
        f"Founded a PKI in {founded.home}\n\n"
        "The recovery passphrase of the root's key. Write it down: it is shown once and kept nowhere.\n\n"
        f"    {founded.recovery_passphrase}\n\n{facts(trust)}"
    )
