"""Check the challenge a client has responded to, from here and from the other places that are set.

The attempt is a fact in the authorization before any checking begins, so that a check lost with its process
is done again by whoever sweeps. Every perspective leaves its own result; who completes the quorum decides.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from ..core import orders
from ..core.acme_settings import AcmeSettings, acme_settings_from_document
from ..core.audit import Event, EventKind, JsonValue, shown
from ..core.errors import CertwrightError, Conflict, Moved, NotFound
from ..ports import Challenge, Evidence, Validator
from ..store.databases import Duplicate
from ..store.enrolment import Authorization, Order, load_authorization, with_authorization_facts
from ..store.ledger import Change
from ..store.rows import AcmeAccountRow, AcmeAuthorizationRow, PerspectiveResultRow
from ..store.snapshot import Endpoint
from .check_caa import FindCaa, account_uris, caa_evidence, caa_problem, require_caa
from .context import Context
from .turns import TurnLimits, Turns

LIMITS = TurnLimits(at_once=200, at_once_each=40, waiting=5_000, waiting_each=500)
"""Checks of this process, and of each party: a client whose servers never answer waits for itself alone."""
SWEPT_MAX = 200
RECORD_ATTEMPTS = 3
REASON_SHOWN = 1000
BROKEN = "the check broke off, which is this server's fault; its log has why"


@dataclass(frozen=True, slots=True)
class Perspectives:
    """Where this process stands, the zone of the servers themselves, the other zones, and how many of those
    must agree."""

    here: str
    primary: str
    others: tuple[str, ...] = ()
    quorum: int = 0


@dataclass(slots=True)
class Validations:
    """Runs checks in the background of one event loop, a bounded number at a time, party after party.

    `validators` by the kind of challenge; `services` are the `https://host[:port]` by which clients reach us,
    the usual one first. What cannot be done now is reported, and left to the next sweep; so is what nobody
    foresaw, but where a validator raises it, the challenge has failed.
    """

    context: Context
    validators: Mapping[str, Validator]
    perspectives: Perspectives
    find_caa: FindCaa
    services: tuple[str, ...]
    report: Callable[[Exception], None]
    _turns: Turns = field(default_factory=lambda: Turns(LIMITS))

    def has_room(self, party: str) -> bool:
        """Could a check for this party begin or wait now?"""
        return self._turns.has_room(party)

    def begin(self, identifier: int, party: str, settings: AcmeSettings) -> None:
        """Check an attempted authorization when its party's turn comes, unless that is under way. Without
        room for it, it is left to the sweep."""
        self._turns.take(party, identifier, partial(self._run, identifier, settings))

    async def _run(self, identifier: int, settings: AcmeSettings) -> None:
        try:
            await self.validate(identifier, settings)
        except Exception as error:  # noqa: BLE001 - nobody waits for this task; whatever it was is reported
            self.report(error)

    async def validate(self, identifier: int, settings: AcmeSettings) -> None:
        """Check one attempted authorization and record what was seen; decide it when enough has been seen.

        An authorization that is settled meanwhile is left as it is. Raises NotFound, Unavailable, Conflict.
        """
        context = self.context
        authorization = await load_authorization(context.database, identifier)
        if not _open(authorization, context.clock()):
            return None
        evidence = await self._check(authorization, settings)
        for _ in range(RECORD_ATTEMPTS):
            try:
                return await _record(context, self.perspectives, authorization, evidence, settings)
            except (Moved, Duplicate):
                authorization = await load_authorization(context.database, identifier)
                if not _open(authorization, context.clock()):
                    return None
        raise Conflict(f"authorization {identifier} keeps changing; its check is left to the next sweep")

    async def _check(self, authorization: Authorization, settings: AcmeSettings) -> Evidence:
        context = self.context
        account = await _account_of(context, authorization)
        row = authorization.row
        if ended := _ended(account, row, settings):
            return Evidence(context.clock(), self.perspectives.here, "unauthorized", ended)
        challenge = Challenge(
            row.attempted,
            authorization.facts.target.identifier,
            row.token,
            f"{row.token}.{account.thumbprint}",
        )
        evidence = await self._ask(challenge)
        if evidence.problem:
            return evidence
        endpoint = next(
            (one for one in context.snapshot.endpoints.values() if one.row.id == account.endpoint_id), None
        )
        uris = account_uris(self.services, endpoint.row.name if endpoint else "", account.id)
        target = authorization.facts.target
        problem = await caa_problem(
            self.find_caa, settings, target.identifier, target.wildcard, uris, challenge.kind
        )
        return replace(evidence, problem=problem.type, detail=problem.detail) if problem else evidence

    async def _ask(self, challenge: Challenge) -> Evidence:
        """What the validator has seen. One that breaks has proved nothing, and would at every sweep: so the
        client hears of it now, and the log what it was. Raises what the port has."""
        now = self.context.clock()
        try:
            return await self.validators[challenge.kind].check(challenge, now)
        except CertwrightError:
            raise
        except Exception as error:  # noqa: BLE001 - a plugin of anybody's may raise anything
            self.report(error)
            return Evidence(now, self.perspectives.here, "serverInternal", BROKEN)

    async def check_caa_again(
        self, order: Order, endpoint: Endpoint, settings: AcmeSettings, now: datetime
    ) -> bool:
        """Before issuance: CAA of names not looked at within eight hours. False: there were none. Raises
        Refused, Unavailable."""
        uris = account_uris(self.services, endpoint.row.name, order.row.account_id)
        return await require_caa(self.find_caa, settings, order.authorizations, uris, now)

    async def sweep(self, before: datetime, *, anyone: bool = False) -> int:
        """Begin the checks that this perspective owes since before a moment; how many there were.

        With `anyone`, also of what every perspective has spoken of and none has settled. Where its client's
        request came from is not on record, so each account takes its turn.
        """
        rows = await unheard(self.context, "" if anyone else self.perspectives.here, before)
        by_endpoint = {one.row.id: one for one in self.context.snapshot.endpoints.values()}
        for identifier, account, endpoint in rows:
            if endpoint in by_endpoint:
                settings = acme_settings_from_document(by_endpoint[endpoint].settings)
                self.begin(identifier, account_party(account), settings)
        return len(rows)

    async def close(self) -> None:
        """Give up what is under way; the attempt is on record, and swept later."""
        await self._turns.close()


def account_party(account: int) -> str:
    """An account that takes its turn by itself."""
    return f"account {account}"


def _open(authorization: Authorization, now: datetime) -> bool:
    pending = orders.authorization_status(authorization.facts, now) is orders.AuthorizationStatus.PENDING
    return pending and bool(authorization.facts.attempted_kind)


def _ended(account: AcmeAccountRow, row: AcmeAuthorizationRow, settings: AcmeSettings) -> str:
    """Why there is nothing to be checked any more, or empty."""
    status = orders.account_status(account.deactivated_at, account.revoked_at)
    if status is not orders.AccountStatus.VALID:
        return f"the account is {status} meanwhile"
    return "" if row.attempted in settings.challenges else f"{row.attempted} is not offered here any more"


async def _account_of(context: Context, authorization: Authorization) -> AcmeAccountRow:
    rows = await context.database.select(AcmeAccountRow, '"id" = ?', authorization.row.account_id)
    if not rows:
        raise NotFound(f"authorization {authorization.row.id} has no account")
    return rows[0]


async def unheard(context: Context, perspective: str, before: datetime) -> list[tuple[int, int, int]]:
    """Authorizations (with account and endpoint) attempted before a moment and unsettled, of which this
    perspective has not spoken: of every account the oldest first, then the second of every account."""
    rows = await context.database.query(
        'SELECT a."id", a."account_id", c."endpoint_id" FROM "acme_authorization" a '
        'JOIN "acme_account" c ON c."id" = a."account_id" '
        'WHERE a."attempted_at" IS NOT NULL AND a."attempted_at" <= ? '
        'AND a."validated_at" IS NULL AND a."failed_at" IS NULL AND a."deactivated_at" IS NULL '
        'AND a."expires_at" > ? AND NOT EXISTS (SELECT 1 FROM "perspective_result" r '
        'WHERE r."authorization_id" = a."id" AND r."attempt" = a."version" AND r."perspective" = ?) '
        'ORDER BY row_number() OVER (PARTITION BY a."account_id" ORDER BY a."attempted_at"), '
        f'a."attempted_at" LIMIT {SWEPT_MAX}',
        before,
        context.clock(),
        perspective,
    )
    return [(row[0], row[1], row[2]) for row in rows]


async def _record(
    context: Context,
    perspectives: Perspectives,
    authorization: Authorization,
    evidence: Evidence,
    settings: AcmeSettings,
) -> None:
    """With others to be heard, the own result is made durable first and all are read after that, so that of
    two who finish at once at least one sees both."""
    row = authorization.row
    caa = caa_evidence(settings, authorization.facts.target.identifier)
    heard = [_result(context, row, evidence, perspectives.here, caa)]
    if perspectives.others:
        with suppress(Duplicate):
            await context.ledger.commit(Change(inserted=list(heard)))
        heard = await context.database.select(
            PerspectiveResultRow, '"authorization_id" = ? AND "attempt" = ?', row.id, row.version
        )
    verdict = decide(perspectives, heard)
    if verdict is not None:
        change = Change()
        _settle(context, authorization, verdict, heard, settings.authorization_lifetime, change)
        await context.ledger.commit(change)


def decide(perspectives: Perspectives, heard: list[PerspectiveResultRow]) -> orders.Problem | bool | None:
    """True: control is proved. A Problem: it is not. None: more must be heard.

    The primary zone must agree, and `quorum` of the others.
    """
    by_zone = {result.perspective: result for result in heard}
    primary = by_zone.get(perspectives.primary)
    others = [by_zone[zone] for zone in perspectives.others if zone in by_zone]
    failing = [result for result in others if result.problem]
    if primary is not None and primary.problem:
        return orders.Problem(primary.problem, primary.detail)
    if len(failing) > len(perspectives.others) - perspectives.quorum:
        return orders.Problem(failing[0].problem, f"seen from {failing[0].perspective}: {failing[0].detail}")
    if primary is not None and len(others) - len(failing) >= perspectives.quorum:
        return True
    return None


def _result(
    context: Context, row: AcmeAuthorizationRow, evidence: Evidence, zone: str, caa: str
) -> PerspectiveResultRow:
    detail = evidence.detail if evidence.problem else json.dumps([*evidence.addresses, *evidence.trail])
    return PerspectiveResultRow(
        id=context.ledger.new_id(),
        authorization_id=row.id,
        attempt=row.version,
        perspective=zone,
        at=evidence.at,
        problem=evidence.problem,
        detail=detail[:2000],
        caa="" if evidence.problem else caa,
    )


def _settle(
    context: Context,
    authorization: Authorization,
    verdict: orders.Problem | bool,
    heard: list[PerspectiveResultRow],
    lifetime: timedelta,
    change: Change,
) -> None:
    now = context.clock()
    detail: dict[str, JsonValue] = {
        "identifier": str(authorization.facts.target.identifier),
        "challenge": authorization.facts.attempted_kind,
        "perspectives": [result.perspective for result in heard],
    }
    if isinstance(verdict, orders.Problem):
        facts = orders.fail(authorization.facts, now, verdict)
        kind = EventKind.ACME_AUTHORIZATION_FAILED
        detail |= {"problem": verdict.type, "reason": shown(verdict.detail, REASON_SHOWN)}
    else:
        facts = orders.succeed(authorization.facts, now, now + lifetime)
        kind = EventKind.ACME_AUTHORIZATION_VALIDATED
    after = with_authorization_facts(authorization.row, facts)
    evidence = [
        [result.perspective, result.at.isoformat(), result.problem, result.detail, result.caa]
        for result in heard
    ]
    after = after._replace(evidence=json.dumps(evidence))
    change.replaced.append((authorization.row, after))
    actor = "system:validation"
    change.events.append(Event(kind, now, actor, "", f"acme-authorization:{authorization.row.id}", detail))
