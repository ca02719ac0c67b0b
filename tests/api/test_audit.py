"""The audit log over REST: events, and proofs that a holder of checkpoints can check without us."""

import hashlib
import time
from collections.abc import Iterator
from typing import Any

import pytest

from certwright.core import checkpoint, merkle
from certwright.core.errors import IntegrityError
from tests.api.callers import Api
from tests.api.conftest import Prepared
from tests.real.certwright import Site


@pytest.fixture(scope="module")
def served(prepared: Prepared) -> Iterator[Site]:
    """With the worker, which signs checkpoints."""
    with prepared.home.served(lanes=("fast", "console", "worker")) as site:
        yield site


@pytest.fixture(scope="module")
def logged(api: Api) -> dict[str, Any]:
    """The event of a certificate, once it is under a checkpoint."""
    made = api.issue("audited.example.test")
    [event] = api.gives("GET", f"/audit/events?subject=certificate:{made['fingerprint']}")["events"]
    deadline = time.monotonic() + 30
    while api.ask("GET", f"/audit/events/{event['id']}/proof").status_code == 409:
        assert time.monotonic() < deadline, "no checkpoint was signed"
        time.sleep(0.1)
    found: dict[str, Any] = event
    return found


def test_an_event_says_what_was_done(logged: dict[str, Any]) -> None:
    assert (logged["kind"], logged["actor"]) == ("certificate.issued", "token:administrator")
    assert logged["source"] == "127.0.0.1"
    assert logged["detail"]["names"] == ["dns:audited.example.test"]


def test_an_inclusion_proof_holds(api: Api, served: Site, logged: dict[str, Any]) -> None:
    proof = api.gives("GET", f"/audit/events/{logged['id']}/proof")
    key = checkpoint.parse_verifier_key((served.home.folder / "audit/checkpoint-key.pub").read_text().strip())
    signed = checkpoint.verify(proof["checkpoint"]["note"], [key])
    assert signed.size == proof["checkpoint"]["size"]
    chain, body = bytes.fromhex(proof["chain"]), proof["body"]
    leaf = merkle.leaf_hash(chain + body.encode())
    hashes = [bytes.fromhex(one) for one in proof["hashes"]]
    merkle.verify_inclusion(leaf, proof["index"], signed.size, hashes, signed.root)
    changed = merkle.leaf_hash(
        bytes.fromhex(proof["chain"]) + proof["body"].replace("audited", "hidden").encode()
    )
    with pytest.raises(IntegrityError):
        merkle.verify_inclusion(changed, proof["index"], signed.size, hashes, signed.root)
    again = api.gives("GET", f"/audit/events/{logged['id']}/proof?size={signed.size}")
    assert again["checkpoint"] == proof["checkpoint"]


def test_a_consistency_proof_holds(api: Api, logged: dict[str, Any]) -> None:
    older = api.gives("GET", "/audit/checkpoint")
    api.issue("later.example.test")
    deadline = time.monotonic() + 30
    while (newer := api.gives("GET", "/audit/checkpoint"))["size"] == older["size"]:
        assert time.monotonic() < deadline, "no checkpoint was signed"
        time.sleep(0.1)
    proof = api.gives("GET", f"/audit/consistency?older={older['size']}&size={newer['size']}")
    assert proof["checkpoint"] == newer
    merkle.verify_consistency(
        older["size"],
        bytes.fromhex(older["root"]),
        newer["size"],
        bytes.fromhex(newer["root"]),
        [bytes.fromhex(one) for one in proof["hashes"]],
    )
    assert api.gives("GET", f"/audit/checkpoint?size={older['size']}") == older
    backwards = f"/audit/consistency?older={newer['size']}&size={older['size']}"
    assert api.ask("GET", backwards).status_code == 400
    trivial = api.gives("GET", f"/audit/consistency?older={older['size']}&size={older['size']}")
    assert trivial["hashes"] == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/audit/events/0/proof", 404),
        ("/audit/events/9223372036854775807/proof", 404),
        ("/audit/events/9223372036854775808/proof", 400),
        ("/audit/events/-1/proof", 400),
        ("/audit/events/one/proof", 400),
        ("/audit/events/1/proof?size=0", 404),
        ("/audit/events/1/proof?size=99999999999999999999", 400),
        ("/audit/checkpoint?size=7000000", 404),
        ("/audit/consistency", 400),
        ("/audit/consistency?older=-1", 400),
        ("/audit/consistency?older=9223372036854775807", 400),
        ("/audit/events?kind=%00", 400),
        ("/audit/events?since=yesterday", 400),
        ("/audit/events?who=me", 400),
        ("/audit/events?limit=5000", 400),
        ("/audit/events?after=nonsense", 400),
    ],
)
def test_what_cannot_be_shown(api: Api, logged: dict[str, Any], path: str, status: int) -> None:
    answer = api.ask("GET", path)
    assert answer.status_code == status, answer.text


def test_events_are_filtered(api: Api, logged: dict[str, Any]) -> None:
    mine = api.gives("GET", "/audit/events?actor=token:administrator&kind=certificate.issued&limit=1000")
    assert logged in mine["events"]
    assert {(one["actor"], one["kind"]) for one in mine["events"]} == {
        ("token:administrator", "certificate.issued")
    }
    at = logged["at"].replace("+", "%2B")
    assert logged in api.gives("GET", f"/audit/events?since={at}&limit=1000")["events"]
    assert logged not in api.gives("GET", f"/audit/events?until={at}&limit=1000")["events"]


def test_pages_are_the_whole(api: Api, logged: dict[str, Any]) -> None:
    until = logged["at"].replace("+", "%2B")
    whole = api.gives("GET", f"/audit/events?until={until}&limit=1000")
    assert whole["next"] is None
    found: list[dict[str, Any]] = []
    after = ""
    while after is not None:
        page = api.gives("GET", f"/audit/events?until={until}&limit=7" + (f"&after={after}" if after else ""))
        found += page["events"]
        after = page["next"]
    assert found == whole["events"]
    assert [one["at"] for one in found] == sorted((one["at"] for one in found), reverse=True)


def test_no_event_holds_a_secret(api: Api) -> None:
    made = api.gives("POST", "/tokens", json={"name": "quiet", "grants": [{"role": "auditor"}]})
    path = "/endpoints/acme/default/external-account-keys"
    key = api.gives("POST", path, json={"name": "quiet"})
    text = api.ask("GET", "/audit/events?limit=1000").text
    assert "token:quiet" in text
    assert made["secret"] not in text
    assert hashlib.sha256(made["secret"].encode()).hexdigest() not in text
    assert key["key"] not in text
    listed = api.ask("GET", "/tokens").text + api.ask("GET", path).text
    assert made["secret"] not in listed
    assert key["key"] not in listed
