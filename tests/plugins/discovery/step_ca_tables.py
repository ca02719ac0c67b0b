"""Tables that are filled as step-ca fills them: the short run's stand-in for the real one.

What they hold was seen of step-ca v0.30.2 (tests/real/step_ca.py), and stands in its db/db.go and in
github.com/smallstep/nosql v0.8.0.
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import psycopg
from cryptography import x509
from psycopg import sql

from certwright.core.revocation import Reason
from tests.real.step_ca import PROVISIONER
from tests.real.toy_chains import ToyAuthority

CERTIFICATES, DATA, REVOKED, TOKENS = "x509_certs", "x509_certs_data", "revoked_x509_certs", "used_ott"
TABLE = """
CREATE TABLE IF NOT EXISTS {} (
    nkey BYTEA CHECK (octet_length(nkey) <= 255), nvalue BYTEA, PRIMARY KEY (nkey)
)
"""


@dataclass
class Tables:
    """What `StepCa` is, without a step-ca."""

    database: str
    root: ToyAuthority = field(default_factory=lambda: ToyAuthority("Corp Root"))

    def __post_init__(self) -> None:
        self.intermediate = ToyAuthority("Corp Issuing", self.root)
        with psycopg.connect(self.database) as connection:
            for name in (CERTIFICATES, DATA, REVOKED, TOKENS):
                connection.execute(sql.SQL(TABLE).format(sql.Identifier(name)))

    @property
    def issuers(self) -> tuple[bytes, ...]:
        return self.intermediate.certificate, self.root.certificate

    def issue(self, name: str, provisioner: str = PROVISIONER) -> bytes:
        der, about = (
            self.intermediate.sign(name, None, name),
            {"id": f"{provisioner}:{provisioner}", "type": "JWK"},
        )
        self.put(CERTIFICATES, key_of(der), der)
        data = {"provisioner": about | {"name": provisioner}}
        self.put(DATA, key_of(der), json.dumps(data).encode())
        return der

    def revoke(self, certificate: bytes, reason: Reason = Reason.UNSPECIFIED) -> None:
        now = datetime.now(UTC)
        told: dict[str, object] = {"Serial": key_of(certificate).decode(), "TokenID": "0"}
        told |= {"ProvisionerID": f"{PROVISIONER}:{PROVISIONER}", "ReasonCode": int(reason), "Reason": ""}
        told |= {"MTLS": False, "ACME": False}
        times = {"RevokedAt": now, "ExpiresAt": now + timedelta(days=1)}
        # nine digits of a second, as Go writes them
        told |= {name: f"{one:%Y-%m-%dT%H:%M:%S}.123456789Z" for name, one in times.items()}
        self.put(REVOKED, key_of(certificate), json.dumps(told).encode())

    def put(self, table: str, key: bytes, value: bytes) -> None:
        statement = sql.SQL(
            "INSERT INTO {} VALUES (%s, %s) ON CONFLICT (nkey) DO UPDATE SET nvalue = excluded.nvalue"
        )
        with psycopg.connect(self.database) as connection:
            connection.execute(statement.format(sql.Identifier(table)), (key, value))


def key_of(certificate: bytes) -> bytes:
    return str(x509.load_der_x509_certificate(certificate).serial_number).encode()
