"""The command line: all commands, and how what goes wrong becomes one line and an exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .. import __version__
from ..core.errors import CertwrightError, Refused, SecondPersonNeeded
from .options import Discrepancies, group
from .output import one_line
from .wiring import Wiring

FAILED, MISUSED, PROPOSED, INTERRUPTED = 1, 2, 3, 130

# name -> module, its function or group, and what `certwright --help` says: nothing else is loaded for that
COMMANDS = {
    "init": ("initialize", "init", "Found a PKI."),
    "up": ("serve", "up", "Serve an installation; found one first where there is none."),
    "issue": ("issue", "issue", "Issue a certificate."),
    "renew": ("issue", "renew", "Issue the successor of a certificate."),
    "discover": ("discover", "discover", "Look for certificates in networks and files."),
    "scope": ("scope", "app", "What is looked at again and again."),
    "import": ("import_file", "import_file", "Take in a table of certificates from another manager."),
    "finding": ("finding", "app", "What is wrong with certificates."),
    "cbom": ("cbom", "cbom", "Write a cryptographic bill of materials, CycloneDX 1.6."),
    "certificates": ("certificates", "certificates", "List certificates."),
    "show": ("certificates", "show", "Show one certificate."),
    "revoke": ("certificates", "revoke", "Revoke a certificate, or put it on hold."),
    "release": ("certificates", "release", "Lift a hold."),
    "adopt": ("adopt", "adopt", "Adopt certificates that were found."),
    "ignore": ("adopt", "ignore", "Ignore certificates that were found."),
    "request": ("approval", "app", "Requests that wait for approval."),
    "policy": ("policy", "app", "The organisation's rules of issuance."),
    "authority": ("authority", "app", "Certificate authorities."),
    "profile": ("profile", "app", "Certificate profiles."),
    "endpoint": ("endpoint", "app", "Enrolment endpoints."),
    "acme": ("acme", "app", "ACME."),
    "token": ("token", "app", "Bearer tokens of the REST API."),
    "practice": ("practice", "app", "Certificate policy and certification practice statement."),
    "organization": ("organization", "app", "Organizations and their vetting."),
    "owner": ("owner", "app", "Who answers for certificates."),
    "field": ("field", "app", "Fields of your own that certificates have."),
    "attestation": ("attestation", "app", "Whether certificates are needed still."),
    "user": ("people", "users", "Accounts of people and services."),
    "team": ("people", "teams", "Teams, which answer for certificates together."),
    "proposal": ("proposal", "app", "Dangerous acts that wait for a second person."),
    "second-person": ("proposal", "rule", "For which dangerous acts a second person is needed."),
    "break-glass": ("proposal", "glass", "Suspend the rule of the second person in an emergency."),
    "crl": ("crl", "app", "Certificate revocation lists."),
    "audit": ("audit", "app", "The audit log."),
}


class Commands(TyperGroup):
    """Loads a command when it is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        found = getattr(import_module(f".{module}", __package__), attribute)
        if not isinstance(found, typer.Typer):
            alone = group("")
            alone.command()(found)
            found = alone
        command = typer.main.get_command(found)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, _, summary) in COMMANDS.items()])


app = typer.Typer(cls=Commands, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"certwright {__version__}")
        raise typer.Exit


@app.callback()
def certwright(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """A public key infrastructure and the platform that manages it."""


def run(wiring: Wiring, arguments: Sequence[str]) -> int:
    """Carry out one command; its exit status: 0, 1 when it failed, 2 when it was not understood, 3 when it
    waits for a second person."""
    try:
        status = app(list(arguments), prog_name="certwright", standalone_mode=False, obj=wiring)
        sys.stdout.flush()
    except Refused as refused:
        return _failed(*(f"{reason.message} [{reason.code}]" for reason in refused.reasons))
    except SecondPersonNeeded as needed:
        _failed(needed.detail, f"another person confirms by `certwright proposal confirm {needed.number}`")
        return PROPOSED
    except (CertwrightError, Discrepancies) as error:
        return _failed(str(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads on, nor at exit
        return FAILED
    except OSError as error:
        return _failed(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except KeyboardInterrupt:
        return INTERRUPTED
    except typer.TyperException as error:
        return _misused(error)
    except Exception as error:
        if os.environ.get("CERTWRIGHT_LOG_LEVEL") == "debug":
            raise
        return _failed(f"{type(error).__name__}: {error}; CERTWRIGHT_LOG_LEVEL=debug shows where")
    return status if isinstance(status, int) else 0


def _failed(*lines: str) -> int:
    for line in lines:
        sys.stderr.write(f"certwright: {one_line(line)}\n")
    return FAILED


def _misused(error: typer.TyperException) -> int:
    """What was not understood, and where the help is."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "certwright"
    message = one_line(error.format_message())
    sys.stderr.write(f"certwright: {message.rstrip('.')}; see `{path} --help`\n")
    return MISUSED
