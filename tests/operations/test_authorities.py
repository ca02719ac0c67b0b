"""What becomes an authority here, and under which names, keys and numbers."""

import asyncio
import secrets
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from certwright.core.distinguished_name import parse_name
from certwright.core.errors import CertwrightError, Conflict, Malformed, Refused
from certwright.core.extensions import CertificatePolicy
from certwright.core.keys import KeyAlgorithm
from certwright.core.names import parse_identifier
from certwright.core.profile_document import to_document
from certwright.core.request import AuthorityTerms, CertificateRequest, parse_csr, request_for
from certwright.core.revocation import Reason
from certwright.operations.context import Context
from certwright.operations.found_authority import (
    AuthorityOrder,
    found_authority,
    new_rows,
    not_taken,
    sign_subordinate,
)
from certwright.operations.issue import IssueOrder, issue
from certwright.operations.preview import preview
from certwright.operations.publish_crl import ListTimes, publish_crl
from certwright.operations.save_profile import save_profile
from certwright.ports import KeyReference
from certwright.store.databases import Duplicate
from certwright.store.ledger import Change
from certwright.store.rows import AuthorityGenerationRow, AuthorityRow, CertificateRow
from certwright.store.snapshot import Generation, load_snapshot
from tests.core.toy_chain import Wish, constraints, outside, revocation_list
from tests.operations.authorities import ask, bring, order, refused
from tests.operations.installed import issued, revoked, with_installation
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock, make_csr


def close_primes() -> rsa.RSAPrivateKey:
    """An RSA key that Fermat's method takes apart."""
    p = _prime_after(3 << 1022 | secrets.randbits(1022))
    q = _prime_after(p + 2)
    d = pow(65537, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(65537, p * q)
    parts = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
    return rsa.RSAPrivateNumbers(p, q, d, *parts, public).private_key()


def _prime_after(number: int) -> int:
    number |= 1
    while any(pow(base, number - 1, number) != 1 for base in (2, 3, 5, 7)):
        number += 2
    return number


TWICE = AuthorityTerms(policies=(CertificatePolicy("1.2.3"), CertificatePolicy("1.2.3")))


# -- orders ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (order("x", profile="tls-client"), "profile tls-client is not for authorities"),
        (order("x", parent="", kind="root", profile="tls-client"), "profile tls-client is not for auth"),
        (order("x", profile="nope"), "there is no profile 'nope'"),
        (order("x", crl_shards=0), "1 to 1024 CRL shards, not 0"),
        (order("x", crl_shards=-3), "1 to 1024 CRL shards, not -3"),
        (order("x", crl_shards=10**7), "1 to 1024 CRL shards, not 10000000"),
        (order("x", terms=AuthorityTerms(path_length=3)), "path length 3 asked for"),
        (order("x", "O=Test,CN=x"), "makes CN=x,O=Test of the subject O=Test,CN=x"),
        (order("x", "O=Test,CN=x", parent="", kind="root"), "makes CN=x,O=Test of the subject"),
        (order("x", "CN=test  ISSUING,O=TEST"), "is the name of authority issuing/1"),
        (order("x", "CN=Test Root,O=Test"), "is the name of authority root/1"),
        (order("x", terms=TWICE), "rfc5280.policies.twice"),
        (order("x", parent="", kind="root", terms=TWICE), "rfc5280.policies.twice"),
        (order("x", parent="", terms=TWICE), "rfc5280.policies.twice"),
        (order("x", parent="", terms=AuthorityTerms(path_length=3)), "path length 3 asked for"),
    ],
)
def test_a_refused_order_leaves_nothing_behind(made: AuthorityOrder, says: str, database: Database) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        with pytest.raises(CertwrightError, match=says):
            await found_authority(context, ADMINISTRATOR, made)
        assert {row.name for row in await context.database.select(AuthorityRow, "1 = 1")} == {
            "root",
            "issuing",
        }
        await load_snapshot(context.database)

    with_installation(database, body)


def test_an_unfinished_order_goes_on_under_the_same_parent_and_terms_alone(database: Database) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        await found_authority(context, ADMINISTRATOR, order("inter", kind="intermediate"))
        terms = AuthorityTerms(path_length=0)
        pending = order("outside", parent="", terms=terms)
        first = await found_authority(context, ADMINISTRATOR, pending)
        again = await found_authority(context, ADMINISTRATOR, replace(pending, terms=AuthorityTerms(0)))
        assert again.id == first.id
        for other in (replace(pending, parent="inter"), replace(pending, terms=None)):
            with pytest.raises(Conflict, match="was ordered otherwise"):
                await found_authority(context, ADMINISTRATOR, other)
        assert (await context.snapshots.refresh()).of_authority("outside")[0].certificate is None

    with_installation(database, body)


# -- names and keys --------------------------------------------------------------------------------


