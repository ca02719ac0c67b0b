"""The rules of issuance as a TOML file, for people and for version control (docs/reference/policy.md).

Read with the library's parser; written by our own few lines, since writers on offer make tables of what reads
better as `when.names.dns = [...]`. Comments are not data: they do not survive reading and writing.
"""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

from .errors import Malformed, TooLarge
from .rules import RuleSet
from .rules_document import read_rules, rules_to_document

TOML_OCTETS_MAX = 262_144
KEY_PARTS_MAX = 16
LINE_AIM = 100
_HEADER = re.compile(r"""[ \t]*\[\[[ \t]*["']?rule["']?[ \t]*\]\]""")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
# strings and comments; what is not closed takes the rest, so that each octet is looked at once
_STRINGS = (
    r'"""(?:[^\\]|\\.)*?(?:"""(?!")|\Z)',
    r"'''.*?(?:'''(?!')|\Z)",
    r'"(?:[^"\\\n]|\\[^\n])*"?',
    r"'[^'\n]*'?",
    r"#[^\n]*",
)
_QUOTED = re.compile("|".join(_STRINGS), re.DOTALL)
_ESCAPES = {'"': '\\"', "\\": "\\\\"}


# -- reading ---------------------------------------------------------------------------------------


def rules_from_toml(text: str) -> RuleSet:
    """Rules from a file of `[[rule]]` tables. Raises Malformed with line and field, TooLarge past 256 KiB."""
    if len(text) > TOML_OCTETS_MAX or len(text.encode(errors="replace")) > TOML_OCTETS_MAX:
        raise TooLarge(f"the rules have more than {TOML_OCTETS_MAX // 1024} KiB")
    _check_keys(text)
    try:
        document = tomllib.loads(text)
    except RecursionError as error:
        raise Malformed("the rules are not TOML as expected: values within values without end") from error
    except ValueError as error:
        raise Malformed(f"the rules are not TOML: {error}") from error
    return _read(document, text)


def _check_keys(text: str) -> None:
    """The parser takes minutes and all memory for a key of some ten thousand parts; no rule has one."""
    bare = _QUOTED.sub(lambda found: "_" + "\n" * found[0].count("\n"), text)
    for number, line in enumerate(bare.split("\n"), 1):
        if any(part.count(".") >= KEY_PARTS_MAX for part in re.split(r"[,=\[\]{}]", line)):
            raise Malformed(f"the rules, line {number}: a key has more than {KEY_PARTS_MAX} parts")


def _read(document: dict[str, Any], text: str) -> RuleSet:
    """Errors name the line where a rule begins, unless the rules are written without headers."""
    lines = [number for number, line in enumerate(text.split("\n"), 1) if _HEADER.match(line)]
    rules = document.get("rule")
    if not isinstance(rules, list) or len(rules) != len(lines):
        return read_rules(document, "rule[{}]".format)
    return read_rules(document, lambda number: f"line {lines[number]}: rule[{number}]")


# -- writing ---------------------------------------------------------------------------------------


def rules_to_toml(rules: RuleSet) -> str:
    """What `rules_from_toml` reads back to equal rules."""
    tables = [_table(rule) for rule in rules_to_document(rules)["rule"]]
    return "\n".join(tables)


def _table(rule: dict[str, Any]) -> str:
    return "".join([f"{line}\n" for line in ["[[rule]]", *_lines("", rule)]])


def _lines(path: str, table: dict[str, Any]) -> Iterator[str]:
    """`path.key = value` for every value within."""
    for name, value in table.items():
        key = path + (name if _BARE.fullmatch(name) else _string(name))
        if isinstance(value, dict):
            yield from _lines(f"{key}.", value)
        else:
            yield _folded(f"{key} = {_value(value)}", key, value)


def _folded(line: str, key: str, value: object) -> str:
    """A long list has a line for each item, so that what changed is seen."""
    if len(line) <= LINE_AIM or not isinstance(value, list):
        return line
    items = "".join([f"    {_value(item)},\n" for item in value])
    return f"{key} = [\n{items}]"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, dict):
        return f"{{ {', '.join([f'{key} = {_value(item)}' for key, item in value.items()])} }}"
    return _string(value) if isinstance(value, str) else str(value)


def _string(text: str) -> str:
    """A literal where that spares doubling backslashes. Control characters are not in documents."""
    if "\\" in text and "'" not in text:
        return f"'{text}'"
    return '"' + "".join([_ESCAPES.get(character, character) for character in text]) + '"'
