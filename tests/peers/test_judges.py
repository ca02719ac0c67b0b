"""Linters that others have written judge what we sign: certificates of every profile, CRLs and OCSP answers.

No error may be found under the rules that each was issued for: RFC 5280 and RFC 6960 for all, the CA/Browser
Forum's where a profile asks for its lints. Errors we do not share are listed with the reason.
"""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.ocsp import OCSPCertStatus, load_der_ocsp_response

from certwright.core import keys
from certwright.core.distinguished_name import parse_name
from certwright.core.keys import KeyAlgorithm
from certwright.core.profile_document import to_document
from certwright.core.profiles_builtin import built_in_profiles
from certwright.core.request import CertificateRequest, request_for
from certwright.operations.context import Context
from certwright.operations.found_authority import AuthorityOrder, found_authority
from certwright.operations.issue import IssueOrder, issue
from certwright.operations.save_base_url import save_base_url
from certwright.operations.save_profile import save_profile
from tests.conftest import RUN
from tests.core import toy_pipeline as toy
from tests.peers.conftest import Worlds
from tests.peers.everything import KEY_ALGORITHMS, SHARDS, sign_everything
from tests.peers.judges import pkilint, zlint
from tests.peers.test_issued_checker import AUTHORITY_ALGORITHMS
from tests.peers.world import NAMES, World
from tests.peers.world import world as make_world
from tests.real import databases
from tests.real.pki import ADMINISTRATOR
from tests.real.signed import Signed
from tests.status.asking import question

AUTHORITIES = {"root-authority": "root", "issuing-authority": "issuing", "intermediate-authority": "middle"}
RULES = {"tls": "2.23.140.1.2.1", "mail": "2.23.140.1.5.1.2"}


# -- what is judged --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def of_every_profile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Signed]]:
    """A certificate of each built-in profile, and of two that ask for the Forum's lints."""
    with make_world(KeyAlgorithm.ECDSA_P256, tmp_path_factory.mktemp("profiles")) as world:
        yield world.run(_issue_every_profile)


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> list[Signed]:
    """Certificates of every profile and key by authorities of several algorithms, and their status data."""
    folder = tmp_path_factory.mktemp("everything")
    with databases.with_tables("sqlite", Path(os.environ[RUN]), folder) as made:
        return asyncio.run(sign_everything(made.url, folder))


async def _issue_every_profile(context: Context) -> list[Signed]:
    await save_base_url(context, ADMINISTRATOR, "http://pki.certwright.org")
    name = parse_name("CN=Example Middle,O=Example,C=DE")
    order = AuthorityOrder("middle", "intermediate", name, KeyAlgorithm.ECDSA_P256, "software", "root")
    await found_authority(context, ADMINISTRATOR, order)
    name = parse_name("CN=Example Public,O=Example,C=DE")
    order = AuthorityOrder("public", "issuing", name, KeyAlgorithm.ECDSA_P256, "software", "root")
    await found_authority(context, ADMINISTRATOR, order)
    signed = [
        Signed(one, "certificate", context.snapshot.issuing(AUTHORITIES[one]).der) for one in AUTHORITIES
    ]
    signer = context.snapshot.signers_of[context.snapshot.issuing("issuing").id][0]
    signed.append(Signed("ocsp-signer", "certificate", signer.certificate))
    for profile in built_in_profiles():
        if profile not in {*AUTHORITIES, "ocsp-signer"}:
            der = await _issued(context, profile, toy.request(profile), "issuing")
            signed.append(Signed(profile, "certificate", der))
    return signed + [await _public(context, rules) for rules in RULES]


async def _public(context: Context, rules: str) -> Signed:
    """A certificate as the Forum wants it, of a profile made from a built-in one."""
    base, lint = {"tls": ("tls-server", "cabf-tls"), "mail": ("smime-signing", "cabf-smime")}[rules]
    document = to_document(
        replace(built_in_profiles()[base], name=f"public-{rules}", lints=frozenset({lint}))
    )
    document["policies"] = [{"oid": RULES[rules]}]
    if rules == "mail":
        document["subject"] = {"attributes": [{"type": "CN", "source": "first-name"}]}
    await save_profile(context, ADMINISTRATOR, document)
    await context.snapshots.refresh()
    names = {"tls": ("dns:www.certwright.org",), "mail": ("email:ann@certwright.org",)}[rules]
    key = toy.private_key(KeyAlgorithm.ECDSA_P256).public_key()
    request = request_for(key, identifiers=toy.identifiers(*names))
    return Signed(
        f"public-{rules}", "certificate", await _issued(context, f"public-{rules}", request, "public"), rules
    )


async def _issued(context: Context, profile: str, request: CertificateRequest, authority: str) -> bytes:
    return (await issue(context, IssueOrder(ADMINISTRATOR, request, authority, profile))).der


