"""Rules and issuances for the tests of the issuance policy: a good case to depart from, and random ones."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from certwright.core.access import Role
from certwright.core.distinguished_name import parse_name
from certwright.core.errors import Malformed
from certwright.core.keys import KeyAlgorithm
from certwright.core.lifetimes import DAY, SCHEDULES
from certwright.core.rules import RuleSet
from certwright.core.rules_document import rules_from_document
from certwright.core.rules_facts import IssuanceFacts, StoredFacts, Validation
from tests.core.toy_pipeline import identifiers

AT = datetime(2026, 11, 23, 20, 0, 0, tzinfo=UTC)
GOOD: dict[str, Any] = {
    "profile": "tls-server",
    "authority": "issuing",
    "endpoint": "acme/default",
    "origin": "acme",
    "requester": "acme:Zm9v",
    "team": "web",
    "owner": "alice",
    "algorithm": KeyAlgorithm.ECDSA_P256,
    "lifetime": 90 * DAY,
    "at": AT,
    "names": identifiers("dns:www.example.test", "ip:192.0.2.1"),
    "subject": parse_name("CN=www.example.test,O=Example"),
    "tags": frozenset({"public", "pci"}),
    "validation": Validation.DOMAIN,
    "fields": {"cost-center": "4711", "stage": "production"},
}


def facts(**changes: Any) -> IssuanceFacts:
    """A good issuance, but for what is given."""
    return IssuanceFacts(**{**GOOD, **changes})


def named(*texts: str, **changes: Any) -> IssuanceFacts:
    """A good issuance of these names."""
    return facts(names=identifiers(*texts), **changes)


def stored(of: IssuanceFacts) -> StoredFacts:
    """The same, as it would come from the columns of a certificate on record."""
    return StoredFacts(
        profile=of.profile,
        authority=of.authority,
        origin=of.origin,
        requester=of.requester,
        key_algorithm=of.algorithm.value,
        not_before=of.at,
        not_after=of.at + timedelta(seconds=of.lifetime - 1),
        issued_at=of.at,
        endpoint=of.endpoint,
        team=of.team,
        owner=of.owner,
        names=[(name.kind.value, name.value) for name in of.names],
        subject=str(of.subject),
        tags=of.tags,
        validation=of.validation,
        fields=of.fields,
    )


def rule(**fields: Any) -> dict[str, Any]:
    """A rule's document that refuses, or does what is given."""
    effect = {} if fields.keys() & {"limits", "approval"} else {"refuse": "Ask for something else."}
    return {"name": "toy", **effect, **fields}


def rules(*documents: dict[str, Any]) -> RuleSet:
    return rules_from_document({"rule": list(documents)})


# -- random ones -----------------------------------------------------------------------------------

_WORD = st.sampled_from(["tls-server", "issuing", "acme/default", "acme", "web", "public", "alice"])
_GLOB = st.text("aw*c/.e", min_size=1, max_size=5) | _WORD | _WORD.map(lambda word: word[:2] + "*")
_TEXT = st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" "), max_size=20)
_PATTERNS: dict[str, st.SearchStrategy[str]] = {
    "dns": st.sampled_from(
        ["*", "www.example.test", ".example.test", "*.example.test", ".pay.test", "b.test"]
    ),
    "ip": st.sampled_from(["*", "192.0.2.0/24", "2001:db8::/32"]),
    "email": st.sampled_from(["*", "ann@example.test", ".example.test", "example.test"]),
    "uri": st.sampled_from(["*", "spiffe://example.test/a"]),
}
_NAMES = identifiers(
    *("dns:www.example.test", "dns:*.example.test", "dns:a.pay.test", "dns:b.test", "dns:*.test"),
    *("ip:192.0.2.1", "ip:2001:db8::1", "ip:10.0.0.1", "email:ann@example.test", "email:b@a.test"),
    *("uri:spiffe://example.test/a/b", "uri:https://b.test/"),
)


def _some(values: st.SearchStrategy[Any], most: int = 3) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=1, max_size=most, unique=True)


def _patterns() -> st.SearchStrategy[dict[str, list[str]]]:
    kinds = {kind: _some(values) for kind, values in _PATTERNS.items()}
    return st.fixed_dictionaries({}, optional=kinds).filter(bool)


def _moment(first: int, last: int) -> st.SearchStrategy[str]:
    days = st.dates(datetime(first, 1, 1).date(), datetime(last, 12, 31).date()).map(str)
    return days | st.datetimes(datetime(first, 1, 1), datetime(last, 12, 31)).map(
        lambda at: f"{at.isoformat()}Z"
    )


