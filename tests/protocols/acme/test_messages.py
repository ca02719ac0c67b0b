import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.errors import Malformed
from certwright.protocols.acme import messages
from certwright.protocols.acme.encoding import encode_base64url
from certwright.protocols.acme.problems import AcmeProblem
from certwright.protocols.acme.rules import EndpointRules, check_contacts, check_new_order

NOW = datetime(2026, 7, 1, tzinfo=UTC)
PARSERS: tuple[Callable[[bytes], object], ...] = (
    messages.parse_new_account,
    messages.parse_account_update,
    messages.parse_new_order,
    messages.parse_challenge_response,
    messages.parse_authorization_update,
    messages.parse_finalize,
    messages.parse_revocation,
)


def _json(members: object) -> bytes:
    return json.dumps(members).encode()


def test_post_as_get() -> None:
    assert messages.is_post_as_get(b"")
    assert not messages.is_post_as_get(b"{}")


def test_new_account() -> None:
    message = messages.parse_new_account(
        _json(
            {
                "termsOfServiceAgreed": True,
                "contact": ["mailto:admin@example.org"],
                "orders": "ignored",
                "unknown": {"deep": [1]},
            }
        )
    )
    assert message == messages.NewAccount(False, True, ["mailto:admin@example.org"], None)
    assert messages.parse_new_account(b'{"onlyReturnExisting":true}').only_return_existing
    assert messages.parse_new_account(b"{}") == messages.NewAccount(False, False, None, None)
    null = {"termsOfServiceAgreed": None, "contact": None, "externalAccountBinding": None}
    assert messages.parse_new_account(_json(null)) == messages.NewAccount(False, False, None, None)


def test_account_update() -> None:
    assert messages.parse_account_update(b"{}") == messages.AccountUpdate(None, False)
    assert messages.parse_account_update(b'{"status":"deactivated"}') == messages.AccountUpdate(None, True)
    update = messages.parse_account_update(b'{"status":"revoked","contact":[],"termsOfServiceAgreed":1}')
    assert update == messages.AccountUpdate([], False)


def test_new_order_of_rfc_8555_section_7_4() -> None:
    message = messages.parse_new_order(
        _json(
            {
                "identifiers": [
                    {"type": "dns", "value": "www.example.org"},
                    {"type": "dns", "value": "example.org"},
                ],
                "notBefore": "2016-01-01T00:04:00+04:00",
                "notAfter": "2016-01-08T00:04:00+04:00",
                "profile": "short",
                "replaces": "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE",
            }
        )
    )
    assert message == messages.NewOrder(
        (("dns", "www.example.org"), ("dns", "example.org")),
        datetime(2015, 12, 31, 20, 4, tzinfo=UTC),
        datetime(2016, 1, 7, 20, 4, tzinfo=UTC),
        "short",
        "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE",
    )
    plain = messages.parse_new_order(
        _json({"identifiers": [{"type": "ip", "value": "::1"}], "profile": None})
    )
    assert plain == messages.NewOrder((("ip", "::1"),), None, None, "", "")


def test_finalize_and_revocation() -> None:
    der = bytes(range(256)) * 100
    text = encode_base64url(der)
    assert messages.parse_finalize(_json({"csr": text})) == der
    assert messages.parse_revocation(_json({"certificate": text})) == messages.Revocation(der, None)
    assert messages.parse_revocation(_json({"certificate": text, "reason": 4})).reason == 4
    assert messages.parse_revocation(_json({"certificate": text, "reason": None})).reason is None


def test_responses_and_deactivation() -> None:
    messages.parse_challenge_response(b"{}")
    messages.parse_challenge_response(b'{"keyAuthorization":"of an early draft"}')
    messages.parse_authorization_update(b'{"status":"deactivated"}')


