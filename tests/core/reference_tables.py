"""Tables of docs/reference made from declarations. `python -m tests.core.reference_tables` writes them."""

import re
from collections.abc import Iterable
from pathlib import Path

from certwright.core import chain, policy, rules_effects, weak_keys
from certwright.core.documents import duration
from certwright.core.extensions import KEY_USES, purpose_name
from certwright.core.keys import KeyAlgorithm
from certwright.core.lifetimes import TLS_SCHEDULE
from certwright.core.lint import declared_findings
from certwright.core.profile import Profile, key_family
from certwright.core.profiles_builtin import built_in_profiles
from certwright.core.query_fields import COMPARED, FIELDS, SYNONYMS

REFERENCE = Path(__file__).parents[2] / "docs/reference"
_MARKED = re.compile(r"(<!-- table: (?P<name>[a-z0-9 -]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def reasons(declared: dict[str, str]) -> str:
    return table(("code", "what it means"), [(f"`{code}`", text) for code, text in declared.items()])


def findings(name: str) -> str:
    rows = [
        (f"`{found.code}`", found.severity.value, found.clause, found.text)
        for found in declared_findings()[name]
    ]
    return table(("code", "severity", "clause", "finding"), rows)


def profiles() -> str:
    heads = ("profile", "for", "lifetime: default, maximum", "names", "keyUsage", "extKeyUsage")
    return table(heads, [profile_row(profile) for profile in built_in_profiles().values()])


def profile_row(profile: Profile) -> tuple[str, ...]:
    lifetime = profile.lifetime
    return (
        f"`{profile.name}`",
        profile.description,
        f"{duration(lifetime.default)}, {duration(lifetime.maximum)}",
        ", ".join(sorted(profile.names.kinds)) or "none",
        key_usage(profile),
        ", ".join(map(purpose_name, profile.purposes)) + (" (critical)" if profile.purposes_critical else "")
        or "none",
    )


def key_usage(profile: Profile) -> str:
    always = profile.key_usage.always
    parts = [", ".join(use for use in KEY_USES if use in always)] if always else []
    for family, uses in profile.key_usage.by_key:
        if any(key_family(key) == family for key in profile.keys):
            parts.append(f"{family}: {', '.join(sorted(uses))}")
    return "; ".join(parts)


def search_fields() -> str:
    """How each is asked, beside an example."""
    others = {field: f" (`{other}` too)" for other, field in SYNONYMS.items()}
    rows = [
        (
            f"`{field.name}`{others.get(field.name, '')}",
            field.meaning,
            ", ".join(f"`{choice}`" for choice in field.choices) or field.kind.value,
            "`:` `<` `<=` `>` `>=`" if field.kind in COMPARED else "`:`",
            f"`{field.example}`",
        )
        for field in FIELDS.values()
    ]
    return table(("field", "asks", "values", "by", "example"), rows)


def algorithms() -> str:
    rows = [
        (f"`{profile.name}`", ", ".join(key for key in KeyAlgorithm if key in profile.keys))
        for profile in built_in_profiles().values()
    ]
    return table(("profile", "keys"), rows)


def schedule() -> str:
    """The latest step that is in force before the one above it; what has no beginning is told so."""
    rows = [
        (f"from {since:%Y-%m-%d}" if since.year > 1 else "before", f"{days} days")
        for since, days in reversed(TLS_SCHEDULE.steps)
    ]
    return table(("issued", "at the most"), rows)


def tables() -> dict[str, str]:
    """Every generated table by the name in its marker."""
    return {
        "requests": reasons(policy.REASONS),
        "rules": reasons(rules_effects.REASONS),
        "lifetime schedule": schedule(),
        "weak keys": reasons(weak_keys.REASONS),
        "authorities": reasons(chain.REASONS),
        "built-in profiles": profiles(),
        "key algorithms": algorithms(),
        "search fields": search_fields(),
        **{f"lint {name}": findings(name) for name in declared_findings()},
    }


def filled(page: str) -> str:
    """The page with every marked table as it should be. Raises KeyError for a marker nobody knows."""
    made = tables()
    return _MARKED.sub(lambda found: f"{found[1]}\n{made[found['name']]}\n{found[3]}", page)


def marked(page: str) -> set[str]:
    return {found["name"] for found in _MARKED.finditer(page)}


if __name__ == "__main__":
    for path in sorted(REFERENCE.glob("*.md")):
        before = path.read_text()
        if filled(before) != before:
            path.write_text(filled(before))
