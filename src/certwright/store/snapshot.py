"""Configuration as the fast lane keeps it: one immutable value, replaced when its revision moves.

Authorities, generations, profiles, policy, endpoints, OCSP signers, tokens, teams and roles; nothing that
grows with use. `Snapshots.follow` asks four times a second; what was decided under an older revision does not
get past the ledger.
"""

import asyncio
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from cryptography import x509

from ..core import keys
from ..core.access import OWNER_SCOPE, Actor, Grant, Role, has_all_of
from ..core.clocks import of_the_future
from ..core.der import Reader
from ..core.errors import CertwrightError, Conflict, NotFound, Unauthenticated, Unavailable
from ..core.issuer import Issuer, Pointers, issuer_of
from ..core.policy import EndpointPolicy, endpoint_policy_from_document
from ..core.profile import Profile
from ..core.profile_document import from_document
from ..core.second_person import NO_RULE, Kind, Rule
from .databases import Database
from .people_rows import (
    ApiTokenRow,
    ApprovalDelegationRow,
    BreakGlassRow,
    RoleGrantRow,
    SecondPersonRuleRow,
    TeamRow,
)
from .rows import (
    AuthorityGenerationRow,
    AuthorityRow,
    EndpointRow,
    InstallationRow,
    OcspSignerRow,
    PolicyRow,
    ProfileRow,
)

Found = TypeVar("Found")
POLL_SECONDS = 0.25
LOOK_AGAIN_SECONDS = 0.05
STALE_SECONDS = 10.0
TOGETHER = 500


@dataclass(frozen=True, slots=True)
class Generation:
    """One key and certificate of an authority, ready for use."""

    row: AuthorityGenerationRow
    authority: AuthorityRow
    certificate: x509.Certificate | None
    chain: tuple[bytes, ...]
    public_key: keys.PublicKey | None
    issuer: Issuer | None
    served_chain: tuple[bytes, ...]
    """What a server sends after a certificate of this authority: its own certificate and those above it,
    without the self-signed one that relying parties must have already."""

    @property
    def id(self) -> int:
        return self.row.id

    @property
    def path(self) -> str:
        """`NAME/NUMBER`, as it stands in URLs and in the audit."""
        return f"{self.authority.name}/{self.row.number}"

    @property
    def as_issuer(self) -> Issuer:
        """What certifying needs of it. Raises Conflict as `der` does."""
        if self.issuer is None:
            raise Conflict(f"authority {self.path} has no certificate yet; accept one for its CSR first")
        return self.issuer

    @property
    def der(self) -> bytes:
        """The authority certificate. Raises Conflict while an outside issuer has not signed it."""
        if self.row.certificate is None:
            raise Conflict(f"authority {self.path} has no certificate yet; accept one for its CSR first")
        return self.row.certificate


@dataclass(frozen=True, slots=True)
class Endpoint:
    row: EndpointRow
    authority: str
    profiles: tuple[str, ...]
    policy: EndpointPolicy
    settings: dict[str, Any]

    @property
    def path(self) -> str:
        return f"{self.row.protocol}/{self.row.name}"


