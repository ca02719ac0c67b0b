"""What a replay has found, for people at a terminal."""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]
SHOWN = 5
CHANGES = {
    "refused": "would be refused",
    "approval": "would need approval",
    "other-approval": "would need another approval",
    "no-longer-refused": "would no longer be refused",
    "no-longer-approval": "would no longer need approval",
}
_LISTS = ("rules", "teams", "owners", "authorities", "profiles")


def replay_text(found: Document) -> str:
    """Numbers first, then what changes, for whom, and a few of them."""
    lines: list[str] = []
    for source in ("certificates", "requests"):
        lines += _source(source, found[source])
    if found["processes"] == 1:
        lines.append("by one process, for there is one core")
    return "\n".join(lines)


def _source(name: str, found: Document) -> list[str]:
    lines = [f"{found['judged']:,} {name}: {found['unchanged']:,} unchanged"]
    for change in found["changes"]:
        lines.append(f"  {change['count']:,} {CHANGES[change['change']]}")
        for kind in _LISTS:
            named = [f"{one['name'] or 'none'} {one['count']:,}" for one in change[kind][:SHOWN]]
            more = len(change[kind]) - SHOWN
            lines.append(f"    {kind}: {', '.join(named)}" + (f" and {more} more" if more > 0 else ""))
        some = [one for one in found["examples"] if one["change"] == change["change"]]
        lines += [f"    {_example(one)}" for one in some[:SHOWN]]
    return lines


def _example(one: Document) -> str:
    name = one["names"][0] if one["names"] else one["subject"]
    reference = one.get("certificate") or f"request {one['request']}"
    return " ".join([name, f"({reference})", *one["reasons"][:1]])
