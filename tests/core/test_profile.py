"""Profiles: the built-in ones, documents read strictly, documents written."""

import json
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.errors import Malformed
from certwright.core.extensions import PURPOSES
from certwright.core.keys import KeyAlgorithm
from certwright.core.profile import Profile
from certwright.core.profile_document import from_document, parse_subtree, to_document
from certwright.core.profiles_builtin import DOCUMENTS, built_in_profiles

EXPECTED = {
    *("tls-server", "tls-client", "tls-server-client", "code-signing", "smime-signing", "smime-encryption"),
    *("document-signing", "device", "vpn-gateway", "smart-card-logon", "domain-controller", "ocsp-signer"),
    *("time-stamping", "intermediate-authority", "issuing-authority", "root-authority"),
}
MINIMAL = {
    "name": "mine",
    "keys": ["ecdsa-p256"],
    "lifetime": {"default": "30d", "maximum": "90d"},
    "names": {"kinds": ["dns"], "minimum": 1},
}


def test_the_built_in_profiles_are_there() -> None:
    assert set(built_in_profiles()) == EXPECTED
    assert all(profile.description for profile in built_in_profiles().values())


@pytest.mark.parametrize("profile", built_in_profiles().values(), ids=lambda profile: profile.name)
def test_documents_read_back(profile: Profile) -> None:
    document = json.loads(json.dumps(to_document(profile)))
    assert from_document(document) == profile
    assert to_document(from_document(document)) == document


def test_a_full_document_reads_back() -> None:
    document = deepcopy(DOCUMENTS[13]) | {
        "policies": [{"oid": "2.999.1", "cps": "https://pki.example.test/cps"}, {"oid": "2.999.2"}],
        "name_constraints": {
            "permitted": ["dns:example.test", "ip:10.0.0.0/8", "email:.example.test", "email:a@b.test"],
            "excluded": ["uri:bad.example.test"],
        },
        "extensions": [{"oid": "2.999.9", "critical": True, "der": "0500"}],
        "key_identifiers": {"authority": False},
        "lint": ["cabf-tls", "cabf-smime"],
        "must_staple": "always",
    }
    profile = from_document(document)
    assert from_document(json.loads(json.dumps(to_document(profile)))) == profile
    assert profile.name_constraints is not None
    assert [tree.base for tree in profile.name_constraints.permitted][1:3] == ["10.0.0.0/8", ".example.test"]


def test_defaults_of_a_minimal_document() -> None:
    profile = from_document(MINIMAL)
    assert profile.version == 1
    assert profile.names.maximum == 100
    assert profile.lifetime.backdate == 0
    assert not profile.is_authority


def changed(path: str, value: Any) -> dict[str, Any]:
    """The minimal document with one field set, at a dotted path."""
    document: dict[str, Any] = deepcopy(MINIMAL)
    *parents, last = path.split(".")
    place = document
    for parent in parents:
        place = place.setdefault(parent, {})
    place[last] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("name", "Not Good", "profile.name"),
        ("name", 7, "profile.name"),
        ("version", 0, "profile.version"),
        ("version", True, "profile.version"),
        ("keys", ["rsa-1024"], "profile.keys"),
        ("keys", [], "keys"),
        ("keys", "rsa-2048", "profile.keys"),
        ("lifetime.default", "30 days", "profile.lifetime.default"),
        ("lifetime.default", "91d", "profile.lifetime.default"),
        ("lifetime.backdate", "30d", "profile.lifetime.default"),
        ("lifetime.maximum", "99999d", "profile.lifetime"),
        ("lifetime.beyond_issuer", "shrug", "profile.lifetime.beyond_issuer"),
        ("lifetime.surprise", 1, "profile.lifetime.surprise"),
        ("surprise", 1, "profile.surprise"),
        ("subject.attributes", [{"type": "nope"}], "nope"),
        ("subject.attributes", [{"type": "O", "source": "fixed"}], r"profile.subject.attributes\[0\].value"),
        ("subject.attributes", [{"type": "O", "value": "x"}], r"profile.subject.attributes\[0\].value"),
        ("subject.attributes", [{"type": "C", "source": "fixed", "value": "xx"}], "country"),
        ("subject.attributes", [{"type": "O"}, {"type": "O"}], "twice"),
        ("subject.attributes", [{"type": "O", "more": 1}], r"attributes\[0\].more"),
        ("subject.unlisted", "keep", "profile.subject.unlisted"),
        ("names.kinds", ["dns", "fax"], "profile.names.kinds"),
        ("names.minimum", 101, "profile.names.maximum"),
        ("names.maximum", 0, "profile.names.maximum"),
        ("names.wildcards", "yes", "profile.names.wildcards"),
        ("names.required", ["fax"], "profile.names.required"),
        ("names.required", ["ip"], "profile.names.required"),
        ("names", {"kinds": ["dns"], "required": ["dns"]}, "profile.names.required"),
        ("key_usage.always", ["sign"], "profile.key_usage.always"),
        ("key_usage.by_key", {"dsa": ["digitalSignature"]}, "profile.key_usage.by_key.dsa"),
        ("key_usage.always", ["keyCertSign"], "keyCertSign"),
        ("extended_key_usage.purposes", ["webServing"], "profile.extended_key_usage.purposes"),
        ("extended_key_usage.purposes", ["serverAuth", "serverAuth"], "twice"),
        ("extended_key_usage.critical", True, "extended_key_usage"),
        ("basic_constraints", {"authority": True}, "keyCertSign"),
        ("basic_constraints", {"authority": False, "path_length": 0}, "path_length"),
        ("basic_constraints", [], "profile.basic_constraints"),
        ("policies", [{"oid": "2.5.x"}], r"profile.policies\[0\].oid"),
        ("policies", [{"oid": "2.999.1", "cps": "not a uri"}], "URI"),
        ("name_constraints.permitted", ["dns:example.test"], "name_constraints"),
        ("name_constraints.permitted", ["fax:1"], "name constraint"),
        ("pointers", ["ldap"], "profile.pointers"),
        ("must_staple", "maybe", "profile.must_staple"),
        ("server_made_keys", "yes", "profile.server_made_keys"),
        ("validation", "ov", "profile.validation"),
        ("extensions", [{"oid": "2.5.29.15", "der": "0500"}], r"profile.extensions\[0\].oid"),
        ("extensions", [{"oid": "2.999.1", "der": "05"}], r"profile.extensions\[0\].der"),
        ("extensions", [{"oid": "2.999.1", "der": "zz"}], r"profile.extensions\[0\].der"),
        ("extensions", [{"oid": "2.999.1", "der": "0500"}] * 2, "twice"),
        ("extensions", [{"oid": "2.999.1", "der": "0482ffff" + "00" * 65535}], "der"),
        ("lint", ["webtrust"], "profile.lint"),
        ("description", "x" * 3000, "profile.description"),
        ("names", None, "names.minimum"),
        ("keys", None, "keys"),
    ],
)
def test_errors_name_the_field(path: str, value: Any, named: str) -> None:
    with pytest.raises(Malformed, match=named):
        from_document(changed(path, value))