REFUSED: list[tuple[Callable[[bytes], object], object]] = [
    (messages.parse_new_account, {"onlyReturnExisting": "true"}),
    (messages.parse_new_account, {"termsOfServiceAgreed": 1}),
    (messages.parse_new_order, {}),
    (messages.parse_new_order, {"identifiers": []}),
    (messages.parse_new_order, {"identifiers": {"type": "dns", "value": "a"}}),
    (messages.parse_new_order, {"identifiers": ["example.org"]}),
    (messages.parse_new_order, {"identifiers": [{"type": "dns"}]}),
    (messages.parse_new_order, {"identifiers": [{"value": "example.org"}]}),
    (messages.parse_new_order, {"identifiers": [{"type": "dns", "value": ""}]}),
    (messages.parse_new_order, {"identifiers": [{"type": "dns", "value": 7}]}),
    (messages.parse_new_order, {"identifiers": [{"type": "dns", "value": "a" * 1025}]}),
    (messages.parse_new_order, {"identifiers": [{"type": "d" * 33, "value": "a"}]}),
    (messages.parse_new_order, {"identifiers": [{"type": "dns", "value": "a"}], "notAfter": "tomorrow"}),
    (messages.parse_new_order, {"identifiers": [{"type": "dns", "value": "a"}], "notBefore": 7}),
    (messages.parse_new_order, {"identifiers": [{"type": "dns", "value": "a"}], "profile": ["x"]}),
    (messages.parse_new_order, {"identifiers": [{"type": "dns", "value": "a"}], "profile": "p" * 65}),
    (messages.parse_new_order, {"identifiers": [{"type": "dns", "value": "a"}], "replaces": 7}),
    (messages.parse_authorization_update, {}),
    (messages.parse_authorization_update, {"status": "valid"}),
    (messages.parse_finalize, {}),
    (messages.parse_finalize, {"csr": ""}),
    (messages.parse_finalize, {"csr": "-----BEGIN CERTIFICATE REQUEST-----"}),
    (messages.parse_finalize, {"csr": "A" * 70_000}),
    (messages.parse_revocation, {"reason": 1}),
    (messages.parse_revocation, {"certificate": "AAAA", "reason": "1"}),
    (messages.parse_revocation, {"certificate": "AAAA", "reason": 1.0}),
    (messages.parse_revocation, {"certificate": "AAAA", "reason": True}),
    (messages.parse_revocation, {"certificate": "AA=="}),
]


@pytest.mark.parametrize(("parse", "members"), REFUSED)
def test_payloads_refused(parse: Callable[[bytes], object], members: object) -> None:
    with pytest.raises(Malformed):
        parse(_json(members))


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize("payload", [b"", b"[]", b"null", b"{", b'{"status":"deactivated","status":"valid"}'])
def test_payloads_that_are_no_object(parse: Callable[[bytes], object], payload: bytes) -> None:
    with pytest.raises(Malformed):
        parse(payload)


TEXT = st.text(max_size=20) | st.sampled_from(
    [
        "dns",
        "ip",
        "*.example.org",
        "example.org",
        "1.2.3.4",
        "xn--a",
        "AAAA",
        "2026-01-01T00:00:00Z",
        "deactivated",
    ]
)
IDENTIFIER = st.dictionaries(st.sampled_from(["type", "value"]), TEXT | st.integers())
VALUE = (
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.lists(IDENTIFIER | TEXT, max_size=3)
)
MEMBERS = st.dictionaries(
    st.sampled_from(
        [
            "identifiers",
            "notBefore",
            "notAfter",
            "profile",
            "replaces",
            "csr",
            "certificate",
            "reason",
            "status",
            "contact",
            "termsOfServiceAgreed",
            "onlyReturnExisting",
            "externalAccountBinding",
        ]
    ),
    VALUE,
)


@given(MEMBERS.map(_json) | st.binary(max_size=100))
def test_no_payload_raises_anything_else(payload: bytes) -> None:
    for parse in PARSERS:
        try:
            message = parse(payload)
            if isinstance(message, messages.NewOrder):
                check_new_order(message, EndpointRules(), NOW)
            if isinstance(message, messages.NewAccount):
                check_contacts(message.contacts)
        except (Malformed, AcmeProblem) as error:
            told = error.detail
        else:
            continue
        assert told.isprintable()
        assert len(told) <= 1024
