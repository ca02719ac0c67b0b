"""A practice document as PDF/A: the same octets for the same statement, version and libraries.

The font has Latin, Greek and Cyrillic letters; a character of another script stands as an escape, as
`\\u{4e2d}`, and as itself in the HTML page. The libraries are loaded when first they are needed: they are
large.
"""

from collections.abc import Callable
from html import escape as escape_xml
from typing import Any

from .document import Block, Section, Statement, Table, Version, escape
from .html import facts_of

_FONT = "body"
_MARGIN, _FOOT = 22.0, 20.0
_CELL_CHARACTERS_MAX = 500
"""A cell longer than this might make a row higher than a page; then the table stands as paragraphs."""
_SIZES = {1: 16, 2: 12.5, 3: 10.5}
_ABOVE = {1: 0.0, 2: 5.0, 3: 3.0}
_INK, _GREY, _LINE, _SHADE = (27, 31, 36), (87, 96, 106), (208, 215, 222), (243, 245, 247)


def render_pdf(statement: Statement, version: Version) -> bytes:
    """PDF/A-2B with bookmarks, contents and metadata."""
    pdf, text = _new(statement, version)
    _title_page(pdf, text, statement, version)
    pdf.add_page()
    pdf.insert_toc_placeholder(_contents(text), allow_extra_pages=True)
    for section in statement.sections:
        _section(pdf, text, section)
    return bytes(pdf.output())


def _new(statement: Statement, version: Version) -> tuple[Any, Callable[[str], str]]:
    """An empty document, and what makes text printable with its font."""
    import font_source_sans_pro as source_sans
    import fpdf

    foot = f"{statement.kind.document_title} of {statement.organization}, {version.name.lower()}"

    class Pages(fpdf.FPDF):
        def footer(self) -> None:
            self.set_y(-_FOOT + 6)
            self.set_font(_FONT, size=8)
            self.set_text_color(*_GREY)
            self.cell(self.epw - 20, 5, text(_shortened(foot)))
            self.cell(20, 5, str(self.page_no()), align="R")

    pdf = Pages(format="A4", enforce_compliance="PDF/A-2B")
    for style, name in (("", "SourceSansPro"), ("B", "SourceSansProSemibold")):
        pdf.add_font(_FONT, style, source_sans.font_files_ttf[name])
    known = _letters(pdf.fonts[_FONT]) & _letters(pdf.fonts[f"{_FONT}B"])

    def text(value: str) -> str:
        return "".join(one if ord(one) in known else escape(one) for one in value)

    pdf.set_creation_date(version.created_at)
    pdf.set_title(f"{statement.kind.document_title} of {statement.organization}")
    pdf.set_author(statement.organization)
    pdf.set_subject(f"{version.name}, outline of RFC 3647")
    pdf.set_creator("Certwright")
    pdf.set_producer("Certwright")
    pdf.set_lang("en")
    pdf.set_xmp_metadata(_xmp(statement, version))
    pdf.set_margins(_MARGIN, _MARGIN)
    pdf.set_auto_page_break(True, _FOOT)
    return pdf, text


def _letters(font: Any) -> frozenset[int]:
    return frozenset(font.cmap)


def _xmp(statement: Statement, version: Version) -> str:
    """The same in XMP, with what makes it PDF/A (ISO 19005-2, 6.6); the library's has the present time."""
    title, author = (escape_xml(one) for one in (statement.kind.document_title, statement.organization))
    at = version.created_at.isoformat(timespec="seconds")
    return f"""<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:pdf="http://ns.adobe.com/pdf/1.3/"
 xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/">
<rdf:Description rdf:about="" xmp:CreatorTool="Certwright" xmp:CreateDate="{at}" xmp:ModifyDate="{at}"
 xmp:MetadataDate="{at}" pdf:Producer="Certwright">
<pdfaid:part>2</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title} of {author}</rdf:li></rdf:Alt></dc:title>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{version.name}, outline of RFC 3647</rdf:li></rdf:Alt>
</dc:description>
<dc:creator><rdf:Seq><rdf:li>{author}</rdf:li></rdf:Seq></dc:creator>
</rdf:Description></rdf:RDF></x:xmpmeta>"""


def _shortened(text: str, most: int = 110) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}\u2026"


