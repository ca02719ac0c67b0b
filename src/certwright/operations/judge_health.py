"""Judge certificates of the inventory: load what is known around each, ask the core what is wrong."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ..core.extensions import PURPOSES
from ..core.health import INSTALLED, Finding, Judged, Link, Path, Seen, StatusSource, judge
from ..core.names import Identifier, IdentifierKind
from ..core.rules_authorities import AuthorityRule, authority_rules, refusing_rule
from ..core.rules_facts import StoredFacts
from ..core.standing import Standing
from ..store.among import among
from ..store.databases import Database, moment_of
from ..store.discovery_rows import OutsideAnswerRow, OutsideListRow, SightingRow
from ..store.rows import CertificateRow, CompromisedKeyRow
from .apply_rules import rules_in_force
from .context import Context
from .lists_that_work import WITHOUT_LIST
from .passed_over import passed_over

PATH_MAX = 16
_THERE = """"ended_at" IS NULL AND "kind" NOT IN ('import', 'authority', 'directory')"""
"""What another manager, an authority or a directory has on record is no place at which it is used."""
_UNUSED = frozenset(("role", "hidden"))
"""Facts of files that nothing is done with: what was signed stays so, and what a later layer of an image
deletes or replaces is seen by no container. A key that is there is worth a look all the same."""
LOG = "ct"
FINGERPRINT_OCTETS = 32


@dataclass(frozen=True, slots=True)
class _Authority:
    link: Link
    issuer: int | None
    ours: bool


@dataclass(slots=True)
class Authorities:
    """Every certificate of the inventory that may sign others, and who has signed it. `of_generation` leads
    from a generation of ours to its certificate."""

    by_identifier: dict[int, _Authority] = field(default_factory=dict)
    of_generation: dict[int, int] = field(default_factory=dict)
    anchored: frozenset[bytes] = frozenset()

    def path(self, row: CertificateRow) -> Path:
        """From a certificate's issuer upwards, as far as is known; not in circles."""
        return self.path_from(self.issuer_of(row.generation_id, row.issuer_certificate))

    def path_from(self, issuer: int | None) -> Path:
        """As `path`, of whoever has this issuer."""
        links: list[Link] = []
        ours, at, root = False, issuer, False
        while at is not None and len(links) < PATH_MAX and (one := self.by_identifier.get(at)):
            links.append(one.link)
            ours = ours or one.ours
            root = one.issuer == at
            if root or any(link.identifier == one.issuer for link in links):
                break
            at = one.issuer
        anchored = any(link.fingerprint in self.anchored for link in links)
        by_us = bool(links) and self.by_identifier[links[0].identifier].ours
        return Path(tuple(links), root, anchored, ours, by_us)

    def issuer_of(self, generation: int | None, issuer: int | None) -> int | None:
        """The certificate of a generation of ours, or others' that is on record as issuer."""
        return issuer if generation is None else self.of_generation.get(generation)


async def load_authorities(context: Context) -> Authorities:
    """Raises Unavailable."""
    found = Authorities()
    rows = await context.database.query(
        'SELECT "id", "fingerprint", "subject", "issuer_certificate", "generation_id" FROM "certificate" '
        'WHERE "is_authority"'
    )
    by_fingerprint = {bytes(row[1]): row[0] for row in rows}
    own = set()
    for generation in context.snapshot.generations.values():
        fingerprint = hashlib.sha256(generation.row.certificate or b"").digest()
        if fingerprint in by_fingerprint:
            found.of_generation[generation.id] = by_fingerprint[fingerprint]
            own.add(fingerprint)
    for identifier, fingerprint, subject, issuer, generation_id in rows:
        link = Link(identifier, bytes(fingerprint), subject)
        above = found.of_generation.get(generation_id) if generation_id is not None else issuer
        found.by_identifier[identifier] = _Authority(link, above, link.fingerprint in own)
    found.anchored = context.anchors().fingerprints | own
    return found


