"""Anti-replay nonces (RFC 8555 section 6.5) without a list of those given out.

A nonce is 32 octets: seconds since 1970 (5), octets never used before (11), and the first 16 octets of an
HMAC-SHA-256 over them. Any process that holds the key can check it, before and after a restart.

That no nonce is taken twice is held at two strengths. A request that changes state leaves the nonce's
`fingerprint` under a unique index in its own commit: never twice, anywhere. One that only reads
(POST-as-GET) is checked against `UsedNonces` of its process alone: replayed to another process, or after
much traffic, it would read again what the same client could read, and change nothing.
"""

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .encoding import decode_base64url, encode_base64url
from .problems import AcmeProblem, ProblemType

AGE_MAX = timedelta(hours=1)
SKEW_MAX = timedelta(minutes=1)
UNIQUE_OCTETS = 11
KEY_OCTETS_MIN = 32

_TIME_OCTETS = 5
_TAGGED = _TIME_OCTETS + UNIQUE_OCTETS
_TAG_OCTETS = 16
_PURPOSE = b"certwright acme nonce 1\x00"


@dataclass(frozen=True, slots=True)
class CheckedNonce:
    """A nonce of ours, young enough. `fingerprint` (16 octets, ordered by time) is unique to it; after
    `expires_at` no process takes the nonce any more and its fingerprint may be forgotten."""

    fingerprint: bytes
    tag: bytes
    expires_at: datetime


def bad_nonce(detail: str) -> AcmeProblem:
    return AcmeProblem(ProblemType.BAD_NONCE, f"{detail}; retry with the nonce of this answer")


class NonceMaker:
    """Makes and checks nonces under one key of at least 32 secret octets, shared by all processes."""

    __slots__ = ("_age_max", "_key")

    def __init__(self, key: bytes, age_max: timedelta = AGE_MAX) -> None:
        if len(key) < KEY_OCTETS_MIN:
            raise ValueError(f"a nonce key has at least {KEY_OCTETS_MIN} octets")
        self._key = key
        self._age_max = age_max

    def make(self, now: datetime, unique: bytes) -> str:
        """A fresh nonce. `unique`: 11 octets never given before, such as from the system's random source."""
        if len(unique) != UNIQUE_OCTETS:
            raise ValueError(f"a nonce needs {UNIQUE_OCTETS} unique octets")
        tagged = int(now.timestamp()).to_bytes(_TIME_OCTETS, "big") + unique
        return encode_base64url(tagged + self._tag(tagged))

    def check(self, nonce: str, now: datetime) -> CheckedNonce:
        """Raises Malformed when it is not base64url, AcmeProblem badNonce when it is not ours or too old."""
        octets = decode_base64url(nonce, '"nonce"')
        tagged, tag = octets[:_TAGGED], octets[_TAGGED:]
        if len(tag) != _TAG_OCTETS or not hmac.compare_digest(tag, self._tag(tagged)):
            raise bad_nonce("the nonce is not one of this server's")
        made_at = datetime.fromtimestamp(int.from_bytes(tagged[:_TIME_OCTETS], "big"), UTC)
        if not made_at - SKEW_MAX <= now < made_at + self._age_max:
            raise bad_nonce("the nonce is too old")
        return CheckedNonce(tagged, tag, made_at + self._age_max)

    def _tag(self, tagged: bytes) -> bytes:
        return hmac.digest(self._key, _PURPOSE + tagged, "sha256")[:_TAG_OCTETS]


class UsedNonces:
    """What one process remembers of the nonces it has taken, in two bitmaps of fixed size (8 MiB together).

    Each nonce sets four bits, chosen by its tag, which no client can choose. A bitmap is filled for the
    longest life of a nonce or until a million nonces, then kept as the older one while another is filled.
    So a nonce taken by this process is refused for the rest of its life, unless the process has taken more
    than a million since. With both bitmaps full, one in 3,000 nonces never taken is refused too; the client
    then retries with a fresh one, as RFC 8555 has it do. Not for use by several threads.
    """

    __slots__ = ("_count", "_life_max", "_newer", "_older", "_started_at")

    BITS = 2**25
    CAPACITY = 1_000_000

    def __init__(self, now: datetime, age_max: timedelta = AGE_MAX) -> None:
        self._life_max = age_max + SKEW_MAX
        self._newer = bytearray(self.BITS // 8)
        self._older = bytearray(self.BITS // 8)
        self._count = 0
        self._started_at = now

    def take(self, nonce: CheckedNonce, now: datetime) -> None:
        """Remember this nonce. Raises AcmeProblem badNonce when it was taken before."""
        if self._count >= self.CAPACITY or now - self._started_at >= self._life_max:
            self._turn(now)
        places = [int.from_bytes(nonce.tag[i : i + 4], "big") % self.BITS for i in (0, 4, 8, 12)]
        if _all_set(self._newer, places) or _all_set(self._older, places):
            raise bad_nonce("the nonce was used before")
        for place in places:
            self._newer[place >> 3] |= 1 << (place & 7)
        self._count += 1

    def _turn(self, now: datetime) -> None:
        self._older, self._newer = self._newer, bytearray(self.BITS // 8)
        self._count = 0
        self._started_at = now


def _all_set(bitmap: bytearray, places: list[int]) -> bool:
    return all(bitmap[place >> 3] >> (place & 7) & 1 for place in places)