def test_keys_are_never_made_for_authorities() -> None:
    document = to_document(built_in_profiles()["issuing-authority"]) | {"server_made_keys": True}
    with pytest.raises(Malformed, match="server_made_keys is for end entities"):
        from_document(document)


@pytest.mark.parametrize("document", [None, [], "x", 1, {}])
def test_no_object_or_an_empty_one(document: object) -> None:
    with pytest.raises(Malformed, match="profile"):
        from_document(document)


@pytest.mark.parametrize(
    "text", ["ip:10.0.0.1/8", "ip:x", "dns:.a.test", "dns:*.a.test", "dns:", "email:a b@c", "x"]
)
def test_bad_name_constraints(text: str) -> None:
    with pytest.raises(Malformed):
        parse_subtree(text)


def test_what_the_standards_ask_of_certain_profiles() -> None:
    profiles = built_in_profiles()
    assert profiles["time-stamping"].purposes == (PURPOSES["timeStamping"],)
    assert profiles["time-stamping"].purposes_critical
    assert profiles["ocsp-signer"].ocsp_nocheck
    assert profiles["issuing-authority"].basic_constraints is not None
    assert profiles["issuing-authority"].basic_constraints.path_length == 0
    assert timedelta(seconds=profiles["tls-server"].lifetime.default) == timedelta(days=90)
    assert profiles["tls-server"].key_usage.uses(KeyAlgorithm.RSA_2048) == {
        "digitalSignature",
        "keyEncipherment",
    }
    assert profiles["tls-server"].key_usage.uses(KeyAlgorithm.ED25519) == {"digitalSignature"}
    assert profiles["smime-encryption"].key_usage.uses(KeyAlgorithm.ECDSA_P384) == {"keyAgreement"}
    assert profiles["domain-controller"].purposes[2] == "1.3.6.1.5.2.3.5"


@given(
    st.from_regex(r"(dns|email|uri):\.?[a-z]{1,9}(\.[a-z]{2,9}){0,3}", fullmatch=True)
    | st.ip_addresses().map(lambda address: f"ip:{address}/{address.max_prefixlen}")
    | st.text(max_size=60)
    | st.tuples(st.sampled_from(["dns:", "email:a@", "email:", "uri:.", "ip:"]), st.text(max_size=40)).map(
        "".join
    )
)
def test_any_text_is_a_name_constraint_that_reads_back_or_malformed(text: str) -> None:
    try:
        tree = parse_subtree(text)
    except Malformed:
        return
    assert parse_subtree(f"{tree.kind}:{tree.base}") == tree


def test_validation_is_asked_of_what_authorities_issue() -> None:
    document = deepcopy(next(one for one in DOCUMENTS if one["name"] == "tls-server"))
    asked = from_document(document | {"validation": "organization"})
    assert from_document(to_document(asked)).validation == "organization"
    assert "validation" not in to_document(from_document(document | {"validation": "none"}))
    authority = deepcopy(DOCUMENTS[13]) | {"validation": "organization"}
    with pytest.raises(Malformed, match="validation is for what authorities issue"):
        from_document(authority)
