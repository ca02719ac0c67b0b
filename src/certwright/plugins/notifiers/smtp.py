"""Notices by mail: handed to one mail server by SMTP (RFC 5321), in plain text (RFC 5322, RFC 2045).

They say that a machine has written them (RFC 3834 section 5), so that no other machine answers. With
`security` the server's certificate is checked before anything else is said; a server that does not offer
STARTTLS (RFC 3207) gets nothing.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from typing import Literal

import aiosmtplib

from ...core.errors import Malformed, Reason, Refused, Unavailable
from ...core.notices import ADDRESS
from ...ports import SECRET, Message

QUOTED_MAX = 100
LINE_MAX = 900
"""Of a subject: with its name it is one line of RFC 5322 section 2.1.1 before it is folded."""
PASSING = range(400, 500)


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """`domain` is how we are called: before the server, and in Message-IDs. `authorities` is a file of
    certificates to trust in place of the system's."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    sender: str
    domain: str
    user: str = ""
    password: str = field(default="", repr=False, metadata=SECRET)
    authorities: str = ""
    seconds: float = 30.0


class SmtpNotifier:
    """One connection for each message."""

    Settings = SmtpSettings

    def __init__(self, settings: SmtpSettings) -> None:
        """Raises Malformed when the file of certificates cannot be used."""
        self._settings = settings
        try:
            self._tls = ssl.create_default_context(cafile=settings.authorities or None)
        except OSError as error:  # ssl.SSLError is one
            raise Malformed(f"{settings.authorities} holds no certificates to trust: {error}") from error

    async def send(self, message: Message) -> None:
        """See `Notifier`."""
        octets = bytes(compose(message, self._settings))
        with_server = f"{self._settings.host}:{self._settings.port}"
        try:
            async with asyncio.timeout(self._settings.seconds), self._client() as client:
                if self._settings.user:
                    await self._log_in(client)
                await client.sendmail(self._settings.sender, [message.to], octets)
        except TimeoutError as error:
            text = f"the mail server {with_server} did not take it within {self._settings.seconds:g} s"
            raise Unavailable(text) from error
        except aiosmtplib.SMTPRecipientsRefused as error:
            one = error.recipients[0]
            raise _refusal(with_server, one.code, one.message) from error
        except aiosmtplib.SMTPResponseException as error:
            raise _refusal(with_server, error.code, error.message) from error
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise Unavailable(f"the mail server {with_server} cannot be used: {_line(error)}") from error

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[aiosmtplib.SMTP]:
        """A connection that is over after the block, however it ends."""
        settings = self._settings
        client = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            local_hostname=settings.domain,
            timeout=settings.seconds,
            use_tls=settings.security == "tls",
            start_tls=settings.security == "starttls",
            tls_context=self._tls if settings.security != "none" else None,
        )
        try:
            await client.connect()
            yield client
            await client.quit()
        finally:
            client.close()

    async def _log_in(self, client: aiosmtplib.SMTP) -> None:
        """Raises Unavailable: whoever runs this can mend it."""
        try:
            await client.login(self._settings.user, self._settings.password)
        except aiosmtplib.SMTPException as error:
            text = f"the mail server {self._settings.host} does not let {self._settings.user} in"
            raise Unavailable(f"{text}: {_line(error)}") from error


def compose(message: Message, settings: SmtpSettings) -> EmailMessage:
    """The mail. Raises Refused for what is no address."""
    mail = EmailMessage(policy=WIRE)
    mail["From"] = _address(settings.sender)
    mail["To"] = _address(message.to)
    # what looks like an encoded word (RFC 2047) would be decoded, and its line ends stand in the header
    mail["Subject"] = _plain(message.subject, " ").replace("=?", "= ?")[:LINE_MAX]
    mail["Date"] = message.at
    mail["Message-ID"] = f"<{message.identifier}@{settings.domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("\n".join(_plain(line, " ") for line in message.text.splitlines()) + "\n", cte="base64")
    return mail


def _address(text: str) -> Address:
    found = ADDRESS.fullmatch(text)
    if found is None or len(text) > 254 or len(found["local"]) > 64:
        raise Refused((Reason("mail.address", f"{_plain(text, '?')[:100]!r} is no mail address"),))
    return Address(username=found["local"], domain=found["domain"])


def _plain(text: str, instead: str) -> str:
    return "".join(one if one.isprintable() else instead for one in text)


def _refusal(server: str, code: int, said: str) -> Refused | Unavailable:
    """RFC 5321 section 4.2.1: 4yz may pass, 5yz does not."""
    text = f"the mail server {server} said {code}: {_line(said)}"
    return Unavailable(text) if code in PASSING or code < 0 else Refused((Reason("mail.refused", text),))


def _line(said: object) -> str:
    return _plain(str(said), " ")[:QUOTED_MAX] or "no reason given"