@dataclass(frozen=True, slots=True)
class Token:
    """`user` is the name of the account whose it is, or empty; `person` is true for that of a person, whose
    tokens never permit more than they have themselves."""

    row: ApiTokenRow
    grants: tuple[Grant, ...]
    user: str = ""
    person: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything configured at one revision."""

    revision: int
    installation: InstallationRow
    authorities: dict[str, AuthorityRow]
    generations: dict[int, Generation]
    by_path: dict[str, Generation]
    profiles: dict[str, Profile]
    endpoints: dict[str, Endpoint]
    signers_of: dict[int, tuple[OcspSignerRow, ...]]
    """By generation, the one that lasts longest first; without those whose certificate is revoked."""
    revoked_above: dict[int, str]
    """By generation, whose certificate above it is revoked or on hold. What outside authorities have revoked
    is on no record of ours."""
    tokens: dict[bytes, Token]
    """By digest; without those that are revoked, and those of disabled accounts."""
    policy: PolicyRow | None
    """The rules in force; none were made yet where it is None."""
    grants: dict[str, tuple[Grant, ...]]
    """By holder, as `user:NAME`, `team:NAME` or `token:NAME`."""
    teams: dict[str, TeamRow]
    teams_of: dict[str, tuple[str, ...]]
    """By name of the account, the names of its teams."""
    delegations: tuple[ApprovalDelegationRow, ...] = ()
    """Rights to approve that were handed on for a time, past and future ones too, without those of
    disabled accounts."""
    second_person: Rule = NO_RULE
    """For which dangerous acts a second person is needed."""
    glass: BreakGlassRow | None = None
    """While somebody on the machine has suspended that; its time may be over."""
    derived: dict[Any, Any] = field(default_factory=dict)
    """What others compute from this snapshot and want to forget with it."""

    def broken_glass(self, now: datetime) -> BreakGlassRow | None:
        """What suspends the rule of the second person at this moment."""
        return self.glass if self.glass is not None and self.glass.ends_at > now else None

    def authority(self, name: str) -> AuthorityRow:
        try:
            return self.authorities[name]
        except KeyError:
            raise NotFound(f"there is no authority {name!r}; known: {_names(self.authorities)}") from None

    def profile(self, name: str) -> Profile:
        try:
            return self.profiles[name]
        except KeyError:
            raise NotFound(f"there is no profile {name!r}; known: {_names(self.profiles)}") from None

    def endpoint(self, protocol: str, name: str) -> Endpoint:
        endpoint = self.endpoints.get(f"{protocol}/{name}")
        if endpoint is None or not endpoint.row.enabled:
            raise NotFound(f"there is no {protocol} endpoint {name[:60]!r}")
        return endpoint

    def team(self, name: str) -> TeamRow:
        try:
            return self.teams[name]
        except KeyError:
            raise NotFound(f"there is no team {name[:100]!r}; known: {_names(self.teams)}") from None

    def generation(self, path: str) -> Generation:
        """By `NAME/NUMBER`. Raises NotFound."""
        try:
            return self.by_path[path]
        except KeyError:
            raise NotFound(f"there is no authority generation {path[:120]!r}") from None

    def issuing(self, name: str) -> Generation:
        """The newest generation of an authority that can sign: neither its certificate nor, as far as we have
        it on record, one above it is revoked. Raises NotFound, Conflict.
        """
        authority = self.authority(name)
        if authority.retired_at:
            raise Conflict(f"authority {name} is retired since {authority.retired_at:%Y-%m-%d}; use another")
        usable = [
            generation
            for generation in self.of_authority(name)
            if generation.certificate is not None and generation.row.retired_at is None
        ]
        for generation in usable:
            if generation.id not in self.revoked_above:
                return generation
        if usable:
            above = self.revoked_above[usable[0].id]
            text = f"the certificate of {above}, above authority {name}, is revoked or on hold"
            raise Conflict(f"{text}; use another authority")
        if any(generation.row.retired_at for generation in self.of_authority(name)):
            raise Conflict(f"the certificate of authority {name} is revoked; use another authority")
        raise Conflict(f"authority {name} has no certificate to issue under yet")

    def of_authority(self, name: str) -> list[Generation]:
        """Generations, newest first."""
        mine = [generation for generation in self.generations.values() if generation.authority.name == name]
        return sorted(mine, key=lambda generation: -generation.row.number)

    @property
    def signers(self) -> dict[int, OcspSignerRow]:
        """All OCSP signers that are not revoked, by their own identifiers."""
        return {row.id: row for rows in self.signers_of.values() for row in rows}

    def signer(self, generation: int, now: datetime) -> OcspSignerRow | None:
        """Of a generation's OCSP signers that have begun, the one that lasts longest; it may have ended."""
        for row in self.signers_of.get(generation, ()):
            if not of_the_future(row.not_before, now):
                return row
        return None

    def token_actor(self, digest: bytes, now: datetime, source: str) -> Actor | None:
        """Who holds the token with this SHA-256, if it is good now."""
        token = self.tokens.get(digest)
        if token is None or token.row.revoked_at or (token.row.expires_at and token.row.expires_at <= now):
            return None
        teams, grants = self.teams_of.get(token.user, ()), token.grants
        if token.person:
            own = self.user_actor(token.user, source)
            grants = tuple(grant for grant in grants if has_all_of(own, grant))
        return Actor(f"token:{token.row.name}", grants, source, token.user, teams, self.revision)

    def user_actor(self, name: str, source: str) -> Actor:
        """The person with this account, who has proved to be it: their own roles, those of their teams, and
        that of an owner for what is theirs."""
        teams = self.teams_of.get(name, ())
        holders = (f"user:{name}", *(f"team:{team}" for team in teams))
        given = [grant for holder in holders for grant in self.grants.get(holder, ())]
        own = Grant(Role.OWNER, f"{OWNER_SCOPE}:{name}")
        return Actor(f"user:{name}", tuple(dict.fromkeys([*given, own])), source, name, teams, self.revision)


def _names(known: dict[str, Any]) -> str:
    return ", ".join(sorted(known)[:20]) or "none"