def _conditions(**more: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    texts = {name: _some(_GLOB) for name in ("profiles", "authorities", "endpoints", "origins", "teams")}
    custom = st.dictionaries(
        st.sampled_from(["stage", "cost-center", "X_1"]), _some(_GLOB), min_size=1, max_size=2
    )
    rest = {"requesters": _some(_GLOB), "tags": _some(_GLOB), "fields": custom, "wildcard": st.booleans()}
    rest["validation_below"] = st.sampled_from(["domain", "organization", "extended"])
    dates = {"from": _moment(2020, 2026), "until": _moment(2027, 2030), "all_names": _patterns()}
    return st.fixed_dictionaries({}, optional={**texts, **rest, **dates, **more})


_LIMITS = st.fixed_dictionaries(
    {},
    optional={
        "keys": _some(st.sampled_from([key.value for key in KeyAlgorithm])),
        "maximum_lifetime": st.sampled_from(["1s", "12h", "47d", "90d", "400d", *SCHEDULES]),
        "names": st.fixed_dictionaries(
            {},
            optional={
                "allow": _patterns(),
                "deny": _patterns(),
                "pattern": st.dictionaries(
                    st.sampled_from(["dns", "email"]), st.sampled_from([r"[a-z.]+\.test", "w{3}.*", r"'\d"])
                ),
            },
        ),
        "require": st.fixed_dictionaries(
            {},
            optional={
                "owner": st.booleans(),
                "team": st.booleans(),
                "fields": _some(st.sampled_from(["stage", "cost-center", "other"])),
                "subject": _some(st.sampled_from(["O", "CN", "2.5.4.6", "1.2.3.4"])),
                "validation": st.sampled_from([level.value for level in Validation]),
            },
        ),
    },
)
APPROVERS = st.sampled_from([*(f"role:{role}" for role in Role), "team:web", "team:Päyments 2", "user:alice"])
_STEPS = st.lists(
    st.fixed_dictionaries(
        {"step": st.sampled_from(["pki", "team-lead", "security"]), "from": _some(APPROVERS)},
        optional={"quorum": st.integers(1, 16), "expires": st.sampled_from(["5m", "3d", "365d"])},
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda step: step["step"],
)
_EFFECTS = st.one_of(
    st.fixed_dictionaries({"refuse": _TEXT}),
    st.fixed_dictionaries({"limits": _LIMITS}),
    st.fixed_dictionaries({"approval": _STEPS}),
)
_RULES = st.tuples(
    st.fixed_dictionaries(
        {"name": st.text("ab-1", min_size=1, max_size=4)},
        optional={"description": _TEXT, "when": _conditions(names=_patterns()), "unless": _conditions()},
    ),
    _EFFECTS,
).map(lambda pair: pair[0] | pair[1])


@st.composite
def rule_sets(draw: st.DrawFn) -> RuleSet:
    """Rules that can be read, made from documents: what cannot is left out."""
    kept: list[dict[str, Any]] = []
    for document in draw(st.lists(_RULES, min_size=1, max_size=6)):
        try:
            rules(*kept, document)
        except Malformed:
            continue
        kept.append(document)
    return rules(*kept)


@st.composite
def issuances(draw: st.DrawFn) -> IssuanceFacts:
    return facts(
        profile=draw(st.sampled_from(["tls-server", "device"])),
        authority=draw(st.sampled_from(["issuing", "web"])),
        endpoint=draw(st.sampled_from(["", "acme/default"])),
        origin=draw(st.sampled_from(["acme", "console"])),
        requester=draw(st.sampled_from(["acme:Zm9v", "local:alice", "acme"])),
        team=draw(st.sampled_from(["", "web"])),
        owner=draw(st.sampled_from(["", "alice"])),
        algorithm=draw(st.sampled_from(KeyAlgorithm)),
        lifetime=draw(st.sampled_from([1, 47 * DAY, 90 * DAY, 90 * DAY + 1, 398 * DAY])),
        at=draw(st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))),
        names=tuple(draw(st.lists(st.sampled_from(_NAMES), max_size=3, unique=True))),
        subject=parse_name(draw(st.sampled_from(["", "CN=a", "CN=a,O=Example"]))),
        tags=frozenset(draw(st.sets(st.sampled_from(["public", "pci"])))),
        validation=draw(st.sampled_from(Validation)),
        fields=draw(st.dictionaries(st.sampled_from(["stage", "cost-center"]), st.sampled_from(["", "web"]))),
    )
