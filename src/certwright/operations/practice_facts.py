"""The configuration as practice documents tell it."""

import hashlib

from ..core.acme_settings import acme_settings_from_document
from ..core.distinguished_name import name_from_x509
from ..core.extensions import NameConstraints
from ..core.issuer import read_authority
from ..core.practice.document import Kind
from ..core.practice.facts import IN_FORCE, AuthorityFacts, EndpointFacts, Facts, StatusTimes
from ..store.snapshot import Endpoint, Generation, Snapshot
from .answer_ocsp import LIVE_VALIDITY
from .found_authority import offline
from .produce_ocsp import VALIDITY
from .publish_crl import OFFLINE_TIMES, ListTimes
from .purge_expired import ENROLMENT_KEPT
from .renew_lists import SCHEDULE

LISTS = ListTimes()
TIMES = StatusTimes(LISTS.complete, LISTS.delta, SCHEDULE, OFFLINE_TIMES.complete, VALIDITY, LIVE_VALIDITY)


def practice_address(snapshot: Snapshot, kind: Kind) -> str:
    """Where the newest version is published, without the ending."""
    return f"{snapshot.installation.base_url}/practice/{kind}"


def practice_facts(snapshot: Snapshot) -> Facts:
    generations = sorted(snapshot.generations.values(), key=lambda one: (one.authority.name, one.row.number))
    endpoints = [one for _, one in sorted(snapshot.endpoints.items()) if one.row.enabled]
    return Facts(
        organization=snapshot.installation.organization,
        base_url=snapshot.installation.base_url,
        policy_address=practice_address(snapshot, Kind.CP),
        practice_address=practice_address(snapshot, Kind.CPS),
        authorities=tuple(_authority(snapshot, one) for one in generations),
        profiles=tuple(one for _, one in sorted(snapshot.profiles.items())),
        endpoints=tuple(map(_endpoint, endpoints)),
        times=TIMES,
        rules=snapshot.policy.number if snapshot.policy else None,
        enrolment_kept=ENROLMENT_KEPT,
    )


def _endpoint(endpoint: Endpoint) -> EndpointFacts:
    settings = acme_settings_from_document(endpoint.settings)
    return EndpointFacts(endpoint.path, endpoint.authority, endpoint.profiles, endpoint.policy, settings)


def _authority(snapshot: Snapshot, generation: Generation) -> AuthorityFacts:
    row, certificate, issuer = generation.row, generation.certificate, generation.issuer
    if certificate is None or issuer is None:
        return _facts(snapshot, generation)
    own = read_authority(generation.der)
    constraints = own.name_constraints or NameConstraints((), ())
    return AuthorityFacts(
        name=generation.authority.name,
        generation=row.number,
        kind=generation.authority.kind,
        status=_status(snapshot, generation),
        subject=row.subject,
        algorithm=row.key_algorithm,
        provider=row.key_provider,
        offline=offline(generation),
        shards=generation.authority.crl_shards,
        issuer=str(name_from_x509(certificate.issuer)),
        fingerprint=hashlib.sha256(generation.der).hexdigest(),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        path_length=own.path_length,
        permitted=tuple(f"{tree.kind}:{tree.base}" for tree in constraints.permitted),
        excluded=tuple(f"{tree.kind}:{tree.base}" for tree in constraints.excluded),
        policies=tuple(sorted(own.policies or ())),
        crl=issuer.pointers.crl,
        ocsp=issuer.pointers.ocsp,
        ca_issuers=issuer.pointers.ca_issuers,
    )


def _facts(snapshot: Snapshot, generation: Generation) -> AuthorityFacts:
    """Of one that awaits its certificate."""
    row = generation.row
    return AuthorityFacts(
        name=generation.authority.name,
        generation=row.number,
        kind=generation.authority.kind,
        status=_status(snapshot, generation),
        subject=row.subject,
        algorithm=row.key_algorithm,
        provider=row.key_provider,
        offline=offline(generation),
        shards=generation.authority.crl_shards,
    )


def _status(snapshot: Snapshot, generation: Generation) -> str:
    if generation.certificate is None:
        return "awaits its certificate"
    if generation.authority.retired_at or generation.row.retired_at:
        return "retired"
    return "below a revoked certificate" if generation.id in snapshot.revoked_above else IN_FORCE
