"""ACME over HTTP (RFC 8555): the one web file of the protocol, plain ASGI.

A POST is read, its nonce and signature are checked, and one handler is called, by resource. Handlers decide
with `rules`, write through operations and answer with `objects`. Every error becomes a problem document here.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from urllib.parse import parse_qs

from cryptography import x509

from ...core import orders
from ...core.acme_settings import AcmeSettings, acme_settings_from_document
from ...core.errors import CertwrightError, Conflict, NotFound, Refused
from ...core.names import Identifier, IdentifierKind
from ...core.pem import pem
from ...core.policy import refused_names
from ...core.request import parse_csr
from ...core.revocation import Reason, RevocationFacts
from ...operations import acme_accounts, acme_lookups, acme_orders
from ...operations.context import Context
from ...operations.finalize_order import finalize_order
from ...operations.find_certificate import certificate_der
from ...operations.revoke import revoke_row
from ...operations.validate import Validations
from ...store.enrolment import Order, load_authorization, load_order
from ...store.ledger import Change
from ...store.rows import AcmeAccountRow, CertificateRow
from ...store.snapshot import Endpoint, Snapshot
from ..asgi import Receive, Scope, Send, client_address, read_body
from . import nested, objects, renewal, rules
from .challenges import challenge_kinds
from .encoding import encode_object
from .jwk import Jwk, jwk_of, public_key
from .jws import BODY_MAX, ParsedJws, check_content_type, parse_request, require_jwk, require_kid, verify
from .messages import (
    is_post_as_get,
    parse_account_update,
    parse_authorization_update,
    parse_challenge_response,
    parse_finalize,
    parse_new_account,
    parse_new_order,
    parse_revocation,
)
from .nonces import UNIQUE_OCTETS, CheckedNonce, NonceMaker, UsedNonces, bad_nonce
from .problems import AcmeProblem, ProblemType, encode, malformed, problem_of, unauthorized
from .resources import Place, Resource, Urls, link, parse_path

Headers = list[tuple[bytes, bytes]]

ORDERS_PAGE = 50
RETRY_AFTER = b"2"
_PEM_CHAIN = b"application/pem-certificate-chain"
_key_of = lru_cache(maxsize=10_000)(public_key)


@dataclass(frozen=True, slots=True)
class Answer:
    body: bytes
    status: int = 200
    headers: tuple[tuple[bytes, bytes], ...] = ()
    content_type: bytes = b"application/json"


@dataclass(slots=True)
class Call:
    """One request on its way: what is known of it grows as it is checked."""

    endpoint: Endpoint
    settings: AcmeSettings
    rules: rules.EndpointRules
    urls: Urls
    place: Place
    now: datetime
    source: str
    jws: ParsedJws
    nonce: CheckedNonce
    account: AcmeAccountRow | None = None

    @property
    def signer(self) -> AcmeAccountRow:
        if self.account is None:
            raise malformed('this resource wants "kid" in the protected header (RFC 8555 section 6.2)')
        return self.account

    @property
    def payload(self) -> bytes:
        return self.jws.payload

    def spend(self) -> Change:
        """The change that takes this request's nonce, for the commit of what it asks for."""
        used = bad_nonce("the nonce was used before")
        return acme_accounts.spend_nonce(self.nonce.fingerprint, self.nonce.expires_at, used)


