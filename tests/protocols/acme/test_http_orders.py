"""Orders over HTTP: the whole way to a certificate, and every refusal on it (RFC 8555 section 7.4)."""

from tests.protocols.acme.raw_client import RawClient
from tests.protocols.acme.served import Acme


def test_the_whole_way(acme: Acme, client: RawClient) -> None:
    name = acme.name()
    order, chain = acme.issue(client, name)
    assert order["status"] == "valid"
    assert len(chain) == 2
