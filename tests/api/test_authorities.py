"""`/authorities` as REST alone has it: the name it makes, and what publishing says."""

from tests.api.callers import Api

ROOT = {"name": "team-a", "kind": "root"}


def test_publishing_says_which_signers_were_due(api: Api) -> None:
    made = api.gives("POST", "/authorities", json=ROOT)
    (generation,) = made["generations"]
    assert generation["subject"].startswith("CN=")
    assert "Team A CA" in generation["subject"]
    published = api.gives("POST", "/authorities/team-a/publish")
    assert [one["generation"] for one in published["lists"]] == [1]
    assert published["ocsp_signers"] == []
    (signer,) = api.gives("GET", "/certificates?authority=team-a&profile=ocsp-signer")["certificates"]
    api.gives("POST", f"/certificates/{signer['fingerprint']}/revoke", json={"reason": "superseded"})
    (renewed,) = api.gives("POST", "/authorities/team-a/publish")["ocsp_signers"]
    newest = api.gives("GET", "/certificates?authority=team-a&profile=ocsp-signer")["certificates"][0]
    assert newest["fingerprint"] != signer["fingerprint"]
    assert renewed == {"generation": 1, "not_before": newest["not_before"], "not_after": newest["not_after"]}
