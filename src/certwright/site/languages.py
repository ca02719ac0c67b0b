"""The languages that the console speaks: English, and each for which there is a catalogue."""

from collections.abc import Iterable
from pathlib import Path

from django.conf.locale import LANG_INFO
from django.utils.translation import to_language

ENGLISH = ("en", "English")
CATALOGUE = Path("LC_MESSAGES", "django.mo")


def languages(folders: Iterable[Path]) -> list[tuple[str, str]]:
    """Codes and names, each in its own language. A catalogue is `LOCALE/LC_MESSAGES/django.mo` in one of the
    folders, like `pt_BR/LC_MESSAGES/django.mo`."""
    found = {to_language(one.parents[1].name) for folder in folders for one in folder.glob(f"*/{CATALOGUE}")}
    return [ENGLISH, *((code, _name(code)) for code in sorted(found - {ENGLISH[0]}))]


def _name(code: str) -> str:
    """The code itself for a language that Django has no name of."""
    return str(LANG_INFO.get(code, {}).get("name_local", code))
