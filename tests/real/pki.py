"""A whole installation in the test's own process: real database, real keys, our own operations; no files.

`opened(url)` gives a Context on a database with tables; `founded(context)` has root, issuing authority and
the default ACME endpoint. The clock can be moved.
"""

import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from certwright.core import envelope
from certwright.core.access import Actor, Grant, Role
from certwright.core.distinguished_name import parse_name
from certwright.core.keys import KeyAlgorithm
from certwright.operations.context import Context
from certwright.operations.found_authority import AuthorityOrder, found_authority
from certwright.operations.found_installation import (
    EndpointOrder,
    Founding,
    found_installation,
    save_endpoint,
)
from certwright.operations.issue_ocsp_signer import issue_ocsp_signer
from certwright.operations.keyring import Keyring
from certwright.plugins.keys.software import SoftwareKeys
from certwright.ports import KeyProvider
from certwright.store.databases import Database, open_database
from certwright.store.ledger import Ledger
from certwright.store.snapshot import Snapshots

ADMINISTRATOR = Actor("local:test", (Grant(Role.ADMINISTRATOR),))
BASE_URL = "http://127.0.0.1:8080"


@dataclass(slots=True)
class MovableClock:
    """Real time, moved by `offset`."""

    offset: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.offset


@dataclass(slots=True)
class Secrets:
    """What must survive a restart of the toy: the key-encryption key."""

    key_encryption_key: bytes = field(default_factory=lambda: secrets.token_bytes(32))


@asynccontextmanager
async def opened(
    url: str,
    kept: Secrets,
    clock: Callable[[], datetime],
    providers: dict[str, KeyProvider] | None = None,
    wrap: Callable[[Database], Database] = lambda database: database,
) -> AsyncIterator[Context]:
    """A Context on a database that holds an installation; one is founded when it holds none."""
    database = wrap(await open_database(url))
    ledger = await Ledger.open(database, "test", clock)
    keyring = Keyring(
        {"software": SoftwareKeys(SoftwareKeys.Settings(kept.key_encryption_key)), **(providers or {})},
        kept.key_encryption_key,
    )
    try:
        if not await database.query('SELECT 1 FROM "installation"'):
            nonce_key = envelope.encrypt(
                kept.key_encryption_key, bytes(32), "installation nonce key", secrets.token_bytes(44)
            )
            founding = Founding("Test", BASE_URL, True, nonce_key)
            await found_installation(database, ledger, founding, ADMINISTRATOR, clock)
        snapshots = await Snapshots.open(database, time.monotonic)
        yield Context(database, ledger, snapshots, keyring, clock, secrets.token_bytes)
    finally:
        await ledger.close()
        await database.close()


async def found(
    context: Context,
    algorithm: KeyAlgorithm = KeyAlgorithm.ECDSA_P256,
    provider: str = "software",
    crl_shards: int = 1,
) -> None:
    """Root, issuing authority, their OCSP signers, and the default ACME endpoint."""
    for order in (
        AuthorityOrder("root", "root", parse_name("CN=Test Root,O=Test"), algorithm, provider),
        AuthorityOrder(
            "issuing",
            "issuing",
            parse_name("CN=Test Issuing,O=Test"),
            algorithm,
            provider,
            "root",
            crl_shards=crl_shards,
        ),
    ):
        await issue_ocsp_signer(context, await found_authority(context, ADMINISTRATOR, order))
    endpoint = EndpointOrder("acme", "default", "issuing", ("tls-server",), {}, {})
    await save_endpoint(context, ADMINISTRATOR, endpoint)


def make_csr(*names: str, key: ec.EllipticCurvePrivateKey | None = None) -> bytes:
    """A CSR in DER for DNS names, with a P-256 key."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    builder = builder.add_extension(
        x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), False
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