def _title_page(pdf: Any, text: Callable[[str], str], statement: Statement, version: Version) -> None:
    pdf.add_page()
    pdf.set_y(70)
    pdf.set_text_color(*_INK)
    pdf.set_font(_FONT, "B", 28)
    _paragraph(pdf, statement.kind.document_title, 12)
    pdf.set_font(_FONT, size=18)
    _paragraph(pdf, text(statement.organization), 9)
    pdf.set_y(max(pdf.get_y() + 12, 120))
    for name, value in facts_of(statement, version):
        pdf.set_font(_FONT, size=10.5)
        pdf.set_text_color(*_GREY)
        pdf.cell(36, 6, name)
        pdf.set_text_color(*_INK)
        pdf.multi_cell(0, 6, text(value), align="L", new_x="LMARGIN", new_y="NEXT")


def _contents(text: Callable[[str], str]) -> Callable[[Any, list[Any]], None]:
    """Chapters and their sections, with page numbers that are links."""

    def render(pdf: Any, outline: list[Any]) -> None:
        pdf.set_text_color(*_INK)
        pdf.set_font(_FONT, "B", _SIZES[1])
        pdf.set_x(_MARGIN)
        _paragraph(pdf, "Contents", 9)
        for entry in (one for one in outline if one.level <= 1):
            link = pdf.add_link(page=entry.page_number)
            pdf.set_font(_FONT, "" if entry.level else "B", 9.5 if entry.level else 10.5)
            if not entry.level:
                pdf.ln(1.5)
            pdf.set_x(_MARGIN + 5 * entry.level)
            pdf.cell(pdf.epw - 5 * entry.level - 12, 5, text(entry.name), link=link)
            pdf.cell(12, 5, str(entry.page_number), align="R", link=link, new_x="LMARGIN", new_y="NEXT")

    return render


def _section(pdf: Any, text: Callable[[str], str], section: Section) -> None:
    if section.level == 1 and section.number != "1":  # behind the contents a page has begun already
        pdf.add_page()
    elif pdf.will_page_break(30):
        pdf.add_page()  # no heading stands alone at the foot of a page
    elif section.level > 1:
        pdf.ln(_ABOVE[section.level])
    heading = f"{section.number} {section.title}"
    pdf.start_section(text(heading), level=section.level - 1)
    pdf.set_text_color(*_INK)
    pdf.set_font(_FONT, "B", _SIZES[section.level])
    _paragraph(pdf, text(heading), _SIZES[section.level] * 0.5)
    pdf.ln(1)
    for block in section.blocks:
        _block(pdf, text, block)


def _paragraph(pdf: Any, words: str, height: float) -> None:
    pdf.multi_cell(0, height, words, align="L", new_x="LMARGIN", new_y="NEXT")


def _block(pdf: Any, text: Callable[[str], str], block: Block) -> None:
    if isinstance(block, str):
        pdf.set_font(_FONT, size=10)
        _paragraph(pdf, text(block), 5)
        pdf.ln(1.5)
        return
    printable = Table(tuple(map(text, block.heads)), tuple(tuple(map(text, row)) for row in block.rows))
    if any(len(cell) > _CELL_CHARACTERS_MAX for row in printable.rows for cell in row):
        _as_paragraphs(pdf, printable)
    else:
        _table(pdf, printable)
    pdf.ln(3)


def _table(pdf: Any, table: Table) -> None:
    from fpdf.fonts import FontFace

    pdf.set_font(_FONT, size=8.5)
    pdf.set_draw_color(*_LINE)
    head = FontFace(emphasis="BOLD", fill_color=_SHADE)
    with pdf.table(
        col_widths=_widths(table), text_align="LEFT", line_height=4.2, padding=1, headings_style=head
    ) as drawn:
        for cells in (table.heads, *table.rows):
            row = drawn.row()
            for cell in cells:
                row.cell(cell)


def _widths(table: Table) -> tuple[int, ...]:
    """Shares by the longest cell, so that no column starves."""
    longest = [
        max(len(row[column]) for row in (table.heads, *table.rows)) for column in range(len(table.heads))
    ]
    return tuple(min(max(length, 12), 60) for length in longest)


def _as_paragraphs(pdf: Any, table: Table) -> None:
    for row in table.rows:
        for head, cell in zip(table.heads, row, strict=True):
            pdf.set_font(_FONT, size=9)
            _paragraph(pdf, f"{head}: {cell}" if head else cell, 4.5)
        pdf.ln(1.5)