async def judge_certificates(
    context: Context, rows: Sequence[CertificateRow], authorities: Authorities, now: datetime
) -> dict[int, tuple[Finding, ...]]:
    """What is wrong with each of at most 500 certificates, by identifier. Raises Unavailable."""
    if not rows:
        return {}
    around = await _load(context, rows, authorities, now)
    rules = authority_rules(rules_in_force(context.snapshot))
    return {
        row.id: judge(
            replace(_judged(row, around, authorities), refused_by=_refused_by(rules, row, around)), now
        )
        for row in rows
    }


def _refused_by(rules: Sequence[AuthorityRule], row: CertificateRow, around: "_Around") -> str:
    if not rules:
        return ""
    facts = StoredFacts(
        profile=row.profile,
        authority=row.authority,
        origin="",
        requester=row.requester,
        key_algorithm=row.key_algorithm,
        not_before=row.not_before,
        not_after=row.not_after,
        issued_at=row.issued_at,
        endpoint=row.endpoint,
        team=row.team,
        names=[(name.kind, name.value) for name in around.names.get(row.id, ())],
    )
    return refusing_rule(rules, facts)


@dataclass(slots=True)
class _Around:
    names: dict[int, list[Identifier]] = field(default_factory=dict)
    seen: dict[int, list[Seen]] = field(default_factory=dict)
    logged: set[int] = field(default_factory=set)
    compromised: set[bytes] = field(default_factory=set)
    same_key: dict[bytes, int] = field(default_factory=dict)
    in_line: dict[int, list[bytes]] = field(default_factory=dict)
    successors: dict[int, datetime] = field(default_factory=dict)
    status: dict[int, list[StatusSource]] = field(default_factory=dict)
    passed_over: dict[int, str] = field(default_factory=dict)


async def _load(
    context: Context, rows: Sequence[CertificateRow], authorities: Authorities, now: datetime
) -> _Around:
    around, database = _Around(), context.database
    condition, values = among("certificate_id", [row.id for row in rows])
    names = f'SELECT "certificate_id", "kind", "value" FROM "certificate_name" WHERE {condition}'
    for identifier, kind, value in await database.query(names, *values):
        around.names.setdefault(identifier, []).append(Identifier(IdentifierKind(kind), value))
    for one in await database.select(SightingRow, f"{condition} AND {_THERE}", *values):
        seen = seen_of(one)
        if one.kind == LOG:  # it says that the certificate was issued, not that it is used there
            around.logged.add(one.certificate_id)
        elif "key" in seen.facts or seen.facts.keys().isdisjoint(_UNUSED):
            around.seen.setdefault(one.certificate_id, []).append(seen)
    await _load_lists(database, [row.id for row in rows if row.is_authority], around)
    await _load_answers(database, [row.id for row in rows], around, now)
    await _load_line(database, rows, authorities, around)
    await _load_keys(database, rows, around)
    unseen = [row for row in rows if _may_wait(context, row, around, now)]
    around.passed_over = await passed_over(database, unseen)
    return around


def _may_wait(context: Context, row: CertificateRow, around: _Around, now: datetime) -> bool:
    """Is it for a server, and in force for long enough that it should be seen somewhere?"""
    profile = context.snapshot.profiles.get(row.profile)
    return (
        row.standing == Standing.ISSUED
        and profile is not None
        and PURPOSES["serverAuth"] in profile.purposes
        and row.revoked_at is None
        and row.issued_at + INSTALLED <= now < row.not_after
        and row.id not in around.successors
        and row.id not in around.seen
    )


async def _load_lists(database: Database, authorities: list[int], around: _Around) -> None:
    if not authorities:
        return
    condition, values = among("issuer_id", authorities)
    for row in await database.select(OutsideListRow, f'{condition} ORDER BY "id"', *values):
        one = StatusSource(row.url, row.next_update, row.failing_since, row.problem)
        around.status.setdefault(row.issuer_id, []).append(one)


async def _load_answers(database: Database, certificates: list[int], around: _Around, now: datetime) -> None:
    """Those that count. One that has ended is told once nothing newer was found, for nobody looks as long as
    there is a list that works."""
    condition, values = among("certificate_id", certificates)
    rows = await database.select(OutsideAnswerRow, f"{condition} AND {WITHOUT_LIST}", *values, now)
    for row in sorted(rows, key=lambda row: row.id):
        ends = row.next_update
        if ends is not None and row.checked_at is not None and row.checked_at < ends:
            ends = None
        one = StatusSource(row.url, ends, row.failing_since, row.problem)
        around.status.setdefault(row.certificate_id, []).append(one)


