"""Whose proof of a mailbox counts, of which address and until when; and which code is an answer."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from certwright.core.distinguished_name import NO_NAME
from certwright.core.mailbox import (
    CODE_OCTETS,
    GOOD_FOR,
    PLACE,
    MailboxProof,
    MailboxState,
    answer_problem,
    code_digest,
    code_of,
    control_of,
    counting,
    state_of,
)
from certwright.core.names import Identifier, IdentifierKind, parse_identifier
from certwright.core.notices import ADDRESS_MAX, code_mail
from certwright.core.rules_facts import Validation
from certwright.core.vetted_subject import Control, reached
from certwright.core.vetting import Ages

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
AGES = Ages()
SECOND = timedelta(seconds=1)
ANN, BEN, HOST = (
    parse_identifier("email", "ann@example.test"),
    parse_identifier("email", "ben@example.test"),
    parse_identifier("dns", "www.example.test"),
)
NAMES = (ANN, BEN, HOST)
CODE = code_of(bytes(range(CODE_OCTETS)))
MAILED = MailboxProof("ann", ANN, code_digest(CODE), NOW + GOOD_FOR)
PROVED = MailboxProof("ann", ANN, proved_at=NOW)

moments = st.timedeltas(timedelta(days=-90), timedelta(days=90)).map(lambda period: NOW + period)
accounts = st.sampled_from(["ann", "ben", "eve"])
proofs = st.builds(
    MailboxProof,
    accounts,
    st.sampled_from([ANN, BEN, parse_identifier("email", "Ann@example.test")]),
    st.sampled_from([b"", code_digest(CODE)]),
    st.none() | moments,
    st.none() | moments,
    st.booleans(),
    st.booleans(),
)
codes = st.sampled_from([CODE, CODE.lower(), "", code_of(bytes(CODE_OCTETS))]) | st.text(max_size=60)


@given(st.lists(proofs, max_size=8), accounts | st.just(""), moments)
def test_nobody_elses_proof_counts(known: list[MailboxProof], holder: str, now: datetime) -> None:
    control = control_of(NAMES, holder, known, AGES, now)
    own = [one for one in known if holder and one.account == holder]
    assert control == control_of(NAMES, holder, own, AGES, now)
    assert control_of(NAMES, "nobody", known, AGES, now).shown == frozenset()
    for name in control.shown:
        assert any(
            one.address == name
            and not one.taken_away
            and one.proved_at is not None
            and now < one.proved_at + timedelta(days=30)
            for one in own
        )


@given(st.lists(proofs, max_size=8), accounts, moments, st.timedeltas(timedelta(0), timedelta(days=60)))
def test_time_and_officers_take_away_and_never_give(
    known: list[MailboxProof], holder: str, now: datetime, more: timedelta
) -> None:
    shown = control_of(NAMES, holder, known, AGES, now).shown
    assert control_of(NAMES, holder, known, AGES, now + more).shown <= shown
    assert control_of(NAMES, holder, known, Ages(mailbox_days=7), now).shown <= shown
    assert not control_of(NAMES, holder, [replace(one, taken_away=True) for one in known], AGES, now).shown


@given(proofs, accounts | st.just(""), codes, moments)
def test_an_answer_is_that_accounts_with_that_code_in_time_and_once(
    proof: MailboxProof, account: str, code: str, now: datetime
) -> None:
    if answer_problem(proof, account, code, now):
        return
    assert account == proof.account
    assert code_digest(code) == proof.digest
    assert proof.good_until is not None
    assert now < proof.good_until
    assert (proof.proved_at, proof.taken_away) == (None, False)
    spent = replace(proof, proved_at=now)
    assert answer_problem(spent, account, code, now)
    assert answer_problem(replace(proof, account="another"), account, code, now)


def test_a_proof_and_a_code_last_so_long_and_no_longer() -> None:
    end = NOW + timedelta(days=30)
    assert state_of(PROVED, AGES, end - SECOND) is MailboxState.IN_FORCE
    assert state_of(PROVED, AGES, end) is MailboxState.EXPIRED
    assert answer_problem(MAILED, "ann", CODE, NOW + GOOD_FOR - SECOND) == ""
    assert "which is over" in answer_problem(MAILED, "ann", CODE, NOW + GOOD_FOR)
    assert "another account" in answer_problem(MAILED, "eve", CODE, NOW)
    assert "not the code" in answer_problem(MAILED, "ann", CODE[:-1] + "A", NOW)
    assert "wait for the mail" in answer_problem(MailboxProof("ann", ANN), "ann", CODE, NOW)


@given(st.binary(min_size=CODE_OCTETS, max_size=CODE_OCTETS), st.sampled_from([" ", "-", "\n", ""]))
def test_a_code_is_read_however_it_was_copied(octets: bytes, between: str) -> None:
    code = code_of(octets)
    assert len(code.replace("-", "")) * 5 >= 112, "bits (S/MIME BR 3.2.2.2)"
    assert code_digest(code) == code_digest(f" {code.lower().replace('-', between)}\n")
    other = bytes([octets[0] ^ 1, *octets[1:]])
    assert code_digest(code) != code_digest(code_of(other))


def test_what_is_missing_says_where_to_go() -> None:
    missing = control_of(NAMES, "ann", [PROVED], AGES, NOW).missing
    assert list(missing) == [BEN]
    assert missing[BEN].endswith(
        f"has not shown control of email:ben@example.test: have a code mailed to it, under {PLACE}"
    )
    late = control_of((ANN,), "ann", [PROVED], AGES, NOW + timedelta(days=31)).missing[ANN]
    assert "expired on 2026-07-01: do it again under" in late
    nobody = control_of((ANN,), "", [PROVED], AGES, NOW)
    assert (nobody.shown, "ask for it by an account that can" in nobody.missing[ANN]) == (frozenset(), True)
    assert counting((HOST,), "ann", [PROVED], AGES, NOW) == []


def test_a_level_is_reached_by_proofs_of_every_address() -> None:
    for names, expected in (
        ((ANN,), Validation.DOMAIN),
        ((ANN, BEN), Validation.NONE),
        ((ANN, HOST), Validation.NONE),
        ((Identifier(IdentifierKind.EMAIL, "Ann@example.test"),), Validation.NONE),
    ):
        control = control_of(names, "ann", [PROVED], AGES, NOW)
        found = reached(NO_NAME, names, control, [], AGES, NOW)
        assert found.validation is expected, names
    assert reached(NO_NAME, (ANN,), Control(), [], AGES, NOW).validation is Validation.NONE


@given(st.text(max_size=400), st.text(max_size=400))
def test_a_mail_says_what_it_must_and_nothing_of_it_breaks_out(address: str, account: str) -> None:
    facts = {"address": address, "account": account, "base": "https://pki.test", "link": "/here/"}
    subject, text = code_mail({**facts, "code": CODE, "until": "2026-06-02 12:00"})
    assert subject.isprintable()
    lines = text.splitlines()
    assert len(lines) == 14
    assert all(line.isprintable() for line in lines)
    assert "https://pki.test/here/" in lines
    assert CODE in lines
    assert CODE not in "".join(line for line in lines if line != CODE) + subject
    assert len(address) <= ADDRESS_MAX or address not in text
