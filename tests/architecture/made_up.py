"""A made-up source tree, for showing that a rule notices what breaks it."""

from pathlib import Path
from textwrap import dedent

from tests.architecture.source import Module, modules


def made_up(folder: Path, files: dict[str, str]) -> dict[str, Module]:
    """Modules of a tree `folder`/certwright holding `files`, by path within the package."""
    for name, text in files.items():
        path = folder / "certwright" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        for package in path.relative_to(folder).parents:
            if package != Path():
                (folder / package / "__init__.py").touch()
        path.write_text(dedent(text))
    return modules(folder)
