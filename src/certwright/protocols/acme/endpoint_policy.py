"""What an endpoint's settings and policy say, in ACME's words (RFC 8555 sections 6.7.1, 7.1.1 and 7.4).

A name that would be refused at issuance is refused when it is ordered, before a client has gone to the
trouble of proving anything. An end of validity that would be cut is refused as well: a certificate other than
the one ordered must not be issued.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from ...core.acme_settings import AcmeSettings
from ...core.decide import check_name, decide_validity
from ...core.errors import Reason
from ...core.issuer import Issuer
from ...core.names import Identifier
from ...core.policy import EndpointPolicy, refused_names
from ...core.profile import Profile
from .problems import AcmeProblem, ProblemType, Subproblem, malformed
from .rules import EndpointRules


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Under what an order would be issued now."""

    profile: Profile
    issuer: Issuer
    endpoint: EndpointPolicy


def rules_of(
    settings: AcmeSettings, policy: EndpointPolicy, profiles: tuple[tuple[str, str], ...]
) -> EndpointRules:
    """`profiles` are (name, description) pairs, the default first."""
    return EndpointRules(
        identifiers_max=settings.identifiers_max,
        wildcards=policy.wildcards,
        challenges=settings.challenges,
        profiles=profiles,
        terms_of_service=settings.terms_of_service,
        website=settings.website,
        caa_identities=settings.caa_identities,
        external_account_required=settings.require_account_binding,
    )


def check_order_policy(
    identifiers: tuple[Identifier, ...], not_after: datetime | None, around: Surroundings, now: datetime
) -> None:
    """Raises AcmeProblem: rejectedIdentifier with a subproblem for each reason, malformed for an end of
    validity that cannot be kept, serverInternal when the authority cannot issue now."""
    refused = [(name, reason) for name in identifiers for reason in _against(name, around)]
    if refused:
        parts = tuple(
            Subproblem(ProblemType.REJECTED_IDENTIFIER, _line(reason), (name.kind, name.value))
            for name, reason in refused
        )
        count = len({name for name, _ in refused})
        text = f"{count} of {len(identifiers)} identifiers are refused; the first: {parts[0].detail}"
        raise AcmeProblem(ProblemType.REJECTED_IDENTIFIER, text, subproblems=parts)
    most = around.profile.names.maximum
    if len(identifiers) > most:
        raise malformed(f"{len(identifiers)} identifiers; profile {around.profile.name} takes {most}")
    _check_validity(not_after, around, now)


def _against(name: Identifier, around: Surroundings) -> Iterator[Reason]:
    reasons: list[Reason] = []
    check_name(around.profile, name, reasons)
    yield from reasons
    yield from refused_names((name,), around.endpoint, around.issuer)


def _check_validity(not_after: datetime | None, around: Surroundings, now: datetime) -> None:
    reasons: list[Reason] = []
    longest = around.endpoint.maximum_lifetime
    _, end = decide_validity(around.profile, around.issuer, not_after, longest, now, reasons)
    for reason in reasons:
        if reason.code == "policy.issuer.not-valid":
            raise AcmeProblem(ProblemType.SERVER_INTERNAL, _line(reason))
        raise malformed(_line(reason))
    if not_after is not None and end != not_after:
        raise malformed(f"notAfter {not_after} cannot be kept; {end}, when the issuer ends, is the latest")


def _line(reason: Reason) -> str:
    return f"{reason.message} [{reason.code}]"
