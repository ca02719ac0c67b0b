"""Authorities that await a certificate from outside: what is asked for, what is taken, what is taken back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from certwright.core.distinguished_name import parse_name
from certwright.core.errors import Conflict, NotFound, Refused
from certwright.core.extensions import CertificatePolicy, NameConstraints
from certwright.core.keys import KeyAlgorithm
from certwright.core.profile_document import parse_subtree
from certwright.core.request import AuthorityTerms, request_for
from certwright.operations.accept_certificate import (
    Accepted,
    accept_certificate,
    authority_csr,
)
from certwright.operations.context import Context
from certwright.operations.found_authority import (
    found_authority,
    retire_authority,
)
from certwright.operations.found_installation import EndpointOrder, save_endpoint
from certwright.operations.issue import IssueOrder, issue
from certwright.operations.publish_status import put_in_service
from certwright.operations.withdraw_authority import withdraw_authority
from certwright.ports import KeyReference
from certwright.store.rows import AuthorityGenerationRow, AuthorityRow
from tests.core.toy_chain import Outside, Wish, constraints, outside
from tests.operations.authorities import DER, ask, bring, order, refused
from tests.operations.installed import with_installation
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock


def _terms() -> AuthorityTerms:
    trees = (parse_subtree("dns:corp.example"),), (parse_subtree("dns:evil.corp.example"),)
    return AuthorityTerms(0, NameConstraints(*trees), (CertificatePolicy("1.3.6.1.4.1.99999.7"),))


def test_an_outside_authority_is_asked_for_what_was_ordered(database: Database) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        await found_authority(
            context, ADMINISTRATOR, order("ext", parent="", kind="intermediate", terms=_terms())
        )
        csr = x509.load_der_x509_csr(await authority_csr(context, ADMINISTRATOR, "ext"))
        assert csr.is_signature_valid
        asked = {one.oid: one for one in csr.extensions}
        assert asked.keys() == {
            x509.BasicConstraints.oid,
            x509.KeyUsage.oid,
            x509.NameConstraints.oid,
            x509.CertificatePolicies.oid,
            x509.SubjectKeyIdentifier.oid,
        }
        basic = asked[x509.BasicConstraints.oid]
        assert (basic.critical, basic.value) == (True, x509.BasicConstraints(True, 0))
        limits = asked[x509.NameConstraints.oid]
        names = [x509.DNSName("corp.example")], [x509.DNSName("evil.corp.example")]
        assert (limits.critical, limits.value) == (True, x509.NameConstraints(*names))
        [policy] = asked[x509.CertificatePolicies.oid].value
        assert policy.policy_identifier.dotted_string == "1.3.6.1.4.1.99999.7"
        usage = asked[x509.KeyUsage.oid].value
        uses = usage.key_cert_sign, usage.crl_sign, usage.key_encipherment
        assert uses == (True, True, False)
        own = x509.SubjectKeyIdentifier.from_public_key(csr.public_key())
        assert asked[x509.SubjectKeyIdentifier.oid].value == own

    with_installation(database, body)


def test_what_comes_back_is_not_wider_than_what_was_ordered(database: Database) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        await found_authority(context, ADMINISTRATOR, order("ext", parent="", terms=_terms()))
        csr = x509.load_der_x509_csr(await authority_csr(context, ADMINISTRATOR, "ext"))
        root = outside("CN=Out Root")

        def sign(*extensions: x509.Extension[Any]) -> Accepted:
            now = datetime.now(UTC)
            builder = x509.CertificateBuilder(root.name, csr.subject, csr.public_key())
            builder = builder.serial_number(x509.random_serial_number())
            builder = builder.not_valid_before(now - timedelta(hours=1))
            builder = builder.not_valid_after(now + timedelta(days=100))
            for extension in extensions:
                builder = builder.add_extension(extension.value, extension.critical)
            return Accepted(builder.sign(root.key, hashes.SHA256()).public_bytes(DER), root.path)

        asked = list(csr.extensions)
        for left_out, code in (
            (x509.BasicConstraints, "path-length"),
            (x509.NameConstraints, "name-constraints"),
        ):
            kept = [one for one in asked if not isinstance(one.value, left_out)]
            if left_out is x509.BasicConstraints:
                unlimited = x509.BasicConstraints(True, None)
                kept.append(x509.Extension(unlimited.oid, True, unlimited))
            with pytest.raises(Refused) as found:
                await accept_certificate(context, ADMINISTRATOR, "ext", sign(*kept))
            assert {reason.code for reason in found.value.reasons} == {f"authority.terms.{code}"}
        accepted = await accept_certificate(context, ADMINISTRATOR, "ext", sign(*asked))
        assert accepted.as_issuer.path_length == 0
        await ask(context, "ext", "www.corp.example")
        await refused("policy.name.issuer-constraints", ask(context, "ext", "www.evil.example"))

    with_installation(database, body)


async def certified(context: Context, name: str, by: Outside) -> Accepted:
    """The certificate that an outside authority signs for the CSR of ours."""
    csr = x509.load_der_x509_csr(await authority_csr(context, ADMINISTRATOR, name))
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(by.name, csr.subject, csr.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(hours=1))
    builder = builder.not_valid_after(now + timedelta(days=100))
    builder = builder.add_extension(x509.BasicConstraints(True, None), critical=True)
    return Accepted(builder.sign(by.key, hashes.SHA256()).public_bytes(DER), by.path)


def test_one_retired_while_it_waits_gets_no_certificate(database: Database) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        await found_authority(context, ADMINISTRATOR, order("ext", parent=""))
        given = await certified(context, "ext", outside("CN=Out Root"))
        await retire_authority(context, ADMINISTRATOR, "ext")
        with pytest.raises(Conflict, match="is retired since"):
            await accept_certificate(context, ADMINISTRATOR, "ext", given)
        with pytest.raises(Conflict, match="withdraw it to order it anew"):
            await found_authority(context, ADMINISTRATOR, order("ext", parent=""))
        assert (await context.snapshots.refresh()).of_authority("ext")[0].certificate is None

    with_installation(database, body)


@pytest.mark.parametrize("retired", [False, True])
def test_one_that_waits_can_be_withdrawn(retired: bool, database: Database) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        waiting = await found_authority(context, ADMINISTRATOR, order("ext", "CN=Ours", parent=""))
        if retired:
            await retire_authority(context, ADMINISTRATOR, "ext")
        await withdraw_authority(context, ADMINISTRATOR, "ext")
        reference = KeyReference(KeyAlgorithm.ECDSA_P256, waiting.row.key_reference)
        with pytest.raises(NotFound):
            context.keyring.provider("software").open(reference)
        for left in (AuthorityRow, AuthorityGenerationRow):
            assert not await context.database.select(left, '"id" IN (?, ?)', waiting.id, waiting.authority.id)
        events = await context.database.query('SELECT "kind" FROM "audit_event" ORDER BY "id"')
        assert ("authority.withdrawn",) in [tuple(row) for row in events]
        await found_authority(context, ADMINISTRATOR, order("ext", "CN=Other", parent="root"))
        await found_authority(context, ADMINISTRATOR, order("other", "CN=Ours", parent="root"))
        await ask(context, "other", "a.example.test")

    with_installation(database, body)


def test_who_issues_or_enrols_is_not_withdrawn(database: Database) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        with pytest.raises(Conflict, match="has a certificate already; retire it instead"):
            await withdraw_authority(context, ADMINISTRATOR, "issuing")
        with pytest.raises(NotFound):
            await withdraw_authority(context, ADMINISTRATOR, "nope")
        await found_authority(context, ADMINISTRATOR, order("ext", parent=""))
        endpoint = EndpointOrder("acme", "early", "ext", ("tls-server",), {}, {})
        await save_endpoint(context, ADMINISTRATOR, endpoint)
        with pytest.raises(Conflict, match="bind that to another one first"):
            await withdraw_authority(context, ADMINISTRATOR, "ext")
        await save_endpoint(context, ADMINISTRATOR, replace(endpoint, authority="issuing"))
        given = await certified(context, "ext", outside("CN=Out Root"))
        await accept_certificate(context, ADMINISTRATOR, "ext", given)
        await ask(context, "ext", "a.example.test")

    with_installation(database, body)


def test_an_authority_within_a_directory_name_serves(database: Database) -> None:
    """Its OCSP signer is within it too."""

    async def body(context: Context, _clock: MovableClock) -> None:
        permitted = (x509.DirectoryName(x509.Name.from_rfc4514_string("OU=Lab,O=Test,C=DE")),)
        root = outside("CN=Out Root", wish=Wish(constraints=constraints(permitted)))
        brought = await bring(context, "lab", outside("CN=Lab CA,OU=Lab,O=Test,C=DE", root))
        await put_in_service(context, ADMINISTRATOR, brought)
        key = ec.generate_private_key(ec.SECP256R1()).public_key()
        for subject, good in (("CN=x,OU=Lab,O=Test,C=DE", True), ("CN=x,O=Test,C=DE", False)):
            wanted = IssueOrder(ADMINISTRATOR, request_for(key, parse_name(subject)), "lab", "code-signing")
            if good:
                await issue(context, wanted)
            else:
                await refused("policy.name.issuer-constraints", issue(context, wanted))

    with_installation(database, body)
