"""Names of outside subordinates, and of authorities that outside ones name, to the octet."""

from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.name import _ASN1Type

from certwright.core.distinguished_name import name_from_x509, parse_name
from certwright.core.errors import Refused
from certwright.core.request import parse_csr
from certwright.operations.accept_certificate import (
    authority_csr,
)
from certwright.operations.check_records import check_records
from certwright.operations.context import Context
from certwright.operations.found_authority import (
    found_authority,
    sign_subordinate,
)
from certwright.operations.issue import IssueOrder, issue
from tests.operations.authorities import DER, order, refused
from tests.operations.installed import with_installation
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock

Part = tuple[str, str, _ASN1Type]
UTF8, PRINTABLE, IA5, BMP = (
    _ASN1Type.UTF8String,
    _ASN1Type.PrintableString,
    _ASN1Type.IA5String,
    _ASN1Type.BMPString,
)
ORGANIZATION, COUNTRY = ("2.5.4.10", "Örg", UTF8), ("2.5.4.6", "DE", PRINTABLE)
COMPONENTS = [("0.9.2342.19200300.100.1.25", f"c{number}", IA5) for number in range(9)]


def csr_named(*rdns: tuple[Part, ...]) -> x509.CertificateSigningRequest:
    """A CSR of another program, with exactly these relative names and string types."""
    name = x509.Name(
        [
            x509.RelativeDistinguishedName(
                [
                    x509.NameAttribute(x509.ObjectIdentifier(oid), value, tag, _validate=False)
                    for oid, value, tag in rdn
                ]
            )
            for rdn in rdns
        ]
    )
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    return builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())


@pytest.mark.parametrize(
    "rdns",
    [
        [(COMPONENTS[0],), (COMPONENTS[1],), (("2.5.4.3", "Corp Issuing CA", PRINTABLE),)],
        [(one,) for one in (*COMPONENTS[:8], ("2.5.4.3", "Eight", UTF8))],
        [(("2.5.4.3", "First", PRINTABLE),), (ORGANIZATION,), (COUNTRY,)],
        [(COUNTRY,), (("2.5.4.10", "Wide", BMP),), (("2.5.4.3", "Old", BMP),)],
        [(COUNTRY,), (("2.5.4.3", "Two", UTF8), ORGANIZATION)],
    ],
)
def test_an_outside_subordinate_keeps_its_name_to_the_octet(
    rdns: list[tuple[Part, ...]], database: Database
) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        csr = csr_named(*rdns)
        row, der = await sign_subordinate(
            context, ADMINISTRATOR, "root", parse_csr(csr.public_bytes(DER)), "intermediate-authority"
        )
        certificate = x509.load_der_x509_certificate(der)
        assert certificate.subject.public_bytes() == csr.subject.public_bytes()
        assert csr.subject.public_bytes() in csr.tbs_certrequest_bytes
        assert not [one async for one in check_records(context.database, context.snapshot, ADMINISTRATOR)]
        assert row.subject == str(name_from_x509(csr.subject))

    with_installation(database, body)


@pytest.mark.parametrize(
    ("rdns", "code", "says"),
    [
        (
            [(("1.2.840.113549.1.9.1", "ca@x.test", IA5),), (("2.5.4.3", "x", UTF8),)],
            "policy.subject.changed",
            "makes CN=x of the subject CN=x,emailAddress=ca@x.test",
        ),
        (
            [(one,) for one in (*COMPONENTS, ("2.5.4.3", "Nine", UTF8))],
            "policy.subject.too-many",
            "9 values of DC",
        ),
        (
            [(("2.5.4.6", "DE", UTF8),), (("2.5.4.3", "x", UTF8),)],
            "policy.subject.bad-value",
            "C has string type 12",
        ),
    ],
)
def test_a_name_that_cannot_be_kept_is_refused(
    rdns: list[tuple[Part, ...]], code: str, says: str, database: Database
) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        request = parse_csr(csr_named(*rdns).public_bytes(DER))
        wanted = IssueOrder(ADMINISTRATOR, request, "root", "issuing-authority")
        for act in (
            sign_subordinate(context, ADMINISTRATOR, "root", request, "intermediate-authority"),
            issue(context, wanted),
        ):
            with pytest.raises(Refused, match=says) as found:
                await act
            assert [reason.code for reason in found.value.reasons] == [code]

    with_installation(database, body)


def test_another_name_in_place_of_the_csr_s_is_given_as_it_is(database: Database) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        request = parse_csr(csr_named((("2.5.4.3", "Theirs", PRINTABLE),)).public_bytes(DER))
        for text, code in (("CN=Chosen,O=Org", ""), ("O=Org,CN=Chosen", "policy.subject.changed")):
            renamed = replace(request, subject=parse_name(text))
            act = sign_subordinate(context, ADMINISTRATOR, "root", renamed, "intermediate-authority")
            if code:
                await refused(code, act)
            else:
                assert x509.load_der_x509_certificate((await act)[1]).subject.rfc4514_string() == text

    with_installation(database, body)


def test_for_an_outside_authority_any_name_will_do(database: Database) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        text = "OU=Lab,1.2.840.113549.1.9.1=ca@x.test,O=Test"
        await found_authority(context, ADMINISTRATOR, order("ext", text, parent=""))
        csr = x509.load_der_x509_csr(await authority_csr(context, ADMINISTRATOR, "ext"))
        assert csr.subject.public_bytes() == parse_name(text).encode()

    with_installation(database, body)
