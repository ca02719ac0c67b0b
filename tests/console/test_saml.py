"""What a SAML provider says, judged; and what we say to it."""

import base64
import copy
import zlib
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from lxml import etree
from onelogin.saml2.xml_utils import OneLogin_Saml2_XML

from certwright.console.login.saml import person
from certwright.console.login.saml_messages import PERSISTENT, ServiceProvider, metadata, request_url
from certwright.core.errors import Unauthenticated
from certwright.site.login_settings import SamlSource
from tests.console.saml_responses import (
    ACS,
    AUDIENCE,
    REQUEST,
    THEM,
    US,
    WITH,
    assertion,
    attribute,
    good,
    judged,
    moment,
    response,
    sign,
)

# -- what is signed, and says something else -----------------------------------------------------

DAY = 86_400
LATE = f' NotOnOrAfter="{moment(-120)}"'
OTHER = (
    '<saml:Condition xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xsi:type="saml:ProxyRestrictionType"/>'
)
WRONG: dict[str, dict[str, str]] = {
    "another issuer": {"issuer": "https://evil.example"},
    "another issuer outside": {"response_issuer": "https://evil.example"},
    "sent elsewhere": {"destination": ACS + "/more"},
    "sent nowhere": {"destination": ""},
    "for elsewhere": {"recipient": "https://evil.example/?" + ACS},
    "for elsewhere, beginning with us": {"recipient": ACS + ".evil.example"},
    "in answer to another": {"confirmed_to": "_other"},
    "in answer to another outside": {"response_to": "_other"},
    "not by whoever brings it": {"method": "sender-vouches"},
    "too late": {"confirmed_until": LATE},
    "for ever": {"confirmed_until": ""},
    "not yet confirmed": {"confirmed_until": f' NotOnOrAfter="{moment(DAY * 2)}" NotBefore="{moment(DAY)}"'},
    "over": {"until": moment(-120)},
    "not yet": {"since": moment(DAY), "until": moment(DAY * 2)},
    "for somebody else": {"conditions": AUDIENCE.format("https://other.example")},
    "for somebody whose name begins with ours": {"conditions": AUDIENCE.format(US + "/")},
    "for somebody else too": {"conditions": AUDIENCE.format(US) + AUDIENCE.format("https://other.example")},
    "for anybody": {"conditions": ""},
    "on a condition of another kind": {"conditions": AUDIENCE.format(US) + OTHER},
    "the session is over": {"session": f' SessionNotOnOrAfter="{moment(-120)}"'},
    "a time that is none": {"since": "2026-02-30T00:00:00Z"},
    "a time without a zone": {"since": "2026-01-01T00:00:00"},
    "not logged in": {"status": "Requester"},
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("what", ["assertion", "response"])
def test_what_is_signed_and_says_something_else_is_refused(case: str, what: str) -> None:
    with pytest.raises(Unauthenticated):
        judged(good(what, **WRONG[case]))


def without(path: str, attribute_name: str = "") -> Any:
    """A response signed without this element, or without an attribute of it."""
    root = response()
    element = root.find(path, WITH)
    if attribute_name:
        del element.attrib[attribute_name]
    else:
        element.getparent().remove(element)
    return sign(assertion(root))


@pytest.mark.parametrize(
    "missing",
    [
        (".//a:Subject",),
        (".//a:SubjectConfirmation",),
        (".//a:SubjectConfirmationData",),
        (".//a:SubjectConfirmationData", "Recipient"),
        (".//a:SubjectConfirmationData", "InResponseTo"),
        (".//a:Conditions",),
        (".//a:AuthnStatement",),
        ("a:Assertion/a:Issuer",),
        (".", "InResponseTo"),
        (".", "Destination"),
        ("p:Status",),
    ],
)
def test_what_must_be_there_is(missing: tuple[str, ...]) -> None:
    with pytest.raises(Unauthenticated):
        judged(without(*missing))


def test_another_confirmation_beside_a_good_one_does_no_harm() -> None:
    root = response()
    true = root.find(".//a:SubjectConfirmation", WITH)
    other = copy.deepcopy(true)
    other.set("Method", "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key")
    true.addprevious(other)
    assert judged(sign(assertion(root))).name == "n-1"


def test_conditions_that_are_understood_hold() -> None:
    known = "<saml:OneTimeUse/><saml:ProxyRestriction/>"
    assert judged(good(conditions=AUDIENCE.format(US) + known)).name == "n-1"


def test_a_fresh_proof_is_one_that_is_dated() -> None:
    now = datetime.now(UTC)
    assert judged(good(), proved_since=now)
    with pytest.raises(Unauthenticated, match="anew"):
        judged(good(proved=moment(-300)), proved_since=now)


def test_why_the_provider_has_not_logged_in_is_told() -> None:
    root = response(status="Responder")
    code = root.find(".//p:StatusCode", WITH)
    etree.SubElement(code, code.tag).set(
        "Value", "urn:oasis:names:tc:SAML:2.0:status:AuthnFailed\N{RIGHT-TO-LEFT OVERRIDE}"
    )
    root.remove(assertion(root))
    with pytest.raises(Unauthenticated, match=r"log you in \(Responder AuthnFailed\\u202e\)"):
        judged(root)


# -- who it is -----------------------------------------------------------------------------------


def source(**more: Any) -> SamlSource:
    given = {"entity_id": THEM, "sso_url": "https://them.example/sso?tenant=1", "certificate_file": "/x"}
    return SamlSource(**(given | more))


def test_a_person_is_read_from_the_assertion() -> None:
    texts = attribute("groups", "a", "b") + attribute("mail", "a@us.example") + attribute("oid", "7")
    found = judged(good(attributes=texts + attribute("displayName", "Alice", "Other")))
    read = person(found, source())
    assert (read.external_id, read.name, read.groups, read.email) == (
        "n-1",
        "alice",
        ("a", "b"),
        "a@us.example",
    )
    assert read.display_name == ""
    assert person(found, source(id_attribute="oid")).external_id == "7"
    for more in ({"id_attribute": "none"}, {"id_attribute": "groups"}, {"name_attribute": "groups"}):
        with pytest.raises(Unauthenticated):
            person(found, source(**more))


@pytest.mark.parametrize(
    "given_values",
    [
        {"name_format": "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"},
        {"name_format": "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"},
        {"qualifier": ' NameQualifier="https://evil.example"'},
        {"name": ""},
        {"name": "n" * 256},
        {"uid": ""},
        {"attributes": attribute("uid", "bob")},
        {"attributes": attribute("groups", *(["g"] * 1001))},
    ],
)
def test_who_does_not_last_or_is_not_clear_is_nobody(given_values: dict[str, str]) -> None:
    with pytest.raises(Unauthenticated):
        person(judged(good(**given_values)), source())


def test_names_of_ours_in_other_words_are_the_same_person() -> None:
    assert judged(good(qualifier=f' NameQualifier="{THEM}" SPNameQualifier="{US}"')).name == "n-1"
    assert judged(good(name="a&amp;b")).name == "a&b"


# -- what we say ---------------------------------------------------------------------------------

WE = ServiceProvider("https://us.example/saml?a=1&b", ACS)


def asked(again: bool = False, **more: Any) -> tuple[dict[str, list[str]], Any]:
    url = urlsplit(request_url(source(**more), WE, REQUEST, "s&t", datetime.now(UTC), again))
    query = parse_qs(url.query)
    document = zlib.decompress(base64.b64decode(query["SAMLRequest"][0]), -15)
    return query, etree.fromstring(document)


def test_a_request_says_who_asks_where_the_answer_goes_and_whom_for() -> None:
    query, request = asked()
    assert (query["tenant"], query["RelayState"]) == (["1"], ["s&t"])
    assert request.get("ID") == REQUEST
    assert request.get("AssertionConsumerServiceURL") == ACS
    assert request.get("Destination") == "https://them.example/sso?tenant=1"
    assert request.find("a:Issuer", WITH).text == WE.entity_id
    assert request.find("p:NameIDPolicy", WITH).get("Format") == PERSISTENT
    assert request.get("ForceAuthn") is None
    assert asked(again=True)[1].get("ForceAuthn") == "true"
    assert asked(id_attribute="oid")[1].find("p:NameIDPolicy", WITH) is None


def test_requests_and_metadata_are_built_as_saml_says() -> None:
    ours = etree.fromstring(metadata(source(), WE))
    assert ours.get("entityID") == WE.entity_id
    for document, schema in ((ours, "metadata"), (asked(again=True)[1], "protocol")):
        assert not isinstance(OneLogin_Saml2_XML.validate_xml(document, f"saml-schema-{schema}-2.0.xsd"), str)
