"""Settings of an ACME endpoint: what is taken can be used, what cannot is refused by name."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.acme_settings import CHALLENGES, AcmeSettings, acme_settings_from_document
from certwright.core.errors import Malformed


def test_nothing_said_is_the_default() -> None:
    assert acme_settings_from_document({}) == AcmeSettings()


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"order_lifetime": "0s"}, "settings.order_lifetime must be from 5m to 365d, not 0s"),
        ({"order_lifetime": "4m"}, "settings.order_lifetime must be from 5m to 365d, not 4m"),
        ({"order_lifetime": "999999999d"}, "settings.order_lifetime must be from 5m to 365d"),
        ({"authorization_lifetime": "3650000d"}, "settings.authorization_lifetime must be from 5m to 3650d"),
        ({"authorization_lifetime": "0s"}, "settings.authorization_lifetime must be from 5m to 3650d"),
        ({"challenges": ["http-01", "http-01"]}, "settings.challenges names http-01 twice"),
        ({"challenges": ["http-02"]}, "settings.challenges knows http-01, dns-01, tls-alpn-01"),
        ({"terms_of_service": 'https://x/>;rel="up"'}, "settings.terms_of_service must be an http"),
        ({"terms_of_service": "javascript:alert(1)"}, "settings.terms_of_service must be an http"),
        ({"website": "https:///nowhere"}, "settings.website must be an http"),
        ({"website": "https://[::1"}, "settings.website must be an http"),
        ({"caa_identities": ["not a domain;"]}, "settings.caa_identities[0]"),
        ({"caa_identities": ["*.pki.example"]}, "settings.caa_identities[0]"),
        (
            {"caa_identities": ["pki.example", "PKI.example"]},
            "settings.caa_identities names pki.example twice",
        ),
    ],
)
def test_what_could_not_be_used_is_refused(document: dict[str, object], said: str) -> None:
    with pytest.raises(Malformed) as caught:
        acme_settings_from_document(document)
    assert said in str(caught.value)


def test_names_for_caa_records_are_in_their_one_form() -> None:
    assert acme_settings_from_document({"caa_identities": ["PKI.Example"]}).caa_identities == ("pki.example",)


def test_urls_are_kept_as_they_are_given() -> None:
    said = {"terms_of_service": "https://pki.example/terms?v=2", "website": "http://localhost:8080/"}
    settings = acme_settings_from_document(said)
    assert (settings.terms_of_service, settings.website) == (said["terms_of_service"], said["website"])


_DURATION = st.one_of(
    st.text(max_size=12),
    st.from_regex(r"[0-9]{1,9}[smhd]", fullmatch=True),
    st.sampled_from(["0s", "5m", "365d"]),
)
_DOCUMENT = st.fixed_dictionaries(
    {},
    optional={
        "order_lifetime": _DURATION,
        "authorization_lifetime": _DURATION,
        "challenges": st.lists(st.sampled_from([*CHALLENGES, "other"]), max_size=4),
        "terms_of_service": st.text(max_size=60),
        "website": st.text(max_size=60),
        "caa_identities": st.lists(st.text(max_size=60), max_size=3),
        "identifiers_max": st.integers(),
        "new_orders_per_hour": st.one_of(st.integers(), st.none(), st.text(max_size=3)),
    },
)


@given(_DOCUMENT)
def test_any_document_is_refused_or_can_be_lived_by(document: dict[str, object]) -> None:
    try:
        settings = acme_settings_from_document(document)
    except Malformed:
        return
    far = datetime(2100, 1, 1, tzinfo=UTC)
    for lifetime in (settings.order_lifetime, settings.authorization_lifetime):
        assert far + lifetime >= far + timedelta(minutes=5)
    assert len(set(settings.challenges)) == len(settings.challenges) > 0
    for url in (settings.terms_of_service, settings.website):
        assert not set(url) & set('<>" \\')
