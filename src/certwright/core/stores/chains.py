"""Certificates and keys of one file, put into chains: by the keys, by who issued whom, else as they stand."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ..errors import CertwrightError, TooLarge
from .outline import Outline, outline
from .values import ENTRIES_MAX, Entry, StoredKey

CHAIN_MAX = 16


@dataclass(frozen=True, slots=True)
class FoundCertificate:
    """`name` and `mark` (octets that a key of the same store carries too) are empty where there is none."""

    outline: Outline
    name: str = ""
    mark: bytes = b""


@dataclass(frozen=True, slots=True)
class FoundKey:
    key: StoredKey
    name: str = ""
    mark: bytes = b""


@dataclass(slots=True)
class Findings:
    """What a reader has come across so far, in order; at most ENTRIES_MAX of each."""

    certificates: list[FoundCertificate]
    keys: list[FoundKey]
    problems: list[Entry]

    @classmethod
    def none(cls) -> "Findings":
        return cls([], [], [])

    def certificate(self, der: bytes, place: str, name: str = "", mark: bytes = b"") -> None:
        """A certificate, or the problem with it, told at `place`. Raises TooLarge."""
        try:
            found = FoundCertificate(outline(der), name, mark)
        except CertwrightError as error:
            self.problem(name or place, error.detail)
        else:
            self._count(self.certificates)
            self.certificates.append(found)

    def key(self, key: StoredKey, name: str = "", mark: bytes = b"") -> None:
        self._count(self.keys)
        self.keys.append(FoundKey(key, name, mark))

    def problem(self, place: str, text: str) -> None:
        self._count(self.problems)
        self.problems.append(Entry(place, problem=text))

    def entries(self) -> tuple[Entry, ...]:
        return unique((*_assembled(self.certificates, self.keys), *self.problems))

    def _count(self, things: Sequence[object]) -> None:
        if len(things) >= ENTRIES_MAX:
            raise TooLarge(f"it holds more than {ENTRIES_MAX} entries; split it")


def unique(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """The entries, every name once: the second of a name gets ` (2)`, the third ` (3)`."""
    told: set[str] = set()
    counts: defaultdict[str, int] = defaultdict(int)
    found = []
    for entry in entries:
        name = entry.name
        while name in told:
            counts[entry.name] += 1
            name = f"{entry.name} ({counts[entry.name] + 1})".strip()
        told.add(name)
        found.append(replace(entry, name=name))
    return tuple(found)


def chains_from(certificates: Sequence[FoundCertificate], heads: Sequence[int]) -> dict[int, list[int]]:
    """Chains, as indexes, by where they begin: at the heads, and wherever none of those before leads."""
    by_subject: defaultdict[bytes, list[int]] = defaultdict(list)
    for index, one in enumerate(certificates):
        by_subject[one.outline.subject].append(index)
    covered: set[int] = set()
    chains = {index: _chain(certificates, by_subject, index) for index in heads}
    covered.update(*chains.values())
    for index in (*_ends(certificates), *range(len(certificates))):
        if index not in covered:
            chains[index] = _chain(certificates, by_subject, index)
            covered.update(chains[index])
    return chains


def _assembled(certificates: Sequence[FoundCertificate], keys: Sequence[FoundKey]) -> list[Entry]:
    """Chains with keys, other chains, and keys alone; each by what stands first in the file."""
    key_of, alone = _owners(certificates, keys)
    chains = chains_from(certificates, [index for index in range(len(certificates)) if index in key_of])
    entries = [_entry(certificates, chains[index], key_of.get(index)) for index in sorted(chains)]
    entries += [Entry(key.name, key=key.key) for key in alone]
    return [*entries[:1], *(replace(one, name=one.name or _title(one)) for one in entries[1:])]


def _title(entry: Entry) -> str:
    return outline(entry.chain[0]).title() if entry.chain else "key"


def _owners(
    certificates: Sequence[FoundCertificate], keys: Sequence[FoundKey]
) -> tuple[dict[int, FoundKey], list[FoundKey]]:
    """Which certificate (by its index) each key is for, and the keys that are for none."""
    by_mark = {one.mark: index for index, one in reversed(list(enumerate(certificates))) if one.mark}
    by_digest = {
        digest: index
        for index, one in reversed(list(enumerate(certificates)))
        for digest in (one.outline.digests() if keys else ())
    }
    owners: dict[int, FoundKey] = {}
    alone = []
    for key in keys:
        index = by_digest.get(key.key.spki_sha256, by_mark.get(key.mark))
        if index is None or index in owners:
            alone.append(key)
        else:
            owners[index] = key
    return owners, alone


def _ends(certificates: Sequence[FoundCertificate]) -> list[int]:
    """Those that have issued no other here."""
    issuers = {one.outline.issuer for one in certificates if not one.outline.self_issued}
    return [index for index, one in enumerate(certificates) if one.outline.subject not in issuers]


def _chain(
    certificates: Sequence[FoundCertificate], by_subject: dict[bytes, list[int]], start: int
) -> list[int]:
    """From `start` upwards, by names; of several issuers the first that stands below, else the first."""
    chain = [start]
    while len(chain) < CHAIN_MAX and not certificates[chain[-1]].outline.self_issued:
        above = by_subject.get(certificates[chain[-1]].outline.issuer, [])
        if not above or above[0] in chain or (len(above) > 1 and set(above) & set(chain)):
            break
        later = next((index for index in above[:CHAIN_MAX] if index > chain[-1]), above[0])
        chain.append(later)
    return chain


def _entry(certificates: Sequence[FoundCertificate], chain: Sequence[int], key: FoundKey | None) -> Entry:
    end = certificates[chain[0]]
    name = (key.name if key else "") or end.name
    ders = tuple(certificates[index].outline.der for index in chain)
    if key is None:
        return Entry(name, ders)
    digest = end.outline.spki_sha256 if key.key.spki_sha256 else ""
    return Entry(name, ders, replace(key.key, spki_sha256=digest))
