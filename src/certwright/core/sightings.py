"""Sightings as they are kept: the digest of a place, and the bounds within which a source may speak."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from .audit import JsonValue
from .errors import Malformed

KIND_MAX, HOST_MAX, NAME_MAX, ZONE_MAX = 60, 253, 1024, 60
CHAIN_MAX = 32
FACTS_OCTETS_MAX = 64 * 1024
PROBLEM_MAX = 300
_NEIGHBOURHOOD_OCTETS, _DIGEST_OCTETS = 4, 16
_DOMAIN = b"certwright place v1\n"
_SEPARATOR = "\x1f"
_FACTS = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True, slots=True)
class KnownPlace:
    """A place in the network that its zone names; the same address in two zones is two places."""

    zone: str
    kind: str
    host: str
    port: int
    name: str

    @property
    def digest(self) -> bytes:
        """20 octets by which the place is found again: 16 that are its own, behind 4 of its neighbourhood,
        since what is seen together lies in the same part of a network, and so in the same part of an index.
        Fields cannot run into each other: what has passed `check` holds no separator."""
        around = _digest(self.zone, self.kind, _neighbourhood(self.host))[:_NEIGHBOURHOOD_OCTETS]
        itself = _digest(self.zone, self.kind, self.host, str(self.port), self.name)
        return around + itself[:_DIGEST_OCTETS]

    @property
    def location(self) -> str:
        """As a URI looks; it is for people."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        where = f"{host}:{self.port}" if self.port else host
        return f"{self.kind}://{where}/{self.name.removeprefix('/')}"

    def check(self) -> None:
        """Raises Malformed for a place that cannot be kept."""
        for value, most, what in (
            (self.zone, ZONE_MAX, "zone"),
            (self.kind, KIND_MAX, "kind"),
            (self.host, HOST_MAX, "host"),
            (self.name, NAME_MAX, "name"),
        ):
            if len(value) > most or not value.isprintable():
                raise Malformed(f"the {what} of a place must be at most {most} printable characters")
        if not 0 <= self.port <= 65535:
            raise Malformed(f"{self.port} is no port")


def _digest(*fields: str) -> bytes:
    return hashlib.sha256(_DOMAIN + _SEPARATOR.join(fields).encode()).digest()


def _neighbourhood(host: str) -> str:
    """An address without its last part, a name without its first."""
    if ":" in host:
        return host.rpartition(":")[0]
    return host.rpartition(".")[0] if host[-1:].isdigit() else host.partition(".")[2]


def check_chain(chain: tuple[bytes, ...]) -> None:
    """Raises Malformed for a chain that is too long to be kept."""
    if len(chain) > CHAIN_MAX:
        raise Malformed(f"{len(chain)} certificates are presented at once; at most {CHAIN_MAX} are taken in")


def facts_text(facts: Mapping[str, JsonValue]) -> str:
    """Facts as they are kept. Raises Malformed when they are too many, or cannot be told in JSON."""
    try:
        text = _FACTS.encode(facts)
    except (TypeError, ValueError) as error:
        raise Malformed("the facts of a sighting cannot be told in JSON") from error
    if len(text) > FACTS_OCTETS_MAX:
        raise Malformed(f"the facts of a sighting are longer than {FACTS_OCTETS_MAX} octets")
    return text


def problem_line(text: str) -> str:
    """One printable line of at most PROBLEM_MAX characters."""
    line = "".join(character if character.isprintable() else " " for character in text[: 2 * PROBLEM_MAX])
    return " ".join(line.split())[:PROBLEM_MAX]
