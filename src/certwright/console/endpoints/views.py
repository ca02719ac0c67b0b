"""The endpoints, and one: who may enrol there for what, what to tell a client, its keys and accounts."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from ...core.access import Actor, Subject, Verb
from ...core.acme_settings import AcmeSettings, acme_settings_from_document
from ...core.documents import duration
from ...core.errors import Malformed
from ...core.names import IdentifierKind
from ...core.pem import pem
from ...operations.bridge import bridge
from ...operations.context import Context
from ...operations.external_account_keys import list_account_keys, revoke_account_key
from ...operations.manage_acme_accounts import account_documents, list_accounts, revoke_account
from ...operations.shown import has_anywhere, open_verbs
from ...operations.view_configuration import list_endpoints, view_endpoint
from ...store.rows import AcmeExternalAccountKeyRow
from ...store.snapshot import Endpoint, Snapshot
from ..acting import actor_of, run
from ..acts import Act, perform
from ..login.fresh import proved_to_send
from ..surroundings import surroundings
from .setups import KEY_HERE, NAME_HERE, Facts, setups

ACCOUNTS_SHOWN = 50
SERVICE, ROOT = "service", "root"
"""The authorities whose root our own listeners' certificate leads to, the first that there is."""


@require_safe
def endpoints(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    context = {
        "rows": [(one, acme_settings(one)) for one in list_endpoints(bridge().context.snapshot, actor)],
        "may_make": has_anywhere(actor, (Verb.MANAGE_ENDPOINTS,)),
    }
    return render(request, "endpoints/list.html", context)


def acme_settings(endpoint: Endpoint) -> AcmeSettings:
    return acme_settings_from_document(endpoint.settings)


@proved_to_send
@require_http_methods(["GET", "HEAD", "POST"])
def endpoint(request: HttpRequest, protocol: str, name: str) -> HttpResponse:
    actor = actor_of(request)
    view_endpoint(bridge().context.snapshot, actor, protocol, name)
    outcome = perform(request, name, _acts(request), {})
    if not outcome.status:
        return redirect("endpoint", protocol=protocol, name=name)
    found = view_endpoint(bridge().context.snapshot, actor, protocol, name)
    manages = managed(actor, found)
    facts = told(found) | {"forms": outcome.forms, "manages": manages}
    if manages and found.row.enabled:
        facts |= _enrolled(request, name)
    return render(request, "endpoints/one.html", facts, status=outcome.status)


def managed(actor: Actor, endpoint: Endpoint) -> bool:
    subject = Subject(authority=endpoint.authority, endpoint=endpoint.path)
    return bool(open_verbs(actor, (Verb.MANAGE_ENDPOINTS,), subject))


def told(endpoint: Endpoint, key_name: str = NAME_HERE, key: str = KEY_HERE) -> dict[str, Any]:
    """What a page says of an endpoint; its set-up has the key where one is at hand."""
    snapshot, acme, policy = bridge().context.snapshot, acme_settings(endpoint), endpoint.policy
    facts = Facts(
        f"{surroundings().service_url}/acme/{endpoint.row.name}/directory",
        listener_root(snapshot),
        example_name(endpoint),
        surroundings().own_machine,
        *((key_name, key) if acme.require_account_binding or key != KEY_HERE else ("", "")),
    )
    return {
        "endpoint": endpoint,
        "acme": acme,
        "order_lifetime": duration(round(acme.order_lifetime.total_seconds())),
        "proved_lifetime": duration(round(acme.authorization_lifetime.total_seconds())),
        "maximum_lifetime": duration(policy.maximum_lifetime) if policy.maximum_lifetime else "",
        "directory": facts.directory,
        "setups": setups(facts),
    }


def listener_root(snapshot: Snapshot) -> str:
    """The certificate, PEM, that clients of our HTTPS listener must trust; empty where there is none."""
    for name in (SERVICE, ROOT):
        for generation in snapshot.of_authority(name):
            if generation.row.certificate is not None:
                return pem(generation.row.certificate).decode()
    return ""


def example_name(endpoint: Endpoint) -> str:
    """A name that its policy permits, as far as that is easily said."""
    for pattern in endpoint.policy.allow or ():
        if pattern.kind is IdentifierKind.DNS and pattern.pattern != "*":
            text = pattern.pattern
            return f"www{text}" if text.startswith(".") else text.replace("*.", "www.", 1)
    return "demo.localhost" if surroundings().own_machine else "www.example.org"


def _enrolled(request: HttpRequest, name: str) -> dict[str, Any]:
    """Its keys, and a page of its accounts."""
    before = request.GET.get("before", "")
    if before and not (before.isascii() and before.isdigit() and len(before) <= 19):
        raise Malformed("the list of accounts cannot go on from there; begin it anew")

    async def read(
        context: Context, actor: Actor
    ) -> tuple[list[AcmeExternalAccountKeyRow], list[dict[str, Any]], bool]:
        database, snapshot = context.database, context.snapshot
        keys = await list_account_keys(database, snapshot, actor, name)
        place = int(before) if before else None
        rows = await list_accounts(database, snapshot, actor, name, ACCOUNTS_SHOWN + 1, place)
        page: list[dict[str, Any]] = await account_documents(database, rows[:ACCOUNTS_SHOWN])
        return keys, page, len(rows) > ACCOUNTS_SHOWN

    keys, accounts, more = run(request, read)
    return {"keys": keys, "accounts": accounts, "more": accounts[-1]["id"] if more else ""}


def _acts(request: HttpRequest) -> dict[str, Act]:
    """What the small forms of the page do; each names its object in `which`."""
    which = request.POST.get("which", "")
    return {
        "revoke_key": Act(
            lambda context, actor, name, given: revoke_account_key(context, actor, which),
            _("The key binds no account any more."),
        ),
        "revoke_account": Act(
            lambda context, actor, name, given: revoke_account(context, actor, name, which),
            _("The account has no rights any more; its certificates stay as they are."),
        ),
    }
