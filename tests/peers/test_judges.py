"""Linters that others have written judge what we sign: certificates of every profile, CRLs and OCSP answers.

No error may be found under the rules that each was issued for: RFC 5280 and RFC 6960 for all, the CA/Browser
Forum's where a profile asks for its lints. Errors we do not share are listed with the reason.
"""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives import hashes

from certwright.core.distinguished_name import parse_name
from certwright.core.keys import KeyAlgorithm
from certwright.core.pem import pem
from certwright.core.profile_document import to_document
from certwright.core.profiles_builtin import built_in_profiles
from certwright.core.request import CertificateRequest, request_for
from certwright.operations.context import Context
from certwright.operations.found_authority import AuthorityOrder, found_authority
from certwright.operations.issue import IssueOrder, issue
from certwright.operations.save_base_url import save_base_url
from certwright.operations.save_profile import save_profile
from tests.core import toy_pipeline as toy
from tests.peers.conftest import Worlds
from tests.peers.world import NAMES, World
from tests.peers.world import world as make_world
from tests.real.debian13 import Unobtainable, debian13
from tests.real.environments import ToolMissing, tool
from tests.real.pki import ADMINISTRATOR
from tests.status.asking import question

HERE = Path(__file__).parent
SECONDS = 280
AUTHORITIES = {"root-authority": "root", "issuing-authority": "issuing", "intermediate-authority": "middle"}
FORUM = ("Mozilla", "Apple", "CABF_BR", "CABF_EV", "CABF_SMIME_BR", "ETSI_ESI")
RULES = {"tls": "2.23.140.1.2.1", "mail": "2.23.140.1.5.1.2"}

NOT_SHARED = {
    (
        "pkix.invalid_domain_name_syntax",
        "*.",
    ): "RFC 5280 leaves wildcards to others; RFC 9525 section 6.3 has them",
    ("pkix.invalid_uri_syntax", "spiffe://"): "a URI by RFC 3986; the linter knows only some schemes",
    ("pkix.invalid_uri_syntax", "urn:"): "a URI by RFC 8141; the linter knows only some schemes",
    ("e_cab_crl_has_valid_reason_code", ""): "the Forum forbids holds, and its rules were not asked for",
}
"""Codes and what the message must hold, and why it is no error to us."""


@dataclass(frozen=True)
class Signed:
    """Something we signed: `kind` is certificate, crl, arl or ocsp; `rules` of the Forum, if any."""

    name: str
    kind: str
    der: bytes
    rules: str = ""


# -- what is judged --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def of_every_profile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Signed]]:
    """A certificate of each built-in profile, and of two that ask for the Forum's lints."""
    with make_world(KeyAlgorithm.ECDSA_P256, tmp_path_factory.mktemp("profiles")) as world:
        yield world.run(_issue_every_profile)


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


# -- the judges ------------------------------------------------------------------------------------


def pkilint(signed: list[Signed], folder: Path) -> list[str]:
    """Errors that pkilint finds, one line each."""
    try:
        python = tool("pkilint") / "python"
    except ToolMissing as error:
        pytest.skip(f"no pkilint from the package index: {error}")
    programs = {
        "certificate": ["lint_pkix_cert"],
        "crl": ["lint_crl", "--type", "CRL", "--profile", "PKIX"],
        "arl": ["lint_crl", "--type", "ARL", "--profile", "PKIX"],
        "ocsp": ["lint_ocsp_response"],
        "tls": ["lint_cabf_serverauth_cert", "--type", "DV-FINAL-CERTIFICATE"],
        "mail": ["lint_cabf_smime_cert", "--type", "MAILBOX-MULTIPURPOSE"],
    }
    orders = []
    for number, one in enumerate(signed):
        path = folder / f"{number}.der"
        path.write_bytes(one.der)
        orders.append([*programs[one.rules or one.kind], "--document-format", "DER", str(path)])
    done = subprocess.run(
        [python, HERE / "run_pkilint.py"],
        input=json.dumps(orders),
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
    found = []
    for one, report in zip(signed, json.loads(done.stdout), strict=True):
        for code, severity, place, message in report:
            if severity in {"ERROR", "FATAL"} and not _not_shared(code, message):
                found.append(f"{one.name}: {code} at {place}: {message}")
    return found


def _not_shared(code: str, message: str) -> bool:
    return any(code == known and part in message for known, part in NOT_SHARED)


def zlint(signed: list[Signed]) -> list[str]:
    """Errors that zlint finds, one line each."""
    try:
        folder = debian13("zlint")
    except Unobtainable as error:
        pytest.skip(f"no Debian 13 for zlint: {error}")
    found = []
    for one in signed:
        label = "CERTIFICATE" if one.kind == "certificate" else "X509 CRL"
        sources = [] if one.rules else ["-excludeSources", ",".join(FORUM)]
        done = folder.run("zlint", *sources, "one.pem", files={"one.pem": pem(one.der, label)})
        assert done.returncode == 0, f"{one.name}: {done.stderr}"
        for lint, result in json.loads(done.stdout).items():
            details = result.get("details", "")
            if result["result"] in {"error", "fatal"} and not _not_shared(lint, details):
                found.append(f"{one.name}: {lint}: {details}")
    return found


# -- the verdicts ----------------------------------------------------------------------------------


def test_pkilint_on_every_profile(of_every_profile: list[Signed], tmp_path: Path) -> None:
    assert {one.name for one in of_every_profile} >= set(built_in_profiles())
    assert pkilint(of_every_profile, tmp_path) == []


def test_zlint_on_every_profile(of_every_profile: list[Signed]) -> None:
    assert zlint(of_every_profile) == []


def test_pkilint_on_status_data(worlds: Worlds, tmp_path: Path) -> None:
    assert pkilint(of_every_algorithm(worlds), tmp_path) == []


def test_zlint_on_status_data(worlds: Worlds) -> None:
    """It knows no OCSP answers."""
    assert zlint([one for one in of_every_algorithm(worlds) if one.kind != "ocsp"]) == []


def test_the_judges_see_what_breaks_their_rules(of_every_profile: list[Signed], tmp_path: Path) -> None:
    """A certificate for internal names, as if it were a public one."""
    internal = [replace(one, rules="tls") for one in of_every_profile if one.name == "tls-server"]
    assert pkilint(internal, tmp_path)
    assert zlint(internal)
