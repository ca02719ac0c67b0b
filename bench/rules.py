"""Rules of issuance: a decision by 20 of them, and what replaying them over a million certificates takes.

Targets: a decision in under 20 us; a million certificates, from the columns they are stored in, in under 60 s
on two cores, reading them included. The floor is what no reader of rules can go below: for each rule, one
call that looks up one column of the certificate.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice

from bench._machine import quick, show
from certwright.core.keys import KeyAlgorithm
from certwright.core.names import parse_identifier
from certwright.core.rules import Allow, NeedsApproval, Refuse, RuleSet, decide
from certwright.core.rules_facts import Facts, IssuanceFacts, StoredFacts, Validation
from certwright.core.rules_toml import rules_from_toml

COUNT = 20_000 if quick() else 200_000
AT = datetime(2026, 11, 23, 20, tzinfo=UTC)
TEAMS = ("web", "pay", "mail", "")
RULES = r"""
[[rule]]
name = "public-lifetime"
when.authorities = ["public"]
limits.maximum_lifetime = "ca/browser-forum"
[[rule]]
name = "short-lived"
when.profiles = ["tls-*"]
unless.tags = ["appliance"]
limits.maximum_lifetime = "398d"
[[rule]]
name = "keys"
limits.keys = ["ecdsa-p256", "ecdsa-p384", "ed25519", "rsa-3072", "ml-dsa-65"]
[[rule]]
name = "own-names"
when.profiles = ["tls-server", "tls-server-client"]
limits.names.allow.dns = [".example.test", ".pay.test"]
limits.names.allow.ip = ["10.0.0.0/8"]
[[rule]]
name = "convention"
when.teams = ["web"]
limits.names.pattern.dns = '[a-z]+[0-9]*\.([a-z]+\.)*example\.test'
[[rule]]
name = "pay-needs-approval"
when.names.dns = [".pay.test"]
approval = [{ step = "pki", from = ["role:ra-officer"] }, { step = "pay", from = ["team:pay"], quorum = 2 }]
[[rule]]
name = "no-wildcards"
when.wildcard = true
when.teams = ["pay", "mail"]
refuse = "List the names one by one."
[[rule]]
name = "owned"
unless.origins = ["acme"]
limits.require = { owner = true, team = true, fields = ["cost-center"] }
[[rule]]
name = "organization"
when.authorities = ["public"]
when.profiles = ["code-signing", "document-signing"]
limits.require = { validation = "organization", subject = ["O"] }
[[rule]]
name = "freeze"
when.from = "2026-12-20"
when.until = "2027-01-05"
refuse = "Nothing is issued over the holidays; ask the officer on call."
[[rule]]
name = "no-test-in-production"
when.fields.stage = ["production"]
limits.names.deny.dns = [".test.example.test", "localhost.example.test"]
""" + "".join(
    f"""
[[rule]]
name = "team-{number}"
when.teams = ["team-{number}", "group-{number}-*"]
unless.profiles = ["tls-server", "device"]
refuse = "Team {number} has servers and devices only."
"""
    for number in range(9)
)


def columns(number: int) -> dict[str, object]:
    """One certificate on record; every fifth with an address, every tenth of a payment system."""
    names = [("dns", f"host{number}.web.example.test"), ("dns", "www.example.test")]
    if number % 5 == 0:
        names.append(("ip", f"10.0.{number % 250}.7"))
    if number % 10 == 0:
        names[0] = ("dns", f"host{number}.pay.test")
    return {
        "profile": ("tls-server", "tls-server", "tls-client", "device")[number % 4],
        "authority": ("internal", "public")[number % 3 == 0],
        "origin": ("acme", "rest", "console")[number % 3],
        "requester": f"acme:{number}",
        "key_algorithm": ("ecdsa-p256", "rsa-3072")[number % 7 == 0],
        "not_before": AT,
        "not_after": AT + timedelta(days=90) - timedelta(seconds=1),
        "issued_at": AT,
        "endpoint": "acme/default",
        "team": TEAMS[number % len(TEAMS)],
        "owner": "alice",
        "names": names,
        "subject": f"CN=host{number}.web.example.test,O=Example",
        "validation": Validation.DOMAIN,
        "fields": {"cost-center": "4711", "stage": "production"},
    }


def issuance(one: dict[str, object]) -> IssuanceFacts:
    """The same at the time of issuance, when all is decoded."""
    stored = StoredFacts(**one)  # type: ignore[arg-type]
    return IssuanceFacts(
        profile=stored.profile,
        authority=stored.authority,
        endpoint=stored.endpoint,
        origin=stored.origin,
        requester=stored.requester,
        team=stored.team,
        owner=stored.owner,
        names=tuple([parse_identifier(name.kind, name.value) for name in stored.names]),
        subject=stored.subject,
        algorithm=KeyAlgorithm(stored.algorithm),
        lifetime=stored.lifetime,
        at=stored.at,
        validation=stored.validation,
        fields=stored.fields,
    )


def per_item(call: Callable[[object], object], items: list[object]) -> float:
    """CPU microseconds of one call, the best of three rounds over all items."""
    best = float("inf")
    for _ in range(3):
        started = time.process_time()
        for item in items:
            call(item)
        best = min(best, time.process_time() - started)
    return best / len(items) * 1e6


def floor(rules: RuleSet, facts: list[object]) -> float:
    """CPU microseconds of one call for each rule that looks up one column."""
    known = frozenset({"none", "of", "these"})
    calls = [lambda one: one.team in known for _ in rules.rules]

    def look(one: object) -> None:
        for call in calls:
            call(one)

    return per_item(look, facts)


def main() -> None:
    rules = rules_from_toml(RULES)
    some = [columns(number) for number in range(2000)]
    facts: list[object] = [issuance(one) for one in some]
    base = floor(rules, facts)
    told = [decide(rules, one) for one in facts]  # type: ignore[arg-type]
    kinds = {
        kind.__name__: sum(isinstance(one, kind) for one in told) for kind in (Allow, NeedsApproval, Refuse)
    }
    decision = per_item(lambda one: decide(rules, one), facts)  # type: ignore[arg-type]
    show(
        f"decision by {len(rules.rules)} rules",
        CPU=f"{decision:.1f} us (target 20 us)",
        floor=f"{base:.1f} us",
        ratio=f"{decision / base:.1f}",
        **{kind: f"{100 * count // len(told)}%" for kind, count in kinds.items()},
    )
    started = time.process_time()
    for one in islice(cycle(some), COUNT):
        replayed: Facts = StoredFacts(**one)  # type: ignore[arg-type]
        decide(rules, replayed)
    each = (time.process_time() - started) / COUNT * 1e6
    show(
        "replay from columns",
        CPU=f"{each:.1f} us a certificate",
        floor=f"{base:.1f} us",
        ratio=f"{each / base:.1f}",
        million=f"{each:.0f} s of one core (target 60 s on two, reading from the database included)",
    )


if __name__ == "__main__":
    main()
