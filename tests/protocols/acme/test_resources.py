import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.errors import NotFound
from certwright.protocols.acme.problems import AcmeProblem
from certwright.protocols.acme.resources import Place, Resource, Urls, link, parse_path

BASE = "https://pki.example/acme/default"
URLS = Urls(BASE)
KEY = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
ALONE = [
    Resource.DIRECTORY,
    Resource.NEW_NONCE,
    Resource.NEW_ACCOUNT,
    Resource.NEW_ORDER,
    Resource.REVOKE_CERTIFICATE,
    Resource.KEY_CHANGE,
]
KEYED = [
    Resource.ACCOUNT,
    Resource.ORDERS,
    Resource.ORDER,
    Resource.FINALIZE,
    Resource.AUTHORIZATION,
    Resource.CERTIFICATE,
    Resource.RENEWAL_INFO,
]
PLACES = (
    st.sampled_from(ALONE).map(Place)
    | st.builds(Place, st.sampled_from(KEYED), KEY)
    | st.builds(Place, st.just(Resource.CHALLENGE), KEY, st.sampled_from(["http-01", "dns-01"]))
    | st.builds(Place, st.just(Resource.CERTIFICATE), KEY, st.integers(0, 99).map(str))
)


@given(PLACES)
def test_urls_and_paths_undo_each_other(place: Place) -> None:
    url = URLS.of(place.resource, *(key for key in (place.key, place.detail) if key))
    assert parse_path(url.removeprefix(BASE + "/")) == place


def test_every_resource_has_a_path() -> None:
    assert {*ALONE, *KEYED, Resource.CHALLENGE} == set(Resource)
    assert (
        parse_path("renewal-info/aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE").key
        == "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"
    )


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "directory/",
        "directory/x",
        "Directory",
        "new-authz",
        "account",
        "account/",
        "account/a/b",
        "order/a b",
        "order/a%2fb",
        "order/../x",
        "order/" + "a" * 65,
        "order/a\n",
        "challenge/a",
        "challenge/a/",
        "challenge/a/b/c",
        "challenge/a/HTTP-01",
        "certificate/a/100",
        "certificate/a/x",
        "certificate//1",
        "renewal-info/a/b",
        "renewal-info",
    ],
)
def test_no_such_path(path: str) -> None:
    with pytest.raises(NotFound):
        parse_path(path)


@given(st.text(max_size=80))
def test_no_path_raises_anything_else(path: str) -> None:
    try:
        parse_path(path)
    except NotFound:
        return


def test_the_account_a_kid_names() -> None:
    assert URLS.account_key(URLS.of(Resource.ACCOUNT, "evOfKhNU60wg")) == "evOfKhNU60wg"


@pytest.mark.parametrize(
    "kid",
    [
        "",
        "evOfKhNU60wg",
        f"{BASE}/account/",
        f"{BASE}/account/a/b",
        f"{BASE}/account/a?b",
        f"{BASE}/order/a",
        f"{BASE}/accounta",
        f"{BASE}/account/a\n",
        "https://pki.example/acme/other/account/a",
        "http://pki.example/acme/default/account/a",
        f"{BASE}/account/" + "a" * 65,
    ],
)
def test_a_kid_that_names_no_account_here(kid: str) -> None:
    with pytest.raises(AcmeProblem) as refusal:
        URLS.account_key(kid)
    assert (refusal.value.type, refusal.value.status) == ("accountDoesNotExist", 400)


def test_links() -> None:
    assert (
        link(URLS.of(Resource.DIRECTORY), "index")
        == '<https://pki.example/acme/default/directory>;rel="index"'
    )