def subordinate(subject: str, key: ec.EllipticCurvePrivateKey | None = None) -> CertificateRequest:
    key = key or ec.generate_private_key(ec.SECP256R1())
    return request_for(key.public_key(), parse_name(subject))


def test_the_names_of_our_authorities_are_theirs(database: Database) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        async def sign(request: CertificateRequest) -> None:
            await sign_subordinate(context, ADMINISTRATOR, "root", request, "intermediate-authority")

        await refused("policy.subject.authority", sign(subordinate("CN=Test Issuing,O=Test")))
        await refused("policy.subject.issuer", sign(subordinate("CN=TEST root,O=Test")))
        wanted = IssueOrder(ADMINISTRATOR, subordinate("CN=Test Issuing,O=Test"), "root", "issuing-authority")
        await refused("policy.subject.authority", issue(context, wanted))
        with pytest.raises(Refused):
            await preview(context, wanted)
        end_entity = IssueOrder(
            ADMINISTRATOR, subordinate("CN=Test Issuing,O=Test"), "issuing", "code-signing"
        )
        await refused("policy.subject.issuer", issue(context, end_entity))
        issuing = context.snapshot.issuing("issuing").public_key
        assert issuing is not None
        cross = request_for(issuing, parse_name("CN=Test Issuing,O=Test"))
        await sign(cross)
        await sign(subordinate("CN=Else"))

    with_installation(database, body)


def test_weak_keys_become_no_authorities(database: Database) -> None:
    weak = close_primes()

    async def body(context: Context, _clock: MovableClock) -> None:
        request = request_for(weak.public_key(), parse_name("CN=Weak"))
        for profile in ("intermediate-authority", "issuing-authority"):
            act = sign_subordinate(context, ADMINISTRATOR, "root", request, profile)
            await refused("key.weak.close-primes", act)
        name = (parse_identifier("dns", "w.example.test"),)
        wanted = IssueOrder(ADMINISTRATOR, replace(request, identifiers=name), "issuing", "tls-server")
        await refused("key.weak.close-primes", issue(context, wanted))
        with pytest.raises(Refused):
            await preview(context, wanted)
        await refused("key.weak.close-primes", bring(context, "weak", outside("CN=Weak", key=weak)))
        assert await context.database.select(CertificateRow, '"subject" = ?', "CN=Weak") == []

    with_installation(database, body)


def test_a_compromised_key_is_not_brought_along(database: Database) -> None:
    key = ec.generate_private_key(ec.SECP256R1())

    async def body(context: Context, _clock: MovableClock) -> None:
        wanted = IssueOrder(ADMINISTRATOR, parse_csr(make_csr("a.test", key=key)), "issuing", "tls-server")
        await revoked(context, (await issue(context, wanted)).row, Reason.KEY_COMPROMISE)
        await refused("key.compromised", bring(context, "lost", outside("CN=Lost", key=key)))

    with_installation(database, body)


def test_one_key_is_one_authority(database: Database) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        one = outside("CN=Legacy")
        await bring(context, "legacy", one)
        twin = outside("CN=Twin", key=one.key)
        for again in (one, twin):
            with pytest.raises(Conflict, match="the key is that of an authority here already"):
                await bring(context, "twin", again)
        await refused("policy.subject.authority", bring(context, "double", outside("CN=LEGACY")))
        rows = await context.database.select(AuthorityGenerationRow, '"subject" = ?', "CN=Legacy")
        assert len(rows) == 1

    with_installation(database, body)


def test_of_two_that_come_together_with_one_key_one_is_taken(database: Database) -> None:
    """They may well get into one commit."""

    async def body(context: Context, _clock: MovableClock) -> None:
        one = outside("CN=One")
        two = outside("CN=Two", key=one.key)
        found = await asyncio.gather(
            bring(context, "one", one), bring(context, "two", two), return_exceptions=True
        )
        failures = [error for error in found if isinstance(error, BaseException)]
        assert [type(error) for error in failures] == [Conflict]
        assert "the key is that of an authority here already" in str(failures[0])

    with_installation(database, body)


