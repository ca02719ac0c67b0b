"""ACME over HTTP (RFC 8555): the one web file of the protocol, plain ASGI.

A POST is read, its nonce and signature are checked, and one handler is called, by resource. Handlers decide
with `rules`, write through operations and answer with `answers`. Every error becomes a problem document here.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from urllib.parse import parse_qs, urlsplit

from ...core import orders
from ...core.acme_settings import AcmeSettings, acme_settings_from_document
from ...core.errors import CertwrightError, Conflict, Moved, NotFound, Reconfigured, Unavailable
from ...core.pem import pem
from ...core.revocation import Reason
from ...operations import acme_accounts, acme_lookups, acme_orders, acme_revocation
from ...operations.acme_request import Signed, record_refused, spend_nonce
from ...operations.context import DECISIONS_MAX, Context
from ...operations.finalize_order import finalize_order
from ...operations.find_certificate import certificate_der
from ...operations.validate import Validations, account_party
from ...store.enrolment import Authorization, Order, load_authorization, load_order
from ...store.rows import AcmeAccountRow
from ...store.snapshot import Endpoint, Snapshot
from ..asgi import ClientGone, Receive, Scope, Send, client_address, header, read_body
from . import answers, nested, objects, renewal, rules
from .answers import Answer
from .certificate_keys import read_csr, require_key_of
from .challenges import challenge_kinds
from .encoding import decode_object, encode_object
from .endpoint_policy import Surroundings, check_order_policy, rules_of
from .jwk import Jwk, public_key
from .jws import BODY_MAX, ParsedJws, require_jwk, require_kid, verify
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
from .nonces import UNIQUE_OCTETS, CheckedNonce, bad_nonce
from .problems import AcmeProblem, ProblemType, malformed, rate_limited, refused_as, unauthorized
from .quotas import Party, Quotas, party_of
from .resources import Place, Resource, Urls, parse_path
from .wire import Asked, Wire, check_method, error_answer, refused_subject

ORDERS_PAGE = 50
CHECKS_SECONDS = 10
_key_of = lru_cache(maxsize=10_000)(public_key)


@dataclass(frozen=True, slots=True)
class Served:
    """An endpoint as one revision of the configuration has it."""

    endpoint: Endpoint
    settings: AcmeSettings
    rules: rules.EndpointRules
    revision: int


@dataclass(slots=True)
class Call:
    """One request on its way: what is known of it grows as it is checked."""

    at: Served
    urls: Urls
    place: Place
    now: datetime
    source: str
    jws: ParsedJws
    nonce: CheckedNonce
    account: AcmeAccountRow | None = None
    verified: bool = False

    @property
    def signer(self) -> AcmeAccountRow:
        if self.account is None:
            raise malformed('this resource wants "kid" in the protected header (RFC 8555 section 6.2)')
        return self.account

    @property
    def payload(self) -> bytes:
        return self.jws.payload

    def verify(self, key: Jwk) -> None:
        verify(self.jws, _key_of(key))
        self.verified = True

    def require_read(self) -> AcmeAccountRow:
        """The signer of a POST-as-GET (RFC 8555 section 6.3). Raises AcmeProblem for any payload."""
        if not is_post_as_get(self.payload):
            raise malformed(
                "this resource can only be read: POST with an empty payload (RFC 8555 section 6.3)"
            )
        return self.signer

    @property
    def signed(self) -> Signed:
        """For the operation that does what is asked for; it takes the nonce in its commit."""
        used = bad_nonce("the nonce was used before")
        spent = spend_nonce(self.nonce.fingerprint, self.nonce.expires_at, used)
        return Signed(self.source, spent, self.now, self.at.revision)

    @property
    def party(self) -> Party:
        """With whom the signer is counted and takes turns."""
        bound = account_party(self.signer.id) if self.signer.external_account_key is not None else ""
        return party_of(bound, self.at.endpoint.path, self.source)


class AcmeApplication:
    """Everything below `/acme/{endpoint}/`. `hosts` are the names and addresses by which clients reach us."""

    def __init__(
        self, context: Context, validations: Validations, nonce_key: bytes, hosts: frozenset[str]
    ) -> None:
        self._context = context
        self._validations = validations
        self._wire = Wire(nonce_key, hosts, context.clock())
        self._quotas = Quotas()
        self._handlers: dict[Resource, Callable[[Call], Awaitable[Answer]]] = {
            Resource.DIRECTORY: self._read_signed,
            Resource.NEW_NONCE: self._read_signed,
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
        """Raises, after the client has its answer, what the log must know of."""
        urls: Urls | None = None
        place: Place | None = None
        failure: Exception | None = None
        method = scope["method"]
        try:
            name, rest = await self._endpoint(scope["path"])
            urls = self._wire.urls(_text(scope, b"host"), name)
            place = parse_path(rest)
            check_method(method, place)
            if method == "POST":
                answer = await self._dispatch(scope, receive, name, Asked(urls, place))
            else:
                answer = await self._read(urls, place, self._served(name).rules, method)
        except ClientGone:
            raise
        except Exception as error:  # noqa: BLE001 - answered, and raised again when it is ours to mend
            answer = error_answer(error, place)
            failure = error if answer.status >= 500 else None
        nonce = self._wire.fresh_nonce(
            method, place, self._context.clock(), self._context.random(UNIQUE_OCTETS)
        )
        headers = self._wire.headers(answer, urls, place, nonce if urls else "")
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else answer.body})
        if failure is not None:
            raise failure

    async def _endpoint(self, path: str) -> tuple[str, str]:
        """Its name, and what follows it in the path. Raises NotFound."""
        _, _, name, *rest = path.split("/", 3)
        await self._context.snapshots.find(lambda snapshot: snapshot.endpoint("acme", name))
        return name, rest[0] if rest else ""

    async def _dispatch(self, scope: Scope, receive: Receive, name: str, asked: Asked) -> Answer:
        query, now = scope["query_string"].decode("latin-1"), self._context.clock()
        content_type = _text(scope, b"content-type")
        jws, nonce = self._wire.unwrap(await read_body(receive, BODY_MAX), content_type, asked, query, now)
        source = client_address(scope)
        call = Call(self._served(name), asked.urls, asked.place, now, source, jws, nonce)
        try:
            return await self._handle(call)
        except CertwrightError as error:
            await self._spend_alone(call, error)
            raise

    async def _read(
        self, urls: Urls, place: Place, endpoint_rules: rules.EndpointRules, method: str
    ) -> Answer:
        """What is read without a signature (RFC 8555 section 6.3, RFC 9773 section 4.1)."""
        if place.resource is Resource.RENEWAL_INFO:
            return await self._renewal_info(place)
        if place.resource is Resource.NEW_NONCE:
            return Answer(status=200 if method == "HEAD" else 204)
        return answers.json_answer(objects.directory_object(urls, endpoint_rules))

    async def _read_signed(self, call: Call) -> Answer:
        call.require_read()
        return await self._read(call.urls, call.place, call.at.rules, "GET")

    async def _handle(self, call: Call) -> Answer:
        """Call the handler, and again when what it stood on has moved before its commit."""
        for _ in range(DECISIONS_MAX):
            try:
                if call.place.resource is not Resource.NEW_ACCOUNT and call.jws.header.kid:
                    call.account = await self._authenticate(call)
                return await self._handlers[call.place.resource](call)
            except Reconfigured:
                await self._context.snapshots.refresh()
                call.at = self._served(call.at.endpoint.row.name)
            except Moved:
                continue
        raise Unavailable("others change the same thing at the same time; try again", retry_after=1)

    async def _spend_alone(self, call: Call, error: CertwrightError) -> None:
        """A request that was signed and refused shall not succeed when somebody sends it again later.

        Where nothing can be written the refusal stands alone; such a nonce is known to this process only.
        """
        if call.verified and call.payload and not isinstance(error, Unavailable):
            subject = refused_subject(error, call.place)
            with suppress(Unavailable):
                await record_refused(self._context, call.signed, call.account, subject, error.detail)

    def _served(self, name: str) -> Served:
        """As it stands now. Raises NotFound."""
        snapshot, place = self._context.snapshot, ("acme", name)
        if place not in snapshot.derived:
            snapshot.derived[place] = _as_served(snapshot, snapshot.endpoint("acme", name))
        found: Served = snapshot.derived[place]
        return found

    async def _authenticate(self, call: Call) -> AcmeAccountRow:
        """The account that signed; it must exist and be in good standing (RFC 8555 sections 6.2, 7.3.6)."""
        key = self._wire.account_key(require_kid(call.jws), call.at.endpoint.row.name, call.urls)
        try:
            account = await acme_lookups.account(self._context, call.at.endpoint, key)
        except NotFound as error:
            raise AcmeProblem(ProblemType.ACCOUNT_DOES_NOT_EXIST, error.detail) from error
        call.verify(Jwk(account.jwk))
        rules.check_standing(account.deactivated_at, account.revoked_at)
        return account

    # -- accounts --------------------------------------------------------------------------------

    async def _new_account(self, call: Call) -> Answer:
        jwk = require_jwk(call.jws)
        call.verify(jwk)
        message = parse_new_account(call.payload)
        existing = await acme_accounts.find_account(self._context, call.at.endpoint, jwk.thumbprint)
        if existing is not None:
            rules.check_standing(existing.deactivated_at, existing.revoked_at)
            await self._context.ledger.commit(call.signed.spent)
            return self._account_answer(call, existing, 200)
        if message.only_return_existing:
            raise AcmeProblem(ProblemType.ACCOUNT_DOES_NOT_EXIST, "no account has this key")
        contacts = rules.check_new_account(message, call.at.rules)
        binding, document = None, ""
        if message.binding is None:
            self._quotas.take_account(call.at.endpoint.path, call.source, call.at.settings, call.now)
        else:
            parsed = nested.parse_binding(message.binding, call.jws.header.url)
            binding = await acme_lookups.binding_key(
                self._context, call.at.endpoint, parsed.key_identifier, call.now, nested.unknown_binding()
            )
            mac_key = self._context.keyring.decrypt(binding.key, acme_lookups.binding_context(binding.name))
            nested.verify_binding(parsed, mac_key, jwk)
            document = encode_object(parsed.document).decode()
        applicant = acme_accounts.Applicant(
            _account_key(jwk), contacts, message.terms_agreed, binding, document
        )
        account = await acme_accounts.create_account(self._context, call.at.endpoint, applicant, call.signed)
        return self._account_answer(call, account, 201)

    def _account_answer(self, call: Call, account: AcmeAccountRow, status: int) -> Answer:
        binding = account.external_account_binding
        return answers.account_answer(
            call.urls,
            str(account.id),
            orders.account_status(account.deactivated_at, account.revoked_at),
            acme_lookups.contacts(account),
            status,
            terms_agreed=account.terms_agreed_at is not None,
            binding=decode_object(binding.encode(), "a stored binding") if binding else None,
        )

    async def _account(self, call: Call) -> Answer:
        account = call.signer
        if call.place.key != str(account.id):
            raise unauthorized("this is another account's")
        if is_post_as_get(call.payload):
            return self._account_answer(call, account, 200)
        update = parse_account_update(call.payload)
        if update.deactivate:
            account = await acme_accounts.deactivate_account(self._context, account, call.signed)
        elif update.contacts is not None:
            contacts = rules.check_contacts(update.contacts)
            account = await acme_accounts.change_contacts(self._context, account, contacts, call.signed)
        else:
            await self._context.ledger.commit(call.signed.spent)
        return self._account_answer(call, account, 200)

    async def _key_change(self, call: Call) -> Answer:
        account = call.signer
        change = nested.read_key_change(call.jws, Jwk(account.jwk))
        other = await acme_accounts.find_account(self._context, call.at.endpoint, change.jwk.thumbprint)
        if other is not None:
            where = call.urls.of(Resource.ACCOUNT, str(other.id))
            raise AcmeProblem(ProblemType.MALFORMED, "the new key has an account", status=409, location=where)
        key = _account_key(change.jwk)
        account = await acme_accounts.change_key(self._context, account, key, call.signed)
        return self._account_answer(call, account, 200)

    async def _orders(self, call: Call) -> Answer:
        account = call.require_read()
        if call.place.key != str(account.id):
            raise unauthorized("this is another account's")
        after = parse_qs(urlsplit(call.jws.header.url).query).get("after", ["0"])[0]
        page = await acme_lookups.order_page(self._context, account, after, ORDERS_PAGE, call.now)
        return answers.orders_answer(call.urls, call.place.key, page.keys, page.following)

    # -- orders ----------------------------------------------------------------------------------

    async def _new_order(self, call: Call) -> Answer:
        account, message = call.signer, parse_new_order(call.payload)
        self._quotas.take_order(call.party, call.at.settings, call.now)
        request = rules.check_new_order(message, call.at.rules, call.now)
        if request.not_before is not None:
            raise malformed("this endpoint sets notBefore itself; order without it")
        check_order_policy(
            request.identifiers, request.not_after, self._around(call, request.profile), call.now
        )
        replaces = await self._replaced(call, request) if request.replaces else None
        challenges = {
            target: challenge_kinds(target, call.at.rules.challenges)
            for target in dict.fromkeys(map(orders.target_of, request.identifiers))
        }
        lifetime, ends = call.at.settings.order_lifetime, request.not_after
        wanted = acme_orders.Wanted(
            request.identifiers, challenges, request.profile, ends, replaces, lifetime
        )
        order = await acme_orders.create_order(self._context, account, wanted, call.signed)
        return await self._order_answer(call, order, 201)

    def _around(self, call: Call, profile: str) -> Surroundings:
        """Under what an order of this profile would be issued now."""
        snapshot = self._context.snapshot
        if profile not in call.at.endpoint.profiles:
            text = f"profile {profile} is not offered here any more; order anew"
            raise AcmeProblem(ProblemType.INVALID_PROFILE, text)
        try:
            issuer = snapshot.issuing(call.at.endpoint.authority).as_issuer
        except Conflict as error:
            raise AcmeProblem(ProblemType.SERVER_INTERNAL, error.detail, status=503) from error
        return Surroundings(snapshot.profile(profile), issuer, call.at.endpoint.policy)

    async def _replaced(self, call: Call, request: rules.OrderRequest) -> int:
        """The certificate this order renews (RFC 9773 section 5)."""
        key = request.replaces
        assert key is not None
        row = await acme_lookups.certificate_by_key(self._context, key.key_identifier, key.serial)
        names = await acme_lookups.names(self._context, row)
        replacing = await acme_lookups.replacing_status(self._context, row, call.now)
        requester = row.requester.removeprefix("acme:")
        predecessor = renewal.Predecessor(requester, frozenset(names), replacing)
        renewal.check_replaces(predecessor, str(call.signer.id), request.identifiers)
        return row.id

    async def _owned_order(self, call: Call, account: AcmeAccountRow) -> Order:
        order = await load_order(self._context.database, call.place.number)
        if order.row.account_id != account.id:
            raise unauthorized("this is another account's order")
        return order

    async def _order(self, call: Call) -> Answer:
        return await self._order_answer(call, await self._owned_order(call, call.require_read()), 200)

    async def _order_answer(self, call: Call, order: Order, status: int) -> Answer:
        replaced = await acme_lookups.replaced_by(self._context, order.row)
        row, key = order.row, renewal.CertificateKey(*replaced) if replaced else None
        request = rules.OrderRequest(order.facts.identifiers, None, row.not_after, row.profile, key)
        return answers.order_answer(call.urls, order.facts, request, call.now, status)

    async def _finalize(self, call: Call) -> Answer:
        endpoint, order = call.at.endpoint, await self._ready_order(call)
        identifiers = order.facts.identifiers
        most, key = call.at.rules.identifiers_max, Jwk(call.signer.jwk)
        csr = read_csr(parse_finalize(call.payload), identifiers, key, most)
        around = self._around(call, order.row.profile)
        check_order_policy(identifiers, order.row.not_after, around, call.now)
        with refused_as(ProblemType.CAA):
            looked = await self._validations.check_caa_again(order, endpoint, call.at.settings, call.now)
        if looked:  # which takes time: judge again what may have ended
            call.now = self._context.clock()
            call.account = await self._authenticate(call)
            order = await self._ready_order(call)
        order = await finalize_order(self._context, call.signer, endpoint, order, csr, call.signed)
        return await self._order_answer(call, order, 200)

    async def _ready_order(self, call: Call) -> Order:
        order = await self._owned_order(call, call.signer)
        rules.check_ready(order.facts, call.at.rules, call.now)
        if await acme_lookups.is_replaced_by_another(self._context, order.row):
            raise renewal.already_replaced()
        return order

    async def _owned_authorization(self, call: Call, account: AcmeAccountRow) -> Authorization:
        authorization = await load_authorization(self._context.database, call.place.number)
        if authorization.row.account_id != account.id:
            raise unauthorized("this is another account's authorization")
        return authorization

    async def _authorization(self, call: Call) -> Answer:
        account = call.signer
        authorization = await self._owned_authorization(call, account)
        if not is_post_as_get(call.payload):
            parse_authorization_update(call.payload)
            authorization = await acme_orders.deactivate_authorization(
                self._context, account, authorization, call.signed
            )
        return answers.authorization_answer(call.urls, authorization.facts, call.now)

    async def _challenge(self, call: Call) -> Answer:
        authorization = await self._owned_authorization(call, call.signer)
        kind = call.place.detail
        if kind not in authorization.facts.offered:
            raise NotFound("the authorization offers no such challenge")
        if not is_post_as_get(call.payload):
            parse_challenge_response(call.payload)
            grown = rules.respond(authorization.facts, kind, call.at.rules, call.now)
            party, begins = call.party, grown is not authorization.facts
            if begins and not self._validations.has_room(party.name):
                raise rate_limited(f"too many challenges {party.whose} wait to be checked", CHECKS_SECONDS)
            authorization, begun = await acme_orders.attempt_challenge(
                self._context, authorization, kind, call.signed
            )
            if begun:
                self._validations.begin(authorization.row.id, party.name, call.at.settings)
        return answers.challenge_answer(call.urls, authorization.facts, kind, call.now)

    # -- certificates ----------------------------------------------------------------------------

    async def _certificate(self, call: Call) -> Answer:
        account = call.require_read()
        row = await acme_lookups.certificate(self._context, call.place.number)
        if row.requester != f"acme:{account.id}" or call.place.detail not in ("", "0"):
            raise unauthorized("this is another account's certificate, or there is no such chain")
        der = await certificate_der(self._context.database, row.id)
        generation = await acme_lookups.generation_of(self._context, row)
        return Answer(b"".join(map(pem, (der, *generation.served_chain))), content_type=answers.PEM_CHAIN)

    async def _revoke(self, call: Call) -> Answer:
        if call.account is None:
            call.verify(require_jwk(call.jws))
        message = parse_revocation(call.payload)
        rules.check_revocation_reason(message)
        reason = Reason(message.reason or 0)
        try:
            await self._revoke_by(call, message.certificate, reason)
        except Moved:
            raise
        except Conflict as error:
            raise AcmeProblem(ProblemType.ALREADY_REVOKED, error.detail) from error
        return Answer()

    async def _revoke_by(self, call: Call, certificate: bytes, reason: Reason) -> None:
        how = (certificate, reason, call.signed)
        if call.account is None:
            require_key_of(certificate, call.jws.header.jwk)
            await acme_revocation.revoke_by_key(self._context, call.at.endpoint, *how)
        else:
            by = (call.at.endpoint, call.account, call.at.rules.challenges)
            await acme_revocation.revoke_by_account(self._context, *by, *how)

    async def _renewal_info(self, place: Place) -> Answer:
        key = renewal.parse_certificate_key(place.key)
        row = await acme_lookups.certificate_by_key(self._context, key.key_identifier, key.serial)
        since = acme_lookups.revoked_for_good(row)
        info, retry = renewal.renewal_info(row.not_before, row.not_after, row.fingerprint[:8], since)
        return answers.json_answer(info, 200, answers.retry_after(retry))


def _as_served(snapshot: Snapshot, endpoint: Endpoint) -> Served:
    settings = acme_settings_from_document(endpoint.settings)
    profiles = tuple((name, snapshot.profile(name).description) for name in endpoint.profiles)
    return Served(endpoint, settings, rules_of(settings, endpoint.policy, profiles), snapshot.revision)


def _account_key(jwk: Jwk) -> acme_accounts.AccountKey:
    return acme_accounts.AccountKey(jwk.canonical, jwk.thumbprint, _key_of(jwk))


def _text(scope: Scope, name: bytes) -> str:
    return (header(scope, name) or b"").decode("latin-1")
