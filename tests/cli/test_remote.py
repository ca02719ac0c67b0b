"""Every command that has a REST route, on an installation served elsewhere: it does what it does here."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from certwright.cli.remote import Remote
from tests.cli.accounts import make_accounts
from tests.cli.conftest import Shell
from tests.cli.outside import OutsideRoot, pem
from tests.cli.reference import PAGE, commands
from tests.cli.serving import Elsewhere

# Command -> the routes that do it elsewhere; none: it acts on the installation's own machine alone.
ROUTES = {
    "init": (),
    "up": (),
    "issue": ("POST /certificates", "POST /preview"),
    "renew": ("GET /certificates/{reference}", "POST /certificates/{reference}/renew"),
    "discover": (
        "POST /discovery/runs",
        "GET /discovery/runs/{identifier}",
        "GET /discovery/runs/{identifier}/seen",
    ),
    "import": ("POST /discovery/imports",),
    "scope list": ("GET /discovery/scopes",),
    "scope show": ("GET /discovery/scopes/{name}",),
    "scope save": ("PUT /discovery/scopes/{name}",),
    "scope remove": ("DELETE /discovery/scopes/{name}",),
    "scope run": ("POST /discovery/scopes/{name}/run",),
    "scope runs": ("GET /discovery/runs",),
    "scope stop": ("POST /discovery/runs/{identifier}/cancel",),
    "finding list": ("GET /findings",),
    "finding scores": ("GET /scores",),
    "finding readiness": ("GET /readiness",),
    "finding show": ("GET /findings/{identifier}",),
    "finding acknowledge": ("POST /findings/{identifier}/acknowledge",),
    "finding accept": ("POST /findings/{identifier}/accept",),
    "cbom": ("GET /cbom",),
    "certificates": ("GET /certificates",),
    "show": ("GET /certificates/{reference}",),
    "revoke": ("POST /certificates/{reference}/revoke",),
    "release": ("POST /certificates/{reference}/release",),
    "request list": ("GET /requests",),
    "request show": ("GET /requests/{identifier}", "GET /certificates/{reference}"),
    "request approve": ("POST /requests/{identifier}/approve",),
    "request reject": ("POST /requests/{identifier}/reject",),
    "request withdraw": ("POST /requests/{identifier}/withdraw",),
    "request resubmit": ("POST /requests/{identifier}/resubmit",),
    "request delegate": ("POST /delegations",),
    "request delegations": ("GET /delegations",),
    "request take-back": ("DELETE /delegations/{identifier}",),
    "policy show": ("GET /policy",),
    "policy save": ("PUT /policy",),
    "policy check": ("POST /policy/check",),
    "policy replay": ("POST /policy/replays", "GET /policy/replays/{identifier}"),
    "policy history": ("GET /policy/versions",),
    "proposal list": ("GET /proposals",),
    "proposal show": ("GET /proposals/{number}",),
    "proposal confirm": ("POST /proposals/{number}/confirm",),
    "proposal withdraw": ("POST /proposals/{number}/withdraw",),
    "proposal carry-out": ("POST /proposals/{number}/carry-out",),
    "second-person show": ("GET /second-person",),
    "second-person set": ("PUT /second-person",),
    "break-glass open": (),
    "break-glass end": (),
    "user remove-factors": (),
    "authority found": ("POST /authorities", "POST /authorities/{name}/csr"),
    "authority csr": ("POST /authorities/{name}/csr",),
    "authority accept": ("POST /authorities/{name}/certificate",),
    "authority import": (),
    "authority sign-csr": ("GET /authorities/{name}", "POST /authorities/{name}/subordinates"),
    "authority list": ("GET /authorities",),
    "authority show": ("GET /authorities/{name}",),
    "authority retire": ("POST /authorities/{name}/retire",),
    "authority withdraw": ("DELETE /authorities/{name}",),
    "profile list": ("GET /profiles",),
    "profile show": ("GET /profiles/{name}",),
    "profile save": ("PUT /profiles/{name}",),
    "profile preview": ("POST /preview",),
    "endpoint list": ("GET /endpoints",),
    "endpoint show": ("GET /endpoints/{protocol}/{name}",),
    "endpoint save": ("PUT /endpoints/{protocol}/{name}",),
    "endpoint remove": ("DELETE /endpoints/{protocol}/{name}",),
    "acme key create": ("POST /endpoints/acme/{endpoint}/external-account-keys",),
    "acme key list": ("GET /endpoints/acme/{endpoint}/external-account-keys",),
    "acme key revoke": ("DELETE /external-account-keys/{name}",),
    "acme account list": ("GET /endpoints/acme/{endpoint}/accounts",),
    "acme account revoke": ("DELETE /endpoints/acme/{endpoint}/accounts/{account}",),
    "token create": ("POST /tokens",),
    "token list": ("GET /tokens",),
    "token revoke": ("DELETE /tokens/{name}",),
    "practice show": ("GET /practice",),
    "practice draft": ("GET /practice/{kind}/draft",),
    "practice publish": ("POST /practice/{kind}",),
    "practice text": ("PUT /practice/{kind}/texts/{section}",),
    "organization list": ("GET /organizations",),
    "organization show": ("GET /organizations/{identifier}",),
    "organization save": ("POST /organizations", "PUT /organizations/{identifier}"),
    "organization check": ("POST /organizations/{identifier}/checks",),
    "organization revoke-check": ("POST /organizations/{identifier}/checks/{check}/revoke",),
    "organization upload": ("POST /organizations/{identifier}/documents",),
    "organization download": ("GET /organizations/{identifier}/documents/{document}",),
    "owner assign": ("PUT /certificates/{reference}/owner", "POST /certificates/assign"),
    "adopt": ("PUT /certificates/{reference}/owner", "POST /certificates/assign"),
    "ignore": ("PUT /certificates/{reference}/owner", "POST /certificates/assign"),
    "field list": ("GET /fields",),
    "field define": ("PUT /fields/{name}",),
    "field retire": ("GET /fields", "PUT /fields/{name}"),
    "owner hand-over": ("POST /users/{name}/hand-over",),
    "owner matrix": ("GET /responsibility",),
    "attestation list": ("GET /attestation",),
    "attestation open": ("POST /attestation",),
    "attestation show": ("GET /attestation/{identifier}", "GET /attestation/{identifier}/asked"),
    "attestation answer": ("POST /attestation/{identifier}/answers",),
    "attestation record": ("GET /attestation/{identifier}/record",),
    "attestation close": ("POST /attestation/{identifier}/close",),
    "user list": ("GET /users",),
    "user create": ("POST /users",),
    "user change": ("PUT /users/{name}",),
    "user disable": ("POST /users/{name}/disable",),
    "user enable": ("POST /users/{name}/enable",),
    "user reset-password": ("POST /users/{name}/password",),
    "team list": ("GET /teams",),
    "team create": ("POST /teams",),
    "team change": ("PUT /teams/{name}",),
    "team add": ("PUT /teams/{name}/members/{user}",),
    "team remove": ("DELETE /teams/{name}/members/{user}",),
    "crl publish": ("GET /authorities", "POST /authorities/{name}/publish"),
    "audit list": ("GET /audit/events",),
    "audit verify": (),
    "audit lint": (),
    "audit export": (),
    "audit checkpoint": ("GET /audit/checkpoint",),
}
WITHOUT_COMMAND = {
    "GET /requests/{identifier}/validation",
    "GET /authorities/{name}/health",
    "GET /health",
    "GET /practice/{kind}/texts",
    "GET /whoami",
    "GET /grants",
    "POST /grants",
    "DELETE /grants",
    "GET /audit/events/{event}/proof",
    "GET /audit/consistency",
    "GET /policy/replays",
    "POST /policy/replays/{identifier}/cancel",
}
ALL = {path.removeprefix("certwright "): command for path, command in commands().items()}


# -- none is forgotten ---------------------------------------------------------------------------


def test_every_command_and_every_route_is_in_the_table(served: Elsewhere) -> None:
    _, url, _, token, _, root = served.options
    document = Remote(url, token, Path(root)).get("/openapi.json")
    declared = {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, methods in document["paths"].items()
        for method in methods
    }
    assert set(ALL) == set(ROUTES)
    assert {route for routes in ROUTES.values() for route in routes} == declared - WITHOUT_COMMAND


@pytest.mark.parametrize("path", ALL)
def test_a_command_with_a_route_takes_url_token_and_root(path: str) -> None:
    options = {name for parameter in ALL[path].params for name in parameter.opts}
    assert ("--token" in options) == bool(ROUTES[path])
    assert {"--url", "--token", "--root"} <= options or not ROUTES[path]


def test_the_page_names_what_stays_here() -> None:
    _, _, section = PAGE.read_text().partition("### On another machine\n")
    (line,) = [line for line in section.split("\n\n") if "stay on the installation's own machine" in line]
    assert all((f"`{path}`" in line) != bool(routes) for path, routes in ROUTES.items())


# -- looking: the same there as here -------------------------------------------------------------


@pytest.fixture(scope="module")
def accounts(served: Elsewhere) -> list[str]:
    """Three accounts of ACME clients, the oldest first."""
    return make_accounts(served.home, "mailto:a@b.test", "mailto:c@d.test", "mailto:e@f.test")


LOOKING = (
    "authority list",
    "authority show issuing",
    "profile list",
    "profile show tls-server",
    "profile show issuing-authority",
    "endpoint list",
    "endpoint show default",
    "acme key list",
    "acme account list",
    "acme account list --limit 2",
    "token list",
    "request list",
    "policy show",
    "policy history",
    "user list",
    "team list",
    "organization list",
    "owner matrix",
    "owner matrix --csv --expiring 9999d",
    "finding scores",
    "finding readiness",
    "certificates --unowned",
    "certificates --owner nobody",
    "certificates --tag none",
    "audit list --kind authority.founded",
    "audit list --actor local:init --subject authority:issuing --since 2026-01-01 --limit 2",
)


@pytest.mark.parametrize("typed", LOOKING)
@pytest.mark.usefixtures("accounts")
def test_what_is_shown_is_the_same_there(typed: str, served: Elsewhere, shell: Shell) -> None:
    here, there = ("--home", served.home), served.administrator
    assert shell.gives(*typed.split(), *there) == shell.gives(*typed.split(), *here)
    assert shell.does(*typed.split(), *there) == shell.does(*typed.split(), *here)


REFUSED = (
    "authority show nope",
    "authority csr issuing",
    "authority retire nope",
    "authority withdraw nope",
    "authority withdraw issuing",
    "authority sign-csr theirs.csr --parent nope",
    "profile show nope",
    "endpoint remove nope",
    "organization show 1",
    "organization check 1 register --note x",
    "organization revoke-check 1 1 --why x",
    "acme key list --endpoint nope",
    "acme key create x --endpoint nope",
    "acme key revoke nope",
    "acme account list --endpoint nope",
    "acme account revoke 1",
    "token revoke nope",
    "crl publish root",
    "audit list --since yesterday",
)


@pytest.mark.parametrize("typed", REFUSED)
def test_what_is_refused_is_refused_in_the_same_words(typed: str, served: Elsewhere, shell: Shell) -> None:
    (shell.folder / "theirs.csr").write_bytes(their_csr())
    here, there = ("--home", served.home), served.administrator
    assert shell.refuses(*typed.split(), *there) == shell.refuses(*typed.split(), *here)


def test_what_a_name_holds_stays_within_it(served: Elsewhere, shell: Shell) -> None:
    for name in ("issuing/health", "../whoami", "a?limit=1", "a b", "ü"):
        said = shell.refuses("authority", "show", name, *served.administrator)
        assert "there is no" in said
        assert said.count("\n") == 0


def test_who_may_not_is_told_so(served: Elsewhere, shell: Shell) -> None:
    assert "manage-access" in shell.refuses("token", "list", *served.options)
    assert "view-audit" in shell.refuses("audit", "list", *served.options)


# -- changing ------------------------------------------------------------------------------------


@pytest.fixture
def give(served: Elsewhere, shell: Shell) -> Callable[..., Any]:
    """A command as the administrator elsewhere; its JSON."""
    return lambda *arguments: shell.gives(*arguments, *served.administrator)


def here(shell: Shell, served: Elsewhere, *arguments: str) -> Any:
    return shell.gives(*arguments, "--home", served.home)


def test_a_token_elsewhere(give: Callable[..., Any], served: Elsewhere, shell: Shell) -> None:
    scope = ("--scope", "authority:issuing", "--expires", "90d")
    made = give("token", "create", "deploy", "--role", "requester", "--role", "operator", *scope)
    assert made["created_by"] == "token:administrator"
    assert [one["scope"] for one in made["grants"]] == ["authority:issuing"] * 2
    assert made["expires_at"] is not None
    _, url, _, _, *root = served.options
    shell.does("certificates", "--url", url, "--token", made["secret"], *root)
    gone = give("token", "revoke", "deploy")
    assert sorted(one["role"] for one in gone["grants"]) == ["operator", "requester"]
    assert "is revoked since" in shell.refuses("token", "revoke", "deploy", *served.administrator)
    secret = shell.does("token", "create", "alone", "--role", "auditor", *served.administrator)
    assert len(secret.strip()) == 46


def test_a_profile_elsewhere(give: Callable[..., Any], served: Elsewhere, shell: Shell) -> None:
    document = give("profile", "show", "tls-client")
    (shell.folder / "profile.json").write_text(json.dumps(document | {"description": "Changed."}))
    saved = give("profile", "save", "profile.json")
    assert saved == {"name": "tls-client", "version": 2}
    assert here(shell, served, "profile", "show", "tls-client")["description"] == "Changed."
    said = shell.refuses("profile", "save", "profile.json", *served.administrator)
    assert "the document was made from version 1" in said
    (shell.folder / "list.json").write_text("[]")
    assert "profile must be an object" in shell.refuses("profile", "save", "list.json", *served.administrator)


@pytest.mark.parametrize("order", [("profile", "preview"), ("issue", "--preview", "--profile")])
def test_a_preview_elsewhere(
    order: tuple[str, ...], give: Callable[..., Any], served: Elsewhere, shell: Shell
) -> None:
    wanted = (*order, "tls-server", "--dns", "preview.test", "--days", "3")
    there, at_home = give(*wanted), here(shell, served, *wanted)
    assert set(there) == set(at_home)
    assert there["profile"].startswith("tls-server version ")
    names = [one["value"] for one in there["extensions"] if one["name"] == "subjectAltName"]
    assert names == [one["value"] for one in at_home["extensions"] if one["name"] == "subjectAltName"]
    assert "preview.test" in shell.does(*wanted, *served.administrator)
    assert give("certificates", "--name", "preview.test")["certificates"] == []


def test_an_endpoint_elsewhere(give: Callable[..., Any], served: Elsewhere, shell: Shell) -> None:
    document = give("endpoint", "show", "default") | {"name": "web", "settings": {"check_caa": False}}
    (shell.folder / "endpoint.json").write_text(json.dumps(document))
    saved = give("endpoint", "save", "endpoint.json")
    at_home = here(shell, served, "endpoint", "show", "web")
    assert saved.pop("directory") == f"{served.options[1]}/acme/web/directory"
    assert saved == at_home | {"enabled": True}
    assert saved["settings"] == {"check_caa": False}
    assert give("endpoint", "remove", "web") == {"protocol": "acme", "name": "web", "enabled": False}
    assert "there is no" in shell.refuses("endpoint", "show", "nope", *served.administrator)
    for options in (served.administrator, ("--home", served.home)):
        assert shell.refuses("endpoint", "show", "web", *options) == "there is no acme endpoint 'web'"


def test_an_account_key_elsewhere(give: Callable[..., Any], served: Elsewhere, shell: Shell) -> None:
    made = give("acme", "key", "create", "alice", "--expires", "1d")
    assert made.pop("key")
    assert here(shell, served, "acme", "key", "list")["keys"] == [made]
    assert give("acme", "key", "revoke", "alice")["revoked_at"] is not None
    said = shell.does("acme", "key", "create", "bob", *served.administrator)
    assert "certbot: --eab-kid bob --eab-hmac-key " in said


def test_accounts_elsewhere(give: Callable[..., Any], accounts: list[str]) -> None:
    one, two, three = accounts
    older = [each["id"] for each in give("acme", "account", "list", "--before", three)["accounts"]]
    assert older == [two, one]
    limited = give("acme", "account", "list", "--before", three, "--limit", "1")["accounts"]
    assert [each["id"] for each in limited] == [two]
    assert give("acme", "account", "revoke", one)["status"] == "revoked"


def test_authorities_in_software_elsewhere(give: Callable[..., Any], served: Elsewhere, shell: Shell) -> None:
    software = ("--kind", "root", "--provider", "software")
    root = give("authority", "found", "lab", *software, "--crl-shards", "2")
    assert root["subject"] == here(shell, served, "authority", "show", "lab")["generations"][0]["subject"]
    assert "Lab CA" in root["subject"]
    terms = ("--path-length", "0", "--permit", "dns:lab.test", "--policy", "1.3.6.1.4.1.99999.1")
    below = give(
        "authority", "found", "lab-issuing", "--parent", "lab", *terms, "--subject", "CN=Lab Issuing"
    )
    certificate = x509.load_pem_x509_certificate(below["certificate"].encode())
    assert below["subject"] == "CN=Lab Issuing"
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0
    trees = certificate.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees
    assert [tree.value for tree in trees or ()] == ["lab.test"]
    assert here(shell, served, "authority", "show", "lab-issuing")["generations"] == [below]
    published = give("crl", "publish", "lab")["published"]
    assert [(one["authority"], len(one["lists"])) for one in published] == [("lab/1", 2)]
    assert set(published[0]) == set(here(shell, served, "crl", "publish", "lab")["published"][0])
    retired = give("authority", "retire", "lab-issuing")
    assert retired["name"] == "lab-issuing"
    status = give("authority", "show", "lab-issuing")["generations"][0]["status"]
    assert status == f"retired {retired['retired_at'][:10]}"
    assert here(shell, served, "authority", "show", "lab-issuing")["generations"][0]["status"] == status


def test_publishing_elsewhere_without_a_name_takes_whose_key_can_be_used(
    give: Callable[..., Any], served: Elsewhere, shell: Shell
) -> None:
    there, at_home = give("crl", "publish"), here(shell, served, "crl", "publish")
    names = [one["authority"] for one in there["published"]]
    assert "issuing/1" in names
    assert "root/1" not in names
    assert names == [one["authority"] for one in at_home["published"]]


def test_one_that_waits_is_withdrawn_elsewhere(give: Callable[..., Any]) -> None:
    pending = give("authority", "found", "waits", "--subject", "CN=Waits,O=Example")
    withdrawn = give("authority", "withdraw", "waits")
    assert (withdrawn["status"], withdrawn["subject"]) == ("withdrawn", pending["subject"])
    assert "waits" not in [one["name"] for one in give("authority", "list")["authorities"]]
    again = give("authority", "found", "waits", "--subject", "CN=Waits,O=Example")
    assert again["csr"] != pending["csr"]


def test_an_outside_root_signs_elsewhere(give: Callable[..., Any], served: Elsewhere, shell: Shell) -> None:
    pending = give("authority", "found", "partner", "--subject", "CN=Partner,O=Example")
    assert pending["status"] == "awaits its certificate"
    assert give("authority", "csr", "partner", "--out", "partner.csr")["csr"] == pending["csr"]
    request = x509.load_pem_x509_csr((shell.folder / "partner.csr").read_bytes())
    outside = OutsideRoot()
    bundle = pem(outside.sign(request.subject, request.public_key())) + pem(outside.certificate)
    (shell.folder / "bundle.pem").write_bytes(bundle)
    accepted = give("authority", "accept", "partner", "bundle.pem")
    assert accepted["status"] == "in force"
    assert here(shell, served, "authority", "show", "partner")["generations"] == [accepted]


def their_csr() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Their CA")])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.DER)


def test_an_outside_subordinate_is_certified_elsewhere(
    give: Callable[..., Any], served: Elsewhere, shell: Shell
) -> None:
    give("authority", "found", "signer", "--kind", "root", "--provider", "software")
    (shell.folder / "theirs.csr").write_bytes(their_csr())
    order = ("authority", "sign-csr", "theirs.csr", "--parent", "signer", "--days", "30")
    made = give(*order, "--exclude", "dns:example.test", "--out", "t.pem")
    certificate, above = x509.load_pem_x509_certificates((shell.folder / "t.pem").read_bytes())
    certificate.verify_directly_issued_by(above)
    assert set(made) == set(here(shell, served, *order))
    certificate.extensions.get_extension_for_class(x509.NameConstraints)
    said = shell.refuses(*order, "--subject", "CN=Other", *served.administrator)
    assert said == "over REST the subject in the CSR counts; leave --subject out"


def test_the_recovery_passphrase_does_not_travel(served: Elsewhere, shell: Shell, passphrase: Path) -> None:
    order = ("crl", "publish", "root", "--recovery-passphrase-file", passphrase)
    said = shell.refuses(*order, *served.administrator)
    assert said == "the recovery passphrase is for the installation's own machine alone"


def test_the_newest_checkpoint_is_fetched(give: Callable[..., Any], served: Elsewhere, shell: Shell) -> None:
    note = give("audit", "checkpoint")["checkpoint"]
    (shell.folder / "kept").write_text(note)
    shell.does("audit", "verify", "--checkpoint", "kept", "--home", served.home)


def test_a_bill_of_materials_is_the_same_there(served: Elsewhere, shell: Shell) -> None:
    here, there = ("--home", served.home), served.administrator
    bills = [json.loads(shell.does("cbom", "--query", "ca:yes", *where)) for where in (here, there)]
    assert bills[0]["components"] == bills[1]["components"] != []
    shell.does("cbom", "--out", str(shell.folder / "bill.json"), *there)
    assert json.loads((shell.folder / "bill.json").read_text())["bomFormat"] == "CycloneDX"
    assert shell.refuses("cbom", "--query", "x:1", *there) == shell.refuses("cbom", "--query", "x:1", *here)
