"""The envelope opens with its key in its place, and says what is wrong everywhere else."""

import base64
import contextlib
import hashlib
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core import envelope
from certwright.core.errors import CertwrightError, Conflict, IntegrityError, Malformed, TooLarge

KEK, OTHER = hashlib.sha256(b"one").digest(), hashlib.sha256(b"other").digest()
CONTEXT = "key/authority-x/1"
SALT = bytes(range(16))
CHEAP = envelope.Derivation(SALT, log2_n=14)


def sealed(secret: bytes = b"a secret", context: str = CONTEXT, kek: bytes = KEK) -> bytes:
    return envelope.encrypt(kek, secret, context, os.urandom(envelope.RANDOM_BYTES))


@given(st.binary(max_size=5000), st.text(min_size=1, max_size=60), st.binary(min_size=44, max_size=44))
def test_what_goes_in_comes_out(secret: bytes, context: str, random: bytes) -> None:
    box = envelope.encrypt(KEK, secret, context, random)
    assert envelope.decrypt(KEK, box, context) == secret
    assert len(secret) < 4 or secret not in box


def test_the_layout_of_version_1_is_read_for_ever() -> None:
    kek, random = bytes(range(32)), bytes(range(100, 144))
    fixed = bytes.fromhex(
        "0194c6881b1d7648118485868788898a8b8c8d8e8f8eb7f3a840b1a39ed929399743ea5159419f3528dadb529de767358e376d08"
        "f9b722cd0b2bdeaecc2c3b8389efef30ec3a0e83f714647dbb8023bb0d4ef9514b82e12ab2ce"
    )
    assert fixed[:21] == b"\x01" + envelope.key_identifier(kek) + random[32:]
    assert len(fixed) == 1 + 8 + 12 + 48 + len(b"fixed") + 16
    assert envelope.encrypt(kek, b"fixed", "fixed context", random) == fixed
    assert envelope.decrypt(kek, fixed, "fixed context") == b"fixed"


def test_another_context_does_not_open_it() -> None:
    with pytest.raises(IntegrityError, match="changed or belongs elsewhere"):
        envelope.decrypt(KEK, sealed(), "key/authority-y/1")


def test_another_key_is_named() -> None:
    found, given_ = envelope.key_identifier(KEK).hex(), envelope.key_identifier(OTHER).hex()
    with pytest.raises(Conflict, match=f"another key-encryption key \\(id {found}\\).*{given_}"):
        envelope.decrypt(OTHER, sealed(), CONTEXT)


@given(st.data())
def test_no_bit_can_be_changed(data: st.DataObject) -> None:
    box = bytearray(sealed())
    place = data.draw(st.integers(0, 8 * len(box) - 1))
    box[place // 8] ^= 1 << place % 8
    with pytest.raises((IntegrityError, Conflict)):
        envelope.decrypt(KEK, bytes(box), CONTEXT)


@given(st.binary(max_size=200))
def test_nonsense_is_no_envelope(nonsense: bytes) -> None:
    with pytest.raises((IntegrityError, Conflict)):
        envelope.decrypt(KEK, nonsense, CONTEXT)


@given(st.integers(0, 84))
def test_a_cut_envelope_is_no_envelope(size: int) -> None:
    with pytest.raises(IntegrityError, match="no whole envelope"):
        envelope.decrypt(KEK, sealed(b"")[:size], CONTEXT)


def test_a_later_version_is_named() -> None:
    with pytest.raises(IntegrityError, match="version 2; this release reads version 1"):
        envelope.decrypt(KEK, b"\x02" + sealed()[1:], CONTEXT)


def test_the_wrapped_key_of_another_envelope_does_not_fit() -> None:
    first, second = sealed(b"first"), sealed(b"other")
    with pytest.raises(IntegrityError):
        envelope.decrypt(KEK, first[:69] + second[69:], CONTEXT)


def test_bounds() -> None:
    largest = bytes(envelope.MAXIMUM_SECRET)
    assert envelope.decrypt(KEK, sealed(largest), CONTEXT) == largest
    with pytest.raises(TooLarge):
        sealed(largest + b"1")
    for context in ("", "x" * 513):
        with pytest.raises(Malformed, match="context"):
            sealed(context=context)
    with pytest.raises(Malformed, match="32 bytes"):
        sealed(kek=bytes(16))
    with pytest.raises(Malformed, match="44 bytes"):
        envelope.encrypt(KEK, b"", CONTEXT, bytes(32))


# -- key-encryption keys --


@pytest.mark.parametrize(
    "text",
    [
        KEK.hex(),
        KEK.hex().upper(),
        base64.b64encode(KEK).decode(),
        base64.b64encode(KEK).decode().rstrip("="),
        f"  {envelope.key_encryption_key_text(KEK)}\n",
    ],
)
def test_a_key_encryption_key_is_read_from_hexadecimal_and_base64(text: str) -> None:
    assert envelope.parse_key_encryption_key(text) == KEK


@pytest.mark.parametrize("text", ["", "hunter2", KEK.hex()[:-2], KEK.hex() + "00", "ключ" * 11, "=" * 44])
def test_no_key_encryption_key_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(Malformed, match="32 bytes in base64 or hexadecimal") as raised:
        envelope.parse_key_encryption_key(text)
    assert not text or text not in str(raised.value)


def test_a_key_encryption_key_that_nobody_drew_is_refused() -> None:
    with pytest.raises(Malformed, match="not random"):
        envelope.parse_key_encryption_key("00" * 32)


@given(st.text(max_size=300))
def test_any_text_gives_a_key_or_is_malformed(text: str) -> None:
    with contextlib.suppress(Malformed):
        assert len(envelope.parse_key_encryption_key(text)) == 32


def test_a_passphrase_gives_a_key_by_scrypt() -> None:
    kek = envelope.kek_from_passphrase("pleaseletmein", CHEAP)
    assert kek == hashlib.scrypt(b"pleaseletmein", salt=SALT, n=2**14, r=8, p=1, dklen=32)
    assert kek == envelope.kek_from_passphrase("pleaseletmein", envelope.parse_derivation(CHEAP.text()))
    assert kek != envelope.kek_from_passphrase("pleaseletmeout", CHEAP)
    assert kek != envelope.kek_from_passphrase("pleaseletmein", envelope.Derivation(bytes(16), log2_n=14))
    assert envelope.decrypt(kek, sealed(kek=kek), CONTEXT) == b"a secret"


def test_one_passphrase_typed_on_two_keyboards_is_one_key() -> None:
    composed, decomposed = "Schlüsselbund 9", "Schlu\u0308sselbund 9"
    assert envelope.kek_from_passphrase(composed, CHEAP) == envelope.kek_from_passphrase(decomposed, CHEAP)


@pytest.mark.parametrize("passphrase", ["", "too short", "x" * 1025])
def test_bounds_of_a_passphrase(passphrase: str) -> None:
    with pytest.raises(Malformed, match="12 to 1024 characters"):
        envelope.kek_from_passphrase(passphrase, CHEAP)


def test_the_default_cost_is_in_the_text() -> None:
    assert envelope.Derivation(SALT).text() == "scrypt:17:8:1:" + SALT.hex()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "scrypt:17:8:1",
        "scrypt:30:8:1:" + "00" * 16,
        "scrypt:17:9:1:" + "00" * 16,
        "scrypt:17:8:99:" + "00" * 16,
        "scrypt:17:8:1:" + "00" * 15,
        "scrypt:17:8:1:" + "00" * 65,
        "argon2:17:8:1:" + "00" * 16,
    ],
)
def test_a_derivation_out_of_bounds_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        envelope.parse_derivation(text)