async def _load_line(
    database: Database, rows: Sequence[CertificateRow], authorities: Authorities, around: _Around
) -> None:
    """When successors were issued, and which keys stay in one line. Anybody can present a certificate in the
    stead of another: one that nobody trusts is no successor of one that is trusted."""
    condition, values = among("replaces", [row.id for row in rows])
    trusted = {row.id for row in rows if _is_trusted(authorities.path(row))}
    sql = (
        'SELECT "replaces", "issued_at", "spki_sha256", "generation_id", "issuer_certificate" '
        f'FROM "certificate" WHERE {condition}'
    )
    for identifier, issued_at, spki, generation, issuer in await database.query(sql, *values):
        around.in_line.setdefault(identifier, []).append(bytes(spki))
        if identifier in trusted and not _is_trusted(
            authorities.path_from(authorities.issuer_of(generation, issuer))
        ):
            continue
        since = moment_of(issued_at)
        around.successors[identifier] = max(since, around.successors.get(identifier, since))
    before = {row.replaces: row.id for row in rows if row.replaces is not None}
    if before:
        condition, values = among("id", list(before))
        sql = f'SELECT "id", "spki_sha256" FROM "certificate" WHERE {condition} AND "revoked_at" IS NULL'
        for identifier, spki in await database.query(sql, *values):
            around.in_line.setdefault(before[identifier], []).append(bytes(spki))


def _is_trusted(path: Path) -> bool:
    return path.anchored or path.by_us


async def _load_keys(database: Database, rows: Sequence[CertificateRow], around: _Around) -> None:
    condition, values = among("spki_sha256", [row.spki_sha256 for row in rows])
    known = await database.select(CompromisedKeyRow, condition, *values)
    around.compromised = {row.spki_sha256 for row in known}
    # a precertificate and its certificate have one serial number (RFC 6962 section 3.1)
    same = (
        f'SELECT "spki_sha256", count(DISTINCT "serial") FROM "certificate" WHERE {condition} '
        'AND "revoked_at" IS NULL AND NOT "is_authority" GROUP BY "spki_sha256"'
    )
    around.same_key = {bytes(spki): count for spki, count in await database.query(same, *values)}


def seen_of(row: SightingRow) -> Seen:
    """A sighting as the core judges it."""
    facts: dict[str, Any] = json.loads(row.facts)
    chain = tuple(
        row.chain[at : at + FINGERPRINT_OCTETS] for at in range(0, len(row.chain), FINGERPRINT_OCTETS)
    )
    asked = row.name or str(facts.get("asked", ""))
    return Seen(row.id, row.kind, asked.lower().removesuffix("."), chain, facts)


def _judged(row: CertificateRow, around: _Around, authorities: Authorities) -> Judged:
    return Judged(
        fingerprint=row.fingerprint,
        subject=row.subject,
        issuer=row.issuer,
        not_before=row.not_before,
        not_after=row.not_after,
        key_algorithm=row.key_algorithm,
        signature_algorithm=row.signature_algorithm,
        is_authority=row.is_authority,
        self_signed=row.issuer_certificate == row.id,
        standing=row.standing,
        answered_for=bool(row.team or row.owner),
        revoked=row.revoked_at is not None,
        names=tuple(around.names.get(row.id, ())),
        path=authorities.path(row),
        compromised=row.spki_sha256 in around.compromised,
        shared=_others(row, around),
        successor_since=around.successors.get(row.id),
        status=tuple(around.status.get(row.id, ())),
        seen=tuple(around.seen.get(row.id, ())),
        logged=row.id in around.logged,
        automated=row.endpoint.startswith("acme/") or row.requester.startswith("system:"),
        passed_over=around.passed_over.get(row.id, ""),
    )


def _others(row: CertificateRow, around: _Around) -> int:
    """How many have its key that came neither before nor after it in one line."""
    in_line = around.in_line.get(row.id, []).count(row.spki_sha256)
    return max(0, around.same_key.get(row.spki_sha256, 0) - 1 - in_line)
