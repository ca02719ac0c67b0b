import hashlib

import pytest

from certwright.core.names import Identifier, IdentifierKind, parse_identifier
from certwright.core.orders import Target, target_of
from certwright.protocols.acme import challenges
from certwright.protocols.acme.encoding import decode_base64url
from certwright.protocols.acme.jwk import parse_jwk

from .vectors import RSA

DNS, WILD, ADDRESS = (
    target_of(parse_identifier(kind, value))
    for kind, value in (("dns", "example.org"), ("dns", "*.example.org"), ("ip", "192.0.2.1"))
)
DEFAULT = challenges.DEFAULT_CHALLENGES


@pytest.mark.parametrize(
    ("target", "offered", "kinds"),
    [
        (DNS, DEFAULT, ("http-01", "dns-01", "tls-alpn-01")),
        (WILD, DEFAULT, ("dns-01",)),
        (ADDRESS, DEFAULT, ("http-01", "tls-alpn-01")),
        (ADDRESS, ("tls-alpn-01", "dns-01", "http-01"), ("tls-alpn-01", "http-01")),
        (DNS, ("dns-01",), ("dns-01",)),
        (ADDRESS, ("dns-01",), ()),
        (WILD, ("http-01",), ()),
        (Target(Identifier(IdentifierKind.EMAIL, "a@example.org"), False), DEFAULT, ()),
    ],
)
def test_which_challenges_prove_what(
    target: Target, offered: tuple[str, ...], kinds: tuple[str, ...]
) -> None:
    assert challenges.challenge_kinds(target, offered) == kinds


def test_what_challenges_expect() -> None:
    token = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
    authorization = challenges.key_authorization(token, parse_jwk(RSA))
    assert authorization == f"{token}.NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    digest = hashlib.sha256(authorization.encode()).digest()
    assert challenges.tls_alpn_01_digest(authorization) == digest
    assert decode_base64url(challenges.dns_01_value(authorization), "") == digest
