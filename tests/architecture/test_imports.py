"""Who may import whom: the rooms, their libraries, and no cycle anywhere."""

import sys
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.architecture.made_up import made_up
from tests.architecture.source import Import, Module, imports, modules, told

WEB = {"django", "django_filters", "django_htmx", "django_tables2", "allauth", "ninja"}


@dataclass(frozen=True, slots=True)
class Rule:
    """Rooms that may be imported beside its own, and libraries: only those, or all but those."""

    rooms: frozenset[str]
    only: frozenset[str] | None = None
    never: frozenset[str] = frozenset()


def rule(rooms: str, only: set[str] | None = None, never: set[str] | None = None) -> Rule:
    return Rule(frozenset(rooms.split()), None if only is None else frozenset(only), frozenset(never or ()))


# `fast` is every protocols/*/http.py, api/fast.py and the documents it shares with the declared routes: the
# web files of the lane without Django.
FAST_API = ("certwright.api.fast", "certwright.api.documents")
ROOMS = {
    "core": rule("", only={"cryptography", "idna"}),
    "ports": rule("core", only={"cryptography"}),
    "protocols": rule("core", only={"cryptography", "idna"}),
    "testing": rule("core ports", only={"cryptography", "idna", "hypothesis", "pytest"}),
    "plugins": rule("core ports protocols", never=WEB),
    "store": rule("core", only={"asyncpg", "cryptography", "django", "psycopg"}),
    "operations": rule("core ports store", only={"cryptography", "prometheus_client", "structlog"}),
    "fast": rule("core protocols store operations", never=WEB),
    "console": rule("core protocols store operations"),
    "api": rule("core protocols store operations fast"),
    "cli": rule("core protocols store operations"),
    "worker": rule("core protocols store operations"),
    "site": rule("core ports protocols testing plugins store operations fast console api cli worker"),
}

# A library that only these files of its room may import, beside what the room's rule says.
ONE_FILE = {
    "badkeys": {"certwright.core.weak_keys"},
    "font_source_sans_pro": {"certwright.core.practice.pdf"},
    "fpdf": {"certwright.core.practice.pdf"},
    "pyhanko_certvalidator": {"certwright.core.chain"},
}
DER = ("asn1crypto", "cryptography.hazmat.asn1")
WITHOUT_ORM = tuple(
    f"certwright.store.{name}"
    for name in ("ledger", "snapshot", "feed", "rows", "databases", "enrolment", "answers")
)


def room_of(name: str) -> str:
    """The room of a module, or `root` for the package itself."""
    parts = name.split(".")
    if name in FAST_API or (parts[1:2] == ["protocols"] and parts[-1] == "http"):
        return "fast"
    return parts[1] if len(parts) > 1 else "root"


def outside_its_room(known: dict[str, Module]) -> list[str]:
    """Imports that the table does not allow."""
    found = []
    for module in known.values():
        for wish in imports(module, known):
            reason = (
                _against_rooms(wish)
                if wish.target.split(".")[0] == "certwright"
                else _against_libraries(wish)
            )
            if reason:
                found.append(f"{wish.place}: {wish.target}: {reason}")
    return found


def _against_rooms(wish: Import) -> str:
    room, other = room_of(wish.importer.name), room_of(wish.target)
    if other in {room, "root"} or (room in ROOMS and other in ROOMS[room].rooms):
        return ""
    allowed = ", ".join(sorted(ROOMS[room].rooms)) if room in ROOMS else ""
    return f"{room} may import {allowed or 'no other room'}, not {other}"


def _against_libraries(wish: Import) -> str:
    library, room = wish.target.split(".")[0], room_of(wish.importer.name)
    if library in sys.stdlib_module_names:
        return ""
    if library in ONE_FILE and room == "core":
        allowed = wish.importer.name in ONE_FILE[library]
        return "" if allowed else f"only {', '.join(ONE_FILE[library])} may import it"
    if wish.target.startswith(DER) and room in {"core", "protocols"}:
        allowed = wish.importer.name == "certwright.core.der" or wish.importer.name.endswith(".messages")
        return "" if allowed else "DER is read and written in core/der.py and messages.py"
    limits = ROOMS.get(room, rule("", only=set()))
    if library in limits.never or (limits.only is not None and library not in limits.only):
        return f"{room} may not use the library {library}"
    return ""


def with_the_orm(known: dict[str, Module]) -> list[str]:
    """Django, reached from a file that must do without, with the way it is reached."""
    fast = [name for name in known if room_of(name) == "fast"]
    starts = [*(name for name in WITHOUT_ORM if name in known), *fast]
    return [way for name in starts if (way := _way_to_django(name, known, stay_in_store=name in fast))]


def _way_to_django(start: str, known: dict[str, Module], stay_in_store: bool) -> str:
    """A chain of imports from `start` to Django. From a web file, only the store's files are followed: the
    rule for those is that they use no ORM, not that nothing below them does."""
    ways, seen = [[start]], {start}
    for way in ways:
        for wish in imports(known[way[-1]], known):
            if wish.target.split(".")[0] == "django":
                return " -> ".join([*way, wish.target])
            follow = not stay_in_store or wish.target.startswith("certwright.store")
            if wish.target in known and wish.target not in seen and follow:
                seen.add(wish.target)
                ways.append([*way, wish.target])
    return ""


