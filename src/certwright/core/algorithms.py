"""Algorithms by the names that the inventory has for them: what each does, and how much it holds, today and
against a quantum computer.

Levels are those of NIST: the classical one in bits (SP 800-57 part 1, table 2), that against quantum
computers from 1 to 5, 0 for what one breaks (IR 8547). Keys are named like `rsa-2048`, signatures like
`sha256WithRSAEncryption`, groups of key exchange like `X25519MLKEM768`.
"""

import re
from dataclasses import dataclass

from .decoded import SIGNATURE_NAMES

_RSA_LEVELS = ((15360, 256), (7680, 192), (3072, 128), (2048, 112), (1024, 80))
_SIZED = re.compile(r"(rsa|dsa|dh)-([0-9]{1,6})")
_HASHED = re.compile(r"(md[245]|sha[0-9]+)WithRSAEncryption|(?:ecdsa|dsa)-with-(SHA[0-9]+)", re.IGNORECASE)
_OIDS = {name: oid for oid, name in reversed(SIGNATURE_NAMES.items())}


@dataclass(frozen=True, slots=True)
class Algorithm:
    """`primitive` and `functions` are words of CycloneDX 1.6; `classical` bits and `quantum` level are None
    where they are not known, `parameter` is a size or set, `curve` one of elliptic curves."""

    name: str
    primitive: str = "unknown"
    functions: tuple[str, ...] = ()
    classical: int | None = None
    quantum: int | None = None
    parameter: str = ""
    curve: str = ""

    @property
    def oid(self) -> str:
        """Of a signature; empty where none is known."""
        return _OIDS.get(self.name, self.name if _DOTTED.fullmatch(self.name) else "")

    @property
    def quantum_safe(self) -> bool | None:
        return None if self.quantum is None else self.quantum > 0


_DOTTED = re.compile(r"[0-2](\.[0-9]+)+")
_SIGNS, _AGREES, _ENCAPSULATES = ("sign", "verify"), ("keygen",), ("encapsulate", "decapsulate")


def _curve(name: str, curve: str, classical: int) -> Algorithm:
    return Algorithm(name, "signature", _SIGNS, classical, 0, curve=curve)


def _agreed(name: str, classical: int) -> Algorithm:
    return Algorithm(name, "key-agree", _AGREES, classical, 0, curve=name)


def _lattice(name: str, level: int) -> Algorithm:
    """FIPS 204, table 1."""
    return Algorithm(
        name, "signature", _SIGNS, {2: 128, 3: 192, 5: 256}[level], level, name.rpartition("-")[2]
    )


def _hybrid(name: str, classical: int, level: int) -> Algorithm:
    return Algorithm(name, "combiner", _ENCAPSULATES, classical, level, name.rpartition("MLKEM")[2])


_KNOWN = {
    one.name: one
    for one in (
        _curve("ecdsa-p192", "secp192r1", 96),
        _curve("ecdsa-p224", "secp224r1", 112),
        _curve("ecdsa-p256", "secp256r1", 128),
        _curve("ecdsa-p384", "secp384r1", 192),
        _curve("ecdsa-p521", "secp521r1", 256),
        _curve("ecdsa-secp256k1", "secp256k1", 128),
        _curve("ecdsa-brainpoolp256r1", "brainpoolP256r1", 128),
        _curve("ecdsa-brainpoolp384r1", "brainpoolP384r1", 192),
        _curve("ecdsa-brainpoolp512r1", "brainpoolP512r1", 256),
        *(_curve(name, name.lower(), 128) for name in ("ed25519", "Ed25519")),
        *(_curve(name, name.lower(), 224) for name in ("ed448", "Ed448")),
        *(_lattice(f"{name}-{size}", level) for name in ("ml-dsa", "ML-DSA") for size, level in (
            (44, 2), (65, 3), (87, 5)
        )),
        *(_agreed(name, 128) for name in ("x25519", "secp256r1", "secp256k1", "brainpoolP256r1")),
        *(_agreed(name, 192) for name in ("secp384r1", "brainpoolP384r1")),
        *(_agreed(name, 256) for name in ("secp521r1", "brainpoolP512r1")),
        _agreed("x448", 224),
        _hybrid("X25519MLKEM768", 192, 3),
        _hybrid("SecP256r1MLKEM768", 192, 3),
        _hybrid("SecP384r1MLKEM1024", 256, 5),
        Algorithm("RSASSA-PSS", "signature", _SIGNS, None, 0),
        Algorithm("gost-256", "signature", _SIGNS, 128, 0, "256"),
        Algorithm("gost-512", "signature", _SIGNS, 256, 0, "512"),
        Algorithm("dh", "key-agree", _AGREES, None, 0),
    )
}  # fmt: skip


def algorithm_of(name: str) -> Algorithm:
    """What is known of it; of a name that says nothing, nothing."""
    if name in _KNOWN:
        return _KNOWN[name]
    if sized := _SIZED.fullmatch(name):
        primitive = {"rsa": "pke", "dsa": "signature", "dh": "key-agree"}[sized[1]]
        functions = _AGREES if sized[1] == "dh" else _SIGNS
        level = next((level for bits, level in _RSA_LEVELS if int(sized[2]) >= bits), 0)
        return Algorithm(name, primitive, functions, level, 0, sized[2])
    if hashed := _HASHED.fullmatch(name):
        return Algorithm(name, "signature", _SIGNS, None, 0, (hashed[1] or hashed[2]).upper())
    return Algorithm(name)
