"""`certwright organization`: from a record to a level, here and on another machine."""

import json
from typing import Any

from tests.cli.conftest import Shell
from tests.cli.serving import Elsewhere

RECORD = {
    "legal_name": "Example GmbH",
    "country": "DE",
    "register_number": "HRB 1",
    "jurisdiction_country": "DE",
    "street": "Hauptweg 1",
    "locality": "Berlin",
    "phone": "+49 30 1234",
}


def vet(shell: Shell, *where: str) -> Any:
    """Vet one by commands; what `show` says of it then."""
    (shell.folder / "record.json").write_text(json.dumps(RECORD))
    (shell.folder / "extract.pdf").write_bytes(b"%PDF-1.7\n" + bytes(200_000))
    made = shell.gives("organization", "save", "record.json", *where)
    identifier = made["id"]
    assert (made["level"], len(made["missing"]["organization"])) == ("none", 4)
    document = shell.gives("organization", "upload", identifier, "extract.pdf", *where)["id"]
    for kind in ("register", "address"):
        options = ("--note", "it says so", "--document", document)
        shell.gives("organization", "check", identifier, kind, *options, *where)
    shell.gives("organization", "check", identifier, "call-back", "--note", "Ms. X", *where)
    options = ("--note", "TXT", "--domain", "example.test", "--since", "2001-01-01")
    refused = shell.refuses("organization", "check", identifier, "domain", *options, *where)
    assert "age limit" in refused
    told = shell.gives("organization", "check", identifier, "domain", *options[:4], *where)
    assert told["level"] == "organization"
    shell.gives("organization", "download", identifier, document, "--out", "again.pdf", *where)
    assert (shell.folder / "again.pdf").read_bytes() == (shell.folder / "extract.pdf").read_bytes()
    first = told["checks"][0]["id"]
    told = shell.gives("organization", "revoke-check", identifier, first, "--why", "wrong", *where)
    assert told["missing"]["organization"] == ["register extract: it was revoked; do it again"]
    (shell.folder / "record.json").write_text(json.dumps(RECORD | {"locality": "Bonn"}))
    shell.gives("organization", "save", "record.json", "--id", identifier, *where)
    return shell.gives("organization", "show", identifier, *where)


def test_an_organization_is_vetted_here(shell: Shell) -> None:
    assert shell.gives("organization", "list") == {"organizations": []}
    told = vet(shell)
    assert (told["locality"], told["level"]) == ("Bonn", "none")
    assert "Example GmbH" in shell.does("organization", "list")
    lines = shell.does("organization", "show", told["id"]).splitlines()
    assert "  address: missing, the record was changed since; do it again" in lines
    (shell.folder / "record.json").write_text('{"color": "red"}')
    assert "has no 'color'" in shell.refuses("organization", "save", "record.json")
    (shell.folder / "record.json").write_text('{"phone": 1}')
    assert "a JSON object of texts" in shell.refuses("organization", "save", "record.json")
    assert "there is no check 'x'" in shell.refuses("organization", "check", told["id"], "x", "--note", "y")
    (shell.folder / "a.exe").write_bytes(b"MZ\x90\x00")
    assert "save it as PDF" in shell.refuses("organization", "upload", told["id"], "a.exe")


def test_an_organization_is_vetted_elsewhere(served: Elsewhere, shell: Shell) -> None:
    told = vet(shell, *served.options)
    assert told == shell.gives("organization", "show", told["id"], "--home", served.home)