async def load_snapshot(database: Database) -> Snapshot:
    """Read the whole configuration. What is made while it is read may be in it or not; its revision is the
    one before, so that it is read again. Raises Unavailable before `init`."""
    installations = await database.select(InstallationRow, "id = 1")
    if not installations:
        raise Unavailable("this home holds no installation yet; run `certwright init`")
    authorities = {row.id: row for row in await database.select(AuthorityRow, "1 = 1")}
    generations = {
        row.id: _generation(row, authorities[row.authority_id], installations[0].base_url)
        for row in await database.select(AuthorityGenerationRow, "1 = 1")
        if row.authority_id in authorities
    }
    endpoints = [
        _endpoint(row, authorities[row.authority_id].name)
        for row in await database.select(EndpointRow, "1 = 1")
        if row.authority_id in authorities
    ]
    grants = await _grants(database)
    policies = await database.select(PolicyRow, '1 = 1 ORDER BY "number" DESC LIMIT 1')
    return Snapshot(
        revision=installations[0].revision,
        installation=installations[0],
        authorities={row.name: row for row in authorities.values()},
        generations=generations,
        by_path={generation.path: generation for generation in generations.values()},
        profiles=await _profiles(database),
        endpoints={endpoint.path: endpoint for endpoint in endpoints},
        signers_of=await _signers(database),
        revoked_above=await _revoked_above(database, generations),
        tokens=await _tokens(database, grants),
        policy=policies[0] if policies else None,
        grants=grants,
        teams={row.name: row for row in await database.select(TeamRow, "1 = 1")},
        teams_of=await _teams_of(database),
        delegations=await _delegations(database),
        second_person=await _second_person(database),
        glass=next(iter(await database.select(BreakGlassRow, '"ended_at" IS NULL ORDER BY "id" DESC')), None),
    )


def _generation(row: AuthorityGenerationRow, authority: AuthorityRow, base_url: str) -> Generation:
    chain = tuple(split_der(row.chain))
    if row.certificate is None:
        return Generation(row, authority, None, chain, None, None, ())
    certificate = x509.load_der_x509_certificate(row.certificate)
    public_key: Any = certificate.public_key()
    issuer = issuer_of(row.certificate, pointers(base_url, f"{authority.name}/{row.number}"), chain)
    served = tuple(der for der in (row.certificate, *chain) if not _self_issued(der))
    return Generation(row, authority, certificate, chain, public_key, issuer, served)


def _self_issued(der: bytes) -> bool:
    certificate = x509.load_der_x509_certificate(der)
    return certificate.subject == certificate.issuer


def pointers(base_url: str, path: str) -> Pointers:
    """Where relying parties find the validation data of authority generation `NAME/NUMBER`."""
    return Pointers(
        f"{base_url}/ocsp/{path}", f"{base_url}/ca/{path}.cer", f"{base_url}/crl/{path}/{{shard}}.crl"
    )


def split_der(joined: bytes) -> list[bytes]:
    """DER values one after another, apart."""
    reader, parts = Reader(joined, "stored chain"), []
    while not reader.at_end():
        parts.append(reader.whole())
    return parts


def _endpoint(row: EndpointRow, authority: str) -> Endpoint:
    policy = endpoint_policy_from_document(json.loads(row.policy))
    return Endpoint(row, authority, tuple(json.loads(row.profiles)), policy, json.loads(row.settings))


async def _profiles(database: Database) -> dict[str, Profile]:
    latest = '"number" = (SELECT max(p."number") FROM "profile" p WHERE p."name" = "profile"."name")'
    return {
        row.name: from_document(json.loads(row.document)) for row in await database.select(ProfileRow, latest)
    }


async def _signers(database: Database) -> dict[int, tuple[OcspSignerRow, ...]]:
    rows = await database.select(OcspSignerRow, '1 = 1 ORDER BY "not_after" DESC, "id" DESC')
    fingerprints = {row.id: hashlib.sha256(row.certificate).digest() for row in rows}
    revoked = await revoked_of(database, list(fingerprints.values()))
    found: dict[int, tuple[OcspSignerRow, ...]] = {}
    for row in rows:
        if fingerprints[row.id] not in revoked:
            found[row.generation_id] = (*found.get(row.generation_id, ()), row)
    return found


async def _revoked_above(database: Database, generations: dict[int, Generation]) -> dict[int, str]:
    above = {
        generation.id: {hashlib.sha256(der).digest(): der for der in generation.chain}
        for generation in generations.values()
    }
    revoked = await revoked_of(database, list({digest for chain in above.values() for digest in chain}))
    if not revoked:
        return {}
    ours = {one.row.certificate: f"authority {one.path}" for one in generations.values()}
    return {
        identifier: ours.get(der) or x509.load_der_x509_certificate(der).subject.rfc4514_string()
        for identifier, chain in above.items()
        for digest, der in chain.items()
        if digest in revoked
    }


