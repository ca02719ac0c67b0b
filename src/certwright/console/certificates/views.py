"""The list of certificates."""

import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ...core.errors import BadQuery, Malformed, NotFound
from ...core.import_rows import FIELD
from ...core.query import Text
from ...core.query_fields import FIELDS
from ...core.responsibility import Assignment
from ...core.revocation import REASONS_TO_ASK_FOR, parse_reason
from ...core.standing import Standing
from ...core.tables import csv_line
from ...operations.assign_owner import assign_owner
from ...operations.bill_of_materials import bill_pieces, read_query
from ...operations.bridge import bridge
from ...operations.custom_fields import list_fields
from ...operations.revoke_chosen import revoke_chosen
from ...operations.save_view import list_views, remove_view, save_view
from ...store.models import Certificate, CertificateField, CertificateName
from ..acting import actor_of, run
from ..errors import told
from ..login.fresh import recently_authenticated
from .filters import NOBODY, FilterForm
from .search import Wanted, everything, find
from .told import status

EXPORT_COLUMNS = (
    *("fingerprint", "serial", "subject", "names", "status", "issuer", "not_before", "not_after"),
    *("authority", "profile", "endpoint", "key_algorithm", "owner", "team", "issued_at"),
    *("standing", "environment"),
    *("revoked_at", "revocation_reason"),
)
FOUND_MAX, TEXT_MAX = 8, 250
ASSIGNING = {"assign": None, "adopt": Standing.ADOPTED, "ignore": Standing.IGNORED}
CHOSEN_MAX = 500
BUILT_IN_VIEWS = (
    (gettext_lazy("Found, and not managed"), "standing:found"),
    (gettext_lazy("Ending within 30 days"), "expires<30d revoked:none"),
    (gettext_lazy("Live, and nobody answers"), "status:live owner:none team:none"),
    (
        gettext_lazy("Weak keys and signatures"),
        "status:live (key:rsa<2048 or signature:sha1 or signature:md5)",
    ),
)


def filters_of(given: QueryDict) -> FilterForm:
    return FilterForm(given, bridge().context.snapshot)


@require_safe
def certificates(request: HttpRequest) -> HttpResponse:
    form = filters_of(request.GET)
    part = request.headers.get("HX-Request") == "true" and not request.headers.get("HX-Boosted")
    context: dict[str, Any] = {
        "form": form,
        "query": form.query(),
        "reasons": REASONS_TO_ASK_FOR,
        "part": part,
    }
    try:
        found = find(actor_of(request), form.wanted(), bridge().context.clock(), _after(request))
    except Malformed as error:
        context["query_error" if isinstance(error, BadQuery) else "error"] = error
    else:
        foreign = any(row.standing != Standing.ISSUED for row in found.rows)
        context |= {"found": found, "rows": with_names(found.rows), "foreign": foreign}
    status = 200 if "found" in context else 400
    if part:
        return _part(request, context, status)
    context |= {"query_fields": FIELDS.values(), "built_in_views": BUILT_IN_VIEWS}
    context["views"] = run(request, list_views)
    return render(request, "certificates/list.html", context, status=status)


def _part(request: HttpRequest, context: dict[str, Any], status: int) -> HttpResponse:
    """The rows alone, while somebody types: where a query cannot be read yet, those before it stay."""
    if "query_error" not in context:
        return render(request, "certificates/rows.html", context, status=status)
    response = render(request, "certificates/query_error.html", context)
    response["HX-Reswap"] = "none"
    return response


