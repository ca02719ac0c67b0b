"""What a SAML identity provider says, judged: responses and the assertion in them (SAML 2.0, Profiles section
4.1.4.3). No socket.

python3-saml would take an answer to no request, a recipient that contains ours, a destination that begins
with it, no audience at all and five minutes too much; here all must fit, to the octet where it is a name.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lxml.etree import _Element as Node

from ...core.errors import Unauthenticated
from ...operations.enter_from_source import Vouched
from .saml_messages import ASSERTION, PERSISTENT, SamlSource
from .saml_signatures import Signed, name, only

IDENTIFIER_MAX = 255
"""Of a persistent name (Core section 8.3.7 says 256); `external_id` has room for it."""
GROUPS_MAX = 1000
LEEWAY = timedelta(seconds=60)
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
ENTITY = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"
CONDITIONS = frozenset(
    name(ASSERTION, one) for one in ("AudienceRestriction", "OneTimeUse", "ProxyRestriction")
)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")


@dataclass(frozen=True, slots=True)
class Expected:
    """What a response must say: who speaks (`issuer`), to whom (`audience`), sent where (`recipient`), in
    answer to which `request`."""

    issuer: str
    audience: str
    recipient: str
    request: str
    proved_since: datetime | None = None
    """The provider must have asked for a proof since then."""


@dataclass(frozen=True, slots=True)
class Assertion:
    """What stands in one that was found good. `name` is of the kind that means the same person for ever, or
    empty; attributes are by the name the provider gives them, with all their texts."""

    identifier: str
    name: str
    proved_at: datetime
    attributes: Mapping[str, tuple[str, ...]]


def check_assertion(signed: Signed, expected: Expected, now: datetime) -> Assertion:
    """Raises Unauthenticated, saying what is wrong and nothing of what it holds."""
    _check_response(signed.response, expected)
    assertion = signed.assertion
    _check_issuer(only(assertion, ASSERTION, "Issuer"), expected.issuer)
    _must(assertion.get("Version") == "2.0", "its version is not 2.0")
    subject = only(assertion, ASSERTION, "Subject")
    confirmed = [
        _confirms(node, expected, now) for node in subject.findall(name(ASSERTION, "SubjectConfirmation"))
    ]
    _must(any(confirmed), "it is not for here, not an answer to this log-in, or too late")
    _check_conditions(only(assertion, ASSERTION, "Conditions"), expected.audience, now)
    return Assertion(
        assertion.get("ID", ""),
        _persistent_name(subject, expected.issuer),
        _proved_at(only(assertion, ASSERTION, "AuthnStatement"), expected.proved_since, now),
        _attributes(assertion),
    )


def _check_response(response: Node, expected: Expected) -> None:
    """What nobody may have signed, but what would be sent elsewhere, or answers something else, goes no
    further."""
    _must(response.get("Version") == "2.0", "its version is not 2.0")
    _must(response.get("Destination") == expected.recipient, "it was sent to another address")
    _must(response.get("InResponseTo") == expected.request, "it answers another log-in than this")
    for issuer in response.findall(name(ASSERTION, "Issuer")):
        _check_issuer(issuer, expected.issuer)


def _check_issuer(issuer: Node, wanted: str) -> None:
    _must(issuer.get("Format", ENTITY) == ENTITY and issuer.text == wanted, "it is of another provider")


def _confirms(confirmation: Node, expected: Expected, now: datetime) -> bool:
    """May whoever brings it be taken for the subject, here and now?"""
    data = confirmation.find(name(ASSERTION, "SubjectConfirmationData"))
    return (
        confirmation.get("Method") == BEARER
        and data is not None
        and data.get("Recipient") == expected.recipient
        and data.get("InResponseTo") == expected.request
        and data.get("NotOnOrAfter") is not None
        and _holds(data, now)
    )


def _check_conditions(conditions: Node, audience: str, now: datetime) -> None:
    """All of them, and none that is not understood (Core section 2.5.1)."""
    _must(_holds(conditions, now), "it is not valid now; are the clocks right?")
    _must(all(node.tag in CONDITIONS for node in conditions), "it has conditions that are not understood")
    restrictions = conditions.findall(name(ASSERTION, "AudienceRestriction"))
    audiences = [[node.text for node in one] for one in restrictions]
    _must(bool(audiences) and all(audience in one for one in audiences), "it is for somebody else")


def _holds(node: Node, now: datetime) -> bool:
    """Between its NotBefore and its NotOnOrAfter, where it has them?"""
    since, until = node.get("NotBefore"), node.get("NotOnOrAfter")
    return (since is None or _time(since) <= now + LEEWAY) and (until is None or now - LEEWAY < _time(until))


def _persistent_name(subject: Node, issuer: str) -> str:
    """The NameID, where it is one that is never given to another and speaks of people of this provider."""
    found = subject.find(name(ASSERTION, "NameID"))
    if found is None or found.get("Format") != PERSISTENT or found.get("NameQualifier", issuer) != issuer:
        return ""
    return found.text or ""


def _proved_at(statement: Node, since: datetime | None, now: datetime) -> datetime:
    """When the person has proved to the provider who they are."""
    proved, ends = _time(statement.get("AuthnInstant", "")), statement.get("SessionNotOnOrAfter")
    _must(ends is None or now - LEEWAY < _time(ends), "the session there is over")
    _must(since is None or proved >= since - LEEWAY, "no proof was asked for anew")
    return proved


def _attributes(assertion: Node) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for attribute in assertion.iterfind(
        f"{name(ASSERTION, 'AttributeStatement')}/{name(ASSERTION, 'Attribute')}"
    ):
        key = attribute.get("Name", "")
        found[key] = found.get(key, ()) + tuple(_texts(attribute))
    return found


def _texts(attribute: Node) -> Iterator[str]:
    """Values that are text; those of another build are none that anything here asks for."""
    for value in attribute.iterchildren(name(ASSERTION, "AttributeValue")):
        if not len(value):
            yield value.text or ""


def _time(text: str) -> datetime:
    """Raises Unauthenticated for what is no time in UTC (Core section 1.3.3)."""
    try:
        found = datetime.fromisoformat(text) if TIME.fullmatch(text) else None
    except ValueError:
        found = None
    if found is None:
        raise Unauthenticated("the provider's response has a time that is none")
    return found.astimezone(UTC)


def _must(good: bool, otherwise: str) -> None:
    if not good:
        raise Unauthenticated(f"the provider's response is not good: {otherwise}")


def person(assertion: Assertion, source: SamlSource) -> Vouched:
    """Raises Unauthenticated without an identifier that lasts, without a name, or with too many groups."""
    values = assertion.attributes
    external = _one(values, source.id_attribute) if source.id_attribute else assertion.name
    if not 0 < len(external) <= IDENTIFIER_MAX:
        wanted = source.id_attribute or "NameID of the format persistent"
        raise Unauthenticated(f"the provider gives no {wanted}, by which login.saml knows people")
    account = _one(values, source.name_attribute)
    if not account:
        raise Unauthenticated(
            f"the provider gives no {source.name_attribute}, which login.saml wants for a name"
        )
    groups = values.get(source.groups_attribute, ())
    if len(groups) > GROUPS_MAX:
        raise Unauthenticated(f"the provider's {source.groups_attribute} has more than {GROUPS_MAX} groups")
    display_name, email = (
        _one(values, each) for each in (source.display_name_attribute, source.email_attribute)
    )
    return Vouched(external, account, display_name, email, groups)


def _one(values: Mapping[str, tuple[str, ...]], key: str) -> str:
    """The one value, or nothing: of several, which is meant?"""
    found = values.get(key, ())
    return found[0] if len(found) == 1 else ""
