"""A language in which every text of the console is itself between « and »: what stands outside on a page was
never given to a translator. Its catalogue is made as docs/how-to/translate.md says."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.real.packages import need

LANGUAGE, LOCALE = "en-xa", "en_XA"
BEGIN, END = "«", "»"
SOURCE = Path(__file__).parents[2] / "src/certwright"
ENTRY = re.compile(r'^(msgid(?:_plural)? |msgstr(?:\[\d\])? )((?:"(?:[^"\\]|\\.)*"\n)+)', re.MULTILINE)


def make(home: Path, folder: Path) -> Path:
    """Extract every text, wrap it and compile it into `home/locale`; gives the catalogue as text. The sources
    are copied into `folder`: templates are turned into Python beside themselves while they are read."""
    need("gettext")
    copied = folder / "certwright"
    shutil.copytree(SOURCE, copied, ignore=shutil.ignore_patterns("static", "__pycache__"))
    _django(home, copied, "makemessages", "--locale", LOCALE)
    catalogue = home / "locale" / LOCALE / "LC_MESSAGES" / "django.po"
    catalogue.write_text(_wrapped(catalogue.read_text()))
    _django(home, copied, "compilemessages", "--locale", LOCALE)
    return catalogue


def _django(home: Path, folder: Path, *arguments: str) -> None:
    """-P: what lies in the folder must not pass for modules that others import."""
    settings = {"CERTWRIGHT_HOME": str(home), "DJANGO_SETTINGS_MODULE": "certwright.site.settings"}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "django", *arguments],
        env={**os.environ, **settings},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


def texts(catalogue: str) -> list[str]:
    """Every msgid but the empty one of the header, as it is escaped there."""
    found = [_joined(lines) for kind, lines in ENTRY.findall(catalogue) if kind == "msgid "]
    return [text for text in found if text]


def _wrapped(catalogue: str) -> str:
    latest = {"msgid": "", "plural": ""}

    def write(entry: re.Match[str]) -> str:
        kind, text = entry[1], _joined(entry[2])
        if kind.startswith("msgid"):
            latest["plural"] = text
            latest["msgid"] = text if kind == "msgid " else latest["msgid"]
        elif latest["msgid"]:
            one = kind in ("msgstr ", "msgstr[0] ")
            return f'{kind}"{_marked(latest["msgid" if one else "plural"])}"\n'
        return entry[0].replace("nplurals=INTEGER; plural=EXPRESSION", "nplurals=2; plural=(n != 1)")

    return ENTRY.sub(write, catalogue).replace("#, fuzzy\n", "", 1)


def _joined(lines: str) -> str:
    return "".join(line[1:-1] for line in lines.splitlines())


def _marked(text: str) -> str:
    """Ends of lines stay the first and the last, as msgfmt wants them."""
    before, middle, after = re.fullmatch(r"((?:\\n)*)(.*?)((?:\\n)*)", text).groups()
    return f"{before}{BEGIN}{middle}{END}{after}"
