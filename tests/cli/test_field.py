"""`certwright field`, and what is filled in by `owner assign`, `adopt` and `import`; here and over REST."""

from pathlib import Path

import pytest

from certwright.core.pem import pem
from tests.cli.conftest import Shell
from tests.cli.serving import Elsewhere
from tests.real.toy_chains import ToyAuthority


@pytest.mark.parametrize("where", ["here", "there"])
def test_fields(where: str, served: Elsewhere, shell: Shell, tmp_path: Path) -> None:
    at: tuple[str | Path, ...] = ("--home", served.home) if where == "here" else tuple(served.administrator)
    name, tier = f"cost-{where}", f"tier-{where}"
    told = shell.does("field", "define", name, "--title", "Cost centre", "--kind", "number", *at)
    assert told == f"field {name} is defined\n"
    kind = ("--kind", "choice", "--choice", "gold", "--choice", "silver", "--explain", "How dear it is")
    shell.does("field", "define", tier, "--title", "Tier", *kind, *at)
    assert "gold, silver" in shell.does("field", "list", *at)
    leaf = ToyAuthority("Other").sign("www", None, f"{where}.fields.test")
    file = tmp_path / "old.csv"
    file.write_text(f'certificate,field.{name},field.none\n"{pem(leaf).decode()}",17,\n')
    assert shell.gives("import", file, *at)["assigned"] == 1
    [found] = shell.gives("certificates", "--query", f"field.{name}:17", *at)["certificates"]
    assert found["standing"] == "adopted"
    fingerprint = found["fingerprint"]
    given = ("--field", f"{name}=", "--field", f"{tier}=gold")
    shell.gives("owner", "assign", fingerprint, *given, *at)
    assert shell.gives("show", fingerprint, *at)["fields"] == {tier: "gold"}
    assert f"field.{tier}" in shell.does("show", fingerprint, *at)
    assert "is not one of gold, silver" in shell.refuses("adopt", fingerprint, "--field", f"{tier}=lead", *at)
    shell.does("field", "retire", tier, *at)
    retired = {one["name"]: one["retired"] for one in shell.gives("field", "list", *at)["fields"]}
    assert (retired[name], retired[tier]) == (False, True)
    assert shell.gives("show", fingerprint, *at)["fields"] == {}


def test_what_makes_no_sense_is_refused(served: Elsewhere, shell: Shell) -> None:
    at = ("--home", served.home)
    assert "is no kind of field" in shell.refuses(
        "field", "define", "x", "--title", "X", "--kind", "float", *at
    )
    assert "there is no field nothing" in shell.refuses("field", "retire", "nothing", *at)
    assert "has no value" in shell.refuses("owner", "assign", "00", "--field", "x", *at)
