import os
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.errors import Malformed
from certwright.protocols.acme.encoding import decode_base64url, encode_base64url
from certwright.protocols.acme.nonces import CheckedNonce, NonceMaker, UsedNonces
from certwright.protocols.acme.problems import AcmeProblem

NOW = datetime(2026, 7, 1, 12, 0, 0, 500_000, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEY = bytes(range(32))
UNIQUE = b"eleven octs"
MAKER = NonceMaker(KEY)


def test_a_nonce_is_taken_by_every_process_with_the_key_for_an_hour() -> None:
    nonce = MAKER.make(NOW, UNIQUE)
    assert len(decode_base64url(nonce, "")) == 32
    checked = NonceMaker(KEY).check(nonce, NOW + timedelta(minutes=59))
    assert len(checked.fingerprint) == 16
    assert checked.expires_at == NOW.replace(microsecond=0) + HOUR
    assert MAKER.check(nonce, NOW - timedelta(seconds=59)) == checked


@pytest.mark.parametrize("moment", [NOW + HOUR, NOW - timedelta(minutes=2), NOW + timedelta(days=36_500)])
def test_too_old_or_from_the_future(moment: datetime) -> None:
    with pytest.raises(AcmeProblem, match="too old") as refusal:
        MAKER.check(MAKER.make(NOW, UNIQUE), moment)
    assert (refusal.value.type, refusal.value.status) == ("badNonce", 400)


@pytest.mark.parametrize(
    "nonce", ["", "AAAA", "oFvnlFP1wIhRlYS2jTaXbA", "A" * 43, MAKER.make(NOW, UNIQUE)[:-3]]
)
def test_what_is_not_ours(nonce: str) -> None:
    with pytest.raises(AcmeProblem) as refusal:
        MAKER.check(nonce, NOW)
    assert refusal.value.type == "badNonce"


def test_what_another_key_made_is_not_ours() -> None:
    with pytest.raises(AcmeProblem):
        NonceMaker(bytes(32)).check(MAKER.make(NOW, UNIQUE), NOW)


def test_what_is_not_base64url_is_malformed() -> None:
    for text in ("a nonce", "AAAA=", "Z"):
        with pytest.raises(Malformed):
            MAKER.check(text, NOW)


def test_keys_and_unique_octets_have_their_size() -> None:
    with pytest.raises(ValueError, match="key"):
        NonceMaker(b"short")
    with pytest.raises(ValueError, match="unique"):
        MAKER.make(NOW, b"short")


@given(st.binary(min_size=11, max_size=11), st.integers(0, 31), st.integers(1, 255))
def test_no_octet_can_be_changed(unique: bytes, place: int, change: int) -> None:
    octets = bytearray(decode_base64url(MAKER.make(NOW, unique), ""))
    octets[place] ^= change
    with pytest.raises(AcmeProblem):
        MAKER.check(encode_base64url(bytes(octets)), NOW)


@given(st.text(max_size=50))
def test_no_text_raises_anything_else(text: str) -> None:
    with pytest.raises((Malformed, AcmeProblem)):
        MAKER.check(text, NOW)


def test_fingerprints_are_ordered_by_time() -> None:
    first, second = (
        MAKER.check(MAKER.make(NOW + n * HOUR / 2, os.urandom(11)), NOW + HOUR / 2) for n in (0, 1)
    )
    assert first.fingerprint < second.fingerprint


def test_a_nonce_is_taken_once_while_it_lives() -> None:
    used = UsedNonces(NOW)
    checked = MAKER.check(MAKER.make(NOW, UNIQUE), NOW)
    used.take(checked, NOW)
    for moment in (NOW, NOW + HOUR - timedelta(seconds=1), NOW + HOUR + timedelta(minutes=1)):
        with pytest.raises(AcmeProblem, match="used before") as refusal:
            used.take(checked, moment)
        assert refusal.value.type == "badNonce"


class FewNonces(UsedNonces):
    """The same with room for few, so that a test can fill it."""

    BITS = 2**16
    CAPACITY = 1000


def _many(count: int) -> list[CheckedNonce]:
    return [MAKER.check(MAKER.make(NOW, n.to_bytes(11, "big")), NOW) for n in range(count)]


def test_at_capacity_the_oldest_are_forgotten_and_no_others() -> None:
    used, some = FewNonces(NOW), _many(2500)
    refused = 0
    for nonce in some:
        try:
            used.take(nonce, NOW)
        except AcmeProblem:
            refused += 1
    assert refused <= 5
    for nonce in some[-1000:]:
        with pytest.raises(AcmeProblem):
            used.take(nonce, NOW)
    assert len(used._older) == len(used._newer) == FewNonces.BITS // 8


def test_a_process_forgets_after_the_life_of_a_nonce() -> None:
    used = FewNonces(NOW)
    nonce, *others = _many(3)
    used.take(nonce, NOW)
    used.take(others[0], NOW + 2 * HOUR)
    with pytest.raises(AcmeProblem):
        used.take(nonce, NOW + 2 * HOUR)
    used.take(others[1], NOW + 4 * HOUR)
    used.take(nonce, NOW + 4 * HOUR)