@pytest.mark.parametrize("subjects", [("CN=Twin", "CN=Twin"), ("CN=Twin", "CN=TWIN")])
def test_of_two_that_come_together_with_one_name_one_is_taken(
    subjects: tuple[str, str], database: Database
) -> None:
    """And what it was refused for stands in nobody's way later."""

    async def body(context: Context, _clock: MovableClock) -> None:
        brought = [bring(context, f"b{number}", outside(one)) for number, one in enumerate(subjects)]
        subjects_founded = [one.replace("Twin", "Pair").replace("TWIN", "PAIR") for one in subjects]
        founded = [
            found_authority(context, ADMINISTRATOR, order(f"f{number}", one))
            for number, one in enumerate(subjects_founded)
        ]
        for attempts in (brought, founded):
            found = await asyncio.gather(*attempts, return_exceptions=True)
            made = [one for one in found if isinstance(one, Generation)]
            [failure] = [error for error in found if isinstance(error, BaseException)]
            assert isinstance(failure, (Conflict, Refused))
            assert "is the name of a" in str(failure)
            await ask(context, made[0].authority.name, "a.example.test")
        left = {"f0", "f1"} - (await context.snapshots.refresh()).authorities.keys()
        assert len(left) == 1
        again = await found_authority(context, ADMINISTRATOR, order(left.pop(), "CN=Other"))
        await ask(context, again.authority.name, "a.example.test")

    with_installation(database, body)


@pytest.mark.parametrize("second", ["CN=Waiting", "CN=wAITING", "CN=Waiting  "])
def test_the_name_of_an_authority_is_taken_from_the_commit_on(second: str, database: Database) -> None:
    """Another process has seen a configuration without it, and made its own of that name."""

    async def body(context: Context, _clock: MovableClock) -> None:
        await found_authority(context, ADMINISTRATOR, order("first", "CN=Waiting", parent=""))
        rows = new_rows(
            context,
            order("second", second),
            KeyReference(KeyAlgorithm.ECDSA_P256, b"x"),
            b"spki",
            context.clock(),
        )
        with pytest.raises(Conflict, match="is the name of an authority here already"):
            await context.ledger.commit(Change(inserted=[*rows], absent=not_taken(*rows)))
        with pytest.raises(Duplicate):
            await context.ledger.commit(Change(inserted=[*rows]))

    with_installation(database, body)


# -- what comes from outside -----------------------------------------------------------------------


def test_an_imported_order_is_checked_as_any_other(database: Database) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        for name, more in (("No Name", {}), ("x", {"crl_shards": 0}), ("x", {"kind": "queen"})):
            with pytest.raises(Malformed):
                await bring(context, name, outside("CN=x"), **more)
        no_lists = outside("CN=x", wish=Wish(uses=frozenset({"keyCertSign"})))
        await refused("authority.key-usage", bring(context, "x", no_lists))
        assert (await context.snapshots.refresh()).authorities.keys() == {"root", "issuing"}

    with_installation(database, body)


def test_what_stands_above_an_imported_authority_binds_it(database: Database) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        corp = Wish(path_length=1, constraints=constraints((x509.DNSName("Corp.Example"),)))
        below = outside("CN=Issuing", outside("CN=Middle", outside("CN=Root"), corp))
        generation = await bring(context, "brought", below, kind="intermediate")
        await ask(context, "brought", "www.corp.example")
        await refused("policy.name.issuer-constraints", ask(context, "brought", "www.evil.example"))
        request = subordinate("CN=Lower")
        for profile in ("intermediate-authority", "issuing-authority"):
            act = sign_subordinate(context, ADMINISTRATOR, "brought", request, profile)
            await refused("policy.issuer.path-length", act)
        assert generation.as_issuer.path_length == 0

    with_installation(database, body)


@pytest.mark.parametrize("shards", [1, 2])
def test_the_numbers_of_its_lists_go_on(shards: int, database: Database) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        now = int(context.clock().timestamp())
        for name, last in (("legacy", 4711), ("prolific", 1 << 52)):
            one = outside(f"CN={name}")
            generation = await bring(context, name, one, revocation_list(one, last), crl_shards=shards)
            for shard in range(shards):
                row = await publish_crl(context, generation, shard, True, ListTimes())
                assert row.number >= max(last + 1, now)
                found = x509.load_der_x509_crl(row.der).extensions.get_extension_for_class(x509.CRLNumber)
                assert found.value.crl_number == row.number

    with_installation(database, body)


def test_what_it_has_revoked_is_not_forgotten(database: Database) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        one = outside("CN=Legacy")
        await refused("authority.crl", bring(context, "legacy", one, revocation_list(one, 9, revoked=(7,))))
        assert "legacy" not in (await context.snapshots.refresh()).authorities

    with_installation(database, body)


# -- profiles --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("oid", "octets", "code"),
    [
        ("2.5.29.36", "3003800100", "rfc5280.extension.authority-only"),
        ("2.5.29.18", "3000", "rfc5280.extension.empty"),
        ("1.3.6.1.4.1.11129.2.4.3", "0500", "rfc5280.extension.poison"),
    ],
)
def test_a_profile_that_no_certificate_may_have_is_not_saved(
    oid: str, octets: str, code: str, database: Database
) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        document = to_document(context.snapshot.profile("tls-client"))
        document["extensions"] = [{"oid": oid, "critical": True, "der": octets}]
        await refused(code, save_profile(context, ADMINISTRATOR, document))
        await issued(context)

    with_installation(database, body)