class AcmeApplication:
    """Everything below `/acme/{endpoint}/`."""

    def __init__(self, context: Context, validations: Validations, nonce_key: bytes) -> None:
        self._context = context
        self._validations = validations
        self._nonces = NonceMaker(nonce_key)
        self._used = UsedNonces(context.clock())
        self._handlers: dict[Resource, Callable[[Call], Awaitable[Answer]]] = {
            Resource.NEW_ACCOUNT: self._new_account,
            Resource.NEW_ORDER: self._new_order,
            Resource.REVOKE_CERTIFICATE: self._revoke,
            Resource.KEY_CHANGE: self._key_change,
            Resource.ACCOUNT: self._account,
            Resource.ORDERS: self._orders,
            Resource.ORDER: self._order,
            Resource.FINALIZE: self._finalize,
            Resource.AUTHORIZATION: self._authorization,
            Resource.CHALLENGE: self._challenge,
            Resource.CERTIFICATE: self._certificate,
        }

    # -- the wire --------------------------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        urls: Urls | None = None
        place: Place | None = None
        try:
            endpoint, rest = self._endpoint(scope["path"])
            urls = Urls(f"https://{_host(scope)}/acme/{endpoint.row.name}")
            place = parse_path(rest)
            answer = await self._dispatch(scope, receive, endpoint, urls, place)
        except Exception as error:
            answer = _problem(error, place)
            if not isinstance(error, CertwrightError):
                scope.setdefault("state", {})["error"] = error
        await self._send(send, answer, urls, place, scope["method"] == "HEAD")

    def _endpoint(self, path: str) -> tuple[Endpoint, str]:
        _, _, name, *rest = path.split("/", 3)
        return self._context.snapshot.endpoint("acme", name), rest[0] if rest else ""

    async def _dispatch(
        self, scope: Scope, receive: Receive, endpoint: Endpoint, urls: Urls, place: Place
    ) -> Answer:
        method = scope["method"]
        settings, endpoint_rules = self._rules(endpoint)
        if method in ("GET", "HEAD"):
            if place.resource is Resource.DIRECTORY:
                return Answer(encode_object(objects.directory_object(urls, endpoint_rules)))
            if place.resource is Resource.NEW_NONCE:
                return Answer(b"", 200 if method == "HEAD" else 204)
            if place.resource is Resource.RENEWAL_INFO:
                return await self._renewal_info(place)
        if method != "POST" or place.resource not in self._handlers:
            raise malformed(f"{method[:10]} is not for this resource; use POST (RFC 8555 section 6.3)", 405)
        check_content_type(_header(scope, b"content-type"))
        jws = parse_request(
            await read_body(receive, BODY_MAX),
            urls.of(place.resource, *filter(None, (place.key, place.detail))),
        )
        now = self._context.clock()
        nonce = self._nonces.check(jws.header.nonce, now)
        self._used.take(nonce, now)
        call = Call(endpoint, settings, endpoint_rules, urls, place, now, client_address(scope), jws, nonce)
        if place.resource is not Resource.NEW_ACCOUNT and jws.header.kid:
            call.account = await self._authenticate(call)
        return await self._handlers[place.resource](call)

    def _rules(self, endpoint: Endpoint) -> tuple[AcmeSettings, rules.EndpointRules]:
        known = self._context.snapshot.derived.get(("acme", endpoint.path))
        if known is None:
            known = _endpoint_rules(self._context.snapshot, endpoint)
            self._context.snapshot.derived["acme", endpoint.path] = known
        found: tuple[AcmeSettings, rules.EndpointRules] = known
        return found

    async def _authenticate(self, call: Call) -> AcmeAccountRow:
        """The account that signed; it must exist and be in good standing (RFC 8555 sections 6.2, 7.3.6)."""
        try:
            key = call.urls.account_key(require_kid(call.jws))
            account = await acme_lookups.account(self._context, call.endpoint, key)
        except NotFound as error:
            raise AcmeProblem(ProblemType.ACCOUNT_DOES_NOT_EXIST, error.detail) from error
        verify(call.jws, _key_of(Jwk(account.jwk)))
        status = orders.account_status(account.deactivated_at, account.revoked_at)
        if status is not orders.AccountStatus.VALID:
            raise unauthorized(f"the account is {status}", 401)
        return account

    async def _send(
        self, send: Send, answer: Answer, urls: Urls | None, place: Place | None, head: bool
    ) -> None:
        headers: Headers = [
            (b"content-length", str(len(answer.body)).encode()),
            (b"cache-control", b"no-store"),
            *answer.headers,
        ]
        if answer.body:
            headers.append((b"content-type", answer.content_type))
        if urls is not None and place is not None:
            if place.resource is not Resource.RENEWAL_INFO and place.resource is not Resource.DIRECTORY:
                nonce = self._nonces.make(self._context.clock(), self._context.random(UNIQUE_OCTETS))
                headers.append((b"replay-nonce", nonce.encode()))
            if place.resource is not Resource.DIRECTORY:
                headers.append((b"link", link(urls.of(Resource.DIRECTORY), "index").encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if head else answer.body})

    # -- accounts --------------------------------------------------------------------------------

    async def _new_account(self, call: Call) -> Answer:
        jwk = require_jwk(call.jws)
        verify(call.jws, _key_of(jwk))
        message = parse_new_account(call.payload)
        existing = await acme_accounts.find_account(self._context, call.endpoint, jwk.thumbprint)
        if existing is not None:
            if (
                orders.account_status(existing.deactivated_at, existing.revoked_at)
                is not orders.AccountStatus.VALID
            ):
                raise unauthorized("the account of this key is deactivated", 401)
            await self._context.ledger.commit(call.spend())
            return self._account_answer(call, existing, 200)
        if message.only_return_existing:
            raise AcmeProblem(ProblemType.ACCOUNT_DOES_NOT_EXIST, "no account has this key")
        contacts = rules.check_new_account(message, call.rules)
        binding = None
        if message.binding is not None:
            parsed = nested.parse_binding(message.binding, call.jws.header.url)
            binding = await acme_lookups.binding_key(
                self._context, call.endpoint, parsed.key_identifier, call.now, nested.unknown_binding()
            )
            mac_key = self._context.keyring.decrypt(binding.key, acme_lookups.binding_context(binding.name))
            nested.verify_binding(parsed, mac_key, jwk)
        applicant = acme_accounts.Applicant(
            jwk.canonical, jwk.thumbprint, contacts, message.terms_agreed, binding, call.source
        )
        account = await acme_accounts.create_account(
            self._context, call.endpoint, applicant, call.spend(), call.now
        )
        return self._account_answer(call, account, 201)

    def _account_answer(self, call: Call, account: AcmeAccountRow, status: int) -> Answer:
        key = str(account.id)
        document = objects.account_object(
            call.urls,
            key,
            orders.account_status(account.deactivated_at, account.revoked_at),
            acme_lookups.contacts(account),
            terms_agreed=account.terms_agreed_at is not None,
            binding=None,
        )
        location = (b"location", call.urls.of(Resource.ACCOUNT, key).encode())
        return Answer(encode_object(document), status, (location,))

    async def _account(self, call: Call) -> Answer:
        account = call.signer
        if call.place.key != str(account.id):
            raise unauthorized("this is another account's")
        if is_post_as_get(call.payload):
            return self._account_answer(call, account, 200)
        update = parse_account_update(call.payload)
        if update.deactivate:
            account = await acme_accounts.deactivate_account(
                self._context, account, call.source, call.spend(), call.now
            )
        elif update.contacts is not None:
            contacts = rules.check_contacts(update.contacts)
            account = await acme_accounts.change_contacts(
                self._context, account, contacts, call.source, call.spend(), call.now
            )
        else:
            await self._context.ledger.commit(call.spend())
        return self._account_answer(call, account, 200)

    async def _key_change(self, call: Call) -> Answer:
        account = call.signer
        change = nested.read_key_change(call.jws, Jwk(account.jwk))
        thumbprint = change.jwk.thumbprint
        other = await acme_accounts.find_account(self._context, call.endpoint, thumbprint)
        if other is not None:
            where = call.urls.of(Resource.ACCOUNT, str(other.id))
            raise AcmeProblem(ProblemType.MALFORMED, "the new key has an account", status=409, location=where)
        account = await acme_accounts.change_key(
            self._context, account, change.jwk.canonical, thumbprint, call.source, call.spend(), call.now
        )
        return self._account_answer(call, account, 200)

    async def _orders(self, call: Call) -> Answer:
        account = call.signer
        if call.place.key != str(account.id):
            raise unauthorized("this is another account's")
        after = parse_qs(call.jws.header.url.partition("?")[2]).get("after", ["0"])[0]
        keys = await acme_lookups.order_keys(self._context, account, after, ORDERS_PAGE)
        return Answer(encode_object(objects.orders_object(call.urls, keys)))

    # -- orders ----------------------------------------------------------------------------------

    async def _new_order(self, call: Call) -> Answer:
        message = parse_new_order(call.payload)
        request = rules.check_new_order(message, call.rules, call.now)
        self._check_policy(call, request.identifiers)
        replaces = await self._replaced(call, request) if request.replaces else None
        challenges = {
            target: challenge_kinds(target, call.rules.challenges)
            for target in dict.fromkeys(map(orders.target_of, request.identifiers))
        }
        wanted = acme_orders.Wanted(
            request.identifiers,
            challenges,
            request.profile,
            request.not_before,
            request.not_after,
            replaces,
            call.settings.order_lifetime,
            call.source,
        )
        order = await acme_orders.create_order(self._context, call.signer, wanted, call.spend(), call.now)
        return self._order_answer(call, order, 201)

    def _check_policy(self, call: Call, identifiers: tuple[Identifier, ...]) -> None:
        """Refuse early what policy would refuse at issuance."""
        generation = self._context.snapshot.issuing(call.endpoint.authority)
        reasons = refused_names(identifiers, call.endpoint.policy, generation.as_issuer)
        if reasons:
            raise Refused(reasons)

    async def _replaced(self, call: Call, request: rules.OrderRequest) -> int:
        """The certificate this order renews (RFC 9773 section 5)."""
        assert request.replaces is not None
        row = await self._certificate_by_key(request.replaces)
        names = await acme_lookups.names(self._context, row)
        replacing = await acme_lookups.replacing_status(self._context, row, call.now)
        requester = row.requester.removeprefix("acme:")
        predecessor = renewal.Predecessor(requester, frozenset(names), replacing)
        renewal.check_replaces(predecessor, str(call.signer.id), request.identifiers)
        return row.id

    async def _owned_order(self, call: Call) -> Order:
        order = await load_order(self._context.database, _number(call.place.key))
        if order.row.account_id != call.signer.id:
            raise unauthorized("this is another account's order")
        return order

    async def _order(self, call: Call) -> Answer:
        return self._order_answer(call, await self._owned_order(call), 200)

    def _order_answer(self, call: Call, order: Order, status: int) -> Answer:
        request = rules.OrderRequest(
            order.facts.identifiers, order.row.not_before, order.row.not_after, order.row.profile
        )
        document = objects.order_object(call.urls, order.facts, request, call.now)
        headers = [(b"location", call.urls.of(Resource.ORDER, order.facts.key).encode())]
        if document["status"] == orders.OrderStatus.PROCESSING:
            headers.append((b"retry-after", RETRY_AFTER))
        return Answer(encode_object(document), status, tuple(headers))

    async def _finalize(self, call: Call) -> Answer:
        order = await self._owned_order(call)
        rules.check_ready(order.facts, call.now)
        try:
            csr = parse_csr(parse_finalize(call.payload), call.rules.identifiers_max)
        except CertwrightError as error:
            raise _bad_csr(error) from error
        rules.check_csr_names(order.facts.identifiers, csr.identifiers, csr.subject.values("2.5.4.3"))
        rules.check_csr_key(jwk_of(csr.public_key), Jwk(call.signer.jwk))
        await self._validations.check_caa_again(order, call.endpoint, call.now)
        actor = acme_accounts.account_actor(call.signer, call.endpoint, call.source)
        order, _ = await finalize_order(
            self._context, actor, call.endpoint, order, csr, call.spend(), call.now
        )
        return self._order_answer(call, order, 200)

    async def _authorization(self, call: Call) -> Answer:
        authorization = await load_authorization(self._context.database, _number(call.place.key))
        if authorization.row.account_id != call.signer.id:
            raise unauthorized("this is another account's authorization")
        if not is_post_as_get(call.payload):
            parse_authorization_update(call.payload)
            authorization = await acme_orders.deactivate_authorization(
                self._context, call.signer, authorization, call.source, call.spend(), call.now
            )
        document = objects.authorization_object(call.urls, authorization.facts, call.now)
        headers = ((b"retry-after", RETRY_AFTER),) if document["status"] == "pending" else ()
        return Answer(encode_object(document), 200, headers)

    async def _challenge(self, call: Call) -> Answer:
        authorization = await load_authorization(self._context.database, _number(call.place.key))
        kind = call.place.detail
        if authorization.row.account_id != call.signer.id:
            raise unauthorized("this is another account's challenge")
        if kind not in authorization.facts.offered:
            raise NotFound("the authorization offers no such challenge")
        if not is_post_as_get(call.payload):
            parse_challenge_response(call.payload)
            rules.respond(authorization.facts, kind, call.now)
            authorization, begun = await acme_orders.attempt_challenge(
                self._context, authorization, kind, call.spend(), call.now
            )
            if begun:
                self._validations.begin(authorization.row.id, call.settings)
        document = objects.challenge_object(call.urls, authorization.facts, kind, call.now)
        up = link(call.urls.of(Resource.AUTHORIZATION, authorization.facts.key), "up").encode()
        headers = [(b"link", up)]
        if document["status"] == orders.ChallengeStatus.PROCESSING:
            headers.append((b"retry-after", b"1"))
        return Answer(encode_object(document), 200, tuple(headers))

    # -- certificates ----------------------------------------------------------------------------

    async def _certificate(self, call: Call) -> Answer:
        row = await acme_lookups.certificate(self._context, _number(call.place.key))
        if row.requester != f"acme:{call.signer.id}" or call.place.detail not in ("", "0"):
            raise unauthorized("this is another account's certificate, or there is no such chain")
        der = await certificate_der(self._context.database, row.id)
        assert row.generation_id is not None
        generation = self._context.snapshot.generations[row.generation_id]
        chain = generation.served_chain
        return Answer(b"".join(map(pem, (der, *chain))), content_type=_PEM_CHAIN)

    async def _revoke(self, call: Call) -> Answer:
        message = parse_revocation(call.payload)
        rules.check_revocation_reason(message)
        row = await acme_lookups.certificate_by_der(self._context, call.endpoint, message.certificate)
        by_key = call.account is None
        if by_key:
            await self._check_signed_by_certificate_key(call, message.certificate)
        elif row.requester != f"acme:{call.signer.id}":
            names = await acme_lookups.names(self._context, row)
            held = await acme_lookups.held(self._context, call.signer, names, call.now)
            rules.check_revocation_right(names, held, call.now)
        if row.revoked_at is not None:
            raise AcmeProblem(ProblemType.ALREADY_REVOKED, "the certificate is revoked already")
        reason = Reason(message.reason or 0)
        actor = acme_accounts.account_actor(call.signer, call.endpoint, call.source) if call.account else None
        actor = actor or acme_lookups.key_holder(row, call.source)
        try:
            await revoke_row(self._context, actor, row, RevocationFacts(call.now, reason), call.spend())
        except Conflict as error:
            raise AcmeProblem(ProblemType.ALREADY_REVOKED, error.detail) from error
        return Answer(b"")

    async def _check_signed_by_certificate_key(self, call: Call, der: bytes) -> None:
        """Whoever has the private key may revoke (RFC 8555 section 7.6)."""
        jwk = require_jwk(call.jws)
        verify(call.jws, _key_of(jwk))
        try:
            held = jwk_of(x509.load_der_x509_certificate(der).public_key())
        except ValueError as error:
            raise malformed("the certificate to be revoked cannot be read") from error
        if held != jwk:
            raise unauthorized("the request is not signed by the certificate's key")

    async def _renewal_info(self, place: Place) -> Answer:
        row = await self._certificate_by_key(renewal.parse_certificate_key(place.key))
        since = row.revoked_at
        window = renewal.suggested_window(row.not_before, row.not_after, row.fingerprint[:8], since)
        retry = str(renewal.retry_after(row.not_before, row.not_after)).encode()
        return Answer(encode_object(renewal.renewal_info_object(window)), 200, ((b"retry-after", retry),))

    async def _certificate_by_key(self, key: renewal.CertificateKey) -> CertificateRow:
        return await acme_lookups.certificate_by_key(self._context, key.key_identifier, key.serial)