def cycle(known: dict[str, Module]) -> str:
    """The modules of an import cycle, in order; empty when there is none. An import inside a function
    counts, since it only hides the knot; one that the type checker alone reads does not."""
    graph = {
        name: {wish.target for wish in imports(module, known) if wish.runs and wish.target in known} - {name}
        for name, module in known.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return " <- ".join(error.args[1])
    return ""


def test_every_import_is_one_its_room_may_make() -> None:
    found = outside_its_room(modules())
    assert not found, told(found, "Move the code to the room where it belongs, or hand the value in:")


def test_every_room_has_a_rule() -> None:
    unknown = {room_of(name) for name in modules()} - set(ROOMS) - {"root"}
    assert not unknown, f"Say in ROOMS what these rooms may import: {sorted(unknown)}"


def test_rooms_import_in_one_direction() -> None:
    TopologicalSorter({room: rule.rooms for room, rule in ROOMS.items()}).prepare()


def test_no_import_cycle() -> None:
    found = cycle(modules())
    assert not found, f"Each imports the next; move what they share to a file of its own: {found}"


def test_the_hot_path_knows_no_orm() -> None:
    found = with_the_orm(modules())
    assert not found, told(found, "These must work without Django; use store/rows.py and store/databases.py:")


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("core/keys.py", "import django"),
        ("core/keys.py", "import badkeys"),
        ("core/keys.py", "from certwright.store import rows"),
        ("core/keys.py", "from ..store.rows import Row"),
        ("core/keys.py", "from cryptography.hazmat import asn1\nimport asn1crypto.core"),
        ("core/keys.py", "def late():\n    from ..store import rows"),
        ("core/keys.py", "import importlib\nimportlib.import_module('certwright.store.rows')"),
        ("protocols/acme/rules.py", "from ...operations import issue"),
        ("protocols/acme/http.py", "from django.http import HttpResponse"),
        ("api/fast.py", "import ninja"),
        ("ports.py", "from .store import rows"),
        ("ports.py", "import badkeys"),
        ("protocols/acme/rules.py", "import pyhanko_certvalidator"),
        ("plugins/keys/software.py", "from django.conf import settings"),
        ("plugins/keys/software.py", "from ...operations import issue"),
        ("plugins/keys/software.py", "from ...protocols.acme import http"),
        ("store/rows.py", "from ..operations import issue"),
        ("operations/renew.py", "from ..plugins.keys import software"),
        ("operations/renew.py", "from django.db import transaction"),
        ("console/pages.py", "from ..site import wiring"),
        ("cli/main.py", "from ..plugins.keys import software"),
    ],
)
def test_a_forbidden_import_is_found(path: str, line: str, tmp_path: Path) -> None:
    others = dict.fromkeys(("store/rows.py", "operations/issue.py", "protocols/acme/http.py"), "")
    others |= dict.fromkeys(("plugins/keys/software.py", "site/wiring.py"), "")
    assert outside_its_room(made_up(tmp_path, {**others, path: line}))


def test_allowed_imports_are_left_alone(tmp_path: Path) -> None:
    files = {
        "core/weak_keys.py": "import hashlib\nimport badkeys\nimport cryptography\nfrom . import keys",
        "core/keys.py": "class Key: ...",
        "protocols/acme/messages.py": "import asn1crypto.core\nfrom ...core import keys",
        "protocols/acme/http.py": "import httptools\nfrom ...operations import issue\nfrom . import messages",
        "operations/issue.py": "from .. import ports\nfrom ..store.rows import Row",
        "store/rows.py": "from django.db import models",
        "ports.py": "from .core.keys import Key",
        "site/wiring.py": "import certwright.console\nfrom ..protocols.acme import http",
        "console/pages.py": "import django_tables2\nfrom .. import __version__",
    }
    assert outside_its_room(made_up(tmp_path, files)) == []


@pytest.mark.parametrize("late", ["from ..core import two", "def late():\n    from . import two"])
def test_a_cycle_is_found(late: str, tmp_path: Path) -> None:
    found = cycle(made_up(tmp_path, {"core/one.py": late, "core/two.py": "from .one import One"}))
    assert "certwright.core.one" in found
    assert "certwright.core.two" in found


def test_what_the_type_checker_alone_reads_makes_no_cycle_but_keeps_to_the_rooms(tmp_path: Path) -> None:
    late = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from {} import Two"
    files = {"core/one.py": late.format(".two"), "core/two.py": "from .one import One"}
    assert cycle(made_up(tmp_path / "cycle", files)) == ""
    files = {"core/one.py": late.format("..store.two"), "store/two.py": ""}
    assert outside_its_room(made_up(tmp_path / "rooms", files))


def test_siblings_of_a_package_are_no_cycle(tmp_path: Path) -> None:
    files = {
        "core/lint/__init__.py": "from .rules import Rule",
        "core/lint/rules.py": "from ..keys import Key",
    }
    assert cycle(made_up(tmp_path, {**files, "core/keys.py": ""})) == ""


def test_the_orm_is_found_behind_a_detour(tmp_path: Path) -> None:
    files = {
        "store/ledger.py": "from .tables import Table",
        "store/tables.py": "from django.db import models",
        "protocols/acme/http.py": "from ...store import tables",
    }
    assert with_the_orm(made_up(tmp_path, files)) == [
        "certwright.store.ledger -> certwright.store.tables -> django.db",
        "certwright.protocols.acme.http -> certwright.store.tables -> django.db",
    ]
