"""A preview is the certificate that is issued next, and refuses what would be refused."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from certwright.core.distinguished_name import name_from_x509
from certwright.core.errors import Refused
from certwright.core.extensions import CertificatePolicy, NameConstraints, purpose_name
from certwright.core.general_names import decode_general_name
from certwright.core.keys import KeyAlgorithm, algorithm_of
from certwright.core.profile_document import parse_subtree
from certwright.core.profiles_builtin import built_in_profiles
from certwright.core.request import AuthorityTerms, parse_csr
from certwright.core.revocation import Reason
from certwright.operations.context import Context
from certwright.operations.issue import IssueOrder, issue
from certwright.operations.preview import preview
from tests.core import toy_pipeline as toy
from tests.operations.installed import revoked, with_installation
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock, make_csr

AUTHORITIES = ("intermediate-authority", "issuing-authority")
CONSTRAINTS = NameConstraints((parse_subtree("dns:a.test"),), (parse_subtree("ip:10.0.0.0/8"),))
TERMS = AuthorityTerms(0, CONSTRAINTS, (CertificatePolicy("2.999.1", "http://cps.test"),))


# -- a certificate in words, read by `cryptography` from what was signed -------------------------------------


def described(der: bytes, profile: str) -> dict[str, Any]:
    certificate = x509.load_der_x509_certificate(der)
    public_key: Any = certificate.public_key()
    return {
        "profile": profile,
        "version": certificate.version.value + 1,
        "serial": f"{certificate.serial_number:032x}",
        "signature_algorithm": SIGNATURES[certificate.signature_algorithm_oid.dotted_string],
        "issuer": str(name_from_x509(certificate.issuer)),
        "not_before": certificate.not_valid_before_utc.isoformat(),
        "not_after": certificate.not_valid_after_utc.isoformat(),
        "subject": str(name_from_x509(certificate.subject)),
        "key_algorithm": algorithm_of(public_key).value,
        "extensions": [
            {
                "oid": found.oid.dotted_string,
                "name": NAMES[type(found.value)],
                "critical": found.critical,
                "value": words(found.value),
            }
            for found in certificate.extensions
        ],
    }


SIGNATURES = {"1.2.840.10045.4.3.2": "ecdsa-with-SHA256"}
NAMES: dict[type, str] = {
    x509.BasicConstraints: "basicConstraints",
    x509.KeyUsage: "keyUsage",
    x509.ExtendedKeyUsage: "extendedKeyUsage",
    x509.SubjectAlternativeName: "subjectAlternativeName",
    x509.SubjectKeyIdentifier: "subjectKeyIdentifier",
    x509.AuthorityKeyIdentifier: "authorityKeyIdentifier",
    x509.CertificatePolicies: "certificatePolicies",
    x509.NameConstraints: "nameConstraints",
    x509.CRLDistributionPoints: "crlDistributionPoints",
    x509.AuthorityInformationAccess: "authorityInformationAccess",
    x509.TLSFeature: "tlsFeature",
    x509.OCSPNoCheck: "ocspNoCheck",
}


def words(value: Any) -> list[str]:
    if isinstance(value, x509.BasicConstraints):
        limit = [] if value.path_length is None else [f"path length {value.path_length}"]
        return ["certificate authority" if value.ca else "end entity", *limit]
    if isinstance(value, x509.KeyUsage):
        return toy.uses_of(value)
    if isinstance(value, x509.ExtendedKeyUsage):
        return [purpose_name(one.dotted_string) for one in value]
    if isinstance(value, x509.SubjectAlternativeName):
        return [str(decode_general_name(one)) for one in value]
    if isinstance(value, x509.SubjectKeyIdentifier):
        return [value.digest.hex()]
    if isinstance(value, x509.AuthorityKeyIdentifier):
        assert value.key_identifier is not None
        return [value.key_identifier.hex()]
    return more_words(value)


def more_words(value: Any) -> list[str]:
    if isinstance(value, x509.CertificatePolicies):
        return [
            f"{one.policy_identifier.dotted_string} {' '.join(map(str, one.policy_qualifiers or ()))}".strip()
            for one in value
        ]
    if isinstance(value, x509.NameConstraints):
        trees = [("permitted", one) for one in value.permitted_subtrees or ()]
        trees += [("excluded", one) for one in value.excluded_subtrees or ()]
        kinds = {x509.DNSName: "dns", x509.IPAddress: "ip"}
        return [f"{which} {kinds[type(tree)]}:{tree.value}" for which, tree in trees]
    if isinstance(value, x509.CRLDistributionPoints):
        return [name.value for point in value for name in point.full_name or ()]
    if isinstance(value, x509.AuthorityInformationAccess):
        methods = {"1.3.6.1.5.5.7.48.1": "OCSP", "1.3.6.1.5.5.7.48.2": "caIssuers"}
        return [f"{methods[one.access_method.dotted_string]} {one.access_location.value}" for one in value]
    if isinstance(value, x509.TLSFeature):
        return ["OCSP must-staple" for one in value if one is x509.TLSFeatureType.status_request]
    assert isinstance(value, x509.OCSPNoCheck)
    return ["do not check this certificate's revocation"]


# -- what is shown and what is issued ------------------------------------------------------------------------


def test_the_preview_is_the_certificate_issued_next_field_by_field(database: Database) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        now = datetime.now(UTC)
        context.clock = lambda: now
        for number, (profile, order) in enumerate(orders()):
            octets = bytes((0x40 + number,)) * 16
            context.random = lambda count, octets=octets: octets[:count]
            shown = await preview(context, order)
            issued = await issue(context, order)
            version = context.snapshot.profile(profile).version
            assert shown.pop("findings") == []
            assert shown.pop("approval") is None
            assert shown == described(issued.der, f"{profile} version {version}")

    with_installation(database, body, crl_shards=4)


def orders() -> list[tuple[str, IssueOrder]]:
    """Of every kind of extension, and both kinds of issuer; names as the profiles take them."""
    found = []
    for profile in built_in_profiles():
        if profile == "root-authority":
            continue
        request = toy.request(
            profile, KeyAlgorithm.RSA_2048 if profile == "device" else KeyAlgorithm.ECDSA_P256
        )
        if profile == "issuing-authority":
            request = replace(request, terms=TERMS)
        if profile == "tls-server":
            request = replace(request, must_staple=True)
        authority = "root" if profile in AUTHORITIES else "issuing"
        found.append((profile, IssueOrder(ADMINISTRATOR, request, authority, profile)))
    return found


def test_a_preview_refuses_a_key_known_as_compromised(database: Database) -> None:
    key = ec.generate_private_key(ec.SECP256R1())

    async def body(context: Context, _clock: MovableClock) -> None:
        order = IssueOrder(ADMINISTRATOR, parse_csr(make_csr("a.test", key=key)), "issuing", "tls-server")
        issued = await issue(context, order)
        await revoked(context, issued.row, Reason.KEY_COMPROMISE)
        reasons = []
        for act in (preview, issue):
            with pytest.raises(Refused) as refusal:
                await act(context, order)
            reasons.append(refusal.value.reasons)
        assert reasons[0] == reasons[1]
        assert [reason.code for reason in reasons[0]] == ["key.compromised"]

    with_installation(database, body)
