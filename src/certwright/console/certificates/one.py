"""One certificate: in words, with its chain and history, to take away, and what may be done to it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from ...core.access import Actor, Subject, Verb
from ...core.custom_fields import CustomField
from ...core.errors import CertwrightError, NotFound, SecondPersonNeeded
from ...core.extensions import PURPOSES
from ...core.pem import pem
from ...core.revocation import REASONS_TO_ASK_FOR, Reason, parse_reason
from ...core.standing import Standing
from ...operations.bridge import bridge
from ...operations.context import Context
from ...operations.custom_fields import all_fields
from ...operations.find_certificate import subject_of
from ...operations.list_events import EventFilter, event_document, list_events
from ...operations.read_certificate import CertificateDetails, read_certificate
from ...operations.renew import renew_certificate
from ...operations.revoke import release_certificate, revoke_certificate
from ...operations.shown import open_verbs, reads_audit
from ..acting import run
from ..downloads import file_stem, given_out
from ..errors import told
from ..findings.views import findings_of
from ..login.fresh import recently_authenticated
from . import words
from .decoded import decoded

EVENTS_MAX = 200
PURPOSE_NAMES = {identifier: name for name, identifier in PURPOSES.items()}


@dataclass(frozen=True, slots=True)
class Read:
    """What the page needs, read in one go. `events` are None for who may not see the audit log."""

    details: CertificateDetails
    tags: frozenset[str]
    subject: Subject
    events: list[dict[str, Any]] | None
    verbs: frozenset[Verb]
    findings: list[dict[str, Any]]
    fields: dict[str, CustomField]


async def _read(context: Context, actor: Actor, reference: str) -> Read:
    details = await read_certificate(context.database, context.snapshot, actor, reference)
    row = details.row
    subject = subject_of(row, details.tags)
    events = None
    if reads_audit(actor):
        wanted = EventFilter(subject=f"certificate:{row.fingerprint.hex()}")
        rows = await list_events(context.database, actor, wanted, EVENTS_MAX)
        events = [event_document(one) for one in reversed(rows)]
    verbs = open_verbs(actor, (Verb.RENEW, Verb.REVOKE, Verb.MANAGE_OWNERS), subject)
    findings = await findings_of(context, actor, row.id)
    fields = await all_fields(context.database)
    return Read(details, details.tags, subject, events, verbs, findings, fields)


def read_one(request: HttpRequest, reference: str) -> Read:
    return run(request, lambda context, actor: _read(context, actor, reference))


@require_safe
def certificate(request: HttpRequest, reference: str) -> HttpResponse:
    return render(request, "certificates/one.html", _told(read_one(request, reference)))


def _told(read: Read) -> dict[str, Any]:
    row, now, snapshot = read.details.row, bridge().context.clock(), bridge().context.snapshot
    profile, issued = snapshot.profiles.get(row.profile), row.standing == Standing.ISSUED
    return {
        "row": row,
        "names": [str(name.value) for name in read.details.names],
        "title": title_of(read.details),
        "file_name": file_stem(title_of(read.details)),
        "purposes": words.purposes(profile, PURPOSE_NAMES) if issued else _("others have issued it"),
        "standing": words.standing(row),
        "issuer": read.details.issuer,
        "authority": row.authority if row.authority in snapshot.authorities else "",
        "replaced": read.details.replaced,
        "successors": read.details.successors,
        "seen": read.details.seen,
        "lasting": words.lasting(row, now),
        "answering": words.answering(row),
        "tags": sorted(read.tags),
        "findings": read.findings,
        "chain": _chain(read),
        "history": _history(row, read, now),
        "own_fields": [(read.fields[name], value) for name, value in read.details.fields.items()],
        "fields": decoded(read.details.der),
        "pem": pem(read.details.der).decode(),
        "may": _permitted(read.verbs) & _possible(read, now),
    }


def _permitted(verbs: frozenset[Verb]) -> set[str]:
    acts = {"assign", "adopt", "ignore"} if Verb.MANAGE_OWNERS in verbs else set()
    return {verb.value for verb in verbs} | acts


def title_of(details: CertificateDetails) -> str:
    names, row = details.names, details.row
    return str(names[0].value) if names else row.subject or row.serial.hex()


def _possible(read: Read, now: datetime) -> set[str]:
    """What its state permits; operations decide."""
    row = read.details.row
    if row.standing != Standing.ISSUED:
        others = {"adopt"} if row.standing != Standing.ADOPTED else set()
        return {"assign"} | others | ({"ignore"} if row.standing != Standing.IGNORED else set())
    if row.generation_id is None:
        return {"assign"}
    held = row.revocation_reason == Reason.CERTIFICATE_HOLD
    acts = set() if row.revoked_at is not None or row.not_after <= now else {"renew"}
    return acts | {"assign"} | ({"revoke", "release"} if held else {"revoke"})


def _chain(read: Read) -> list[dict[str, str]]:
    """Authorities above it, the root first, as far as they are on record."""
    generation = bridge().context.snapshot.generations.get(read.details.row.generation_id or 0)
    if generation is None:
        return [{"name": read.details.row.issuer, "address": ""}]
    above = [{"name": generation.row.subject, "address": f"/ca/{generation.path}.cer"}]
    served = {one.row.certificate: one for one in bridge().context.snapshot.generations.values()}
    for der in generation.chain:
        known = served.get(der)
        if known is not None:
            above.append({"name": known.row.subject, "address": f"/ca/{known.path}.cer"})
    return list(reversed(above))


def _history(row: Any, read: Read, now: datetime) -> list[tuple[str, str]]:
    """Moments and what happened: events of the audit log, or what the row says."""
    found = row.standing != Standing.ISSUED
    happened = [(f"{row.issued_at:%Y-%m-%d %H:%M:%S}", _("first seen"))] if found else []
    if read.events is not None:
        happened += [(event["at"][:19].replace("T", " "), _happened(event)) for event in read.events]
    else:
        happened = happened or [(f"{row.issued_at:%Y-%m-%d %H:%M:%S}", _("issued"))]
        if row.revoked_at is not None:
            told = _("revoked: %s") % Reason(row.revocation_reason or 0).label
            happened.append((f"{row.revoked_at:%Y-%m-%d %H:%M:%S}", told))
    ends = _("ended") if row.not_after <= now else _("will end")
    return [*happened, (f"{row.not_after:%Y-%m-%d %H:%M:%S}", ends)]


def _happened(event: dict[str, Any]) -> str:
    source = f" ({event['source']})" if event["source"] else ""
    return f"{event['kind']}: {event['actor']}{source}"


# -- to take away --------------------------------------------------------------------------------


@require_safe
def download(request: HttpRequest, reference: str, kind: str) -> HttpResponse:
    details = run(
        request, lambda context, actor: read_certificate(context.database, context.snapshot, actor, reference)
    )
    return given_out((details.der, *details.served), kind, file_stem(title_of(details)))


# -- acts ----------------------------------------------------------------------------------------


async def _renew(context: Context, actor: Actor, reference: str, given: dict[str, str]) -> str:
    issued = await renew_certificate(context, actor, reference)
    return issued.row.fingerprint.hex()


async def _revoke(context: Context, actor: Actor, reference: str, given: dict[str, str]) -> str:
    reason = parse_reason(given.get("reason", ""))
    row = await revoke_certificate(context, actor, reference, reason, context.clock())
    return row.fingerprint.hex()


async def _release(context: Context, actor: Actor, reference: str, given: dict[str, str]) -> str:
    row = await release_certificate(context, actor, reference, context.clock())
    return row.fingerprint.hex()


ACTS = {"renew": _renew, "revoke": _revoke, "release": _release}


@require_http_methods(["GET", "HEAD", "POST"])
def act(request: HttpRequest, reference: str, what: str) -> HttpResponseBase:
    """A page that says what will be touched; sent, it is done. To revoke, one proves anew who one is."""
    if what == "revoke":
        return recently_authenticated(_act)(request, reference, what)
    return _act(request, reference, what)


def _act(request: HttpRequest, reference: str, what: str) -> HttpResponse:
    if what not in ACTS:
        raise NotFound("a certificate is renewed, revoked or released here")
    read = read_one(request, reference)
    context = _told(read) | {"what": what, "reasons": REASONS_TO_ASK_FOR}
    if request.method != "POST":
        return render(request, "certificates/act.html", context)
    given = {name: str(value) for name, value in request.POST.items()}
    try:
        became = run(request, lambda there, actor: ACTS[what](there, actor, reference, given))
    except SecondPersonNeeded:
        raise
    except CertwrightError as error:
        error = told(request, error)
        return render(request, "certificates/act.html", context | {"error": error}, status=error.status)
    done = {
        "renew": _("This is its successor."),
        "revoke": _("It is revoked."),
        "release": _("It is released."),
    }
    messages.success(request, done[what])
    return redirect("certificate", reference=became)
