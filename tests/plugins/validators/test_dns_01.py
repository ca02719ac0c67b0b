import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import ClassVar

import pytest
import uvloop

from certwright.core.errors import Unavailable
from certwright.core.names import parse_identifier
from certwright.plugins import resolver
from certwright.plugins.resolver import ANSWER_RECORDS_MAX, ResolverSettings
from certwright.plugins.validators.common import ValidatorSettings
from certwright.plugins.validators.dns_01 import Dns01
from certwright.ports import Challenge, Evidence
from certwright.testing.validator import NOW, Case, Situation, ValidatorContract
from tests.plugins import servers
from tests.real import dns_server
from tests.real.dns_server import DnsServer
from tests.real.processes import free_port

# RFC 8555 section 8.4: base64url of the SHA-256 digest of the key authorization.
KEY_AUTHORIZATION = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
DIGEST = "lCM7cZyQXcVHK2nnW3jjAhNT3Fvm18UN-kWZZknKoYM"
SENT = "a stranger may write into the DNS what he wants and it will not stand in what we tell of it"
SHORT = ResolverSettings(seconds=1.0, try_seconds=0.4)
TOKEN = KEY_AUTHORIZATION.partition(".")[0]

ZONE = f"""
_acme-challenge.good TXT "{DIGEST}"
_acme-challenge.split TXT "{DIGEST[:10]}" "{DIGEST[10:]}"
_acme-challenge.wrong TXT "{SENT}"
_acme-challenge.several TXT "another"
_acme-challenge.several TXT "{DIGEST}"
_acme-challenge.quoted TXT "\\"{DIGEST}\\""
_acme-challenge.alias CNAME _acme-challenge.good
_acme-challenge.away CNAME answers.delegated.test.
_acme-challenge.dangling CNAME nowhere.delegated.test.
_acme-challenge.circle CNAME again
again CNAME _acme-challenge.circle
other A 10.0.0.1
"""


@pytest.fixture(scope="module")
def knot() -> Iterator[DnsServer]:
    many = "\n".join(f'_acme-challenge.many TXT "{number:043}"' for number in range(ANSWER_RECORDS_MAX - 1))
    huge = "\n".join(f'_acme-challenge.huge TXT "{number:0250}"' for number in range(ANSWER_RECORDS_MAX + 1))
    zones = {
        "example.test": f'{ZONE}\n{many}\n_acme-challenge.many TXT "{DIGEST}"\n{huge}',
        "delegated.test": f'answers TXT "{DIGEST}"',
    }
    with dns_server.running(zones, broken=("broken.test",)) as server:
        yield server


def challenge(name: str) -> Challenge:
    return Challenge("dns-01", parse_identifier("dns", name), TOKEN, KEY_AUTHORIZATION)


def validator(server: str, settings: ResolverSettings | None = None) -> Dns01:
    chosen = replace(settings or ResolverSettings(), servers=(server,))
    return Dns01(ValidatorSettings(resolver=chosen, perspective="zone-a"))


def check(server: str, name: str, settings: ResolverSettings | None = None) -> Evidence:
    return asyncio.run(asyncio.wait_for(validator(server, settings).check(challenge(name), NOW), 30))


class TestDns01Contract(ValidatorContract):
    perspective = "zone-a"
    loops: ClassVar = (asyncio.new_event_loop, uvloop.new_event_loop)
    known: ClassVar[dict[Case, tuple[str, str]]] = {
        Case.GOOD: ("good.example.test", ""),
        Case.WRONG: ("wrong.example.test", "incorrectResponse"),
        Case.ABSENT: ("absent.example.test", "dns"),
        Case.HUGE: ("huge.example.test", "dns"),
    }

    @pytest.fixture(autouse=True)
    def _server(self, knot: DnsServer) -> None:
        self.knot = knot

    @asynccontextmanager
    async def situation(self, case: Case) -> AsyncIterator[Situation]:
        if case in self.known:
            name, problem = self.known[case]
            yield Situation(validator(self.knot.address), challenge(name), frozenset({problem} - {""}), SENT)
            return
        behaviour = {
            Case.SILENT: lambda _: [],
            Case.SLOW: lambda _: [],
            Case.GARBAGE: lambda _: [b"\xff" * 400],
        }
        async with servers.dns_server(behaviour[case]) as address:
            yield Situation(validator(address, SHORT), challenge("example.test"), frozenset({"dns"}))


@pytest.mark.parametrize("name", ["good", "split", "several", "alias", "away", "many", "*.good"])
def test_the_record_is_found(knot: DnsServer, name: str) -> None:
    assert check(knot.address, f"{name}.example.test").detail == ""


@pytest.mark.parametrize(
    ("name", "problem", "detail"),
    [
        (
            "quoted.example.test",
            "incorrectResponse",
            "none of 1 TXT records at _acme-challenge.quoted.example.test",
        ),
        (
            "other.example.test",
            "dns",
            f"no TXT record at _acme-challenge.other.example.test; it must hold {DIGEST}",
        ),
        ("nowhere.example.test", "dns", "no TXT record"),
        ("dangling.example.test", "dns", "no TXT record"),
        ("circle.example.test", "dns", "cannot be used"),
        ("huge.example.test", "dns", f"more than {ANSWER_RECORDS_MAX} records"),
        ("name.broken.test", "dns", "SERVFAIL"),
        ("name.foreign.test", "dns", "REFUSED"),
        (".".join(["a" * 63] * 3 + ["a" * 50]), "dns", "no name that the DNS can hold"),
    ],
)
def test_what_is_wrong_is_told(knot: DnsServer, name: str, problem: str, detail: str) -> None:
    evidence = check(knot.address, name)
    assert evidence.problem == problem
    assert detail in evidence.detail


def test_a_record_added_a_moment_ago_is_found_and_a_removed_one_is_not(knot: DnsServer) -> None:
    for _ in range(2):
        assert check(knot.address, "fresh.example.test").problem == "dns"
        knot.add("example.test", "_acme-challenge.fresh", "TXT", f'"{DIGEST}"')
        assert check(knot.address, "fresh.example.test").problem == ""
        knot.remove("example.test", "_acme-challenge.fresh", "TXT")


def test_the_next_resolver_is_asked_when_the_first_does_not_answer(knot: DnsServer) -> None:
    settings = ResolverSettings((f"127.0.0.1:{free_port()}", knot.address), try_seconds=0.3)
    checked = Dns01(ValidatorSettings(resolver=settings)).check(challenge("good.example.test"), NOW)
    assert asyncio.run(checked).problem == ""


def test_without_a_resolver_the_check_is_ours_to_repeat(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, knot: DnsServer
) -> None:
    configuration = tmp_path_factory.mktemp("etc") / "resolv.conf"
    monkeypatch.setattr(resolver, "SYSTEM_CONFIGURATION", str(configuration))
    system = Dns01()
    with pytest.raises(Unavailable, match="no DNS resolver"):
        asyncio.run(system.check(challenge("good.example.test"), NOW))
    configuration.write_text("search example.test\n")
    with pytest.raises(Unavailable, match="no DNS resolver"):
        asyncio.run(system.check(challenge("good.example.test"), NOW))


def test_an_address_has_no_place_in_the_dns() -> None:
    address = replace(challenge("example.test"), identifier=parse_identifier("ip", "10.0.0.1"))
    evidence = asyncio.run(validator("127.0.0.1").check(address, NOW))
    assert (evidence.problem, evidence.trail) == ("malformed", ())
