"""How far a system is towards cryptography that a quantum computer does not break.

Two things are told apart. What is encrypted today can be kept and read later, so endpoints should agree on
keys with ML-KEM now. A signature is forged only once there is such a computer, so a classical certificate
matters where it lives beyond the day from which classical algorithms are not to be used (NIST IR 8547: 112
bits are deprecated after 2030).
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from .algorithms import algorithm_of

HORIZON = datetime(2031, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Readiness:
    """`places` are TLS endpoints, of which `hybrid` took a key exchange with ML-KEM when it was offered,
    `plain` took none of these, and the others were not asked. `certificates` are live ones, of which `safe`
    have a key and a signature that hold, `classical` one that does not; of these `lasting` live beyond the
    horizon."""

    places: int = 0
    hybrid: int = 0
    plain: int = 0
    certificates: int = 0
    safe: int = 0
    classical: int = 0
    lasting: int = 0

    def add_place(self, post_quantum: object) -> None:
        """With what the scanner has told: true, false, or anything else for not known."""
        self.places += 1
        self.hybrid += post_quantum is True
        self.plain += post_quantum is False

    def add_certificate(self, key_algorithm: str, signature_algorithm: str, not_after: datetime) -> None:
        known = [algorithm_of(name).quantum_safe for name in (key_algorithm, signature_algorithm)]
        classical = False in known
        self.certificates += 1
        self.safe += known == [True, True]
        self.classical += classical
        self.lasting += classical and not_after >= HORIZON

    @property
    def left(self) -> tuple[int, int]:
        """What is still to be done: the more, the further up it stands."""
        return self.lasting + self.plain, self.classical
