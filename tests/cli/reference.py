"""What docs/reference/cli.md says of each command; `python -m tests.cli.reference` writes it anew."""

import typer

from certwright.cli.main import app
from tests.architecture.source import CHECKOUT

PAGE = CHECKOUT / "docs/reference/cli.md"
MARK = "<!-- From here on made by `python -m tests.cli.reference`. -->\n"


def commands() -> dict[str, typer.core.TyperCommand]:
    """Every command by its words: `certwright authority found`."""
    found: dict[str, typer.core.TyperCommand] = {}
    _walk(typer.main.get_command(app), "certwright", found)
    return found


def _walk(command: object, path: str, found: dict[str, typer.core.TyperCommand]) -> None:
    if isinstance(command, typer.core.TyperGroup):
        for name in command.list_commands(None):  # type: ignore[arg-type]
            _walk(command.get_command(None, name), f"{path} {name}", found)  # type: ignore[arg-type]
    else:
        assert isinstance(command, typer.core.TyperCommand)
        found[path] = command


def generated() -> str:
    """A section for each command, with its arguments and options."""
    return "\n".join(_section(path, command) for path, command in commands().items())


def _section(path: str, command: typer.core.TyperCommand) -> str:
    arguments = [one for one in command.params if isinstance(one, typer.core.TyperArgument)]
    options = [one for one in command.params if isinstance(one, typer.core.TyperOption)]
    remote = any(one.name == "token" for one in options)
    shared = [one for one in options if one.name in ALL or (remote and one.name in REMOTE)]
    usage = " ".join([path, *(str(one.metavar) for one in arguments)])
    lines = [f"## {path}", "", " ".join((command.help or "").split()), "", f"    {usage} [OPTIONS]", ""]
    lines += ["| | |", "|---|---|"]
    lines += [_row(f"`{one.metavar}`", one.help or "") for one in arguments]
    lines += [_row(_names(one), _help(one)) for one in options if one not in shared]
    names = ", ".join(f"`{one.opts[0]}`" for one in shared)
    return "\n".join([*lines, _row(names, "See [above](#what-all-commands-share)."), ""])


def _row(name: str, text: str) -> str:
    return f"| {name} | {text} |".replace("FINGERPRINT|SERIAL", "FINGERPRINT\\|SERIAL")


ALL = ("home", "as_json", "recovery")
REMOTE = ("url", "token", "root")


def _names(option: typer.core.TyperOption) -> str:
    names = "/".join([*option.opts, *option.secondary_opts])
    return f"`{names} {option.metavar}`" if option.metavar else f"`{names}`"


def _help(option: typer.core.TyperOption) -> str:
    default = option.default
    shown = "" if default in (None, "", False, True, ()) else f" Default: `{default}`."
    return f"{option.help or ''}{' Required.' if option.required else ''}{shown}"


def main() -> None:
    head, _, _ = PAGE.read_text().partition(MARK)
    PAGE.write_text(f"{head}{MARK}\n{generated()}")


if __name__ == "__main__":
    main()