# -- the recovery passphrase --


@given(st.binary(min_size=16, max_size=16))
def test_a_recovery_passphrase_is_read_back_however_it_is_typed(random: bytes) -> None:
    printed = envelope.recovery_passphrase(random)
    assert [len(group) for group in printed.split("-")] == [5] * 7
    for typed in (printed, printed.upper(), printed.replace("-", " "), printed.replace("-", "\n") + "\n"):
        assert envelope.read_recovery_passphrase(typed) == printed
    misread = printed.replace("0", "O").replace("1", "l").replace("v", "u")
    assert envelope.read_recovery_passphrase(misread) == printed


def test_every_bit_of_the_randomness_is_in_the_recovery_passphrase() -> None:
    passphrases = {envelope.recovery_passphrase((1 << bit).to_bytes(16, "big")) for bit in range(128)}
    assert len(passphrases) == 128


@given(st.binary(min_size=16, max_size=16), st.integers(0, 34), st.integers(1, 31))
def test_a_wrong_character_is_found_and_its_group_named(random: bytes, place: int, shift: int) -> None:
    alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
    letters = list(envelope.recovery_passphrase(random).replace("-", ""))
    letters[place] = alphabet[(alphabet.index(letters[place]) + shift) % 32]
    with pytest.raises(Malformed, match=f"typing error in group {place // 5 + 1} of 7"):
        envelope.read_recovery_passphrase("".join(letters))


@given(st.binary(min_size=16, max_size=16), st.integers(0, 6), st.integers(0, 6))
def test_groups_in_the_wrong_order_are_found(random: bytes, first: int, second: int) -> None:
    groups = envelope.recovery_passphrase(random).split("-")
    groups[first], groups[second] = groups[second], groups[first]
    if first != second:
        with pytest.raises(Malformed, match=f"group {min(first, second) + 1} of 7"):
            envelope.read_recovery_passphrase("-".join(groups))


def test_two_errors_that_cancel_in_a_group_are_found_by_the_whole() -> None:
    # 8 more at weight 1 and 8 more at weight 3 leave the check character of the group as it was.
    printed = envelope.recovery_passphrase(bytes(16))
    typed = "88" + printed[2:]
    with pytest.raises(Malformed, match="compare every group"):
        envelope.read_recovery_passphrase(typed)


@given(st.text(max_size=60))
def test_any_text_is_a_recovery_passphrase_or_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        envelope.read_recovery_passphrase(text)


def test_a_missing_group_is_named_by_its_count() -> None:
    printed = envelope.recovery_passphrase(bytes(16))
    with pytest.raises(Malformed, match="7 groups of 5 characters, 35 in all; this one has 30"):
        envelope.read_recovery_passphrase(printed[:-6])


def test_the_recovery_passphrase_opens_what_it_closed() -> None:
    printed = envelope.recovery_passphrase(os.urandom(16))
    kek = envelope.kek_from_recovery_passphrase(printed, CHEAP)
    assert envelope.kek_from_recovery_passphrase(f" {printed.upper()} ", CHEAP) == kek
    assert envelope.decrypt(kek, sealed(kek=kek), CONTEXT) == b"a secret"


def test_no_error_holds_a_secret() -> None:
    passphrase = "x" * 2000
    acts = [
        lambda: envelope.decrypt(OTHER, sealed(), CONTEXT),
        lambda: envelope.kek_from_passphrase(passphrase, CHEAP),
        lambda: envelope.read_recovery_passphrase("secret words"),
    ]
    for act in acts:
        with pytest.raises(CertwrightError) as raised:
            act()
        assert KEK.hex() not in str(raised.value)
        assert "xxx" not in str(raised.value)
        assert "secret words" not in str(raised.value)
