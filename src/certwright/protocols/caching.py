"""HTTP caching of what is published (RFC 9111, RFC 5019 section 6.2): headers, tags, conditional requests."""

import hashlib
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from .asgi import Scope, header

CONDITION_OCTETS_MAX = 8192

Fields = tuple[tuple[bytes, bytes], ...]


def entity_tag(body: bytes) -> bytes:
    """A strong entity tag of exactly this body."""
    return entity_tag_of(hashlib.sha256(body).digest())


def entity_tag_of(digest: bytes) -> bytes:
    """The same from the body's SHA-256."""
    return b'"' + digest.hex()[:40].encode("ascii") + b'"'


def cache_headers(
    this_update: datetime, next_update: datetime, now: datetime, keep_at_most: timedelta, tag: bytes
) -> Fields:
    """Headers of a cacheable answer, or of the 304 in its place (RFC 5019 section 6.2, RFC 9111).

    `keep_at_most` bounds how long a cache may go on giving it out after a revocation; nextUpdate always does.
    Past nextUpdate nothing is cacheable.
    """
    until = min(next_update, now + keep_at_most)
    seconds = int((until - now).total_seconds())
    if seconds <= 0:
        return NOT_CACHEABLE
    return (
        (b"cache-control", b"max-age=%d, public, no-transform, must-revalidate" % seconds),
        (b"last-modified", http_date(this_update)),
        (b"expires", http_date(now + timedelta(seconds=seconds))),
        (b"etag", tag),
    )


NOT_CACHEABLE: Fields = ((b"cache-control", b"no-store"),)
"""For answers with a nonce, to POST, and for errors."""


def http_date(moment: datetime) -> bytes:
    """IMF-fixdate (RFC 9110 section 5.6.7)."""
    return _http_date(moment.replace(microsecond=0))


@lru_cache(maxsize=256)
def _http_date(moment: datetime) -> bytes:
    moment = moment.astimezone(UTC)
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[moment.weekday()]
    month = "JanFebMarAprMayJunJulAugSepOctNovDec"[3 * moment.month - 3 : 3 * moment.month]
    return f"{day}, {moment:%d} {month} {moment.year:04} {moment:%H:%M:%S} GMT".encode("ascii")


def unchanged(scope: Scope, tag: bytes) -> bool:
    """Does the client have this already? Then answer 304. Tags decide, If-Modified-Since does not: two lists
    may have been signed in the same second."""
    return not_modified(header(scope, b"if-none-match"), tag)


def not_modified(if_none_match: bytes | None, tag: bytes) -> bool:
    """Does If-None-Match name this entity tag (weak comparison, RFC 9110 section 13.1.2)? Then answer 304."""
    if if_none_match is None:
        return False
    if if_none_match.strip() == b"*":
        return True
    return any(
        one.strip().removeprefix(b"W/") == tag for one in if_none_match[:CONDITION_OCTETS_MAX].split(b",")
    )
