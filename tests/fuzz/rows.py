"""What may lie in the tables of a step-ca, for `readers`: a row of four values with `PART` between them."""

from datetime import UTC, datetime

from certwright.core.pem import pem
from certwright.plugins.discovery.postgresql import Server
from certwright.plugins.discovery.step_ca import StepCaSettings, _Look, _Plan
from tests.fuzz.reading import AUTHORITY, PRESENTED
from tests.plugins.discovery.step_ca_tables import key_of

PART = b"\0\0--\0\0"
SERVER = Server("db.example.test", 5432, "ca")
LOOK = _Look(
    StepCaSettings("reader", pem(AUTHORITY).decode()),
    _Plan(SERVER, frozenset(), b""),
    lambda: datetime(2026, 12, 1, tzinfo=UTC),
)
DATA = b'{"provisioner":{"id":"people:people","name":"people","type":"JWK"}}'
REVOKED = (
    b'{"Serial":"1","ReasonCode":1,"Reason":"","RevokedAt":"2026-12-01T04:52:15.513410836Z","MTLS":false}'
)
ROW = PART.join((key_of(PRESENTED), PRESENTED, DATA, REVOKED))


def read_row(octets: bytes) -> None:
    key, der, data, revoked = [*octets.split(PART, 3), b"", b"", b""][:4]
    for sighting in LOOK._page(SERVER, [(key, der, data, revoked)]):
        assert (sighting.place.name + sighting.problem).isprintable()
        assert len(sighting.place.name) <= 1024
