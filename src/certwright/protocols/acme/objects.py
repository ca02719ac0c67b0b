"""The JSON objects an ACME server shows (RFC 8555 section 7.1), from facts."""

from collections.abc import Iterable
from datetime import datetime

from ...core.names import Identifier
from ...core.orders import (
    AccountStatus,
    AuthorizationFacts,
    ChallengeStatus,
    OrderFacts,
    authorization_expiry,
    authorization_status,
    challenge_status,
    order_status,
    shown_challenges,
)
from .encoding import JsonObject, encode_time
from .problems import stored_document
from .resources import Resource, Urls
from .rules import EndpointRules, OrderRequest

_DIRECTORY = {
    "newNonce": Resource.NEW_NONCE,
    "newAccount": Resource.NEW_ACCOUNT,
    "newOrder": Resource.NEW_ORDER,
    "revokeCert": Resource.REVOKE_CERTIFICATE,
    "keyChange": Resource.KEY_CHANGE,
    "renewalInfo": Resource.RENEWAL_INFO,
}


def directory_object(urls: Urls, rules: EndpointRules) -> JsonObject:
    """RFC 8555 section 7.1.1, RFC 9773 section 3, draft-ietf-acme-profiles section 3."""
    meta: JsonObject = {
        "termsOfService": rules.terms_of_service,
        "website": rules.website,
        "caaIdentities": list(rules.caa_identities),
        "profiles": dict(rules.profiles),
    }
    meta = {name: value for name, value in meta.items() if value}
    meta["externalAccountRequired"] = rules.external_account_required
    return {name: urls.of(resource) for name, resource in _DIRECTORY.items()} | {"meta": meta}


def account_object(
    urls: Urls,
    key: str,
    status: AccountStatus,
    contacts: tuple[str, ...],
    *,
    terms_agreed: bool,
    binding: JsonObject | None,
) -> JsonObject:
    """RFC 8555 section 7.1.2. `binding`: the external account binding as the client sent it, when
    verified."""
    members: JsonObject = {
        "status": status,
        "contact": list(contacts),
        "orders": urls.of(Resource.ORDERS, key),
    }
    if terms_agreed:
        members["termsOfServiceAgreed"] = True
    if binding is not None:
        members["externalAccountBinding"] = binding
    return members


def orders_object(urls: Urls, keys: Iterable[str]) -> JsonObject:
    """RFC 8555 section 7.1.2.1. The caller leaves invalid orders out, and adds a `next` link to further
    ones."""
    return {"orders": [urls.of(Resource.ORDER, key) for key in keys]}


def order_object(urls: Urls, facts: OrderFacts, request: OrderRequest, now: datetime) -> JsonObject:
    """RFC 8555 section 7.1.3, with `replaces` of RFC 9773 and `profile` of draft-ietf-acme-profiles."""
    members: JsonObject = {
        "status": order_status(facts, now),
        "expires": encode_time(facts.expires_at),
        "identifiers": [identifier_object(identifier) for identifier in facts.identifiers],
        "authorizations": [urls.of(Resource.AUTHORIZATION, each.key) for each in facts.authorizations],
        "finalize": urls.of(Resource.FINALIZE, facts.key),
    }
    if request.not_before is not None:
        members["notBefore"] = encode_time(request.not_before)
    if request.not_after is not None:
        members["notAfter"] = encode_time(request.not_after)
    if request.profile:
        members["profile"] = request.profile
    if request.replaces is not None:
        members["replaces"] = str(request.replaces)
    if facts.certificate:
        members["certificate"] = urls.of(Resource.CERTIFICATE, facts.certificate)
    elif facts.problem is not None:
        members["error"] = stored_document(facts.problem)
    return members


def authorization_object(urls: Urls, facts: AuthorizationFacts, now: datetime) -> JsonObject:
    """RFC 8555 section 7.1.4."""
    members: JsonObject = {
        "status": authorization_status(facts, now),
        "expires": encode_time(authorization_expiry(facts)),
        "identifier": identifier_object(facts.target.identifier),
        "challenges": [challenge_object(urls, facts, kind, now) for kind in shown_challenges(facts, now)],
    }
    if facts.target.wildcard:
        members["wildcard"] = True
    return members


def challenge_object(urls: Urls, facts: AuthorizationFacts, kind: str, now: datetime) -> JsonObject:
    """RFC 8555 section 8. All challenges of an authorization have its one token."""
    status = challenge_status(facts, kind, now)
    members: JsonObject = {
        "type": kind,
        "url": urls.of(Resource.CHALLENGE, facts.key, kind),
        "status": status,
        "token": facts.token,
    }
    if status is ChallengeStatus.VALID and facts.validated_at is not None:
        members["validated"] = encode_time(facts.validated_at)
    if status is ChallengeStatus.INVALID and facts.problem is not None:
        members["error"] = stored_document(facts.problem)
    return members


def identifier_object(identifier: Identifier) -> JsonObject:
    return {"type": identifier.kind, "value": identifier.value}