def of_world(world: World) -> list[Signed]:
    """Certificates, lists and answers of one key algorithm."""
    snapshot = world.context.snapshot
    issuing = snapshot.issuing("issuing")
    signed = [
        Signed("signer", "certificate", snapshot.signers_of[issuing.id][0].certificate),
        Signed("issuing", "certificate", issuing.der),
        Signed("root", "certificate", snapshot.issuing("root").der),
        Signed("root.crl", "arl", (world.folder / "root.crl").read_bytes()),
        Signed("issuing.crl", "crl", (world.folder / "issuing.crl").read_bytes()),
        Signed("issuing-delta.crl", "crl", (world.folder / "issuing-delta.crl").read_bytes()),
    ]
    return [replace(one, name=f"{world.algorithm} {one.name}") for one in signed + answers_of(world)]


def of_every_algorithm(worlds: Worlds) -> list[Signed]:
    return [one for algorithm in KeyAlgorithm for one in of_world(worlds[algorithm])]


def answers_of(world: World) -> list[Signed]:
    """Good, revoked, on hold and unknown; with and without nonce; by SHA-1 and SHA-256."""
    issuer = world.context.snapshot.issuing("issuing").certificate
    assert issuer is not None
    serials = {name: world.rows[name].serial for name in NAMES} | {"unknown": b"\x41" * 16}
    signed = []
    for name, serial in serials.items():
        for nonce in (b"", bytes(range(32))):
            for algorithm in (hashes.SHA1(), hashes.SHA256()):
                asked = question(issuer, serial, nonce, algorithm)
                content = {"content-type": "application/ocsp-request"}
                der = httpx.post(world.ocsp_url, content=asked, headers=content).content
                signed.append(Signed(f"{name}, nonce {bool(nonce)}, {algorithm.name}", "ocsp", der))
    return signed


# -- the verdicts ----------------------------------------------------------------------------------


def test_pkilint_on_every_profile(of_every_profile: list[Signed], tmp_path: Path) -> None:
    assert {one.name for one in of_every_profile} >= set(built_in_profiles())
    assert pkilint(of_every_profile, tmp_path) == []


def test_zlint_on_every_profile(of_every_profile: list[Signed]) -> None:
    assert zlint(of_every_profile) == []


@pytest.mark.full
def test_pkilint_on_status_data(worlds: Worlds, tmp_path: Path) -> None:
    assert pkilint(of_every_algorithm(worlds), tmp_path) == []


@pytest.mark.full
def test_zlint_on_status_data(worlds: Worlds) -> None:
    """It knows no OCSP answers."""
    assert zlint([one for one in of_every_algorithm(worlds) if one.kind != "ocsp"]) == []


def test_there_is_something_of_everything(everything: list[Signed]) -> None:
    """Keys, issuers, shards with an issuing distribution point, invalidity dates, and answers made ahead."""
    certificates = [
        x509.load_der_x509_certificate(one.der) for one in everything if one.kind == "certificate"
    ]
    leaves = {keys.algorithm_of(one.public_key()) for one in certificates}  # type: ignore[arg-type]
    assert leaves == set(KEY_ALGORITHMS)
    lists = [x509.load_der_x509_crl(one.der) for one in everything if one.kind == "crl"]
    assert {one.issuer.rfc4514_string() for one in lists} > {f"CN=by-{one}" for one in AUTHORITY_ALGORITHMS}
    points = [extension.value for one in lists for extension in one.extensions]
    urls = {one.full_name[0].value for one in points if isinstance(one, x509.IssuingDistributionPoint)}
    assert len(urls) == SHARDS
    assert any(_says(entry, x509.InvalidityDate) for one in lists for entry in one)
    assert any(_says(one, x509.DeltaCRLIndicator) for one in lists)
    answers = [load_der_ocsp_response(one.der) for one in everything if one.kind == "ocsp"]
    assert {one.certificate_status for one in answers} == {OCSPCertStatus.GOOD, OCSPCertStatus.REVOKED}


def _says(
    one: x509.RevokedCertificate | x509.CertificateRevocationList, kind: type[x509.ExtensionType]
) -> bool:
    return any(isinstance(extension.value, kind) for extension in one.extensions)


def test_pkilint_on_everything(everything: list[Signed], tmp_path: Path) -> None:
    assert pkilint(everything, tmp_path) == []


def test_zlint_on_everything(everything: list[Signed]) -> None:
    assert zlint([one for one in everything if one.kind != "ocsp"]) == []


def test_the_judges_see_what_breaks_their_rules(of_every_profile: list[Signed], tmp_path: Path) -> None:
    """A certificate for internal names, as if it were a public one."""
    internal = [replace(one, rules="tls") for one in of_every_profile if one.name == "tls-server"]
    assert pkilint(internal, tmp_path)
    assert zlint(internal)
