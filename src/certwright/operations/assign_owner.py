"""Say who answers for certificates: their team, owner and tags, what they are used in, what is in the
organization's own fields; adopt or ignore those that were found. Of some by name, or of all that a filter
selects.

A filter is worked off chunk by chunk in the order of identifiers, each chunk one ledger commit. Doing it
again changes nothing that is as it shall be, so whoever was interrupted begins anew, or goes on after `next`.
Every row stands under its version: what somebody else does to it at the same moment, a revocation too, is not
lost.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..core.access import Actor, Subject, Verb
from ..core.audit import Event, EventKind, JsonValue
from ..core.custom_fields import CustomField, field_named, number_of
from ..core.errors import Conflict, Forbidden, Malformed, Moved, TooLarge
from ..core.responsibility import Assignment, assigned, require_to_assign, standing_after
from ..core.standing import Standing
from ..store.ledger import Change
from ..store.rows import CertificateFieldRow, CertificateRow, CertificateTagRow
from .context import Context
from .custom_fields import all_fields
from .find_certificate import find_certificate, subject_of
from .list_certificates import CertificateFilter, check_filter, filter_condition, scope_condition
from .manage_teams import members_of
from .manage_users import require_in_use
from .tell_of_owner import tell_new_owner

REFERENCES_MAX = 500
CHUNK = 200
ROWS_MAX = 10_000
"""How many rows one call looks at; its answer says where to go on."""
ATTEMPTS = 5
LEAST = -(2**63)
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Assigned:
    """What has come of a filter. Of `total` that it selects from here on, `changed` were changed (or would
    be, in a rehearsal), `unchanged` are as wished already, `refused` the actor may not change so. `next` goes
    on after this; None at the end."""

    total: int
    changed: int
    unchanged: int
    refused: int
    next: int | None


@dataclass(frozen=True, slots=True)
class _Tagged:
    """`fields` are those that are wished for, as they are."""

    row: CertificateRow
    subject: Subject
    fields: Mapping[str, CertificateFieldRow]


async def assign_owner(
    context: Context, actor: Actor, references: Sequence[str], wanted: Assignment
) -> list[CertificateRow]:
    """All of these certificates (fingerprints or serials, at most REFERENCES_MAX) or none; their rows after.

    Raises Malformed, TooLarge, NotFound for a certificate, team, account or field, Forbidden, and Conflict
    for a disabled account, to adopt or ignore what we have issued, or when others change the same
    certificates all the time.
    """
    if len(references) > REFERENCES_MAX:
        raise TooLarge(f"at most {REFERENCES_MAX} certificates at a time; give a filter for more")
    wanted.check()
    for _ in range(ATTEMPTS):
        change, after = await _decide(context, actor, references, wanted)
        try:
            if change.replaced:
                await context.ledger.commit(change)
        except Moved:
            await context.snapshots.refresh()
        else:
            return after
    raise _contended()


async def _decide(
    context: Context, actor: Actor, references: Sequence[str], wanted: Assignment
) -> tuple[Change, list[CertificateRow]]:
    judge = await _Judge.of(context, actor, wanted)
    rows = [await find_certificate(context.database, actor, reference) for reference in references]
    unique = list({row.id: row for row in rows}.values())
    change, after = judge.change(), dict[int, CertificateRow]()
    for one in await _with_tags(context, unique, wanted.fields):
        subject = await judge.permit(one)
        after[one.row.id] = judge.record(change, one, subject) or one.row
    await tell_new_owner(context, actor, change)
    return change, [after[row.id] for row in rows]


async def assign_selected(
    context: Context,
    actor: Actor,
    selected: CertificateFilter,
    wanted: Assignment,
    *,
    after: int | None = None,
    rehearse: bool = False,
    progress: Progress = lambda done, total: None,
    limit: int = ROWS_MAX,
) -> Assigned:
    """Everything that the actor may view and the filter selects, up to `limit` rows, at most ROWS_MAX.

    With `rehearse` nothing is changed, only counted. `progress` is told how many of how many have been dealt
    with. Raises Malformed (also for a filter that selects everything), NotFound, Conflict, Unavailable; what
    was committed before stays.
    """
    wanted.check()
    if selected == CertificateFilter():
        raise Malformed("this filter selects every certificate there is; name at least one criterion")
    await check_filter(context.database, selected)
    walk = _Walk(context, actor, selected, LEAST if after is None else after, context.clock())
    limit, total = max(1, min(limit, ROWS_MAX)), await walk.count()
    counts = {"changed": 0, "unchanged": 0, "refused": 0}
    done, more = 0, True
    while more and done < limit:
        rows, more = await _chunk(walk, min(CHUNK, limit - done), wanted, rehearse, counts)
        done += rows
        progress(done, max(total, done))
    return Assigned(
        total, counts["changed"], counts["unchanged"], counts["refused"], walk.place if more else None
    )


async def _chunk(
    walk: "_Walk", size: int, wanted: Assignment, rehearse: bool, counts: dict[str, int]
) -> tuple[int, bool]:
    """Decide and commit the next rows; how many they were, and whether there are more."""
    for _ in range(ATTEMPTS):
        judge = await _Judge.of(walk.context, walk.actor, wanted)
        rows = await walk.rows(size + 1)
        told, change = await judge.all(await _with_tags(walk.context, rows[:size], wanted.fields))
        tells = not walk.told and await tell_new_owner(walk.context, walk.actor, change)
        try:
            if change.replaced and not rehearse:
                await walk.context.ledger.commit(change)
        except Moved:
            await walk.context.snapshots.refresh()
            continue
        walk.told = walk.told or tells
        for word in told:
            counts[word] += 1
        if rows:
            walk.place = rows[:size][-1].id
        return len(told), len(rows) > size
    raise _contended()


@dataclass(slots=True)
class _Walk:
    """The rows that a filter selects, in the order of their identifiers, after `place`."""

    context: Context
    actor: Actor
    selected: CertificateFilter
    place: int
    now: datetime
    told: bool = False
    """Does who answers from now on know?"""

    async def count(self) -> int:
        where, values = self._where()
        found = await self.context.database.query(
            f'SELECT count(*) FROM "certificate" WHERE {where}', *values
        )
        count: int = found[0][0]
        return count

    async def rows(self, limit: int) -> list[CertificateRow]:
        where, values = self._where()
        sql = f'{where} ORDER BY "id" LIMIT {int(limit)}'
        return await self.context.database.select(CertificateRow, sql, *values)

    def _where(self) -> tuple[str, list[object]]:
        text, values = filter_condition(self.context.database, self.selected, self.now)
        seen, more = scope_condition(self.actor, Verb.VIEW)
        return f'({text}) AND ({seen}) AND "id" > ?', [*values, *more, self.place]


@dataclass(slots=True)
class _Judge:
    """One wish, judged under one configuration: who is named is there, and each row's rights."""

    context: Context
    actor: Actor
    person: Actor
    wanted: Assignment
    revision: int
    now: datetime
    colleagues: dict[str, list[str]]
    fields: Mapping[str, tuple[CustomField, str]]
    """Those that are wished for, with the value in the form in which it is kept, or empty."""

    @classmethod
    async def of(cls, context: Context, actor: Actor, wanted: Assignment) -> "_Judge":
        """Raises NotFound for a team, account or field that there is not, Conflict for a disabled account,
        Malformed for what cannot be in a field."""
        snapshot = context.snapshot
        if wanted.team and wanted.team not in snapshot.teams:
            await context.snapshots.look_again()
            snapshot = context.snapshot
            snapshot.team(wanted.team)
        if wanted.owner:
            await require_in_use(context, wanted.owner)
        fields = {}
        if wanted.fields:
            known = await all_fields(context.database)
            named = [(field_named(known, name), text) for name, text in wanted.fields.items()]
            fields = {field.name: (field, field.read(text) if text else "") for field, text in named}
        person = snapshot.user_actor(actor.user, actor.source) if actor.user else actor
        return cls(context, actor, person, wanted, snapshot.revision, context.clock(), {}, fields)

    def change(self) -> Change:
        return Change(revision=self.revision)

    async def all(self, found: Sequence[_Tagged]) -> tuple[list[str], Change]:
        """What becomes of each row, and the change that does it."""
        change, told = self.change(), []
        for one in found:
            try:
                subject = await self.permit(one)
                changed = self.record(change, one, subject) is not None
            except (Forbidden, Conflict):
                told.append("refused")
                continue
            told.append("changed" if changed else "unchanged")
        return told, change

    async def permit(self, one: _Tagged) -> Subject:
        """The certificate as it shall be. Raises Forbidden, Malformed."""
        after, colleagues = assigned(one.subject, self.wanted), await self._colleagues(one.subject.team)
        describes = self.wanted.describes
        require_to_assign(self.actor, self.person, one.subject, after, colleagues, describes=describes)
        return after

    async def _colleagues(self, team: str) -> list[str]:
        """Who is in a team that the actor is in; those of others do not matter."""
        if team not in self.colleagues:
            known = self.context.snapshot.teams.get(team) if team in self.actor.teams else None
            self.colleagues[team] = await members_of(self.context.database, known) if known else []
        return self.colleagues[team]

    def record(self, change: Change, one: _Tagged, after: Subject) -> CertificateRow | None:
        """Add to a change what makes the row so; the row after it, None if it is so. Raises Conflict."""
        row, before = one.row, one.subject
        new = row._replace(
            team=after.team, owner=after.owner, standing=standing_after(row.standing, self.wanted)
        )
        if self.wanted.environment is not None:
            new = new._replace(environment=self.wanted.environment)
        described = self._fill_in(change, one)
        if after == before and new == row and not described:
            return None
        change.replaced.append((row, new))  # its version grows with its tags and fields too
        change.inserted += [CertificateTagRow(row.id, tag) for tag in sorted(after.tags - before.tags)]
        change.removed += [CertificateTagRow(row.id, tag) for tag in sorted(before.tags - after.tags)]
        if (after.team, after.owner) != (before.team, before.owner):
            names: dict[str, JsonValue] = {"team": after.team, "owner": after.owner}
            names["before"] = {"team": before.team, "owner": before.owner}
            change.events.append(self._event(EventKind.CERTIFICATE_ASSIGNED, row, names))
        if after.tags != before.tags:
            tags: dict[str, JsonValue] = {"tagged": sorted(after.tags - before.tags)}
            tags["untagged"] = sorted(before.tags - after.tags)
            change.events.append(self._event(EventKind.CERTIFICATE_TAGGED, row, tags))
        if described:
            change.events.append(self._event(EventKind.CERTIFICATE_DESCRIBED, row, {"fields": described}))
        change.events += self._described(row, new)
        return new

    def _fill_in(self, change: Change, one: _Tagged) -> dict[str, JsonValue]:
        """Add to a change what its fields shall say; which they are, before and after."""
        told: dict[str, JsonValue] = {}
        for name, (field, value) in self.fields.items():
            there = one.fields.get(name)
            if value == (there.value if there else ""):
                continue
            told[name] = {"value": value, "before": there.value if there else ""}
            if there and not value:
                change.removed.append(there)
                continue
            number = number_of(field.kind, value)
            row = CertificateFieldRow(one.row.id, name, field.kind.value, value, number)
            if there:
                change.replaced.append((there, row))
            else:
                change.inserted.append(row)
        return told

    def _described(self, row: CertificateRow, new: CertificateRow) -> Iterator[Event]:
        if new.environment != row.environment:
            detail: dict[str, JsonValue] = {"environment": new.environment, "before": row.environment}
            yield self._event(EventKind.CERTIFICATE_PLACED, row, detail)
        if new.standing != row.standing and new.standing == Standing.ADOPTED:
            yield self._event(EventKind.CERTIFICATE_ADOPTED, row, {"before": row.standing})
        elif new.standing != row.standing:
            detail = {"reason": self.wanted.reason, "before": row.standing}
            yield self._event(EventKind.CERTIFICATE_IGNORED, row, detail)

    def _event(self, kind: EventKind, row: CertificateRow, detail: dict[str, JsonValue]) -> Event:
        detail = {"serial": row.serial.hex(), "authority": row.authority, **detail}
        subject = f"certificate:{row.fingerprint.hex()}"
        return Event(kind, self.now, self.actor.name, self.actor.source, subject, detail)


async def _with_tags(
    context: Context, rows: Sequence[CertificateRow], names: Collection[str]
) -> list[_Tagged]:
    """With these fields too. Read after the rows: whoever changes a row's tags or fields changes its version
    in the same commit, so that those which are newer than their row do not get past the ledger."""
    tags: dict[int, set[str]] = {row.id: set() for row in rows}
    fields: dict[int, dict[str, CertificateFieldRow]] = {row.id: {} for row in rows}
    for start in range(0, len(rows), CHUNK):
        some = [row.id for row in rows[start : start + CHUNK]]
        marks = ",".join("?" * len(some))
        for one in await context.database.select(CertificateTagRow, f'"certificate_id" IN ({marks})', *some):
            tags[one.certificate_id].add(one.tag)
        for there in (
            await context.database.select(CertificateFieldRow, f'"certificate_id" IN ({marks})', *some)
            if names
            else ()
        ):
            fields[there.certificate_id][there.field] = there
    return [_Tagged(row, subject_of(row, frozenset(tags[row.id])), fields[row.id]) for row in rows]


def _contended() -> Conflict:
    return Conflict("the certificates are being changed by others at the same time; try again")
