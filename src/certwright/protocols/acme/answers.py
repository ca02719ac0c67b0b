"""What goes back to an ACME client: status, header fields and body, from facts (RFC 8555 section 7)."""

from dataclasses import dataclass
from datetime import datetime

from ...core.orders import AccountStatus, AuthorizationFacts, ChallengeStatus, OrderFacts, OrderStatus
from .encoding import JsonObject, encode_object
from .objects import account_object, authorization_object, challenge_object, order_object, orders_object
from .problems import CONTENT_TYPE, AcmeProblem, ProblemType, encode
from .resources import Resource, Urls, link
from .rules import OrderRequest

Header = tuple[bytes, bytes]

RETRY_AFTER = 2
"""Seconds until a client should look again at a challenge that is being worked on."""
APPROVAL_RETRY_AFTER = 10
"""Until it should look again at an order that waits for people to approve it."""

JSON = b"application/json"
PEM_CHAIN = b"application/pem-certificate-chain"

_READABLE = frozenset({Resource.DIRECTORY, Resource.NEW_NONCE, Resource.RENEWAL_INFO})
_REFUSALS = {
    Resource.NEW_ACCOUNT: ProblemType.BAD_PUBLIC_KEY,
    Resource.KEY_CHANGE: ProblemType.BAD_PUBLIC_KEY,
    Resource.FINALIZE: ProblemType.BAD_CSR,
    Resource.REVOKE_CERTIFICATE: ProblemType.BAD_REVOCATION_REASON,
}


@dataclass(frozen=True, slots=True)
class Answer:
    body: bytes = b""
    status: int = 200
    headers: tuple[Header, ...] = ()
    content_type: bytes = JSON


def methods_of(resource: Resource) -> tuple[str, ...]:
    """The HTTP methods of a resource (RFC 8555 section 6.3). Renewal information is not signed for (RFC 9773
    section 4.1)."""
    if resource is Resource.RENEWAL_INFO:
        return ("GET", "HEAD")
    return ("GET", "HEAD", "POST") if resource in _READABLE else ("POST",)


def refusal_at(resource: Resource) -> ProblemType:
    """What it means to an ACME client that policy refuses here."""
    return _REFUSALS.get(resource, ProblemType.REJECTED_IDENTIFIER)


def json_answer(document: JsonObject, status: int = 200, *headers: Header) -> Answer:
    return Answer(encode_object(document), status, headers)


def account_answer(
    urls: Urls,
    key: str,
    status: AccountStatus,
    contacts: tuple[str, ...],
    http_status: int,
    *,
    terms_agreed: bool,
    binding: JsonObject | None,
) -> Answer:
    document = account_object(urls, key, status, contacts, terms_agreed=terms_agreed, binding=binding)
    return json_answer(document, http_status, _location(urls.of(Resource.ACCOUNT, key)))


def orders_answer(urls: Urls, account: str, keys: tuple[str, ...], following: str) -> Answer:
    """RFC 8555 section 7.1.2.1. `following` is where the next page begins, empty on the last one."""
    further = f"{urls.of(Resource.ORDERS, account)}?after={following}"
    headers = (_link(further, "next"),) if following else ()
    return json_answer(orders_object(urls, keys), 200, *headers)


def order_answer(
    urls: Urls, facts: OrderFacts, request: OrderRequest, now: datetime, status: int = 200
) -> Answer:
    document = order_object(urls, facts, request, now)
    headers = [_location(urls.of(Resource.ORDER, facts.key))]
    if document["status"] == OrderStatus.PROCESSING:
        headers.append(retry_after(APPROVAL_RETRY_AFTER))
    return json_answer(document, status, *headers)


def authorization_answer(urls: Urls, facts: AuthorizationFacts, now: datetime) -> Answer:
    document = authorization_object(urls, facts, now)
    waiting = document["status"] == "pending" and facts.attempted_kind
    return json_answer(document, 200, *((retry_after(RETRY_AFTER),) if waiting else ()))


def challenge_answer(urls: Urls, facts: AuthorizationFacts, kind: str, now: datetime) -> Answer:
    document = challenge_object(urls, facts, kind, now)
    headers = [_link(urls.of(Resource.AUTHORIZATION, facts.key), "up")]
    if document["status"] == ChallengeStatus.PROCESSING:
        headers.append(retry_after(RETRY_AFTER))
    return json_answer(document, 200, *headers)


def problem_answer(problem: AcmeProblem, *headers: Header) -> Answer:
    """The problem document with the header fields it calls for."""
    found = list(headers)
    if problem.retry_after:
        found.append(retry_after(problem.retry_after))
    if problem.location:
        found.append(_location(problem.location))
    if problem.instance:
        found.append(_link(problem.instance, "terms-of-service"))
    return Answer(encode(problem), problem.status, tuple(found), CONTENT_TYPE.encode())


def retry_after(seconds: int) -> Header:
    return b"retry-after", b"%d" % seconds


def allow(resource: Resource) -> Header:
    return b"allow", ", ".join(methods_of(resource)).encode()


def _location(url: str) -> Header:
    return b"location", url.encode()


def _link(url: str, relation: str) -> Header:
    return b"link", link(url, relation).encode()
