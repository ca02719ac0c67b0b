"""What people are told: whatever strangers write, it stays within its line."""

from email import message_from_bytes
from email.policy import default

import pytest
from django.template import Context, Engine
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.notices import (
    ENGLISH,
    TEXT_MAX,
    VALUE_MAX,
    Telling,
    harmless,
    mail_subject,
    mail_text,
    names_told,
    number_told,
    told,
)
from certwright.plugins.notifiers.smtp import SmtpSettings, compose
from certwright.testing.notifier import MESSAGE

FACTS = ("requester", "names", "step", "reason", "title", "number", "due", "actor", "name")
SMTP = SmtpSettings("mail.test", 25, "none", "certwright@pki.test", "pki.test")
EVIL = [
    "x\r\nBcc: eve@example.test",
    "<script>alert(1)</script>",
    "\u202egnp.exe",
    "\u2028\u2029\x85\x00\x1b[31m",
    "{requester.__class__}",
    "=?utf-8?q?x=0D=0ABcc:_eve?=",
    "a" * 10_000,
]
texts = st.one_of(st.sampled_from(EVIL), st.text(max_size=300))


def test_each_has_its_words() -> None:
    assert set(Telling) <= set(ENGLISH)
    for telling in Telling:
        assert told(telling, dict.fromkeys(FACTS, "word"))


@given(st.sampled_from(list(Telling)), st.dictionaries(st.sampled_from(FACTS), texts))
def test_strangers_words_stay_in_their_line(telling: Telling, given_: dict[str, str]) -> None:
    text = told(telling, {**dict.fromkeys(FACTS, "x"), **given_})
    assert 0 < len(text) <= TEXT_MAX
    assert text.isprintable()  # so it has neither line ends nor marks of direction


@given(texts, texts)
def test_no_word_makes_a_header_of_a_mail(name: str, reason: str) -> None:
    text = told(Telling.REQUEST_REJECTED, {"names": name, "reason": reason})
    body = mail_text(text, "/console/", "https://pki.test", name)
    message = compose(type(MESSAGE)("a@example.test", mail_subject(text), body, "notice.1", MESSAGE.at), SMTP)
    plain = compose(MESSAGE, SMTP)
    read = message_from_bytes(bytes(message), policy=default)
    assert sorted(read.keys()) == sorted(message_from_bytes(bytes(plain), policy=default).keys())
    assert str(read["To"]) == "a@example.test"
    assert "\u202e" not in str(read["Subject"])
    assert all(line.isprintable() for line in read.get_content().splitlines())


@given(texts)
def test_no_word_makes_an_element_of_a_page(name: str) -> None:
    text = told(Telling.HANDED_OVER, {"actor": "alice", "name": name})
    assert "<" not in Engine().from_string("{{ text }}").render(Context({"text": text}))


def test_what_is_long_or_many_is_cut() -> None:
    assert harmless("a" * 1000, 10) == "a" * 9 + "…"
    assert harmless("a" * 10, 10) == "a" * 10
    assert (names_told([]), names_told(["a"]), names_told(["a", "b", "c"])) == (
        "no name",
        "a",
        "a and 2 more",
    )
    assert len(names_told(["a" * 500, "b"])) <= VALUE_MAX
    assert (number_told(1), number_told(2)) == ("1 certificate", "2 certificates")


def test_a_fact_that_is_missing_is_our_mistake() -> None:
    with pytest.raises(KeyError):
        told(Telling.REQUEST_WAITS, {})
