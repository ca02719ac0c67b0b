"""A practice document as a value: the whole outline, each heading with what is to be said under it.

A block is a paragraph (text) or a Table. Every text is made harmless here, so that no renderer meets a
character that cannot be seen or that turns the line around.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from ..errors import Malformed, TooLarge
from .outline import OUTLINE, PARENTS, TITLES

NO_STIPULATION = "No stipulation."
TEXT_CHARACTERS_MAX = 20_000


class Kind(StrEnum):
    """Certificate policy: what is promised; certification practice statement: how it is done."""

    CP = "cp"
    CPS = "cps"

    @property
    def document_title(self) -> str:
        return "Certificate Policy" if self is Kind.CP else "Certification Practice Statement"


@dataclass(frozen=True, slots=True)
class Table:
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Block = str | Table


@dataclass(frozen=True, slots=True)
class OwnText:
    """What the organization itself says under a heading, instead of ours or after it."""

    text: str
    replaces: bool


@dataclass(frozen=True, slots=True)
class Section:
    number: str
    title: str
    blocks: tuple[Block, ...]

    @property
    def level(self) -> int:
        return self.number.count(".") + 1


@dataclass(frozen=True, slots=True)
class Version:
    """`number` counts from 1 within a kind; 0 is a draft."""

    number: int
    created_at: datetime
    effective_at: datetime

    @property
    def name(self) -> str:
        return f"Version {self.number}" if self.number else "Draft"


@dataclass(frozen=True, slots=True)
class Statement:
    kind: Kind
    organization: str
    address: str
    """Where its newest version is, without the ending."""
    sections: tuple[Section, ...]


def make_statement(
    kind: Kind,
    organization: str,
    address: str,
    provisions: Mapping[str, Sequence[Block]],
    own: Mapping[str, OwnText],
) -> Statement:
    """Every heading of the outline, with our provisions, the organization's own text, or no stipulation."""
    sections = [
        Section(number, title, _blocks(number, provisions.get(number, ()), own.get(number)))
        for number, title in OUTLINE
    ]
    return Statement(kind, plain(organization), plain(address), tuple(sections))


def _blocks(number: str, ours: Sequence[Block], own: OwnText | None) -> tuple[Block, ...]:
    theirs = [] if own is None else paragraphs(own.text)
    blocks = [*([] if own is not None and own.replaces else ours), *theirs]
    if not blocks and number not in PARENTS:
        blocks = [NO_STIPULATION]
    return tuple(_harmless(block) for block in blocks)


def paragraphs(text: str) -> list[str]:
    """What blank lines part; other line ends are spaces."""
    parts = "\n".join(line.strip() for line in text.splitlines()).split("\n\n")
    return [" ".join(part.split()) for part in parts if part.strip()]


def check_own_text(number: str, text: str) -> None:
    """Raises Malformed for a number that the outline has not, or control characters; TooLarge."""
    if number not in TITLES:
        raise Malformed(f"{number[:20]!r} is no section of the outline (RFC 3647 section 6), as 1.5.2 is")
    if len(text) > TEXT_CHARACTERS_MAX:
        raise TooLarge(f"the text of a section is at most {TEXT_CHARACTERS_MAX} characters")
    if any(not one.isprintable() and one not in "\n\r\t" for one in text):
        raise Malformed(f"the text of section {number} holds characters that cannot be seen; leave them out")


# -- harmless text -------------------------------------------------------------------------------


def plain(text: str) -> str:
    """With what cannot be seen, or turns the line around, as an escape: `\\u{202e}`."""
    return text if text.isprintable() else "".join(one if one.isprintable() else escape(one) for one in text)


def escape(character: str) -> str:
    return f"\\u{{{ord(character):x}}}"


def _harmless(block: Block) -> Block:
    if isinstance(block, str):
        return plain(block)
    rows = tuple(tuple(plain(cell) for cell in row) for row in block.rows)
    return Table(tuple(map(plain, block.heads)), rows)


# -- as JSON, and what differs -------------------------------------------------------------------


def to_document(statement: Statement) -> dict[str, Any]:
    """As it is stored: what was said in each section, without the outline's headings."""
    return {
        "kind": statement.kind.value,
        "organization": statement.organization,
        "address": statement.address,
        "sections": {one.number: list(map(_block_document, one.blocks)) for one in statement.sections},
    }


def _block_document(block: Block) -> object:
    if isinstance(block, str):
        return block
    return {"heads": list(block.heads), "rows": [list(row) for row in block.rows]}


@dataclass(frozen=True, slots=True)
class Difference:
    """What a section said before and says no more, and what is new in it; a line is a paragraph or a row."""

    number: str
    title: str
    removed: tuple[str, ...]
    added: tuple[str, ...]


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Difference, ...]:
    """By section, of two documents as `to_document` makes them; `{}` is one that says nothing."""
    old, new = before.get("sections", {}), after.get("sections", {})
    found = []
    for number, title in OUTLINE:
        was, now = _lines(old.get(number, [])), _lines(new.get(number, []))
        if was != now:
            removed = tuple(line for line in was if line not in now)
            found.append(Difference(number, title, removed, tuple(line for line in now if line not in was)))
    return tuple(found)


def _lines(blocks: Sequence[Any]) -> list[str]:
    lines: list[str] = []
    for block in blocks:
        if isinstance(block, str):
            lines.append(block)
        else:
            lines += [" | ".join(cells) for cells in (block["heads"], *block["rows"])]
    return lines