def _endpoint_rules(snapshot: Snapshot, endpoint: Endpoint) -> tuple[AcmeSettings, rules.EndpointRules]:
    settings = acme_settings_from_document(endpoint.settings)
    profiles = tuple((name, snapshot.profile(name).description) for name in endpoint.profiles)
    return settings, rules.EndpointRules(
        identifier_kinds=frozenset({IdentifierKind.DNS, IdentifierKind.IP}),
        identifiers_max=settings.identifiers_max,
        wildcards=endpoint.policy.wildcards,
        challenges=settings.challenges,
        profiles=profiles,
        terms_of_service=settings.terms_of_service,
        website=settings.website,
        caa_identities=settings.caa_identities,
        external_account_required=settings.require_account_binding,
    )


def _problem(error: Exception, place: Place | None) -> Answer:
    refusal = ProblemType.REJECTED_IDENTIFIER
    if place is not None and place.resource is Resource.FINALIZE:
        refusal = ProblemType.BAD_CSR
    problem = problem_of(error, refusal)
    headers: Headers = []
    if problem.retry_after:
        headers.append((b"retry-after", str(problem.retry_after).encode()))
    if problem.location:
        headers.append((b"location", problem.location.encode()))
    if problem.instance:
        headers.append((b"link", link(problem.instance, "terms-of-service").encode()))
    return Answer(encode(problem), problem.status, tuple(headers), b"application/problem+json")


def _bad_csr(error: CertwrightError) -> AcmeProblem:
    return AcmeProblem(ProblemType.BAD_CSR, error.detail)


def _number(key: str) -> int:
    if not key.isdecimal() or len(key) > 19:
        raise NotFound("there is no such ACME resource")
    return int(key)


def _host(scope: Scope) -> str:
    """The host the client named, under which it shall find all else."""
    return _header(scope, b"host") or "localhost"


def _header(scope: Scope, name: bytes) -> str:
    for key, value in scope["headers"]:
        if key == name:
            text: str = value.decode("latin-1")
            return text
    return ""
