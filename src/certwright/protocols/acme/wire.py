"""What every ACME request and answer has in common (RFC 8555 section 6): host, JWS, nonce, header fields."""

from dataclasses import dataclass
from datetime import datetime

from ...core.errors import CertwrightError, Malformed, Refused
from ..asgi import host_name
from .answers import Answer, Header, allow, methods_of, problem_answer, refusal_at
from .jws import ParsedJws, check_content_type, parse_request
from .nonces import CheckedNonce, NonceMaker, UsedNonces
from .problems import AcmeProblem, ProblemType, malformed, problem_of
from .resources import Place, Resource, Urls, link

_REFUSED = (ProblemType.REJECTED_IDENTIFIER, ProblemType.BAD_CSR, ProblemType.CAA)


@dataclass(frozen=True, slots=True)
class Asked:
    """Where a request went: the endpoint's URLs and the place below them."""

    urls: Urls
    place: Place

    @property
    def url(self) -> str:
        """As it was given to the client, without a query."""
        return self.urls.of(self.place.resource, *filter(None, (self.place.key, self.place.detail)))


class Wire:
    """One per process. `hosts` are the names and addresses, without port, by which clients reach us."""

    def __init__(self, nonce_key: bytes, hosts: frozenset[str], now: datetime) -> None:
        self._nonces = NonceMaker(nonce_key)
        self._used = UsedNonces(now)
        self._hosts = hosts

    def urls(self, host: str, endpoint: str) -> Urls:
        """The URLs of an endpoint under the name and port by which the client asks.

        Raises Malformed for a name that is not ours: signatures are made over URLs, and whoever passes a
        request on could name any host here (section 6.4).
        """
        if not self._is_ours(host):
            raise Malformed("nothing is served under this host name; the setting `hosts` adds names")
        return Urls(f"https://{host}/acme/{endpoint}")

    def account_key(self, kid: str, endpoint: str, urls: Urls) -> str:
        """The key of the account that a `kid` names. It may have any of our host names: a client keeps the
        URL under which its account was made. Raises AcmeProblem accountDoesNotExist."""
        host = kid.removeprefix("https://").partition("/")[0]
        if kid.startswith("https://") and self._is_ours(host):
            urls = self.urls(host, endpoint)
        return urls.account_key(kid)

    def _is_ours(self, host: str) -> bool:
        return host_name(host) in self._hosts

    def unwrap(
        self, body: bytes, content_type: str, asked: Asked, query: str, now: datetime
    ) -> tuple[ParsedJws, CheckedNonce]:
        """Read a signed request; its nonce is taken in this process, its signature not yet verified.

        Raises Malformed, AcmeProblem of every kind that sections 6.2 to 6.5 have.
        """
        check_content_type(content_type)
        jws = parse_request(body, f"{asked.url}?{query}" if query else asked.url)
        nonce = self._nonces.check(jws.header.nonce, now)
        self._used.take(nonce, now)
        return jws, nonce

    def headers(self, answer: Answer, urls: Urls | None, place: Place | None, nonce: str) -> list[Header]:
        """The header fields of an answer. `nonce`, when not empty, is a fresh one for it."""
        headers = [
            (b"content-length", b"%d" % len(answer.body)),
            (b"cache-control", b"no-store"),
            *answer.headers,
        ]
        if answer.body:
            headers.append((b"content-type", answer.content_type))
        if nonce:
            headers.append((b"replay-nonce", nonce.encode()))
        if urls is not None and not (place and place.resource is Resource.DIRECTORY):
            headers.append((b"link", link(urls.of(Resource.DIRECTORY), "index").encode()))
        return headers

    def fresh_nonce(self, method: str, place: Place | None, now: datetime, unique: bytes) -> str:
        """For the answer to a POST, errors included, and for newNonce (section 6.5); else empty."""
        wanted = method == "POST" or (place is not None and place.resource is Resource.NEW_NONCE)
        return self._nonces.make(now, unique) if wanted else ""


def check_method(method: str, place: Place) -> None:
    """Raises AcmeProblem malformed with status 405 (section 6.3)."""
    if method not in methods_of(place.resource):
        raise malformed(f"{method[:10]} is not for this resource (RFC 8555 section 6.3)", 405)


def error_answer(error: Exception, place: Place | None) -> Answer:
    """The problem document for any error at this place."""
    problem = problem_of(error, refusal_at(place.resource if place else Resource.DIRECTORY))
    extra = (allow(place.resource),) if place and _wrong_method(problem) else ()
    return problem_answer(problem, *extra)


def refused_subject(error: CertwrightError, place: Place) -> str:
    """What the audit says a certificate was refused for; empty when the error is no such refusal."""
    refused = isinstance(error, Refused) or (isinstance(error, AcmeProblem) and error.type in _REFUSED)
    if not refused or place.resource not in (Resource.NEW_ORDER, Resource.FINALIZE):
        return ""
    return f"acme-order:{place.key or 'new'}"


def _wrong_method(problem: AcmeProblem) -> bool:
    return problem.status == 405
