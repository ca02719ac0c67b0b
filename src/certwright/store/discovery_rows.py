"""The tables of discovery as plain rows: sightings, scopes, runs, findings, scores. As `rows` has others."""

from datetime import datetime
from typing import NamedTuple


class SightingRow(NamedTuple):
    id: int
    place: bytes
    certificate_id: int
    zone: str
    kind: str
    host: str
    port: int
    name: str
    chain: bytes
    facts: str
    scope_id: int
    first_run: int
    last_run: int
    first_seen_at: datetime
    last_seen_at: datetime
    ended_at: datetime | None
    version: int


class DiscoveryScopeRow(NamedTuple):
    id: int
    name: str
    source: str
    targets: str
    exclude: str
    settings: str
    secrets: bytes
    zone: str
    every_minutes: int
    quiet: str
    next_run_at: datetime | None
    created_at: datetime
    created_by: str
    removed_at: datetime | None
    version: int


class DiscoveryRunRow(NamedTuple):
    id: int
    scope_id: int
    source: str
    targets: str
    exclude: str
    settings: str
    zone: str
    asked_at: datetime
    asked_by: str
    started_at: datetime | None
    seen_at: datetime | None
    ended_at: datetime | None
    cancelled_by: str
    after: str
    mark: str
    whole: bool
    done: int
    total: int
    seen: int
    new: int
    appeared: int
    gone: int
    problems: int
    problem: str
    version: int


class OutsideListRow(NamedTuple):
    id: int
    issuer_id: int
    url: str
    next_check_at: datetime
    checked_at: datetime | None
    this_update: datetime | None
    next_update: datetime | None
    number: str
    problem: str
    failing_since: datetime | None
    version: int


class OutsideAnswerRow(NamedTuple):
    id: int
    certificate_id: int
    issuer_id: int
    url: str
    server: str
    ends_at: datetime
    next_check_at: datetime
    checked_at: datetime | None
    this_update: datetime | None
    next_update: datetime | None
    problem: str
    failing_since: datetime | None
    version: int


class FindingRow(NamedTuple):
    id: int
    code: str
    severity: str
    certificate_id: int
    sighting_id: int
    detail: str
    team: str
    opened_at: datetime
    closed_at: datetime | None
    acknowledged_by: str
    accepted_until: datetime | None
    reason: str
    version: int


class HealthScoreRow(NamedTuple):
    id: int
    scope: str
    day: datetime
    at: datetime
    certificates: int
    sound: int
    critical: int
    warning: int
    notice: int
    accepted: int
    version: int
