"""The metrics of all processes together say what was done, and the reference names each of them."""

import re
import time
from collections.abc import Callable, Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp

from tests.api.callers import Api, csr
from tests.api.conftest import Prepared
from tests.architecture.source import CHECKOUT
from tests.real.certwright import Site

PAGES = [CHECKOUT / "docs/reference" / name for name in ("metrics.md", "worker.md")]
SECONDS = 20


@pytest.fixture(scope="module")
def served(prepared: Prepared) -> Iterator[Site]:
    with prepared.home.served(workers=2, lanes=("fast", "console", "worker")) as site:
        yield site


def metrics(site: Site) -> dict[str, float]:
    lines = site.get("http", "/metrics").text.splitlines()
    return {
        name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[:1] != "#")
    }


def until(site: Site, name: str, least: float) -> None:
    eventually(site, lambda found: found.get(name, 0), least)


def eventually(site: Site, measured: Callable[[dict[str, float]], float], least: float) -> None:
    """Wait for it: what a process counts stands in its file a moment later."""
    deadline = time.monotonic() + SECONDS
    while measured(found := metrics(site)) < least:
        assert time.monotonic() < deadline, (least, found)
        time.sleep(0.1)


def events(kind: str) -> str:
    return f'certwright_events_total{{kind="{kind}"}}'


def test_what_is_done_is_counted(api: Api, served: Site) -> None:
    before = metrics(served)
    for number in range(4):
        known = api.issue(f"m{number}.example.test")["fingerprint"]
    api.gives("POST", f"/certificates/{known}/revoke", json={})
    assert api.ask("POST", "/certificates", json={"csr": csr("x.test"), "days": 20_000}).status_code == 403
    assert api.ask("GET", "/tokens", "auditor").status_code == 403
    for kind, number in (
        ("certificate.issued", 4),
        ("certificate.revoked", 1),
        ("certificate.refused", 1),
        ("access.denied", 1),
    ):
        until(served, events(kind), before.get(events(kind), 0) + number)
    until(served, "certwright_ledger_commits_total", before["certwright_ledger_commits_total"] + 6)


def test_status_data_is_measured(api: Api, served: Site) -> None:
    until(served, 'certwright_crl_next_update_timestamp_seconds{authority="issuing/1"}', time.time())
    until(served, 'certwright_ocsp_signer_not_after_timestamp_seconds{authority="issuing/1"}', time.time())
    until(served, 'certwright_authority_not_after_timestamp_seconds{authority="root/1"}', time.time())
    assert 0 <= metrics(served)["certwright_status_feed_age_seconds"] < SECONDS


def test_ocsp_answers_are_counted_by_their_kind(api: Api, served: Site) -> None:
    issued = api.issue("asked.example.test")
    certificate, issuer = (
        x509.load_pem_x509_certificate(issued[name].encode()) for name in ("certificate", "chain")
    )
    plain = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA1())
    fresh = plain.add_extension(x509.OCSPNonce(bytes(16)), critical=False)
    with served.client() as client:  # one connection, so one process
        for request in (fresh, fresh, plain, plain, plain):
            body = request.build().public_bytes(serialization.Encoding.DER)
            answer = client.post(served.url("https", "/ocsp/issuing/1"), content=body)
            status = ocsp.load_der_ocsp_response(answer.content).certificate_status
            assert status is ocsp.OCSPCertStatus.GOOD
    until(served, 'certwright_ocsp_answers_total{kind="signed"}', 2)
    eventually(served, answers_of_all_kinds, 5)


def answers_of_all_kinds(found: dict[str, float]) -> float:
    return sum(value for name, value in found.items() if name.startswith("certwright_ocsp_answers_total"))


def test_every_metric_is_in_the_reference(api: Api, served: Site) -> None:
    here, elsewhere = (
        set(re.findall(r"`(certwright_[a-z_]+)(?:\{[a-z,]+\})?` \|", page.read_text())) for page in PAGES
    )
    found = {name.partition("{")[0] for name in metrics(served) if name.startswith("certwright_")}
    assert found - here - elsewhere == set()
    assert here - found == set()
