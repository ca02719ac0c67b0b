"""What an endpoint permits: decisions on requests that are read and verified (RFC 8555 section 7)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ...core.errors import Conflict, Malformed
from ...core.names import Identifier, IdentifierKind, identifier_in, parse_identifier
from ...core.orders import (
    AccountStatus,
    AuthorizationFacts,
    ChallengeStatus,
    OrderFacts,
    OrderStatus,
    account_status,
    attempt,
    challenge_status,
    order_status,
    target_of,
)
from .challenges import DEFAULT_CHALLENGES, challenge_kinds
from .encoding import shown
from .jwk import Jwk
from .messages import CONTACT_MAX, CONTACTS_MAX, NewAccount, NewOrder, Revocation
from .problems import AcmeProblem, ProblemType, Subproblem, malformed, unauthorized
from .renewal import CertificateKey, parse_certificate_key

REVOCATION_REASONS = (0, 1, 3, 4, 5, 9)
NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class EndpointRules:
    """What one ACME endpoint offers and demands.

    `challenges` are kinds in the order clients shall see them. `profiles` are (name, description) pairs, the
    first of them taken when a client names none; without any, the endpoint has one profile and does not
    speak of it. `validity_dates`: may clients ask for notBefore and notAfter.
    """

    identifier_kinds: frozenset[IdentifierKind] = frozenset({IdentifierKind.DNS, IdentifierKind.IP})
    identifiers_max: int = 100
    wildcards: bool = True
    challenges: tuple[str, ...] = DEFAULT_CHALLENGES
    profiles: tuple[tuple[str, str], ...] = ()
    validity_dates: bool = True
    terms_of_service: str = ""
    website: str = ""
    caa_identities: tuple[str, ...] = ()
    external_account_required: bool = False


# -- accounts ------------------------------------------------------------------------------------


def check_new_account(message: NewAccount, rules: EndpointRules) -> tuple[str, ...]:
    """May this account be made? Gives its contacts. Not for a key that has an account (section 7.3.1).

    Raises AcmeProblem userActionRequired, externalAccountRequired, unsupportedContact or invalidContact.
    """
    if rules.terms_of_service and not message.terms_agreed:
        raise AcmeProblem(
            ProblemType.USER_ACTION_REQUIRED,
            f"agree to the terms of service at {rules.terms_of_service} with termsOfServiceAgreed",
            instance=rules.terms_of_service,
        )
    if rules.external_account_required and message.binding is None:
        raise AcmeProblem(
            ProblemType.EXTERNAL_ACCOUNT_REQUIRED,
            "this endpoint wants an externalAccountBinding; ask its administrator for a key identifier",
        )
    return check_contacts(message.contacts)


def check_standing(deactivated_at: datetime | None, revoked_at: datetime | None) -> None:
    """Raises AcmeProblem unauthorized for an account that is not valid any more (section 7.3.6)."""
    status = account_status(deactivated_at, revoked_at)
    if status is not AccountStatus.VALID:
        raise unauthorized(f"the account is {status}", 401)


def check_contacts(contacts: object) -> tuple[str, ...]:
    """Contact URLs in normal form (section 7.3). Raises AcmeProblem unsupportedContact or invalidContact."""
    if contacts is None:
        return ()
    if not isinstance(contacts, list) or len(contacts) > CONTACTS_MAX:
        raise AcmeProblem(
            ProblemType.INVALID_CONTACT, f'"contact" is not an array of at most {CONTACTS_MAX} URLs'
        )
    return tuple(dict.fromkeys(map(_contact, contacts)))


def _contact(url: object) -> str:
    if not isinstance(url, str) or not 0 < len(url) <= CONTACT_MAX or not url.isascii():
        raise AcmeProblem(
            ProblemType.INVALID_CONTACT, f"a contact is not an ASCII URL of 1 to {CONTACT_MAX} characters"
        )
    scheme, _, address = url.partition(":")
    if scheme.lower() != "mailto":
        raise AcmeProblem(
            ProblemType.UNSUPPORTED_CONTACT,
            f"contact {shown(url)} is no mailto URL; only those are supported",
        )
    try:
        return f"mailto:{parse_identifier(IdentifierKind.EMAIL, address).value}"
    except Malformed as error:
        raise AcmeProblem(
            ProblemType.INVALID_CONTACT, f"contact {shown(url)} is not one mail address without header fields"
        ) from error


# -- orders --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What a new order is for. `profile` is empty where the endpoint does not speak of profiles."""

    identifiers: tuple[Identifier, ...]
    not_before: datetime | None = None
    not_after: datetime | None = None
    profile: str = ""
    replaces: CertificateKey | None = None


