import base64
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.errors import Malformed
from certwright.protocols.acme import encoding

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3)
    ),
    max_leaves=8,
)


def test_base64url_vectors_of_rfc_4648_and_7515() -> None:
    for octets, text in (
        (b"", ""), (b"f", "Zg"), (b"fo", "Zm8"), (b"foo", "Zm9v"), (b"foob", "Zm9vYg"), (b"fooba", "Zm9vYmE"),
        (b"\x03\xec\xff\xe0\xc1", "A-z_4ME"),
    ):  # fmt: skip
        assert encoding.encode_base64url(octets) == text
        assert encoding.decode_base64url(text, "it") == octets


@pytest.mark.parametrize(
    "text",
    [
        "Zg==",
        "Z",
        "Zm9vZ",
        "Zm+v",
        "Zm/v",
        "Zm9 v",
        "Zm9v\n",
        "Zh",
        "Zm9",
        "Zm9vé",
        "Zg=",
        "=",
        "\x00",
        "Zm9\ud800",
    ],
)
def test_base64url_refuses_every_other_spelling(text: str) -> None:
    with pytest.raises(Malformed, match="it is not base64url"):
        encoding.decode_base64url(text, "it")


@given(st.binary())
def test_base64url_comes_back(octets: bytes) -> None:
    assert encoding.decode_base64url(encoding.encode_base64url(octets), "it") == octets


@given(st.text(st.sampled_from("ABQZaz09-_=+/ é!\n"), max_size=12))
def test_base64url_agrees_with_the_standard_library(text: str) -> None:
    try:
        octets = encoding.decode_base64url(text, "it")
    except Malformed:
        # What we refuse, the library either refuses or would spell in another way.
        try:
            lenient = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except ValueError:
            return
        assert base64.urlsafe_b64encode(lenient).rstrip(b"=").decode() != text
    else:
        assert base64.urlsafe_b64encode(octets).rstrip(b"=").decode() == text


@pytest.mark.parametrize(
    "octets",
    [
        b"", b"[]", b'"text"', b"1", b"null", b"{", b'{"a":1}x', b"{'a':1}", b'{"a":1,}', b"\xff{}",
        b'{"a":"\xc3"}',
        b"\xef\xbb\xbf{}", '{"a":1}'.encode("utf-16"), b'{"a":NaN}', b'{"a":Infinity}', b'{"a":-Infinity}',
        b'{"a":1,"a":1}', b'{"b":{"a":1,"\\u0061":2}}', b'{"a":"\\ud800"}', b'{"\\udc00":1}', b'{"a":"\n"}',
        b'{"a":' + b"[" * 16 + b"]" * 16 + b"}", b'{"a":' * 20_000, b"[" * 60_000,
        b'{"a":' + b"9" * 5_000 + b"}",
    ],
)  # fmt: skip
def test_json_refuses(octets: bytes) -> None:
    with pytest.raises(Malformed):
        encoding.decode_object(octets, "it")


def test_json_takes_what_is_at_the_bounds() -> None:
    deep = b'{"a":' + b"[" * 14 + b"]" * 14 + b"}"
    assert encoding.decode_object(deep, "it")
    wide = json.dumps({"a": [{"b": n} for n in range(500)]}).encode()
    assert len(encoding.decode_object(wide, "it")["a"]) == 500
    assert encoding.decode_object(b'{"a":"\\ud83d\\ude00"}', "it") == {"a": "😀"}


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), JSON, max_size=4))
def test_json_comes_back(members: dict[str, object]) -> None:
    assert encoding.decode_object(encoding.encode_object(members), "it") == members


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_json_raises_nothing_but_malformed(octets: bytes) -> None:
    with suppress(Malformed):
        assert isinstance(encoding.decode_object(octets, "it"), dict)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2016-01-01T00:04:00+04:00", datetime(2015, 12, 31, 20, 4, tzinfo=UTC)),
        ("2016-01-20T14:09:07.99Z", datetime(2016, 1, 20, 14, 9, 7, tzinfo=UTC)),
        ("1985-04-12t23:20:50.123456789z", datetime(1985, 4, 12, 23, 20, 50, tzinfo=UTC)),
        ("1996-12-19T16:39:57-08:00", datetime(1996, 12, 20, 0, 39, 57, tzinfo=UTC)),
        ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_times_of_rfc_3339(text: str, moment: datetime) -> None:
    assert encoding.decode_time(text, "it") == moment


@pytest.mark.parametrize(
    "text",
    [
        "", "2016-01-01", "2016-01-01T00:00:00", "2016-01-01 00:00:00Z", "2016-02-30T00:00:00Z",
        "2016-01-01T24:00:00Z",
        "2016-01-01T00:00:60Z", "2016-01-01T00:00:00+24:00", "2016-01-01T00:00:00+0100", "20160101T000000Z",
        "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "0000-01-01T00:00:00Z",
        "2016-01-01T00:00:00.Z",
        "٢٠١٦-01-01T00:00:00Z", "2016-01-01T00:00:00Z\n",
    ],
)  # fmt: skip
def test_times_refused(text: str) -> None:
    with pytest.raises(Malformed):
        encoding.decode_time(text, "it")


@given(
    st.datetimes(
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=-11))]),
        min_value=datetime(2, 1, 1),
        max_value=datetime(9998, 1, 1),
    )
)
def test_times_come_back(moment: datetime) -> None:
    assert encoding.decode_time(encoding.encode_time(moment), "it") == moment.replace(microsecond=0)


@given(st.text())
def test_what_is_shown_is_short_and_printable(text: str) -> None:
    shown = encoding.shown(text)
    assert shown.isascii()
    assert shown.isprintable()
    assert len(shown) <= 10 * encoding.SHOWN_MAX + 2
