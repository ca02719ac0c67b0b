"""RC2 (RFC 2268), to read alone: PKCS #12 files of former times encrypt certificates with 40 bits of it,
which `cryptography` has not. It protects nothing."""

from ..errors import Malformed, TooLarge

OCTETS_MAX = 256 * 1024
"""Some ten microseconds an octet."""
_PI = bytes.fromhex(
    "d978f9c419ddb5ed28e9fd794aa0d89dc67e37832b76538e624c6488448bfba2179a59f587b34f1361456d8d09817d32"
    "bd8f40eb86b77b0bf09521225c6b4e8254d66593ce60b21c7356c014a78cf1dc1275ca1f3bbee4d1423dd430a33cb626"
    "6fbf0eda4669075727f21d9bbc944303f811c7f690ef3ee706c3d52fc8661ed708e8eade8052eef784aa72ac354d6a2a"
    "961ad2715a1549744b9fd05e0418a4ecc2e0416e0f51cbcc2491af50a1f47039997c3a8523b8b47afc02365b25559731"
    "2d5dfa98e38a92ae05df2910676cbac9d300e6cfe19ea82c6316013f58e289a90d38341bab33ffb0bb480c5fb9b1cd2e"
    "c5f3db47e5a59c770aa62068fe7fc1ad"
)
_TURNS = (1, 2, 3, 5)


def decrypt_rc2(key: bytes, vector: bytes, secret: bytes, bits: int = 0) -> bytes:
    """CBC, its padding left in place. `bits` is the effective length of the key, all of it when 0.

    Raises Malformed for no whole number of blocks, TooLarge past OCTETS_MAX.
    """
    if len(vector) != 8 or not secret or len(secret) % 8:
        raise Malformed("what is encrypted is no whole number of blocks")
    if len(secret) > OCTETS_MAX:
        raise TooLarge(f"{len(secret)} octets in RC2; at most {OCTETS_MAX} are read")
    words, before, opened = _expanded(key, bits or len(key) * 8), vector, bytearray()
    for at in range(0, len(secret), 8):
        block = secret[at : at + 8]
        opened += bytes(one ^ other for one, other in zip(_block(words, block), before, strict=True))
        before = block
    return bytes(opened)


def _expanded(key: bytes, bits: int) -> list[int]:
    """RFC 2268 section 2."""
    octets = bytearray(key)
    for at in range(len(key), 128):
        octets.append(_PI[(octets[at - 1] + octets[at - len(key)]) & 0xFF])
    width = (bits + 7) // 8
    octets[128 - width] = _PI[octets[128 - width] & (0xFF >> (8 * width - bits))]
    for at in range(127 - width, -1, -1):
        octets[at] = _PI[octets[at + 1] ^ octets[at + width]]
    return [octets[at] | octets[at + 1] << 8 for at in range(0, 128, 2)]


def _block(words: list[int], block: bytes) -> bytes:
    """RFC 2268 section 4."""
    state = [block[at] | block[at + 1] << 8 for at in range(0, 8, 2)]
    for turn in range(15, -1, -1):
        _unmix(state, words, turn)
        if turn in {11, 5}:
            for index in range(3, -1, -1):
                state[index] = state[index] - words[state[index - 1] & 63] & 0xFFFF
    return b"".join(one.to_bytes(2, "little") for one in state)


def _unmix(state: list[int], words: list[int], turn: int) -> None:
    for index in range(3, -1, -1):
        one, by = state[index], _TURNS[index]
        one = (one >> by | one << (16 - by)) & 0xFFFF
        first, second, third = state[index - 1], state[index - 2], state[index - 3]
        mixed = words[4 * turn + index] + (first & second) + (~first & third)
        state[index] = one - mixed & 0xFFFF
