"""The organization's own text in practice documents, section by section."""

from ..core.access import Actor, Subject, Verb, require
from ..core.audit import Event, EventKind, JsonValue
from ..core.errors import Moved
from ..core.practice.document import Kind, OwnText, check_own_text
from ..store.databases import Database
from ..store.guarded_rows import Absent
from ..store.ledger import Change
from ..store.rows import PracticeTextRow
from .context import Context


async def own_texts(database: Database, kind: Kind) -> dict[str, OwnText]:
    """By section number."""
    rows = await database.select(PracticeTextRow, '"place" LIKE ? ORDER BY "place"', f"{kind}/%")
    return {row.place.partition("/")[2]: OwnText(row.text, row.replaces) for row in rows if row.text}


async def list_texts(database: Database, actor: Actor, kind: Kind) -> dict[str, OwnText]:
    """Raises Forbidden."""
    require(actor, Verb.MANAGE_POLICY, Subject())
    return await own_texts(database, kind)


async def save_practice_text(
    context: Context, actor: Actor, kind: Kind, section: str, text: str, replaces: bool
) -> OwnText:
    """Keep it for the next version that is published; an empty text takes it away.

    Raises Forbidden, Malformed, TooLarge, Moved when somebody else changes the same section.
    """
    require(actor, Verb.MANAGE_POLICY, Subject())
    check_own_text(section, text)
    place, now = f"{kind}/{section}", context.clock()
    rows = await context.database.select(PracticeTextRow, '"place" = ?', place)
    detail: dict[str, JsonValue] = {"characters": len(text), "replaces": replaces}
    event = Event(EventKind.PRACTICE_TEXT_SAVED, now, actor.name, actor.source, f"practice:{place}", detail)
    change = Change(events=[event])
    if rows:
        after = rows[0]._replace(text=text, replaces=replaces, changed_at=now, changed_by=actor.name)
        change.replaced.append((rows[0], after))
    else:
        row = PracticeTextRow(context.ledger.new_id(), place, text, replaces, now, actor.name, 1)
        change.inserted.append(row)
        moved = Moved(f"the text of section {section} is being changed by somebody else; look again")
        change.absent.append(Absent(PracticeTextRow, "place", place, moved))
    await context.ledger.commit(change)
    return OwnText(text, replaces)
