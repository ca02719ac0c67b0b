"""What a step-ca has issued and revoked, from its database where that is PostgreSQL: its API lists nothing.

github.com/smallstep/nosql keeps each table as keys and values: `x509_certs` has certificates in DER by their
serial numbers in decimal, `x509_certs_data` and `revoked_x509_certs` JSON by the same. They are read a page
after the other, each in a statement of its own: one long transaction would keep the database from tidying up.
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from ...core.audit import JsonValue
from ...core.egress import DEFAULT_POLICY, EgressPolicy
from ...core.errors import Malformed
from ...core.moments import read_moment
from ...core.revocation import Reason
from ...core.stores.values import CERTIFICATE_OCTETS_MAX
from ...core.told_status import has_issued, status_facts
from ...core.unreadable import UNREADABLE
from ...ports import SECRET, Place, Progress, Scope, Sighting
from ..calls import verifying_context
from ..resolver import SYSTEM_RESOLVER, ResolverSettings
from .looking import one_line, place_name, visible, with_signs_of_life
from .postgresql import Database, Login, Server, opened, parse_server
from .service import Unanswered, certificates_in, text_of

KIND = "authority"
Event = Sighting | Progress
Row = tuple[Any, ...]
PAGE = 100
JSON_OCTETS_MAX = 16 * 1024
KEY_OCTETS_MAX = 255
PROVISIONER_MAX = 200
ISSUERS_MAX = 20
END = "end"
_CURSOR = re.compile(r"(?:[0-9a-f]{2}){1,255}")
_SERIAL = re.compile(rb"-?[0-9]{1,60}")
_REASONS = frozenset(Reason) - {Reason.REMOVE_FROM_CRL}
"""step-ca takes any code for a reason, and never gives a certificate back."""
ABOUT = "SELECT reltuples::bigint FROM pg_class WHERE oid = 'x509_certs'::regclass"
"""How many rows there are, as the server remembers it: to count them would mean to read them all."""
ROWS = f"""
SELECT nkey,
    CASE WHEN octet_length(nvalue) <= {CERTIFICATE_OCTETS_MAX} THEN nvalue END,
    (SELECT CASE WHEN octet_length(data.nvalue) <= {JSON_OCTETS_MAX} THEN data.nvalue END
        FROM x509_certs_data AS data WHERE data.nkey = certs.nkey),
    (SELECT CASE WHEN octet_length(revoked.nvalue) <= {JSON_OCTETS_MAX} THEN revoked.nvalue ELSE '' END
        FROM revoked_x509_certs AS revoked WHERE revoked.nkey = certs.nkey)
FROM x509_certs AS certs WHERE nkey > $1 ORDER BY nkey LIMIT $2
"""  # noqa: S608 - numbers of this file
"""A page of certificates, with what is known of each by its key. Joins could read the other tables from the
beginning for each page."""


@dataclass(frozen=True, slots=True)
class StepCaSettings:
    """`user` may read the three tables. `issuers` are certificates in PEM of the step-ca's intermediates, and
    of what is above them: what they have not signed is no word of theirs. `trust` are those by which the
    database is known, the system's where there are none. Raises Malformed."""

    user: str
    issuers: str
    password: str = field(default="", repr=False, metadata=SECRET)
    trust: str = ""
    certificates_max: int = 1_000_000
    seconds: float = 30.0
    policy: EgressPolicy = DEFAULT_POLICY
    resolver: ResolverSettings = SYSTEM_RESOLVER

    def __post_init__(self) -> None:
        verifying_context(self.trust)
        if not self.user or "\0" in self.user + self.password:
            raise Malformed("the step-ca source needs the name of a user, and a password without zeros")
        if not 1 <= len(certificates_in(self.issuers)) <= ISSUERS_MAX:
            raise Malformed(
                f"the step-ca source needs issuers: the authority's certificates in PEM, 1 to {ISSUERS_MAX}"
            )
        if not self.certificates_max > 0 or not self.seconds > 0:
            raise Malformed("the step-ca source's certificates_max and seconds must be greater than 0")

    @property
    def login(self) -> Login:
        return Login(self.user, self.password, self.trust, self.seconds, self.policy, self.resolver)


def _now() -> datetime:
    return datetime.now(UTC)


class StepCaSource:
    """A discovery source for a step-ca's database. A scope has one: its password is for nobody else."""

    kind = KIND
    Settings = StepCaSettings

    def __init__(self, settings: StepCaSettings, clock: Callable[[], datetime] = _now) -> None:
        self._settings = settings
        self._clock = clock

    def check(self, scope: Scope) -> None:
        """See `DiscoverySource`."""
        _plan(scope)

    def look(self, scope: Scope) -> AsyncGenerator[Event]:
        """See `DiscoverySource`."""
        return _Look(self._settings, _plan(scope), self._clock).events()


@dataclass(frozen=True, slots=True)
class _Plan:
    """`exclude` are names of provisioners; `after` is the last key that was read, or None at the end."""

    server: Server | None
    exclude: frozenset[str]
    after: bytes | None


def _plan(scope: Scope) -> _Plan:
    """Raises Malformed."""
    servers = {parse_server(line) for line in scope.targets}
    if len(servers) > 1:
        raise Malformed("one scope looks at one database, whose password it has; make a scope for each")
    if scope.after not in ("", END) and not _CURSOR.fullmatch(scope.after):
        raise Malformed(f"{scope.after[:100]!r} is no cursor of this source")
    after = None if scope.after == END else bytes.fromhex(scope.after)
    return _Plan(next(iter(servers), None), frozenset(scope.exclude), after)


