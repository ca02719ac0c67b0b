"""Mails before real servers: what arrives, and what happens when they are slow, false or full."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any, ClassVar

import pytest
import uvloop

from certwright.core.errors import Malformed, Unavailable
from certwright.plugins.notifiers.smtp import SmtpNotifier, SmtpSettings
from certwright.testing.notifier import MESSAGE, Case, NotifierContract, Received, Situation
from tests.plugins import servers
from tests.real.mail_server import PASSWORD, USER, Mailbox, certified, mail_server
from tests.real.processes import free_port

SENT = "220 " + "a server's words are repeated only in part, or somebody else's log would be theirs " * 3
BEHAVIOURS = {
    Case.SILENT: servers.silent,
    Case.SLOW: servers.trickle(b"220-" + b"a" * 600),
    Case.HUGE: servers.flood(b"220-", 40),
    Case.GARBAGE: servers.garbage,
}
ANSWERS = {Case.GOOD: "250 OK", Case.BUSY: f"450 4.2.1 {SENT}", Case.REFUSING: f"550 5.1.1 {SENT}"}


def settings(port: int, **more: Any) -> SmtpSettings:
    given = {"security": "none", "sender": "certwright@pki.example.test", "domain": "pki.example.test"}
    return SmtpSettings(**{"host": "127.0.0.1", "port": port, "seconds": 5.0, **given, **more})


class Arriving(list[Received]):
    """What a mailbox has, as the contract reads it."""

    def __init__(self, box: Mailbox) -> None:
        super().__init__()
        self._box = box

    def _look(self) -> list[Received]:
        both = zip(self._box.envelopes, self._box.mails(), strict=True)
        return [_received(tuple(envelope.rcpt_tos), mail) for envelope, mail in both]

    def __iter__(self) -> Any:
        return iter(self._look())

    def __getitem__(self, place: Any) -> Any:
        return self._look()[place]

    def __eq__(self, other: object) -> bool:
        return self._look() == other

    __hash__ = None  # type: ignore[assignment]


def _received(to: tuple[str, ...], mail: EmailMessage) -> Received:
    headers = tuple(sorted(mail.keys()))
    return Received(
        to, str(mail["Subject"]), mail.get_content().replace("\r\n", "\n"), str(mail["Message-ID"]), headers
    )


@pytest.fixture(scope="class")
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("mail")
    request.cls.folder = made
    return made


@pytest.mark.usefixtures("folder")
class TestSmtpContract(NotifierContract):
    loops: ClassVar = (asyncio.new_event_loop, uvloop.new_event_loop)
    folder: Path

    @asynccontextmanager
    async def situation(self, case: Case) -> AsyncIterator[Situation]:
        if case is Case.ABSENT:
            yield Situation(SmtpNotifier(settings(free_port())))
        elif case in BEHAVIOURS:
            async with servers.server(BEHAVIOURS[case]) as port:
                yield Situation(SmtpNotifier(settings(port, seconds=1.0)), seconds=15.0)
        else:
            tls, trusted = certified(self.folder)
            async with mail_server(starttls=tls) as box:
                box.answers = [ANSWERS.get(case, "250 OK")]
                known = {} if case is Case.NOT_TRUSTED else {"authorities": str(trusted)}
                notifier = SmtpNotifier(settings(box.port, security="starttls", **known))
                yield Situation(notifier, Arriving(box), SENT)


def test_a_mail_says_that_a_machine_has_written_it() -> None:
    async def body() -> None:
        async with mail_server() as box:
            await SmtpNotifier(settings(box.port)).send(MESSAGE)
            [envelope], [mail] = box.envelopes, box.mails()
            assert envelope.mail_from == "certwright@pki.example.test"
            assert mail["Auto-Submitted"] == "auto-generated"
            assert mail["Message-ID"] == "<n.1@pki.example.test>"
            assert mail["Date"].datetime == MESSAGE.at
            assert (mail.get_content_type(), mail.get_content_charset()) == ("text/plain", "utf-8")

    asyncio.run(body())


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_it_logs_in_under_tls_alone(security: str, tmp_path: Path) -> None:
    tls, trusted = certified(tmp_path)
    where: dict[str, ssl.SSLContext] = {security: tls}

    async def body() -> None:
        async with mail_server(**where, log_in=True) as box:
            good = settings(
                box.port, security=security, authorities=str(trusted), user=USER, password=PASSWORD
            )
            await SmtpNotifier(good).send(MESSAGE)
            assert len(box.envelopes) == 1
            with pytest.raises(Unavailable, match="does not let certwright in") as raised:
                await SmtpNotifier(replace(good, password="wrong " * 9)).send(MESSAGE)
            assert "wrong" not in raised.value.detail

    asyncio.run(body())
    assert PASSWORD not in repr(settings(1, password=PASSWORD))


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_for_another_host_is_refused(security: str, tmp_path: Path) -> None:
    tls, trusted = certified(tmp_path, "other.test")
    where: dict[str, ssl.SSLContext] = {security: tls}

    async def body() -> None:
        async with mail_server(**where) as box:
            notifier = SmtpNotifier(settings(box.port, security=security, authorities=str(trusted)))
            with pytest.raises(Unavailable, match="certificate"):
                await notifier.send(MESSAGE)
            assert box.asked == 0

    asyncio.run(body())


def test_a_server_without_starttls_gets_nothing(tmp_path: Path) -> None:
    async def body() -> None:
        async with mail_server() as box:
            with pytest.raises(Unavailable, match="STARTTLS"):
                await SmtpNotifier(settings(box.port, security="starttls")).send(MESSAGE)
            assert box.asked == 0

    asyncio.run(body())


def test_a_file_without_certificates_is_said_at_once(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for path in (empty, tmp_path / "absent.pem"):
        with pytest.raises(Malformed, match="no certificates"):
            SmtpNotifier(settings(25, authorities=str(path)))
