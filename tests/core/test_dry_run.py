"""Profiles under which every certificate would be refused are found without a request."""

from copy import deepcopy
from typing import Any

import pytest

from certwright.core.lint import Severity
from certwright.core.lint.dry_run import profile_findings
from certwright.core.profile import Profile
from certwright.core.profile_document import from_document, to_document
from certwright.core.profiles_builtin import built_in_profiles

TWICE = [{"oid": "2.999.1"}, {"oid": "2.999.1"}]
CABF = {"lint": ["cabf-tls"], "policies": [{"oid": "2.23.140.1.2.1"}]}


def changed(base: str, change: dict[str, Any]) -> Profile:
    document = deepcopy(to_document(built_in_profiles()[base]))
    return from_document(document | change)


@pytest.mark.parametrize(
    ("base", "change", "codes"),
    [
        (
            "time-stamping",
            {"extended_key_usage": {"purposes": ["timeStamping"], "critical": False}},
            {"rfc5280.purpose.time-stamping"},
        ),
        (
            "tls-server",
            {"key_usage": {"always": ["keyEncipherment"]}, "keys": ["ecdsa-p256", "ecdsa-p384"]},
            {"keys.usage"},
        ),
        ("tls-server", {"key_usage": {"always": ["cRLSign"]}}, {"rfc5280.purpose.key-usage"}),
        ("tls-server", {"policies": TWICE}, {"rfc5280.policies.twice"}),
        ("issuing-authority", {"policies": TWICE}, {"rfc5280.policies.twice"}),
        ("tls-server", {"lint": ["cabf-tls"]}, {"cabf-tls.policy"}),
        ("tls-server", CABF | {"pointers": ["ocsp"]}, {"cabf-tls.access"}),
        ("tls-server", CABF | {"keys": ["ed25519"]}, {"cabf-tls.key"}),
        (
            "tls-client",
            {"key_usage": {"by_key": {"rsa": ["keyCertSign"]}}, "keys": ["rsa-2048", "rsa-3072"]},
            {"rfc5280.key-usage.cert-sign"},
        ),
        (
            "tls-server",
            {"key_identifiers": {"authority": False}},
            {"rfc5280.authority-key-identifier.missing"},
        ),
        (
            "tls-server",
            {"extensions": [{"oid": "2.5.29.36", "critical": True, "der": "3003800100"}]},
            {"rfc5280.extension.authority-only"},
        ),
        (
            "tls-server",
            {"extensions": [{"oid": "2.5.29.46", "critical": True, "der": "3000"}]},
            {"rfc5280.extension.empty", "rfc5280.extension.not-critical"},
        ),
    ],
)
def test_what_no_certificate_may_be(base: str, change: dict[str, Any], codes: set[str]) -> None:
    found = profile_findings(changed(base, change))
    assert codes <= {one.code for one in found}
    assert {one.severity for one in found} == {Severity.ERROR}


@pytest.mark.parametrize(
    ("base", "change"),
    [
        *[(name, {}) for name in built_in_profiles()],
        # under one key or another a certificate is possible
        ("tls-server", {"key_usage": {"always": ["keyEncipherment"]}, "keys": ["rsa-2048", "ecdsa-p256"]}),
        ("tls-client", {"key_usage": {"always": ["digitalSignature"], "by_key": {"rsa": ["keyCertSign"]}}}),
        ("tls-server", CABF),
        # only a self-signed certificate may be without, and whose it will be is not known yet
        ("root-authority", {"key_identifiers": {"authority": False}}),
        # no more than a warning
        ("tls-server", {"ocsp_nocheck": True}),
        ("tls-server", {"names": {"kinds": ["ip"], "minimum": 1}, "must_staple": "always"}),
        ("tls-server", {"pointers": []}),
        ("issuing-authority", {"name_constraints": {"permitted": ["dns:example.test"]}}),
    ],
)
def test_what_some_certificate_may_be(base: str, change: dict[str, Any]) -> None:
    assert profile_findings(changed(base, change)) == ()