def check_new_order(message: NewOrder, rules: EndpointRules, now: datetime) -> OrderRequest:
    """Is this an order the endpoint can take by its form and these rules? Policy judges the names later.

    Raises Malformed; AcmeProblem unsupportedIdentifier, rejectedIdentifier, malformed or compound with one
    subproblem for each name refused, or invalidProfile.
    """
    if len(message.identifiers) > rules.identifiers_max:
        raise Malformed(
            f"the order has {len(message.identifiers)} identifiers, at most {rules.identifiers_max} here"
        )
    _check_dates(message, rules, now)
    return OrderRequest(
        identifiers=_check_identifiers(message.identifiers, rules),
        not_before=message.not_before,
        not_after=message.not_after,
        profile=_check_profile(message.profile, rules),
        replaces=parse_certificate_key(message.replaces) if message.replaces else None,
    )


def _check_dates(message: NewOrder, rules: EndpointRules, now: datetime) -> None:
    start, end = message.not_before, message.not_after
    if (start or end) and not rules.validity_dates:
        raise Malformed("this endpoint sets notBefore and notAfter itself; order without them")
    if end is not None and end <= max(start or now, now):
        raise Malformed("notAfter of the order is not after its notBefore and the present time")


def _check_profile(name: str, rules: EndpointRules) -> str:
    names = [known for known, _ in rules.profiles]
    if name and name not in names:
        known = ", ".join(names) or "none"
        raise AcmeProblem(
            ProblemType.INVALID_PROFILE,
            f"there is no profile {shown(name)} here; the directory lists: {known}",
        )
    return name or (names[0] if names else "")


def _check_identifiers(sent: tuple[tuple[str, str], ...], rules: EndpointRules) -> tuple[Identifier, ...]:
    accepted: dict[Identifier, None] = {}
    refused: list[Subproblem] = []
    for kind, value in sent:
        try:
            accepted[_check_identifier(kind, value, rules)] = None
        except AcmeProblem as problem:
            showable = len(value) <= 253 and (kind + value).isprintable()
            refused.append(Subproblem(problem.type, problem.detail, (kind, value) if showable else None))
    if refused:
        types = {part.type for part in refused}
        raise AcmeProblem(
            refused[0].type if len(types) == 1 else ProblemType.COMPOUND,
            f"{len(refused)} of {len(sent)} identifiers are refused; the first: {refused[0].detail}",
            subproblems=tuple(refused),
        )
    return tuple(accepted)


def _check_identifier(kind: str, value: str, rules: EndpointRules) -> Identifier:
    if kind not in rules.identifier_kinds:
        known = ", ".join(sorted(rules.identifier_kinds))
        raise AcmeProblem(
            ProblemType.UNSUPPORTED_IDENTIFIER,
            f"identifiers of type {shown(kind)} are not taken here; known are {known}",
        )
    if not value.isascii():
        raise malformed(
            f"identifier {shown(value)} is not in the form certificates have: write A-labels (RFC 5890)"
        )
    try:
        identifier = parse_identifier(kind, value)
    except Malformed as error:
        raise malformed(error.detail) from error
    target = target_of(identifier)
    if target.wildcard and not rules.wildcards:
        raise AcmeProblem(
            ProblemType.REJECTED_IDENTIFIER, f"wildcards such as {shown(value)} are not issued here"
        )
    if not challenge_kinds(target, rules.challenges):
        raise AcmeProblem(
            ProblemType.REJECTED_IDENTIFIER, f"no challenge this endpoint offers can prove {shown(value)}"
        )
    return identifier


