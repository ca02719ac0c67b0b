"""`/authorities` over REST: names, the terms of an order, withdrawal, and what publishing says."""

from typing import Any

from cryptography import x509

from tests.api.callers import LAB, Api

ROOT = {"name": "team-a", "kind": "root"}
TERMS = {
    "path_length": 0,
    "permitted": ["dns:rest.example.test", "dn:O=Example"],
    "excluded": ["ip:10.0.0.0/8"],
    "policies": ["1.3.6.1.4.1.99999.2"],
}


def order(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "kind": "intermediate", "subject": f"CN={name},O=Example", "terms": TERMS, **more}


def check_terms(extensions: x509.Extensions) -> None:
    basic = extensions.get_extension_for_class(x509.BasicConstraints)
    assert basic.value == x509.BasicConstraints(ca=True, path_length=0)
    limits = extensions.get_extension_for_class(x509.NameConstraints)
    assert limits.critical
    permitted, excluded = limits.value.permitted_subtrees or (), limits.value.excluded_subtrees or ()
    name = x509.DirectoryName(x509.Name.from_rfc4514_string("O=Example"))
    assert list(permitted) == [x509.DNSName("rest.example.test"), name]
    assert [str(one.value) for one in excluded] == ["10.0.0.0/8"]
    [policy] = extensions.get_extension_for_class(x509.CertificatePolicies).value
    assert policy.policy_identifier.dotted_string == "1.3.6.1.4.1.99999.2"


def test_the_terms_of_an_order_stand_in_the_certificate(api: Api) -> None:
    made = api.gives("POST", "/authorities", json=order("rest-terms", parent=LAB))
    text = made["generations"][0]["certificate"]
    check_terms(x509.load_pem_x509_certificate(text.encode()).extensions)


def test_and_in_the_csr_of_one_that_waits_until_it_is_withdrawn(api: Api) -> None:
    made = api.gives("POST", "/authorities", json=order("rest-waits"))
    assert [one["status"] for one in made["generations"]] == ["awaits-certificate"]
    text = api.gives("POST", "/authorities/rest-waits/csr", json={})["csr"]
    check_terms(x509.load_pem_x509_csr(text.encode()).extensions)
    withdrawn = api.gives("DELETE", "/authorities/rest-waits")
    assert withdrawn["name"] == "rest-waits"
    assert withdrawn["retired_at"] is not None
    assert api.ask("GET", "/authorities/rest-waits").status_code == 404
    assert api.ask("DELETE", "/authorities/rest-waits").status_code == 404
    assert api.ask("DELETE", f"/authorities/{LAB}").status_code == 409
    again = order("rest-waits", subject="CN=Other,O=Example")
    assert api.gives("POST", "/authorities", json=again)["name"] == "rest-waits"


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
