"""Places: told apart by every field, and near each other where they are near."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from certwright.core.sightings import KnownPlace

TEXTS = st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S")), max_size=6)
PLACES = st.builds(KnownPlace, TEXTS, TEXTS, TEXTS, st.integers(0, 65535), TEXTS)


@given(PLACES, PLACES)
def test_another_place_has_another_digest(one: KnownPlace, other: KnownPlace) -> None:
    assume(one != other)
    assert one.digest[4:] != other.digest[4:]
    assert len(one.digest) == 20


@pytest.mark.parametrize(
    ("one", "other"),
    [("10.1.2.3", "10.1.2.250"), ("2001:db8::1", "2001:db8::2"), ("www.example.org", "mail.example.org")],
)
def test_neighbours_begin_alike(one: str, other: str) -> None:
    def begin(host: str, port: int = 443, zone: str = "", kind: str = "tls") -> bytes:
        return KnownPlace(zone, kind, host, port, host).digest[:4]

    assert begin(one) == begin(other, 8443)
    assert begin(one) != begin(one, zone="dmz")
    assert begin(one) != begin(one, kind="file")
    assert begin("10.1.3.3") != begin("10.1.2.3")
