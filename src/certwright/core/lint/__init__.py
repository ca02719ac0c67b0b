"""Lints: what is wrong with a certificate before it is signed. Findings are declared, with stable codes."""

from functools import lru_cache

from ..errors import Reason, Refused
from ..profile import Profile
from . import cabf_smime, cabf_tls, keys, other_extensions, profile, rfc5280
from .decoded import Decoded
from .finding import Finding, Part, Rule, Severity

SETS: dict[str, tuple[Rule, ...]] = {
    "rfc5280": rfc5280.RULES + other_extensions.RULES,
    "profile": profile.RULES,
    "keys": keys.RULES,
    "cabf-tls": cabf_tls.RULES,
    "cabf-smime": cabf_smime.RULES,
}
ALWAYS = ("rfc5280", "profile", "keys")
_FRAME_ONLY = frozenset({Part.FRAME})


@lru_cache(maxsize=64)
def _rules(lints: frozenset[str], frame: bool) -> tuple[Rule, ...]:
    names = (*ALWAYS, *sorted(lints))
    return tuple([rule for name in names for rule in SETS[name] if (rule.reads == _FRAME_ONLY) is frame])


def lint_frame(decoded: Decoded, profile: Profile) -> tuple[Finding, ...]:
    """Findings about what all certificates of one shape share."""
    return tuple([finding for rule in _rules(profile.lints, True) for finding in rule.run(decoded, profile)])


def lint_varying(decoded: Decoded, profile: Profile) -> tuple[Finding, ...]:
    """Findings about the parts that vary, also where they depend on the frame."""
    found: list[Finding] = []
    for rule in _rules(profile.lints, False):
        if raised := rule.check(decoded, profile):
            found.extend(rule.declared(raised))
    return tuple(found)


def lint(decoded: Decoded, profile: Profile) -> tuple[Finding, ...]:
    """Everything the profile's lint sets find."""
    return lint_frame(decoded, profile) + lint_varying(decoded, profile)


def refuse_errors(findings: tuple[Finding, ...]) -> None:
    """Raises Refused with every finding of error severity."""
    if findings:
        reasons = [Reason(f.code, f.text, f.clause) for f in findings if f.severity is Severity.ERROR]
        if reasons:
            raise Refused(tuple(reasons))


def declared_findings() -> dict[str, tuple[Finding, ...]]:
    """Every finding that can be raised, by lint set, for the reference."""
    return {name: tuple([f for rule in rules for f in rule.findings]) for name, rules in SETS.items()}
