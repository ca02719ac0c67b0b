"""Roots of others that are trusted here: what the organization trusts beside its own authorities."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from ..core.decoded import Decoded, decode
from ..core.errors import Malformed


@dataclass(frozen=True)
class Anchors:
    """Certificates in DER. What cannot be read is no anchor."""

    certificates: tuple[bytes, ...] = field(default=(), repr=False)

    @cached_property
    def by_subject(self) -> dict[str, list[tuple[Decoded, bytes]]]:
        found: dict[str, list[tuple[Decoded, bytes]]] = {}
        for decoded, der in _readable(self.certificates):
            found.setdefault(decoded.subject, []).append((decoded, der))
        return found

    @cached_property
    def fingerprints(self) -> frozenset[bytes]:
        return frozenset(one.fingerprint for pairs in self.by_subject.values() for one, _ in pairs)


def _readable(certificates: Iterable[bytes]) -> Iterable[tuple[Decoded, bytes]]:
    for der in certificates:
        try:
            yield decode(der), der
        except Malformed:
            continue
