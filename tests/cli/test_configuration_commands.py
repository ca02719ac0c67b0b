"""`certwright profile`, `endpoint`, `acme` and `token`: what an installation is set up to do."""

import base64
import hashlib
import io
import json
import sqlite3
from typing import Any

import pytest

from certwright.core.access import GIVEN_ROLES, Actor
from certwright.operations.acme_lookups import binding_context
from certwright.operations.context import Context
from certwright.site.command import SiteWiring
from certwright.store.rows import AcmeExternalAccountKeyRow
from tests.cli.accounts import make_accounts
from tests.cli.conftest import Shell


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a document on standard input."""

    def put(document: object) -> None:
        content = json.dumps(document).encode()
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))

    return put


# -- profiles ------------------------------------------------------------------------------------


def test_a_profile_is_changed_by_saving_what_was_shown(shell: Shell, typed: Any) -> None:
    document = json.loads(shell.does("profile", "show", "tls-server"))
    document["lifetime"]["default"] = "7d"
    typed(document)
    assert shell.gives("profile", "save", "-") == {"name": "tls-server", "version": 2}
    shown = shell.gives("profile", "preview", "tls-server", "--dns", "a.test")
    assert shown["profile"] == "tls-server version 2"
    typed(document)
    assert "the document was made from version 1" in shell.refuses("profile", "save", "-")
    listed = {one["name"]: one["version"] for one in shell.gives("profile", "list")["profiles"]}
    assert listed["tls-server"] == 2
    assert listed["tls-client"] == 1
    assert shell.gives("profile", "show", "tls-server")["lifetime"]["default"] == "7d"
    assert shell.gives("profile", "show", "tls-server", "--version", "2")["lifetime"]["default"] == "7d"
    first = shell.gives("profile", "show", "tls-server", "--version", "1")
    assert (first["version"], first["lifetime"]["default"]) == (1, "90d")
    said = shell.refuses("profile", "show", "tls-server", "--version", "3")
    assert said == "profile tls-server has no version 3; the newest is 2"


def test_a_profile_of_ones_own(shell: Shell, typed: Any) -> None:
    document = json.loads(shell.does("profile", "show", "tls-client"))
    typed(document | {"name": "printers", "version": 7, "keys": ["rsa-2048"]})
    assert shell.gives("profile", "save", "-") == {"name": "printers", "version": 1}
    order = ("issue", "--profile", "printers", "--subject", "CN=printer 1")
    assert shell.refuses(*order).endswith("[policy.key.profile]")
    assert shell.gives(*order, "--algorithm", "rsa-2048")["profile"] == "printers"


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"keys": []}, "keys must name at least one algorithm"),
        ({"keys": ["rsa-512"]}, "profile.keys knows"),
        ({"key_usage": {"always": ["cRLSign"]}}, "[rfc5280.purpose.key-usage]"),
        ({"colour": "blue"}, "profile.colour is not a field known here"),
        (
            {"lifetme": {}, "lifetime": None},
            "profile.lifetme is not a field known here; did you mean lifetime?",
        ),
        (
            {"lifetime": {"defualt": "9d"}},
            "lifetime.defualt is not a field known here; did you mean default?",
        ),
        ({"subject": {"attributes": [{"tpye": "CN"}]}}, "attributes[0].tpye is not a field known here"),
        ({"policies": [{"id": "1.2"}]}, "policies[0].id is not a field known here; did you mean oid?"),
        ({"extensions": [{"id": "1.2"}]}, "extensions[0].id is not a field known here; did you mean oid?"),
    ],
)
def test_a_wrong_profile_is_named(change: dict[str, object], line: str, shell: Shell, typed: Any) -> None:
    typed(json.loads(shell.does("profile", "show", "tls-client")) | change)
    assert line in shell.refuses("profile", "save", "-")


def test_what_is_no_json_is_told(shell: Shell) -> None:
    (shell.folder / "x").write_text("[")
    assert "x is no JSON" in shell.refuses("profile", "save", "x")
    assert "there is no profile 'nope'" in shell.refuses("profile", "show", "nope")


# -- endpoints -----------------------------------------------------------------------------------


def test_an_endpoint_is_changed_removed_and_brought_back(shell: Shell, typed: Any) -> None:
    document = json.loads(shell.does("endpoint", "show", "default"))
    assert document["profiles"] == ["tls-server", "tls-server-client"]
    typed(document | {"settings": {"require_account_binding": True}})
    shell.does("endpoint", "save", "-")
    assert shell.gives("endpoint", "show", "default")["settings"] == {"require_account_binding": True}
    shell.does("endpoint", "remove", "default")
    assert [one["enabled"] for one in shell.gives("endpoint", "list")["endpoints"]] == [False]
    assert "there is no acme endpoint 'default'" in shell.refuses("endpoint", "remove", "default")
    typed(document)
    assert shell.gives("endpoint", "save", "-")["enabled"] is True


def test_a_saved_endpoint_says_where_it_is_found(
    shell: Shell, typed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = json.loads(shell.does("endpoint", "show", "default")) | {"name": "web"}
    typed(document)
    assert "https://localhost:8443/acme/web/directory" in shell.does("endpoint", "save", "-")
    monkeypatch.setenv("CERTWRIGHT_HTTPS", "off")
    typed(document)
    assert shell.gives("endpoint", "save", "-")["directory"] == ""


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"authority": "nope"}, "there is no authority 'nope'"),
        ({"profiles": ["nope"]}, "there is no profile 'nope'"),
        ({"protocol": "smoke"}, "there is no protocol 'smoke'"),
        ({"settings": {"x": 1}}, "settings.x is not a field known here"),
        ({"policy": {"names": {"allow": {"dns": ["a b"]}}}}, "'a b' is not a DNS name"),
        ({"policy": []}, "policy must be an object"),
        ({"more": 1}, "endpoint.more is not a field known here"),
        ({"name": "Bad Name"}, "'Bad Name' is no endpoint name: 1 to 64 of a-z, 0-9 and hyphens"),
        ({"profiles": []}, "endpoint acme/default offers no profile; name at least one"),
        (
            {"settings": {"check_ca": 1}},
            "settings.check_ca is not a field known here; did you mean check_caa?",
        ),
    ],
)
def test_a_wrong_endpoint_is_named(change: dict[str, object], line: str, shell: Shell, typed: Any) -> None:
    typed(json.loads(shell.does("endpoint", "show", "default")) | change)
    assert line in shell.refuses("endpoint", "save", "-")


# -- external account keys -----------------------------------------------------------------------


def test_an_account_key_is_what_the_server_will_open(shell: Shell) -> None:
    made = shell.gives("acme", "key", "create", "alice", "--expires", "1d")

    async def opened(context: Context, actor: Actor) -> bytes:
        (row,) = await context.database.select(AcmeExternalAccountKeyRow, '"name" = ?', "alice")
        return context.keyring.decrypt(row.key, binding_context("alice"))

    secret = SiteWiring().run(shell.home, opened)
    assert base64.urlsafe_b64encode(secret).rstrip(b"=").decode() == made["key"]
    assert len(secret) == 32


def test_account_keys_are_listed_and_revoked_and_never_shown_again(shell: Shell) -> None:
    said = shell.does("acme", "key", "create", "alice")
    secret = said.split("--eab-hmac-key ")[1].strip()
    assert "already" in shell.refuses("acme", "key", "create", "alice")
    assert secret not in shell.does("acme", "key", "list") + shell.does("acme", "key", "list", "--json")
    shell.does("acme", "key", "revoke", "alice")
    assert shell.gives("acme", "key", "list")["keys"][0]["revoked_at"] is not None
    assert "revoked already" in shell.refuses("acme", "key", "revoke", "alice")
    assert "no external account key 'bob'" in shell.refuses("acme", "key", "revoke", "bob")
    assert "no acme endpoint 'nope'" in shell.refuses("acme", "key", "create", "x", "--endpoint", "nope")
    assert "is no key name" in shell.refuses("acme", "key", "create", "a b")


# -- accounts ------------------------------------------------------------------------------------


def test_accounts_are_listed_page_by_page(shell: Shell) -> None:
    assert shell.gives("acme", "account", "list") == {"accounts": []}
    one, two, three = make_accounts(shell.home, "mailto:a@b.test", "mailto:b@b.test", "mailto:c@b.test")
    listed = shell.gives("acme", "account", "list", "--limit", "2")["accounts"]
    assert [account["id"] for account in listed] == [three, two]
    assert listed[0]["status"] == "valid"
    assert listed[0]["external_account_key"] is None
    (last,) = shell.gives("acme", "account", "list", "--before", two)["accounts"]
    assert (last["id"], last["contacts"]) == (one, ["mailto:a@b.test"])
    told = shell.does("acme", "account", "list")
    assert [line.split()[0] for line in told.splitlines()[-3:]] == [three, two, one]
    assert listed[0]["thumbprint"][:12] in told.splitlines()[1]
    assert "no acme endpoint 'nope'" in shell.refuses("acme", "account", "list", "--endpoint", "nope")


def test_an_account_tells_by_which_key_it_is_bound(shell: Shell) -> None:
    (account,) = make_accounts(shell.home, "mailto:a@b.test")
    shell.does("acme", "key", "create", "customer-7")
    with sqlite3.connect(shell.home / "certwright.sqlite3") as connection:
        connection.execute(
            "UPDATE acme_account SET external_account_key = (SELECT id FROM acme_external_account_key)"
        )
    assert "customer-7" in shell.does("acme", "account", "list")
    assert shell.gives("acme", "account", "revoke", account)["external_account_key"] == "customer-7"


def test_an_account_is_revoked_once(shell: Shell) -> None:
    (account,) = make_accounts(shell.home, "mailto:a@b.test")
    assert shell.gives("acme", "account", "revoke", account)["status"] == "revoked"
    assert "is revoked already" in shell.refuses("acme", "account", "revoke", account)
    assert shell.gives("acme", "account", "list")["accounts"][0]["status"] == "revoked"
    for nobody in ("1", "x", "9" * 30):
        assert "no such account" in shell.refuses("acme", "account", "revoke", nobody)


# -- tokens --------------------------------------------------------------------------------------


def test_a_token_acts_for_its_roles_until_it_is_revoked(shell: Shell) -> None:
    order = ("--role", "requester", "--scope", "profile:tls-server", "--expires", "90d")
    made = shell.gives("token", "create", "deploy", *order)
    secret = made["secret"]
    assert secret.startswith("cw_")
    assert len(secret) == 46

    async def actor(context: Context, actor: Actor) -> Actor | None:
        digest = hashlib.sha256(secret.encode()).digest()
        return context.snapshot.token_actor(digest, context.clock(), "")

    holder = SiteWiring().run(shell.home, actor)
    assert holder is not None
    assert [(grant.role, grant.scope) for grant in holder.grants] == [("requester", "profile:tls-server")]
    assert shell.gives("token", "revoke", "deploy")["grants"] == made["grants"]
    assert SiteWiring().run(shell.home, actor) is None
    assert "revoked since" in shell.refuses("token", "revoke", "deploy")


def test_a_secret_is_printed_alone_and_kept_nowhere(shell: Shell) -> None:
    secret = shell.does("token", "create", "deploy", "--role", "auditor").strip()
    assert len(secret) == 46
    listed = shell.gives("token", "list")["tokens"]
    assert [one["name"] for one in listed] == ["deploy"]
    assert secret not in json.dumps(listed)
    files = [path for path in shell.home.rglob("*") if path.is_file()]
    assert not [path for path in files if secret.encode() in path.read_bytes()]


def test_help_says_what_each_role_may_do(shell: Shell) -> None:
    said = shell.does("token", "create", "--help")
    assert all(f"\n    {role} " in said for role in GIVEN_ROLES)


def test_several_roles_and_scopes(shell: Shell) -> None:
    order = (
        "--role",
        "requester",
        "--role",
        "operator",
        "--scope",
        "authority:issuing",
        "--scope",
        "endpoint:acme/default",
    )
    grants = shell.gives("token", "create", "both", *order)["grants"]
    assert len(grants) == 4


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["x", "--role", "king"], "there is no role 'king'; known are administrator"),
        (["x", "--role", "auditor", "--scope", "everything"], "a scope is *, authority:NAME"),
        (["x", "--role", "auditor", "--scope", "profile:nope"], "there is no profile 'nope'"),
        (["a b", "--role", "auditor"], "is no token name"),
        (["x", "--role", "auditor", "--expires", "soon"], "--expires must be a duration like 90d"),
    ],
)
def test_what_cannot_be_a_token_says_why(arguments: list[str], line: str, shell: Shell) -> None:
    assert line in shell.refuses("token", "create", *arguments)
    assert shell.gives("token", "list")["tokens"] == []
