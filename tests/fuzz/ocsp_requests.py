"""Feeds what atheris invents to everything that reads OCSP requests and the entries of CRLs.

    python -m tests.fuzz.ocsp_requests [-runs=N | -max_total_time=SECONDS] [CORPUS]

It ends with a crash when anything but Malformed, TooLarge or (kept entries) IntegrityError is raised, when
the short way of reading a request and the strict one disagree, or when a request that was read cannot be
answered with octets that another decoder reads.
"""

import sys
from datetime import UTC, datetime, timedelta

import atheris
from cryptography.x509 import ocsp as pyca

with atheris.instrument_imports(
    include=[
        "certwright.core.crl",
        "certwright.core.der",
        "certwright.protocols.ocsp",
        "certwright.protocols.caching",
    ]
):
    from certwright.core import crl, der, ocsp
    from certwright.core.errors import IntegrityError, Malformed, TooLarge
    from certwright.protocols import caching
    from certwright.protocols.ocsp import messages

NOW = datetime(2026, 7, 1, tzinfo=UTC)
TIMES = ocsp.Times(NOW, NOW, NOW + timedelta(days=1))
SIGNER = ocsp.Responder(b"k" * 20, bytes.fromhex("300a06082a8648ce3d040302"))
ISSUER = bytes.fromhex("300906052b0e03021a0500") + der.octet_string(bytes(20)) * 2
NONCE = bytes.fromhex("06092b0601050507300102")


def answer(request: messages.OcspRequest) -> None:
    singles = tuple(ocsp.SingleResponse(one, ocsp.UNKNOWN) for one in request.cert_ids)
    tbs = ocsp.tbs_response(SIGNER, TIMES, singles, request.nonce)
    found = pyca.load_der_ocsp_response(ocsp.assemble(SIGNER, tbs, b"s" * 70))
    assert [one.serial_number for one in found.responses] == [one.number for one in request.cert_ids]


def read_request(octets: bytes) -> None:
    try:
        request = messages.parse_request(octets)
    except TooLarge:
        return
    except Malformed:
        request = None
    try:
        strict = messages._parse(octets)
    except Malformed:
        strict = None
    assert request == strict
    if request is not None:
        answer(request)


def read_path(octets: bytes) -> None:
    messages.parse_request(messages.decode_get(octets))


def read_entries(octets: bytes) -> None:
    crl.without(octets, range(1, 100))
    crl.count_of(octets)


READERS = (
    read_request,
    read_path,
    read_entries,
    crl.entries_of,
    lambda octets: caching.not_modified(octets, b'"t"'),
)


def request_of(data: atheris.FuzzedDataProvider) -> bytes:
    """A request that is nearly right: each part is, or is what atheris likes better."""

    def part(good: bytes) -> bytes:
        return data.ConsumeBytes(data.ConsumeIntInRange(0, 40)) if data.ConsumeIntInRange(0, 5) == 0 else good

    serial = der.tlv(der.INTEGER, part(b"\x41" * 16))
    one = der.sequence(part(der.sequence(part(ISSUER), serial)), part(b""))
    nonce = der.sequence(part(NONCE), part(b""), der.octet_string(part(der.octet_string(b"n" * 32))))
    extensions = der.tlv(0xA2, der.sequence(part(nonce))) if data.ConsumeBool() else b""
    count = data.ConsumeIntInRange(0, 22)
    return der.sequence(der.sequence(part(b""), der.sequence(*[one] * count), extensions), part(b""))


def test_one_input(octets: bytes) -> None:
    data = atheris.FuzzedDataProvider(octets)
    if data.ConsumeBool():
        read_request(request_of(data))
        return
    reader = READERS[data.ConsumeIntInRange(0, len(READERS) - 1)]
    detail = ""
    try:
        reader(data.ConsumeBytes(len(octets)))
    except (Malformed, TooLarge, IntegrityError) as error:
        detail = error.detail
    assert detail.isprintable()
    assert len(detail) < 300


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
