"""What is found in a file that holds certificates and keys. No private key is among it."""

from dataclasses import dataclass
from enum import StrEnum

from ..errors import TooLarge

OCTETS_MAX = 16 * 1024 * 1024
ENTRIES_MAX = 5_000
CHAIN_MAX = 32
CERTIFICATE_OCTETS_MAX = 256 * 1024
KEY_OCTETS_MAX = 64 * 1024
ROUNDS_MAX = 1_000_000
"""Of one key derivation. OpenSSL and Java write thousands, who follows OWASP some hundred thousand."""
ROUNDS_TOTAL = 5 * ROUNDS_MAX
"""For everything in a file, with every password."""


class StoreFormat(StrEnum):
    PEM = "pem"
    DER = "der"
    PKCS7 = "pkcs7"
    PKCS12 = "pkcs12"
    JKS = "jks"
    JCEKS = "jceks"
    BCFKS = "bcfks"
    PE = "pe"
    MSI = "msi"
    JAR = "jar"


class Role(StrEnum):
    """What a certificate has to do with the signature in which it is."""

    SIGNER = "signer"
    TIME_STAMPER = "time-stamper"
    ENCLOSED = "enclosed"


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A private key that is there. `spki_sha256` is the digest of its public key (SubjectPublicKeyInfo, RFC
    5280 section 4.1) in hexadecimal, empty where the key was not opened."""

    spki_sha256: str = ""
    encrypted: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """A chain (DER, the end entity's certificate first), a key, or both; or a problem in one line. `name` is
    the entry's own, made unique in the store, and empty for the first of a file without names. `role` is the
    one that the chain has in a signature."""

    name: str = ""
    chain: tuple[bytes, ...] = ()
    key: StoredKey | None = None
    problem: str = ""
    role: Role | None = None


@dataclass(frozen=True, slots=True)
class Store:
    """`intact` is true where a password has shown that nobody without it has changed the store."""

    format: StoreFormat
    entries: tuple[Entry, ...]
    intact: bool = False


class Effort:
    """How many rounds of key derivation may still be done for a file."""

    def __init__(self, rounds: int = ROUNDS_TOTAL) -> None:
        self._left = rounds

    def spend(self, rounds: int, times: int = 1) -> None:
        """Raises TooLarge before the work is done: for what no honest store asks, or when it adds up."""
        if not 1 <= rounds <= ROUNDS_MAX:
            shown = rounds if abs(rounds) < 10**12 else "more than 10^12"
            raise TooLarge(f"it asks for {shown} rounds of key derivation; 1 to {ROUNDS_MAX} are done")
        self._left -= rounds * times
        if self._left < 0:
            raise TooLarge(f"its key derivations add up to more than {ROUNDS_TOTAL} rounds")
