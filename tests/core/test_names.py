"""Identifiers whose forms could be taken for something else."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.errors import Malformed
from certwright.core.names import IdentifierKind, parse_identifier


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_has_one_form(address: ipaddress.IPv4Address) -> None:
    """Go's and other libraries take the mapped form for the address; constraints on IPv4 do not see it."""
    assert parse_identifier(IdentifierKind.IP, str(address)).value == str(address)
    with pytest.raises(Malformed, match=f"write {address}".replace(".", r"\.")):
        parse_identifier(IdentifierKind.IP, f"::ffff:{address}")
    with pytest.raises(Malformed):
        parse_identifier(IdentifierKind.IP, f"::ffff:{int(address) >> 16:x}:{int(address) & 0xFFFF:x}")


@given(st.ip_addresses(v=6).filter(lambda address: address.ipv4_mapped is None))
def test_an_ipv6_address_has_its_shortest_form(address: ipaddress.IPv6Address) -> None:
    assert parse_identifier(IdentifierKind.IP, address.exploded).value == address.compressed
