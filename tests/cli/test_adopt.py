"""`certwright adopt`, `ignore` and `certificates --query`, here and over REST."""

import hashlib
from pathlib import Path

import pytest

from certwright.core.access import Actor
from certwright.operations.context import Context
from certwright.operations.take_sightings import Look, take_sightings
from certwright.ports import Place, Sighting
from certwright.site.command import SiteWiring
from tests.cli.conftest import Shell
from tests.cli.serving import Elsewhere
from tests.real.toy_chains import BEGIN, ToyAuthority


def seen(home: Path, where: str) -> str:
    """Fingerprint of a certificate that others have issued."""
    leaf = ToyAuthority("Corp Issuing").sign("www", None, f"www.{where}.found.test")

    async def act(context: Context, actor: Actor) -> None:
        await take_sightings(
            context, Look(1), [Sighting(Place("tls", f"{where}.test", 443), BEGIN, (leaf,), {})]
        )

    SiteWiring().run(home, act)
    return hashlib.sha256(leaf).hexdigest()


@pytest.mark.parametrize("where", ["here", "there"])
def test_what_was_found(where: str, served: Elsewhere, shell: Shell) -> None:
    at: tuple[str | Path, ...] = ("--home", served.home) if where == "here" else tuple(served.administrator)
    fingerprint = seen(served.home, where)
    query = f"at:{where}.test port:443"

    def found(more: str) -> list[str]:
        typed = ("certificates", "--query", f"{query} {more}")
        return [one["fingerprint"] for one in shell.gives(*typed, *at)["certificates"]]

    assert found("standing:found") == [fingerprint]
    assert f"tls {where}.test:443" in shell.does("show", fingerprint, *at)
    ignored = shell.gives("ignore", "--reason", "a test", "--query", f"{query} standing:found", *at)
    assert ignored == {"changed": 1, "unchanged": 0, "refused": 0}
    adopt = ("adopt", fingerprint, "--environment", "test", "--tag", "web")
    assert shell.gives(*adopt, *at)["certificates"][0]["standing"] == "adopted"
    assert found("standing:adopted environment:test tag:web") == [fingerprint]
    assert found("managed:no") == []


def test_what_makes_no_sense_is_refused(served: Elsewhere, shell: Shell) -> None:
    for at in (("--home", served.home), served.administrator):
        assert "did you mean owner?" in shell.refuses("certificates", "--query", "onwer:x", *at)
        assert "either --query" in shell.refuses("certificates", "--query", "ca:no", "--tag", "x", *at)
        assert "either certificates or --query" in shell.refuses("adopt", *at)
        assert "--dry-run is for" in shell.refuses("adopt", "00", "--dry-run", *at)
        assert "column 2" in shell.refuses("ignore", "--reason", "x", "--query", "(", *at)
