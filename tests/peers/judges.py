"""Linters that others have written, pkilint and zlint, and the errors they find that are none to us."""

import json
import subprocess
from pathlib import Path

import pytest

from certwright.core.pem import pem
from tests.real.debian13 import Unobtainable, debian13
from tests.real.environments import ToolMissing, tool
from tests.real.signed import Signed

HERE = Path(__file__).parent
SECONDS = 280
FORUM = ("Mozilla", "Apple", "CABF_BR", "CABF_EV", "CABF_SMIME_BR", "ETSI_ESI")

NOT_SHARED = {
    (
        "pkix.invalid_domain_name_syntax",
        "*.",
    ): "RFC 5280 leaves wildcards to others; RFC 9525 section 6.3 has them",
    ("pkix.invalid_uri_syntax", "spiffe://"): "a URI by RFC 3986; the linter knows only some schemes",
    ("pkix.invalid_uri_syntax", "urn:"): "a URI by RFC 8141; the linter knows only some schemes",
    (
        "pkix.name_domain_components_invalid_domain_name",
        '"c1.c0"',
    ): "a subordinate of the tests that names itself so; labels may end in digits (RFC 1123 section 2.1)",
    (
        "itu.invalid_asn1_syntax",
        "OID contains out-of-range arc: 3",
    ): "2.999, which ITU-T X.660 keeps for examples; the linter's decoder does not take it",
    ("pkix.invalid_uri_syntax", "//localhost:"): "RFC 3986 section 3.2.2 has names without a dot",
    ("pkix.invalid_domain_name_syntax", '"localhost"'): "RFC 6761 section 6.3 has this name without a dot",
    ("e_cab_crl_has_valid_reason_code", ""): "the Forum forbids holds, and its rules were not asked for",
}
"""Codes and what the message must hold, and why it is no error to us."""


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