def _after(request: HttpRequest) -> int | None:
    text = request.GET.get("after", "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 19:
        raise Malformed("the list cannot go on from there; begin it anew")
    return int(text)


@require_safe
def find_some(request: HttpRequest) -> HttpResponse:
    """A few for the command palette."""
    text = request.GET.get("q", "").strip()
    wanted = Wanted(Text(text[:TEXT_MAX]))
    found = find(actor_of(request), wanted, bridge().context.clock(), limit=FOUND_MAX).rows if text else []
    return render(request, "certificates/found.html", {"rows": with_names(found)})


def with_names(rows: list[Certificate]) -> list[Certificate]:
    """Each with its alternative names as `names`."""
    found = CertificateName.objects.filter(certificate_id__in=[row.pk for row in rows])
    ordered = found.order_by("certificate_id", "position").values_list("certificate_id", "value")
    names = {key: [value for _key, value in group] for key, group in groupby(ordered, lambda one: one[0])}
    for row in rows:
        row.names = names.get(row.pk, [])  # type: ignore[attr-defined]
    return rows


# -- export --------------------------------------------------------------------------------------


@require_safe
def export(request: HttpRequest, kind: str) -> HttpResponseBase:
    """All that the filters find, as it is found: a million rows are never in memory."""
    if kind not in ("csv", "json", "cbom.json"):
        raise NotFound("a list is given out as csv, json or cbom.json")
    wanted, actor, now = filters_of(request.GET).wanted(), actor_of(request), bridge().context.clock()
    fields = [one.name for one in run(request, list_fields) if not one.retired]
    pages = (_exported(rows, fields) for rows in everything(actor, wanted, now))
    lines, media = (_csv(pages, fields), "text/csv") if kind == "csv" else (_json(pages), "application/json")
    if kind == "cbom.json":
        lines = bill_pieces(actor, read_query(str(wanted.query)))
    response = StreamingHttpResponse(lines, content_type=f"{media}; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="certificates-{now:%Y-%m-%d}.{kind}"'
    return response


def _exported(rows: list[Certificate], fields: list[str]) -> Iterator[dict[str, Any]]:
    identifiers = [row.pk for row in rows]
    found = CertificateField.objects.filter(certificate_id__in=identifiers, field__in=fields)
    values: dict[int, dict[str, str]] = {}
    for certificate, field, value in found.values_list("certificate_id", "field", "value"):
        values.setdefault(certificate, {})[f"{FIELD}{field}"] = value
    own = {f"{FIELD}{name}": "" for name in fields}
    return (_row(row) | own | values.get(row.pk, {}) for row in with_names(rows))


def _row(row: Certificate) -> dict[str, Any]:
    given: dict[str, Any] = {name: getattr(row, name, None) for name in EXPORT_COLUMNS}
    given |= {name: bytes(getattr(row, name)).hex() for name in ("fingerprint", "serial")}
    for name, value in given.items():
        if hasattr(value, "isoformat"):
            given[name] = value.isoformat()
    return given | {"status": status(row)}


def _csv(pages: Iterable[Iterable[dict[str, Any]]], fields: list[str]) -> Iterator[str]:
    columns = (*EXPORT_COLUMNS, *(f"{FIELD}{name}" for name in fields))
    yield csv_line(columns)
    for rows in pages:
        yield "".join(csv_line(_cells(row, columns)) for row in rows)


def _cells(row: dict[str, Any], columns: Iterable[str]) -> Iterator[str]:
    for name in columns:
        value = row[name]
        yield " ".join(value) if isinstance(value, list) else "" if value is None else str(value)


def _json(pages: Iterable[Iterable[dict[str, Any]]]) -> Iterator[str]:
    yield "["
    first = True
    for rows in pages:
        for row in rows:
            yield ("\n" if first else ",\n") + json.dumps(row)
            first = False
    yield "\n]\n"


# -- acts on chosen rows, and saved views --------------------------------------------------------


@recently_authenticated
@require_http_methods(["GET", "HEAD", "POST"])
def act_on_chosen(request: HttpRequest) -> HttpResponse:
    """First a page that names what it will touch; with `sure`, it is done, one by one. Back from a proof of
    who one is, one chooses anew."""
    if request.method != "POST":
        return redirect("certificates")
    chosen = [reference for reference in request.POST.getlist("chosen") if reference][:CHOSEN_MAX]
    if not chosen:
        raise Malformed("no certificate is chosen; go back and choose some")
    if request.POST.get("act") in ASSIGNING:
        return _assign(request, chosen, request.POST["act"])
    reason = parse_reason(request.POST.get("reason", "unspecified"))
    if request.POST.get("sure") != "yes":
        rows = with_names(_visible(request, chosen))
        return render(request, "certificates/revoke_chosen.html", {"rows": rows, "reason": reason})
    outcome = run(request, lambda context, actor: revoke_chosen(context, actor, chosen, reason))
    for reference, error in outcome.failed:
        messages.error(request, f"{reference[:16]}…: {told(request, error).detail}")
    done = outcome.done
    messages.success(
        request, ngettext("%d certificate is revoked.", "%d certificates are revoked.", done) % done
    )
    return redirect("certificates")


def _assign(request: HttpRequest, chosen: list[str], act: str) -> HttpResponse:
    """Of all that are chosen, or of none. What is left empty stays as it is; - is nobody."""
    team, owner, environment = (
        _named(request.POST.get(f"to_{name}", "").strip()) for name in ("team", "owner", "environment")
    )
    wanted = Assignment(team, owner, environment=environment, standing=ASSIGNING[act])
    if act == "ignore":
        wanted = Assignment(standing=Standing.IGNORED, reason=request.POST.get("why", "").strip())
    run(request, lambda context, actor: assign_owner(context, actor, chosen, wanted))
    done = {
        "assign": ngettext("%d certificate is assigned.", "%d certificates are assigned.", len(chosen)),
        "adopt": ngettext("%d certificate is adopted.", "%d certificates are adopted.", len(chosen)),
        "ignore": ngettext("%d certificate is ignored.", "%d certificates are ignored.", len(chosen)),
    }
    messages.success(request, done[act] % len(chosen))
    return redirect("certificates")


def _named(text: str) -> str | None:
    return "" if text == NOBODY else text or None


def _visible(request: HttpRequest, references: list[str]) -> list[Certificate]:
    """Those of the fingerprints that the person may see. Raises Malformed."""
    try:
        fingerprints = [bytes.fromhex(reference) for reference in references]
    except ValueError:
        raise Malformed("a certificate is chosen by its fingerprint in hexadecimal") from None
    return list(Certificate.objects.filter(fingerprint__in=fingerprints).visible_to(actor_of(request)))


@require_POST
def views(request: HttpRequest) -> HttpResponse:
    """Save the filters under a name, or remove a name."""
    name, query = request.POST.get("name", ""), request.POST.get("query", "")
    if request.POST.get("act") == "remove":
        run(request, lambda context, actor: remove_view(context, actor, name))
        messages.success(request, _("The view is removed."))
        return redirect("certificates")
    run(request, lambda context, actor: save_view(context, actor, name, query))
    messages.success(request, _("The view is saved."))
    response = redirect("certificates")
    response["Location"] += f"?{filters_of(QueryDict(query)).query()}"
    return response
