"""What takes more than it seems: certificates that speak for their issuer, and renewals."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from certwright.core.access import Actor, Grant, Role
from certwright.core.distinguished_name import parse_name
from certwright.core.errors import CertwrightError, Conflict, Forbidden
from certwright.core.keys import KeyAlgorithm
from certwright.core.profile_document import to_document
from certwright.core.request import AuthorityTerms, parse_csr, request_for
from certwright.core.revocation import Reason
from certwright.operations.context import Context
from certwright.operations.found_authority import AuthorityOrder, found_authority, sign_subordinate
from certwright.operations.found_installation import EndpointOrder, save_endpoint
from certwright.operations.issue import IssueOrder, issue
from certwright.operations.preview import preview
from certwright.operations.remove_endpoint import remove_endpoint
from certwright.operations.renew import renew_certificate
from certwright.operations.revoke import revoke_certificate
from certwright.operations.save_profile import save_profile
from certwright.store.rows import CertificateRow
from tests.operations.installed import later, with_installation
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock, make_csr

Body = Callable[[Context, MovableClock], Awaitable[None]]


def actor(*grants: tuple[Role, str]) -> Actor:
    return Actor("token:somebody", tuple([Grant(role, scope) for role, scope in grants]))


def some_request(name: str = "CN=some") -> Any:
    return request_for(ec.generate_private_key(ec.SECP256R1()).public_key(), parse_name(name))


async def refused(doing: Awaitable[object]) -> None:
    with pytest.raises(Forbidden):
        await doing


def an_ocsp_profile(context: Context, name: str) -> dict[str, Any]:
    document = to_document(context.snapshot.profile("ocsp-signer"))
    known = context.snapshot.profiles.get(name)
    return {**document, "name": name, "version": known.version if known else 0}


def test_a_role_within_a_profile_makes_nothing_that_speaks_for_an_authority(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        within = actor((Role.SECURITY_OFFICER, "profile:device"), (Role.RA_OFFICER, "profile:device"))
        await refused(save_profile(context, within, an_ocsp_profile(context, "device")))
        await save_profile(context, ADMINISTRATOR, an_ocsp_profile(context, "device"))
        for authority in ("issuing", "root"):
            order = IssueOrder(within, some_request(), authority, "device")
            await refused(issue(context, order))
            with pytest.raises(Forbidden):
                await preview(context, order)

    with_installation(database, body)


def test_the_verb_itself_is_needed_too(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        officer = actor((Role.SECURITY_OFFICER, "*"))
        await refused(issue(context, IssueOrder(officer, some_request(), "issuing", "ocsp-signer")))
        both = actor((Role.SECURITY_OFFICER, "authority:issuing"), (Role.RA_OFFICER, "*"))
        assert (await issue(context, IssueOrder(both, some_request(), "issuing", "ocsp-signer"))).der
        await refused(issue(context, IssueOrder(both, some_request(), "root", "ocsp-signer")))

    with_installation(database, body)


async def authority_certificate(context: Context, name: str) -> CertificateRow:
    generation = context.snapshot.issuing(name)
    serial = f"{generation.certificate.serial_number:032x}" if generation.certificate else ""
    [row] = await context.database.select(CertificateRow, '"serial" = ?', bytes.fromhex(serial))
    return row


def test_an_authority_is_revoked_by_who_manages_its_issuer(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        reference = (await authority_certificate(context, "issuing")).fingerprint.hex()
        for grants in (
            ((Role.RA_OFFICER, "*"),),
            ((Role.RA_OFFICER, "*"), (Role.SECURITY_OFFICER, "profile:issuing-authority")),
            ((Role.SECURITY_OFFICER, "authority:issuing"), (Role.RA_OFFICER, "*")),
        ):
            await refused(
                revoke_certificate(context, actor(*grants), reference, Reason.SUPERSEDED, context.clock())
            )
        officer = actor((Role.SECURITY_OFFICER, "authority:root"))
        await revoke_certificate(context, officer, reference, Reason.SUPERSEDED, context.clock())

    with_installation(database, body)


def test_a_profile_that_was_changed_does_not_hide_what_a_certificate_is(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        row = context.snapshot.signer(context.snapshot.issuing("issuing").id, context.clock())
        assert row is not None
        serial = x509.load_der_x509_certificate(row.certificate).serial_number
        document = to_document(context.snapshot.profile("tls-client"))
        version = context.snapshot.profile("ocsp-signer").version
        await save_profile(context, ADMINISTRATOR, {**document, "name": "ocsp-signer", "version": version})
        ra = actor((Role.RA_OFFICER, "*"))
        await refused(revoke_certificate(context, ra, f"{serial:032x}", Reason.SUPERSEDED, context.clock()))

    with_installation(database, body)


# -- what a revoked authority may do -------------------------------------------------------------


def test_a_revoked_authority_issues_no_more(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        reference = (await authority_certificate(context, "issuing")).fingerprint.hex()
        with pytest.raises(Conflict, match="cannot be put on hold"):
            await revoke_certificate(
                context, ADMINISTRATOR, reference, Reason.CERTIFICATE_HOLD, context.clock()
            )
        order = IssueOrder(ADMINISTRATOR, parse_csr(make_csr("a.test")), "issuing", "tls-server")
        await issue(context, order)
        await revoke_certificate(context, ADMINISTRATOR, reference, Reason.KEY_COMPROMISE, context.clock())
        with pytest.raises(Conflict, match="issuing is revoked"):
            await issue(context, order)

    with_installation(database, body)


def test_what_another_process_has_just_founded_is_retired_too(database: Database) -> None:
    """Who revokes may not have heard of the authority whose certificate it is."""

    async def body(context: Context, clock: MovableClock) -> None:
        before = context.snapshot
        name = parse_name("CN=New")
        order = AuthorityOrder("new", "issuing", name, KeyAlgorithm.ECDSA_P256, "software", "root")
        await found_authority(context, ADMINISTRATOR, order)
        reference = (await authority_certificate(context, "new")).fingerprint.hex()
        context.snapshots.current = before
        await revoke_certificate(context, ADMINISTRATOR, reference, Reason.SUPERSEDED, context.clock())
        await context.snapshots.refresh()
        with pytest.raises(Conflict, match="new is revoked"):
            context.snapshot.issuing("new")

    with_installation(database, body)


# -- renewing ------------------------------------------------------------------------------------


async def through_endpoint(context: Context, policy: dict[str, object]) -> CertificateRow:
    order = EndpointOrder("acme", "strict", "issuing", ("tls-server",), policy, {})
    await save_endpoint(context, ADMINISTRATOR, order)
    await context.snapshots.refresh()
    endpoint = context.snapshot.endpoint("acme", "strict")
    request = parse_csr(make_csr("a.test"))
    return (await issue(context, IssueOrder(ADMINISTRATOR, request, endpoint=endpoint))).row


def test_the_policy_of_the_endpoint_holds_for_renewals(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        operator = actor((Role.OPERATOR, "*"))
        row = await through_endpoint(context, {})
        renewed = await renew_certificate(context, operator, row.fingerprint.hex())
        assert renewed.row.endpoint == "acme/strict"
        order = EndpointOrder(
            "acme", "strict", "issuing", ("tls-server",), {"names": {"deny": {"dns": ["a.test"]}}}, {}
        )
        await save_endpoint(context, ADMINISTRATOR, order)
        await context.snapshots.refresh()
        with pytest.raises(CertwrightError, match=r"a\.test"):
            await renew_certificate(context, operator, row.fingerprint.hex())

    with_installation(database, body)


def test_without_its_endpoint_only_who_may_issue_may_renew(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        row = await through_endpoint(context, {})
        await remove_endpoint(context, ADMINISTRATOR, "acme", "strict")
        await context.snapshots.refresh()
        await refused(renew_certificate(context, actor((Role.OPERATOR, "*")), row.fingerprint.hex()))
        ra = actor((Role.RA_OFFICER, "*"))
        assert (await renew_certificate(context, ra, row.fingerprint.hex())).row.endpoint == ""

    with_installation(database, body)


def test_what_has_ended_is_not_renewed(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        row = await through_endpoint(context, {})
        clock.offset += row.not_after - context.clock()
        later(clock, seconds=1)
        with pytest.raises(Conflict, match="has ended"):
            await renew_certificate(context, ADMINISTRATOR, row.fingerprint.hex())

    with_installation(database, body)


def test_an_authority_is_not_renewed_without_its_terms(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        terms = AuthorityTerms(path_length=0)
        request = replace(some_request("CN=Partner CA"), terms=terms)
        row, _ = await sign_subordinate(context, ADMINISTRATOR, "root", request, "issuing-authority")
        with pytest.raises(Conflict, match="with its terms"):
            await renew_certificate(context, ADMINISTRATOR, row.fingerprint.hex())

    with_installation(database, body)


def test_a_renewal_with_the_same_key_keeps_must_staple(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        document = to_document(context.snapshot.profile("tls-server"))
        await save_profile(context, ADMINISTRATOR, {**document, "must_staple": "on-request"})
        for wanted in (True, False):
            request = replace(parse_csr(make_csr("a.test")), must_staple=wanted)
            row = (await issue(context, IssueOrder(ADMINISTRATOR, request, "issuing", "tls-server"))).row
            renewed = await renew_certificate(context, ADMINISTRATOR, row.fingerprint.hex())
            extensions = x509.load_der_x509_certificate(renewed.der).extensions
            assert any(isinstance(one.value, x509.TLSFeature) for one in extensions) is wanted

    with_installation(database, body)