def respond(facts: AuthorizationFacts, kind: str, rules: EndpointRules, now: datetime) -> AuthorizationFacts:
    """The client has responded to a challenge (section 7.5.1). The same facts come back when there is
    nothing new to check: the challenge is being checked, or is valid. Raises AcmeProblem malformed, also for
    a kind that the endpoint has ceased to offer."""
    if challenge_status(facts, kind, now) is ChallengeStatus.VALID:
        return facts
    try:
        grown = attempt(facts, kind, now)
    except Conflict as error:
        raise malformed(error.detail) from error
    if grown is not facts and kind not in rules.challenges:
        raise malformed(f"{kind} is not offered here any more; {_instead(rules)}")
    return grown


def _instead(rules: EndpointRules) -> str:
    return f"order anew, and prove it by {' or '.join(rules.challenges)}"


def check_ready(facts: OrderFacts, rules: EndpointRules, now: datetime) -> None:
    """May the order be finalized (section 7.4)? Raises AcmeProblem orderNotReady, and unauthorized where a
    name was proved in a way that the endpoint has ceased to offer."""
    status = order_status(facts, now)
    if status is not OrderStatus.READY:
        raise AcmeProblem(
            ProblemType.ORDER_NOT_READY, f"the order is {status}, not ready; read it to see what it waits for"
        )
    for one in facts.authorizations:
        if one.attempted_kind not in rules.challenges:
            how = f"{one.target.identifier} was proved by {one.attempted_kind}"
            raise unauthorized(f"{how}, which is not offered here any more; {_instead(rules)}")


# -- certificates --------------------------------------------------------------------------------


def check_csr_names(
    ordered: Iterable[Identifier], alternative_names: Iterable[Identifier], common_names: Iterable[str]
) -> None:
    """The CSR names exactly the order's identifiers (section 7.4), in subjectAltName, commonName or both.

    A commonName that is no DNS name and no address names nothing. Raises AcmeProblem badCSR.
    """
    wanted, found = set(ordered), set(alternative_names)
    found.update(name for text in common_names if (name := identifier_in(text)) is not None)
    if wanted != found:
        parts = ("lacks", wanted - found), ("has, beyond the order,", found - wanted)
        detail = " and ".join(f"{verb} {_listed(names)}" for verb, names in parts if names)
        raise AcmeProblem(ProblemType.BAD_CSR, f"the CSR {detail}; it must name exactly what was ordered")


def _listed(names: set[Identifier]) -> str:
    first = ", ".join(shown(name.value) for name in sorted(names)[:NAMES_SHOWN])
    return first if len(names) <= NAMES_SHOWN else f"{first} and {len(names) - NAMES_SHOWN} more"


def check_csr_key(csr_key: Jwk | None, account_key: Jwk) -> None:
    """An account's key is in no certificate (section 11.1). Raises AcmeProblem badCSR."""
    if csr_key == account_key:
        raise AcmeProblem(
            ProblemType.BAD_CSR, "the CSR has the account's own key; make another key for certificates"
        )


def check_revocation_reason(message: Revocation) -> None:
    """Raises AcmeProblem badRevocationReason (section 7.6)."""
    if message.reason is not None and message.reason not in REVOCATION_REASONS:
        allowed = ", ".join(map(str, REVOCATION_REASONS))
        raise AcmeProblem(
            ProblemType.BAD_REVOCATION_REASON, f"the reason is not one of {allowed} (RFC 5280 5.3.1)"
        )
