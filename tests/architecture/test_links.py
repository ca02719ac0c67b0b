"""Every relative link in the documents leads to a file that is there, and to a heading it has."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.architecture.source import CHECKOUT, told

CODE_BLOCK = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(
    r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)|^\[[^\]]+\]:\s*(\S+)|(?:href|src)=\"([^\"]+)\"",
    re.MULTILINE,
)
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$", re.MULTILINE)


def documents(root: Path) -> Iterator[Path]:
    """The pages beside the README, and all below docs/."""
    yield from sorted(root.glob("*.md"))
    yield from sorted((root / "docs").rglob("*.md"))


def broken(root: Path) -> list[str]:
    """Relative links that lead nowhere, as page: link."""
    return [
        f"{page.relative_to(root)}: {link}"
        for page in documents(root)
        for link in _links(page)
        if not _leads_somewhere(page, link, root)
    ]


def _links(page: Path) -> Iterator[str]:
    text = CODE.sub("", CODE_BLOCK.sub("", page.read_text()))
    for match in LINK.finditer(text):
        link = next(group for group in match.groups() if group)
        if not re.match(r"[a-z][a-z0-9+.-]*:|//", link, re.IGNORECASE):
            yield link


def _leads_somewhere(page: Path, link: str, root: Path) -> bool:
    path, _, fragment = link.partition("#")
    target = (page.parent / unquote(path)).resolve() if path else page
    if not target.exists() or not target.is_relative_to(root.resolve()):
        return False
    return not fragment or target.suffix != ".md" or unquote(fragment) in _anchors(target)


def _anchors(page: Path) -> set[str]:
    """The fragments that headings give: lower case, no punctuation, hyphens for blanks, repeats numbered."""
    text, found = CODE_BLOCK.sub("", page.read_text()), list[str]()
    for heading in HEADING.findall(text):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        found.append(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return {*found, *(f"{name}-{number}" for name in found for number in range(1, found.count(name)))}


def test_every_relative_link_leads_somewhere() -> None:
    found = broken(CHECKOUT)
    assert not found, told(found, "Correct these links, or write what they point at:")


@pytest.mark.parametrize(
    "link", ["gone.md", "page.md#no-such-heading", "#gone", "../../outside.md", "<gone.md>"]
)
def test_a_broken_link_is_found(link: str, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/page.md").write_text(f"# A page\n\nSee [this]({link}) and ![that]({link}).\n")
    (tmp_path.parent / "outside.md").touch()
    assert broken(tmp_path) == [f"docs/page.md: {link.strip('<>')}"] * 2


def test_good_links_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "docs/how-to").mkdir(parents=True)
    (tmp_path / "docs/how-to/page.md").write_text("# It's a `page`, no. 1\n\n## Twice\n\n## Twice\n")
    (tmp_path / "README.md").write_text(
        "# Top\n[a](docs/how-to/page.md#its-a-page-no-1) [b](docs/how-to) [c](https://pki.example/gone)\n"
        "[d](#top) [e](mailto:who@pki.example) [f](docs/how-to/page.md#twice-1) `[g](gone)`\n"
        "```\n[h](gone)\n```\n[i]: docs\n"
    )
    assert broken(tmp_path) == []