async def revoked_of(database: Database, fingerprints: list[bytes]) -> set[bytes]:
    """Those of certificates that are revoked, or on hold."""
    found: set[bytes] = set()
    for start in range(0, len(fingerprints), TOGETHER):
        some = fingerprints[start : start + TOGETHER]
        rows = await database.query(
            f'SELECT "fingerprint" FROM "certificate" WHERE "fingerprint" IN ({",".join("?" * len(some))}) '
            'AND "revoked_at" IS NOT NULL',
            *some,
        )
        found.update(row[0] for row in rows)
    return found


async def _grants(database: Database) -> dict[str, tuple[Grant, ...]]:
    grants: dict[str, list[Grant]] = {}
    for row in await database.select(RoleGrantRow, "1 = 1"):
        grants.setdefault(row.holder, []).append(Grant(Role(row.role), row.scope))
    return {holder: tuple(dict.fromkeys(held)) for holder, held in grants.items()}


async def _tokens(database: Database, grants: dict[str, tuple[Grant, ...]]) -> dict[bytes, Token]:
    holders = 'SELECT "user_id" FROM "api_token" WHERE "user_id" IS NOT NULL AND "revoked_at" IS NULL'
    accounts = (
        'SELECT "id", "name", "service" FROM "user_account" '
        f'WHERE "disabled_at" IS NULL AND "id" IN ({holders})'
    )
    found = await database.query(accounts)
    users: dict[int | None, tuple[str, bool]] = {key: (name, not service) for key, name, service in found}
    return {
        row.digest: Token(row, grants.get(f"token:{row.name}", ()), *users.get(row.user_id, ("", False)))
        for row in await database.select(ApiTokenRow, '"revoked_at" IS NULL')
        if row.user_id is None or row.user_id in users
    }


async def _teams_of(database: Database) -> dict[str, tuple[str, ...]]:
    members = (
        'SELECT DISTINCT u."name", t."name" FROM "team_member" m '
        'JOIN "user_account" u ON u."id" = m."user_id" '
        'JOIN "team" t ON t."id" = m."team_id" ORDER BY t."name"'
    )
    found: dict[str, list[str]] = {}
    for user, team in await database.query(members):
        found.setdefault(user, []).append(team)
    return {user: tuple(teams) for user, teams in found.items()}


async def _delegations(database: Database) -> tuple[ApprovalDelegationRow, ...]:
    enabled = '"user" IN (SELECT "name" FROM "user_account" WHERE "disabled_at" IS NULL)'
    return tuple(await database.select(ApprovalDelegationRow, f'{enabled} ORDER BY "id"'))


async def _second_person(database: Database) -> Rule:
    for row in await database.select(SecondPersonRuleRow, '"id" = 1'):
        return Rule(frozenset(map(Kind, json.loads(row.kinds))), row.hours)
    return NO_RULE


class Snapshots:
    """Holds the newest snapshot, and knows when it was last confirmed (by a steady clock, in seconds)."""

    def __init__(self, database: Database, current: Snapshot, steady: Callable[[], float]) -> None:
        self.current = current
        self.confirmed = steady()
        self._database = database
        self._steady = steady
        self._looking = asyncio.Lock()

    @classmethod
    async def open(cls, database: Database, steady: Callable[[], float]) -> "Snapshots":
        return cls(database, await load_snapshot(database), steady)

    async def refresh(self) -> Snapshot:
        """Load again if the revision moved. Raises Unavailable."""
        asked = self._steady()
        rows = await self._database.query('SELECT "revision" FROM "installation" WHERE "id" = 1')
        if rows and rows[0][0] != self.current.revision:
            self.current = await load_snapshot(self._database)
        self.confirmed = asked
        return self.current

    async def find(self, look: Callable[[Snapshot], Found]) -> Found:
        """What `look` finds. Before it is not there, the store is asked whether it is new: a token or an
        endpoint that a command has just made works at once. Raises what `look` raises, Unavailable.
        """
        try:
            return look(self.current)
        except (NotFound, Unauthenticated):
            if not await self.look_again():
                raise
            return look(self.current)

    async def look_again(self) -> bool:
        """Load again for somebody who misses something; true when there is something new. Many who miss
        something at the same time share one look, and there are twenty a second at the most. Raises
        Unavailable.
        """
        before, asked = self.current.revision, self._steady()
        async with self._looking:
            if self.confirmed < asked:
                await asyncio.sleep(max(0.0, LOOK_AGAIN_SECONDS - self.age))
                await self.refresh()
        return self.current.revision != before

    @property
    def age(self) -> float:
        """Seconds since the revision was last asked for."""
        return self._steady() - self.confirmed

    @property
    def stale(self) -> bool:
        return self.age > STALE_SECONDS

    async def follow(self, report: Callable[[CertwrightError], None]) -> None:
        """Keep it fresh until cancelled; what goes wrong is reported and tried again."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                await self.refresh()
            except CertwrightError as error:
                report(error)
