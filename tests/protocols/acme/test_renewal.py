from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.errors import Malformed
from certwright.core.names import parse_identifier
from certwright.core.orders import OrderStatus
from certwright.protocols.acme.problems import AcmeProblem
from certwright.protocols.acme.renewal import (
    CertificateKey,
    Predecessor,
    Window,
    check_replaces,
    parse_certificate_key,
    renewal_info_object,
    retry_after,
    suggested_window,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)

# RFC 9773 appendix A
CERTIFICATE = b"""-----BEGIN CERTIFICATE-----
MIIBQzCB66ADAgECAgUAh2VDITAKBggqhkjOPQQDAjAVMRMwEQYDVQQDEwpFeGFt
cGxlIENBMCIYDzAwMDEwMTAxMDAwMDAwWhgPMDAwMTAxMDEwMDAwMDBaMBYxFDAS
BgNVBAMTC2V4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeBZu
7cbpAYNXZLbbh8rNIzuOoqOOtmxA1v7cRm//AwyMwWxyHz4zfwmBhcSrf47NUAFf
qzLQ2PPQxdTXREYEnKMjMCEwHwYDVR0jBBgwFoAUaYhba4dGQEHhs3uEe6CuLN4B
yNQwCgYIKoZIzj0EAwIDRwAwRAIge09+S5TZAlw5tgtiVvuERV6cT4mfutXIlwTb
+FYN/8oCIClDsqBklhB9KAelFiYt9+6FDj3z4KGVelYM5MdsO3pK
-----END CERTIFICATE-----
"""
KEY = "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"


def test_the_certificate_of_rfc_9773() -> None:
    certificate = x509.load_pem_x509_certificate(CERTIFICATE)
    authority = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert authority.key_identifier is not None
    key = CertificateKey(authority.key_identifier, certificate.serial_number)
    assert str(key) == KEY
    assert parse_certificate_key(KEY) == key


@given(st.binary(min_size=1, max_size=64), st.integers(1, 2**159 - 1))
def test_keys_come_back(key_identifier: bytes, serial: int) -> None:
    key = CertificateKey(key_identifier, serial)
    assert parse_certificate_key(str(key)) == key


@pytest.mark.parametrize(
    "text",
    [
        "", ".", "AQ", "AQ.", ".AQ", "AQ.AQ.AQ", "AQ.AQ==", "AQ=.AQ", "AQ.AA", "AQ.gA", "AQ._w", "AQ.AAE",
        "AQ.AAABAg", "AQ.f" + "A" * 27, "AQ. AQ", "A" * 88 + ".AQ", "AQ/AQ", "AQ.\x00",
    ],
)  # fmt: skip
def test_keys_refused(text: str) -> None:
    with pytest.raises(Malformed):
        parse_certificate_key(text)


@given(st.text(max_size=40) | st.text(st.sampled_from("AQ.-_a1"), max_size=12))
def test_no_text_raises_anything_else(text: str) -> None:
    try:
        key = parse_certificate_key(text)
    except Malformed:
        return
    assert str(key) == text


@pytest.mark.parametrize(
    ("days", "jitter", "start", "width"),
    [
        (90, b"\x00" * 4, 60, 3),
        (90, b"\x80\x00", 58.5, 3),
        (10, b"", 10 * 2 / 3, 1 / 3),
        (6, b"\x00", 3, 0.2),
        (9 / 24, b"\x00", 4.5 / 24, 0.3 / 24),
    ],
)
def test_windows(days: float, jitter: bytes, start: float, width: float) -> None:
    window = suggested_window(START, START + days * DAY, jitter)
    assert abs(window.start - (START + start * DAY)) < timedelta(seconds=1)
    assert abs(window.end - window.start - width * DAY) < timedelta(seconds=1)


@given(st.integers(60, 10**9), st.binary(max_size=32), st.none() | st.integers(0, 10**9))
def test_a_window_is_never_empty_and_leaves_time(lifetime: int, jitter: bytes, since: int | None) -> None:
    end = START + timedelta(seconds=lifetime)
    window = suggested_window(START, end, jitter, None if since is None else START + timedelta(seconds=since))
    shown = renewal_info_object(window)["suggestedWindow"]
    assert isinstance(shown, dict)
    assert shown["start"] < shown["end"]
    if since is None:
        assert START < window.start < window.end < end
    else:
        assert window.end == START + timedelta(seconds=since)
    assert 60 <= retry_after(START, end) <= 6 * 3600


def test_how_often_to_ask() -> None:
    for days, seconds in ((90, 21600), (6, 21600), (1, 4320), (1 / 24, 180), (1 / 1440, 60)):
        assert retry_after(START, START + days * DAY) == seconds


def test_the_object() -> None:
    window = Window(datetime(2025, 1, 2, 4, tzinfo=UTC), datetime(2025, 1, 3, 4, tzinfo=UTC))
    suggested = {"start": "2025-01-02T04:00:00Z", "end": "2025-01-03T04:00:00Z"}
    assert renewal_info_object(window) == {"suggestedWindow": suggested}
    url = "https://acme.example.com/docs/ari"
    assert renewal_info_object(window, url) == {"suggestedWindow": suggested, "explanationURL": url}


def test_replaces() -> None:
    first, second, third = (parse_identifier("dns", f"{label}.example") for label in "abc")
    old = frozenset({first, second})
    for replacing in (None, OrderStatus.INVALID):
        check_replaces(Predecessor("k1", old, replacing), "k1", (second, third))
    cases = [
        (Predecessor("k2", old, None), (first,), "unauthorized", 403),
        (Predecessor("k1", old, None), (third,), "malformed", 400),
        *((Predecessor("k1", old, status), (first,), "alreadyReplaced", 409) for status in OrderStatus
          if status is not OrderStatus.INVALID),
    ]  # fmt: skip
    for predecessor, identifiers, problem, status in cases:
        with pytest.raises(AcmeProblem) as refusal:
            check_replaces(predecessor, "k1", identifiers)
        assert (refusal.value.type, refusal.value.status) == (problem, status)
