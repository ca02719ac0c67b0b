"""What people are told, in words: one line each, and the mail that carries it. Pure.

All words stand here, by what they tell, so that another language is another table. What fills the gaps is of
strangers' making (names, titles, reasons): nothing in it can break a line, turn the reading direction, or
grow without bound.
"""

import re
from collections.abc import Mapping
from enum import StrEnum

VALUE_MAX = 200
TEXT_MAX = 1000
SUBJECT_MAX = 150
ADDRESS_MAX = 320
"""Of a mail address: 64 octets, an @, 255 (RFC 5321 section 4.5.3.1)."""
MISSING = "\N{REPLACEMENT CHARACTER}"
ADDRESS = re.compile(
    r"(?P<local>[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*)"
    r"@(?P<domain>[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*)",
    re.IGNORECASE | re.ASCII,
)
"""A mail address, RFC 5321 section 4.1.2, without quoted words and addresses in brackets: what nobody has to
escape."""


class Telling(StrEnum):
    """What a notice tells."""

    REQUEST_WAITS = "request.waits"
    REQUESTS_WAIT = "requests.wait"
    REQUEST_REJECTED = "request.rejected"
    REQUEST_EXPIRED = "request.expired"
    REQUEST_ISSUED = "request.issued"
    REQUEST_FAILED = "request.failed"
    ATTESTATION_ASKED = "attestation.asked"
    ATTESTATION_REMINDED = "attestation.reminded"
    ATTESTATION_OVERDUE = "attestation.overdue"
    ATTESTATION_ESCALATED = "attestation.escalated"
    HANDED_OVER = "owner.handed-over"


ENGLISH: Mapping[str, str] = {
    Telling.REQUEST_WAITS: "A request of {requester} for {names} waits for your approval (step {step}).",
    Telling.REQUESTS_WAIT: "Many requests wait for your approval. For an hour you are not told of each; "
    "the list of requests has all.",
    Telling.REQUEST_REJECTED: "Your request for {names} was rejected: {reason}",
    Telling.REQUEST_EXPIRED: "Your request for {names} has expired: nobody decided on it in time.",
    Telling.REQUEST_ISSUED: "Your request for {names} was approved, and its certificate is issued.",
    Telling.REQUEST_FAILED: "Your request for {names} was approved, and could not be issued: {reason}",
    Telling.ATTESTATION_ASKED: "{title}: are your certificates needed still? It asks about {number}.",
    Telling.ATTESTATION_REMINDED: "{title}: your answer is missing for {number}, which is due on {due}.",
    Telling.ATTESTATION_OVERDUE: "{title}: an answer is missing for {number}, which was due on {due}.",
    Telling.ATTESTATION_ESCALATED: "{title}: nobody has answered for {number}, which was due on {due}.",
    Telling.HANDED_OVER: "{actor} has handed certificates over to you, {name} among them.",
    "mailbox.subject": "Is {address} yours?",
    "mailbox.asked": "The account {account} at {base} says that {address} is theirs, and wants certificates "
    "for it.",
    "mailbox.yours": "If that is you: open this page, log in as {account}, and paste the code there.",
    "mailbox.code": "Code, good until {until} UTC, once:",
    "mailbox.not_yours": "If it is not you, do nothing, and give the code to nobody: who has it could sign "
    "mail in your name.",
    "mailbox.foot": "Certwright at {base} has written this by itself; nobody reads an answer.",
    "mail.greeting": "Hello {name},",
    "mail.look": "Look at it here:",
    "mail.foot": "Certwright at {base} has written this by itself; nobody reads an answer. Whether you get "
    "mails you say under Notices in the console.",
}


def told(telling: Telling, facts: Mapping[str, object], words: Mapping[str, str] = ENGLISH) -> str:
    """A notice in one line of at most TEXT_MAX characters. Raises KeyError for a fact that is missing."""
    values = {name: harmless(str(value), VALUE_MAX) for name, value in facts.items()}
    return harmless(words[telling].format_map(values), TEXT_MAX)


def harmless(text: str, limit: int) -> str:
    """Of the text what can be seen, in its own order; what controls lines or direction stands as U+FFFD."""
    plain = "".join(one if one.isprintable() else MISSING for one in text[: limit + 1])
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"


def names_told(names: list[str]) -> str:
    """The first of several names, and how many more there are."""
    first = names[0] if names else "no name"
    return first if len(names) < 2 else f"{harmless(first, VALUE_MAX // 2)} and {len(names) - 1} more"


def number_told(number: int) -> str:
    return "1 certificate" if number == 1 else f"{number} certificates"


def mail_subject(text: str) -> str:
    return harmless(text, SUBJECT_MAX)


def mail_text(text: str, link: str, base: str, name: str, words: Mapping[str, str] = ENGLISH) -> str:
    """The mail's text: `link` is a path below `base`, or empty; `name` is what its reader is called."""
    greeting = words["mail.greeting"].format(name=harmless(name, VALUE_MAX))
    lines = [greeting, "", harmless(text, TEXT_MAX), ""]
    if link:
        lines += [words["mail.look"], base + link, ""]
    return "\n".join([*lines, "-- ", words["mail.foot"].format(base=base), ""])


def code_mail(facts: Mapping[str, str], words: Mapping[str, str] = ENGLISH) -> tuple[str, str]:
    """Subject and text of the mail by which somebody shows that an address is theirs. `facts` are `address`,
    `account`, `base`, `link` (a path below that), `code` and `until`."""
    plain = {name: harmless(value, ADDRESS_MAX) for name, value in facts.items()}

    def said(name: str) -> str:
        return words[name].format_map(plain)

    lines = [said("mailbox.asked"), "", said("mailbox.yours"), "", plain["base"] + plain["link"], ""]
    lines += [said("mailbox.code"), "", plain["code"], "", said("mailbox.not_yours"), ""]
    return mail_subject(said("mailbox.subject")), "\n".join([*lines, "-- ", said("mailbox.foot"), ""])
