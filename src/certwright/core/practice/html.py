"""A practice document as one HTML page that needs nothing else: no script, its style inside it.

The page may be shown under a Content-Security-Policy that lets nothing in but a style of exactly this hash.
"""

import base64
import hashlib
import re
from html import escape

from .document import Block, Section, Statement, Table, Version

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;color:#1b1f24;background:#fff;
  max-width:52rem;margin:0 auto;padding:2rem 1rem}
h1{font-size:2rem;line-height:1.2;margin:0 0 .5rem}
h2{font-size:1.5rem;margin:3rem 0 .5rem;border-bottom:2px solid #d0d7de}
h3{font-size:1.15rem;margin:2rem 0 .25rem}
h4{font-size:1rem;margin:1.25rem 0 .25rem}
p{margin:.5rem 0}
p,td,th,dd{overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;margin:.75rem 0;font-size:.875rem}
th,td{border:1px solid #d0d7de;padding:.3rem .5rem;text-align:left;vertical-align:top}
th{background:#f3f5f7}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem}
dt{color:#57606a}dd{margin:0}
nav ol{list-style:none;padding-left:1rem}nav>ol{padding:0}
a{color:#0550ae}
@media print{body{max-width:none;padding:0}nav{display:none}}
"""
_CONTENTS_LEVEL = 2
_STYLE_ELEMENT = re.compile(r"<style>(.*?)</style>", re.DOTALL)


def render_html(statement: Statement, version: Version) -> str:
    """The page; the same for the same statement and version."""
    title = escape(f"{statement.kind.document_title} of {statement.organization}")
    body = "".join(map(_section, statement.sections))
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{_STYLE}</style>\n'
        f"</head>\n<body>\n<header>\n<h1>{title}</h1>\n{_facts(statement, version)}</header>\n"
        f"{_contents(statement)}<main>\n{body}</main>\n</body>\n</html>\n"
    )


def facts_of(statement: Statement, version: Version) -> tuple[tuple[str, str], ...]:
    """What stands under the title."""
    return (
        ("Version", version.name.removeprefix("Version ")),
        ("Published", f"{version.created_at:%Y-%m-%d %H:%M} UTC"),
        ("In effect from", f"{version.effective_at:%Y-%m-%d %H:%M} UTC"),
        ("Organization", statement.organization),
        ("Newest version", f"{statement.address}.html, {statement.address}.pdf"),
    )


def _facts(statement: Statement, version: Version) -> str:
    pairs = facts_of(statement, version)
    return (
        f"<dl>{''.join(f'<dt>{escape(name)}</dt><dd>{escape(value)}</dd>' for name, value in pairs)}</dl>\n"
    )


def _contents(statement: Statement) -> str:
    """Chapters and their sections; a third level would be longer than a page."""
    lines, depth = [], 0
    for section in (one for one in statement.sections if one.level <= _CONTENTS_LEVEL):
        lines.append("<ol>" * (section.level - depth) + "</ol>" * (depth - section.level))
        depth = section.level
        lines.append(f'<li><a href="#s{section.number}">{escape(_heading(section))}</a></li>\n')
    return f'<nav aria-label="Contents">{"".join(lines)}{"</ol>" * depth}</nav>\n'


def _heading(section: Section) -> str:
    return f"{section.number}. {section.title}" if section.level == 1 else f"{section.number} {section.title}"


def _section(section: Section) -> str:
    level = section.level + 1
    head = f'<h{level} id="s{section.number}">{escape(_heading(section))}</h{level}>\n'
    return head + "".join(map(_block, section.blocks))


def _block(block: Block) -> str:
    if isinstance(block, Table):
        heads = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in block.heads)
        rows = "".join(
            f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>\n" for row in block.rows
        )
        return f"<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n"
    return f"<p>{escape(block)}</p>\n"


def style_hash(page: str) -> str:
    """Of the page's own style, as a Content-Security-Policy names it: `sha256-...`."""
    match = _STYLE_ELEMENT.search(page)
    digest = hashlib.sha256((match[1] if match else "").encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
