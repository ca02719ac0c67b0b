"""Documents on organizations: of which types they may be, and how they are cut for keeping."""

from collections.abc import Iterator

from .errors import Malformed

CHUNK_OCTETS = 65_536
"""As much as an envelope holds (core.envelope)."""
PLAIN = "text/plain"
_BEGINNINGS = {
    "application/pdf": b"%PDF-",
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
}
MEDIA_TYPES = (*_BEGINNINGS, PLAIN)
_SPACES = frozenset("\n\r\t")


def media_type_of(content: bytes) -> str:
    """One of MEDIA_TYPES, by what the octets are and not by what anybody says. Raises Malformed."""
    for media_type, beginning in _BEGINNINGS.items():
        if content.startswith(beginning):
            return media_type
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = ""
    if text and all(one.isprintable() or one in _SPACES for one in text):
        return PLAIN
    raise Malformed(f"the document is none of {', '.join(MEDIA_TYPES)} (UTF-8); save it as PDF")


def chunks_of(content: bytes) -> Iterator[bytes]:
    """Its parts in order."""
    for start in range(0, len(content), CHUNK_OCTETS):
        yield content[start : start + CHUNK_OCTETS]


def chunk_context(evidence: int, position: int, octets: int) -> str:
    """What the envelope of a part is bound to: its document, its place, and how long the document is."""
    return f"evidence/{evidence}/{position}/{octets}"