class _Look:
    """One run. `events` is walked through once."""

    def __init__(self, settings: StepCaSettings, plan: _Plan, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._plan = plan
        self._clock = clock
        self._paths = _paths(certificates_in(settings.issuers))
        self._strangers = 0
        self._progress = Progress(0, 0, END if plan.after is None else plan.after.hex())

    def events(self) -> AsyncGenerator[Event]:
        return with_signs_of_life(self._work(), lambda: self._progress)

    async def _work(self) -> AsyncGenerator[Event]:
        server, after, whole = self._plan.server, self._plan.after, True
        if server is not None and after is not None:
            try:
                async with (
                    opened(server, self._settings.login) as database,
                    aclosing(self._everything(server, database, after)) as events,
                ):
                    async for event in events:
                        yield event
            except Unanswered as error:
                whole = False
                yield self._problem(server, "", error.detail)
        done = self._progress.done
        yield Progress(done, done, END, whole=whole)

    async def _everything(self, server: Server, database: Database, after: bytes) -> AsyncGenerator[Event]:
        done, total = 0, 0 if after else await _about(database)
        while rows := _checked(await database.rows(ROWS, after, PAGE), after):
            after, done = rows[-1][0], done + len(rows)
            if done > self._settings.certificates_max:
                raise Unanswered(f"it has more than {self._settings.certificates_max} certificates")
            # in a thread, for signatures are verified
            for sighting in await asyncio.to_thread(self._page, server, rows):
                yield sighting
            self._progress = Progress(done, total and max(done, total), after.hex())
            yield self._progress
        if self._strangers:
            problem = f"none of the issuers has signed {self._strangers} of its certificates"
            yield self._problem(server, "", f"{problem}: what it says of these is not believed")

    def _page(self, server: Server, rows: list[Row]) -> list[Sighting]:
        found = (self._sighting(server, *row) for row in rows)
        return [one for one in found if one is not None]

    def _sighting(
        self,
        server: Server,
        key: bytes,
        der: bytes | None,
        data: bytes | None,
        revoked: bytes | None,
    ) -> Sighting | None:
        """None for what is excluded. `revoked` is None for what is not; what is larger than it may be is not
        there, or empty."""
        provisioner = text_of(_document(data).get("provisioner"), "name")
        if provisioner in self._plan.exclude:
            return None
        serial = _serial_name(key)
        if der is None or not _is_of(key, der):
            return self._problem(server, serial, "it has no certificate of this number that can be read")
        try:
            facts = status_facts() if revoked is None else _revoked_facts(_document(revoked))
        except Malformed as error:
            return self._problem(server, serial, f"it is revoked: {error.detail}")
        if provisioner:
            facts["provisioner"] = visible(provisioner[:PROVISIONER_MAX])
        above = next((path for path in self._paths if has_issued(path[0], der)), ())
        self._strangers += not above
        return Sighting(_place(server, serial), self._clock(), (der, *above), facts)

    def _problem(self, server: Server, serial: str, text: str) -> Sighting:
        return Sighting(_place(server, serial), self._clock(), problem=one_line(text))


async def _about(database: Database) -> int:
    """How many rows there are; 0 where nobody knows."""
    rows = await database.rows(ABOUT)
    found = rows[0][0] if len(rows) == 1 and len(rows[0]) == 1 else 0
    return max(0, found) if isinstance(found, int) else 0


def _checked(rows: list[Row], after: bytes) -> list[Row]:
    """Octets by keys that go on behind `after`, as was asked for. Raises Unanswered for anything else."""
    for row in rows:
        if len(row) != 4 or not all(one is None or isinstance(one, bytes) for one in row):
            raise Unanswered("the tables are others than a step-ca's")
        if row[0] is None or not after < row[0] or len(row[0]) > KEY_OCTETS_MAX:
            raise Unanswered("the tables are others than a step-ca's")
        after = row[0]
    return rows


def _paths(issuers: tuple[bytes, ...]) -> list[tuple[bytes, ...]]:
    """For each issuer itself and what has issued it, upwards as far as is known."""
    found = []
    for issuer in issuers:
        path = [issuer]
        while above := [one for one in issuers if one not in path and has_issued(one, path[-1])]:
            path.append(above[0])
        found.append(tuple(path))
    return found


def _is_of(key: bytes, der: bytes) -> bool:
    """Is it a certificate of the serial number that is its key?"""
    try:
        return str(x509.load_der_x509_certificate(der).serial_number).encode() == key
    except (UnsupportedAlgorithm, *UNREADABLE):
        return False


def _revoked_facts(document: Mapping[str, Any]) -> dict[str, JsonValue]:
    """Raises Malformed where the time cannot be read: without one a revocation cannot be told."""
    code = document.get("ReasonCode")
    reason = Reason(code) if isinstance(code, int) and code in _REASONS else Reason.UNSPECIFIED
    return status_facts(read_moment(text_of(document, "RevokedAt"), "RevokedAt"), reason)


def _document(octets: bytes | None) -> dict[str, Any]:
    """Empty for what is no JSON object."""
    try:
        found = json.loads(octets or b"{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _serial_name(key: bytes) -> str:
    """Of a place: the serial number in hexadecimal, or the key as it is."""
    if not _SERIAL.fullmatch(key):
        return key.decode("ascii", "backslashreplace")
    digits = f"{int(key):x}"
    return digits if len(digits) % 2 == 0 or digits.startswith("-") else f"0{digits}"


def _place(server: Server, serial: str) -> Place:
    name = f"{server.database}#{serial}" if serial else server.database
    return Place(KIND, server.host, server.port, place_name(name))
