"""CRLs that lie somewhere, as in a directory: what they say is taken in like that of those that are fetched.

They are believed when an authority of the inventory has signed them. Nothing of them is kept: the next run
reads them again, and what is wrong with one is a problem of the run at its place.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography import x509

from ..core.errors import Malformed
from ..core.outside_lists import OutsideList, issuer_of_list, read_list
from ..core.sightings import KnownPlace, problem_line
from ..ports import Sighting
from ..store.among import among
from ..store.rows import CertificateBodyRow
from .check_outside_lists import take_list
from .context import Context
from .take_sightings import known_place

OF_ONE_NAME = 20
"""Certificates of one authority's name that are tried: renewed ones, and those that strangers name so."""
WAITING_OCTETS = 64 * 1024 * 1024
UNKNOWN = "the authority of the CRL that is there is not in the inventory"


@dataclass(slots=True)
class SeenLists:
    """What became of lists. `waiting` are those of authorities that are not known, `certificates` those for
    which something has changed."""

    waiting: list[Sighting] = field(default_factory=list)
    problems: list[tuple[KnownPlace, str]] = field(default_factory=list)
    certificates: set[int] = field(default_factory=set)


async def take_seen_lists(
    context: Context, zone: str, sightings: Sequence[Sighting], room: int = 0
) -> SeenLists:
    """Take in the lists of these sightings. Those of unknown authorities are given back as far as there is
    `room` to hold them, in octets; beyond, that is a problem at their places. Raises Unavailable."""
    seen = SeenLists()
    for sighting in sightings:
        place, octets = known_place(zone, sighting), sighting.revocation_list
        try:
            place.check()
            taken = await _take(context, place, octets, seen)
        except Malformed as error:
            seen.problems.append((place, problem_line(error.detail)))
            continue
        if taken:
            continue
        if len(octets) <= room:
            room -= len(octets)
            seen.waiting.append(sighting)
        else:
            seen.problems.append((place, UNKNOWN))
    return seen


async def _issuers(context: Context, octets: bytes) -> list[CertificateBodyRow]:
    """Certificates of who says that it is his list, the newest first. Raises Malformed."""
    name = await asyncio.to_thread(issuer_of_list, octets)
    sql = 'SELECT "id" FROM "certificate" WHERE "is_authority" AND "subject" = ? ORDER BY "id" DESC'
    found = [row[0] for row in await context.database.query(f"{sql} LIMIT {OF_ONE_NAME}", name)]
    if not found:
        return []
    condition, values = among("certificate_id", found)
    bodies = await context.database.select(CertificateBodyRow, condition, *values)
    return sorted(bodies, key=lambda body: -body.certificate_id)


async def _take(context: Context, place: KnownPlace, octets: bytes, seen: SeenLists) -> bool:
    """Whether its authority is known; one with several certificates of one key has issued by each of them.
    Raises Malformed."""
    issuers = await _issuers(context, octets)
    if not issuers:
        return False
    now, why = context.clock(), Malformed("")
    believed: dict[int, OutsideList] = {}
    for body in issuers:
        try:
            issuer = x509.load_der_x509_certificate(body.der)
            believed[body.certificate_id] = await asyncio.to_thread(read_list, octets, issuer, now)
        except Malformed as error:
            why = error
    if not believed:
        raise why
    changed: list[int] = []
    try:
        for identifier, found in believed.items():
            await take_list(context, identifier, place.location, found, changed)
    finally:
        seen.certificates.update(changed)
    ends = found.next_update
    if ends is not None and ends <= now:
        raise Malformed(f"a newer CRL than the one that is there was due on {ends:%Y-%m-%d}")
    return True
