"""Take in what a source has seen: new certificates, and where each is.

Certificates are told apart by the digest of their DER, and only those that are not known are read. Nothing is
believed of what is presented: a chain is what the server sent, and an issuer is who has really signed.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ..core.decoded import Decoded, decode
from ..core.errors import Conflict, Malformed
from ..core.names import reversed_name
from ..core.sightings import KnownPlace, check_chain, facts_text, problem_line
from ..core.standing import Standing
from ..core.told_status import ToldStatus, read_status
from ..ports import Sighting
from ..store.among import among, chunks
from ..store.changed_rows import Mark
from ..store.discovery_rows import SightingRow
from ..store.ledger import Change
from ..store.rows import CertificateBodyRow, CertificateNameRow, CertificateRow, Row
from .check_outside_answers import Named, answer_rows
from .check_outside_lists import list_rows
from .context import Context
from .lineage import note_lineage
from .real_issuers import Unlinked, real_issuers
from .told_revocations import Told, told_columns, told_marks

TRIES_MAX = 5
PLACES_MAX = 250
"""Sightings that are taken in by one commit; with their chains they are no more than a few thousand rows."""


@dataclass(frozen=True, slots=True)
class Look:
    """Whose sightings these are: the run, its scope (0 for none) and the zone of the network."""

    run: int
    scope: int = 0
    zone: str = ""


@dataclass(slots=True)
class Taken:
    """What became of sightings: `seen` certificates at places, of which `appeared` were not there before and
    `new` were not known at all. `problems` are places at which nothing could be read, with the reason;
    `certificates` those that were seen, or are no more where they were."""

    seen: int = 0
    new: int = 0
    appeared: int = 0
    problems: list[tuple[KnownPlace, str]] = field(default_factory=list)
    certificates: set[int] = field(default_factory=set, compare=False)


@dataclass(slots=True)
class _Chunk:
    """Sightings on their way in. `places` has each place once, by digest: what was seen there last; `keys`
    those at which there is a private key alone, with the digest of its public half."""

    now: datetime
    places: dict[bytes, tuple[KnownPlace, Sighting, str]] = field(default_factory=dict)
    keys: dict[bytes, tuple[KnownPlace, bytes, str]] = field(default_factory=dict)
    octets: dict[bytes, bytes] = field(default_factory=dict)
    told: dict[bytes, Told] = field(default_factory=dict)
    """What authorities say of certificates, by fingerprint."""
    known: dict[bytes, int] = field(default_factory=dict)
    problems: list[tuple[KnownPlace, str]] = field(default_factory=list)


async def take_sightings(
    context: Context, look: Look, sightings: Sequence[Sighting], also: Change | None = None
) -> Taken:
    """Take in at most PLACES_MAX sightings in one commit, `also` in the same.

    A sighting that cannot be kept is a problem at its place. Two processes that see the same at once do not
    disturb each other. Raises Unavailable, and Conflict where they do so again and again.
    """
    assert len(sightings) <= PLACES_MAX
    chunk = _chunk(look, sightings, context.clock())
    for left in range(TRIES_MAX - 1, -1, -1):
        change, taken = await _change(context, look, chunk)
        change.join(also or Change())
        try:
            await context.ledger.commit(change)
        except Conflict:
            if not left:
                raise
        else:
            return taken
    raise AssertionError("unreachable")


def _chunk(look: Look, sightings: Iterable[Sighting], now: datetime) -> _Chunk:
    chunk = _Chunk(now)
    for sighting in sightings:
        place = known_place(look.zone, sighting)
        try:
            place.check()
            check_chain(sighting.chain)
            facts = facts_text(sighting.facts)
            status = read_status(sighting.facts)
        except Malformed as error:
            chunk.problems.append((place, problem_line(error.detail)))
            continue
        if sighting.chain:
            chunk.places[place.digest] = place, sighting, facts
            chunk.octets.update((hashlib.sha256(der).digest(), der) for der in sighting.chain)
            if status is not None and len(sighting.chain) > 1:
                leaf, issuer, *_ = sighting.chain
                chunk.told[hashlib.sha256(leaf).digest()] = Told(status, leaf, issuer)
        elif (spki := _key_alone(sighting)) is not None:
            chunk.keys[place.digest] = place, spki, facts
        elif sighting.problem:
            chunk.problems.append((place, problem_line(sighting.problem)))
    return chunk


def _key_alone(sighting: Sighting) -> bytes | None:
    """SHA-256 of the public half of a private key that lies somewhere without a certificate."""
    key = sighting.facts.get("key")
    digest = key.get("spki_sha256") if isinstance(key, Mapping) else None
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        return None
    return bytes.fromhex(digest)


_DIGEST = re.compile(r"[0-9a-f]{64}")


def known_place(zone: str, sighting: Sighting) -> KnownPlace:
    place = sighting.place
    return KnownPlace(zone, place.kind, place.host, place.port, place.name)


async def _change(context: Context, look: Look, chunk: _Chunk) -> tuple[Change, Taken]:
    chunk.known = await known_certificates(context, list(chunk.octets))
    change, taken = Change(), Taken(problems=list(chunk.problems))
    readable = _read_new(chunk)
    taken.new = len(readable)
    readable += await _anchors_of(context, chunk, readable)
    change.marked += await told_marks(
        context, {chunk.known[one]: told for one, told in chunk.told.items() if one in chunk.known}
    )
    change.inserted += await _certificate_rows(context, chunk, readable)
    there = await _rows_at(context, [*chunk.places, *chunk.keys])
    notes = _Notes(look, chunk.now)
    for seen in [*_presented(context, look, chunk, taken), *await _beside_keys(context, look, chunk)]:
        rows = there.get(seen.place, [])
        taken.seen += 1
        taken.appeared += notes.note(rows, seen)
        taken.certificates.update([seen.certificate_id, *[row.certificate_id for row in rows]])
    change.join(notes.change())
    await note_lineage(context.database, change, notes.followed)
    return change, taken


def _presented(context: Context, look: Look, chunk: _Chunk, taken: Taken) -> Iterable[SightingRow]:
    """A row for each place at which a certificate that can be read is presented; others are problems."""
    for digest, (place, sighting, facts) in chunk.places.items():
        leaf, *others = [hashlib.sha256(der).digest() for der in sighting.chain]
        if leaf in chunk.known:
            yield _seen(context, look, chunk, (digest, place), (chunk.known[leaf], b"".join(others), facts))
        else:
            taken.problems.append((place, "what is there is no certificate that can be read"))


async def _beside_keys(context: Context, look: Look, chunk: _Chunk) -> list[SightingRow]:
    """A private key without a certificate is seen where the newest certificate of that key is known."""
    newest: dict[bytes, int] = {}
    for some in chunks(sorted({spki for _, spki, _ in chunk.keys.values()})):
        condition, values = among("spki_sha256", some)
        sql = f'SELECT "spki_sha256", max("id") FROM "certificate" WHERE {condition} GROUP BY "spki_sha256"'
        newest |= {bytes(row[0]): row[1] for row in await context.database.query(sql, *values)}
    return [
        _seen(context, look, chunk, (digest, place), (newest[spki], b"", facts))
        for digest, (place, spki, facts) in chunk.keys.items()
        if spki in newest
    ]


async def known_certificates(context: Context, fingerprints: list[bytes]) -> dict[bytes, int]:
    """Identifiers of certificates in the inventory, by fingerprint. Raises Unavailable."""
    found: dict[bytes, int] = {}
    for some in chunks(fingerprints):
        condition, values = among("fingerprint", some)
        sql = f'SELECT "fingerprint", "id" FROM "certificate" WHERE {condition}'
        found |= {bytes(row[0]): row[1] for row in await context.database.query(sql, *values)}
    return found


def _read_new(chunk: _Chunk) -> list[tuple[Decoded, bytes]]:
    found = []
    for fingerprint, der in chunk.octets.items():
        if fingerprint in chunk.known:
            continue
        try:
            found.append((decode(der), der))
        except Malformed:
            continue  # as a leaf it is a problem at its place; in a chain its digest says that it was there
    return found


async def _anchors_of(
    context: Context, chunk: _Chunk, readable: list[tuple[Decoded, bytes]]
) -> list[tuple[Decoded, bytes]]:
    """Trusted roots that new certificates name as issuers: nobody presents them, and paths end there."""
    by_subject = context.anchors().by_subject
    named = {decoded.issuer for decoded, _ in readable}
    found = [pair for name in sorted(named & by_subject.keys()) for pair in by_subject[name]]
    known = await known_certificates(context, [decoded.fingerprint for decoded, _ in found])
    new = [pair for pair in found if pair[0].fingerprint not in known.keys() | chunk.octets.keys()]
    return list({decoded.fingerprint: (decoded, der) for decoded, der in new}.values())


async def _certificate_rows(
    context: Context, chunk: _Chunk, readable: list[tuple[Decoded, bytes]]
) -> list[Row]:
    """Rows of certificates that were not known. They are known from here on."""
    rows: list[Row] = []
    unlinked = [Unlinked(context.ledger.new_id(), decoded, der) for decoded, der in readable]
    issuers = await real_issuers(context.database, unlinked)
    for one in unlinked:
        chunk.known[one.decoded.fingerprint] = one.identifier
        row = _found(one.identifier, one.decoded, issuers.get(one.identifier), chunk.now)
        if (told := chunk.told.get(one.decoded.fingerprint)) is not None:
            row = row._replace(**told_columns(context, ToldStatus(), told))
        rows.append(row)
        rows.append(CertificateBodyRow(one.identifier, one.der))
        for position, name in enumerate(one.decoded.names):
            reversed_value = reversed_name(name)
            rows.append(CertificateNameRow(one.identifier, position, name.kind, name.value, reversed_value))
    return rows + await _status_rows(context, unlinked, issuers, chunk.now)


async def _status_rows(
    context: Context, unlinked: list[Unlinked], issuers: Mapping[int, int], now: datetime
) -> list[Row]:
    """Where the status of certificates that others have signed is looked up. After their end nobody answers
    about them any more."""
    signed = [
        (one.identifier, issuer, one.decoded)
        for one in unlinked
        if (issuer := issuers.get(one.identifier, one.identifier)) != one.identifier
    ]
    lists = [(issuer, url) for _, issuer, decoded in signed for url in decoded.lists]
    answers = [
        Named(identifier, issuer, url, decoded.not_after)
        for identifier, issuer, decoded in signed
        if decoded.not_after > now
        for url in decoded.answers
    ]
    return [
        *(await list_rows(context, lists) if lists else []),
        *(await answer_rows(context, answers) if answers else []),
    ]


def _found(identifier: int, decoded: Decoded, issuer: int | None, now: datetime) -> CertificateRow:
    """The row of a certificate that no authority of ours has issued, as far as is on record."""
    return CertificateRow(
        id=identifier,
        fingerprint=decoded.fingerprint,
        generation_id=None,
        authority="",
        issuer=decoded.issuer,
        serial=decoded.serial,
        subject=decoded.subject,
        not_before=decoded.not_before,
        not_after=decoded.not_after,
        key_algorithm=decoded.key_algorithm,
        signature_algorithm=decoded.signature_algorithm,
        is_authority=decoded.is_authority,
        spki_sha256=decoded.spki_sha256,
        profile="",
        profile_number=0,
        endpoint="",
        requester="",
        team="",
        owner="",
        environment="",
        standing=Standing.FOUND,
        issuer_certificate=issuer,
        issued_at=now,
        replaces=None,
        crl_shard=0,
        revoked_at=None,
        revocation_reason=None,
        invalidity_date=None,
        version=1,
    )


# -- places --------------------------------------------------------------------------------------


async def _rows_at(context: Context, places: list[bytes]) -> dict[bytes, list[SightingRow]]:
    found: dict[bytes, list[SightingRow]] = {}
    for some in chunks(places):
        condition, values = among("place", some)
        for row in await context.database.select(SightingRow, condition, *values):
            found.setdefault(row.place, []).append(row)
    return found


def _seen(
    context: Context,
    look: Look,
    chunk: _Chunk,
    where: tuple[bytes, KnownPlace],
    what: tuple[int, bytes, str],
) -> SightingRow:
    digest, place = where
    certificate, chain, facts = what
    return SightingRow(
        id=context.ledger.new_id(),
        place=digest,
        certificate_id=certificate,
        zone=place.zone,
        kind=place.kind,
        host=place.host,
        port=place.port,
        name=place.name,
        chain=chain,
        facts=facts,
        scope_id=look.scope,
        first_run=look.run,
        last_run=look.run,
        first_seen_at=chunk.now,
        last_seen_at=chunk.now,
        ended_at=None,
        version=1,
    )


@dataclass(slots=True)
class _Notes:
    """What is seen at places, beside what was there before."""

    look: Look
    now: datetime
    inserted: list[Row] = field(default_factory=list)
    same: list[int] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    changed: list[Mark] = field(default_factory=list)
    followed: dict[int, set[int]] = field(default_factory=dict)
    """Of certificates that have appeared, those that went where they came."""

    def note(self, there: list[SightingRow], seen: SightingRow) -> bool:
        """Whether the certificate has appeared at its place. What else this run has seen there stays: behind
        one address there may be several servers."""
        same = next((row for row in there if row.certificate_id == seen.certificate_id), None)
        gone = [
            row for row in there if row is not same and row.ended_at is None and row.last_run != self.look.run
        ]
        self.ended += [row.id for row in gone]
        if gone and (same is None or same.ended_at is not None):
            self.followed.setdefault(seen.certificate_id, set()).update(row.certificate_id for row in gone)
        if same is None:
            self.inserted.append(seen)
            return True
        self.same.append(same.id)
        if (same.chain, same.facts) != (seen.chain, seen.facts):
            self.changed.append(Mark(SightingRow, {"chain": seen.chain, "facts": seen.facts}, [same.id]))
        return same.ended_at is not None

    def change(self) -> Change:
        seen = {"last_seen_at": self.now, "last_run": self.look.run, "ended_at": None}
        if self.look.scope:
            seen["scope_id"] = self.look.scope
        marks = [Mark(SightingRow, seen, self.same), Mark(SightingRow, {"ended_at": self.now}, self.ended)]
        return Change(inserted=self.inserted, marked=marks + self.changed)
