"""`certwright import`, here and over REST."""

from pathlib import Path

import pytest

from certwright.core.pem import pem
from tests.cli.conftest import Shell
from tests.cli.serving import Elsewhere
from tests.real.toy_chains import ToyAuthority


@pytest.mark.parametrize("where", ["here", "there"])
def test_a_table_is_taken_in(where: str, served: Elsewhere, shell: Shell, tmp_path: Path) -> None:
    at: tuple[str | Path, ...] = ("--home", served.home) if where == "here" else tuple(served.administrator)
    leaf = ToyAuthority("Other").sign("www", None, f"{where}.import.test")
    file = tmp_path / "old.csv"
    rows = [f'"{pem(leaf).decode()}",{where},web', "bm8gY2VydGlmaWNhdGU=,,"]
    file.write_text("certificate,environment,tags\n" + "\n".join(rows) + "\n")
    found = shell.gives("import", file, *at)
    assert (found["rows"], found["new"], found["assigned"], found["problems_count"]) == (2, 1, 1, 1)
    assert found["problems"][0]["row"] == 2
    text = shell.does("import", file, *at)
    assert text.startswith("2 rows read: 0 certificates not known before, 1 assigned, 1 refused\nrow 2: ")
    listed = shell.gives("certificates", "--query", f"environment:{where} tag:web", *at)["certificates"]
    assert [one["standing"] for one in listed] == ["adopted"]


def test_what_is_no_table_is_refused(served: Elsewhere, shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "old.csv"
    file.write_text("name\nx\n")
    assert "certificate among them" in shell.refuses("import", file, "--home", served.home)
    file.write_bytes(b"certificate\n\xff\xfe\n")
    assert "is not UTF-8" in shell.refuses("import", file, "--home", served.home)
