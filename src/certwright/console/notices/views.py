"""One's own notices."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from ...core.access import Actor
from ...core.errors import Malformed
from ...operations.context import Context
from ...operations.read_notices import choose_mail, list_notices, mark_read, wants_mail
from ...store.people_rows import NoticeRow
from ..acting import run

DIGITS_MAX = 19


@require_http_methods(["GET", "HEAD", "POST"])
def notices(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        return _act(request)
    after = request.GET.get("after", "")
    place = number(after) if after else None

    async def look(context: Context, actor: Actor) -> tuple[list[NoticeRow], int | None, bool]:
        return *await list_notices(context, actor, place), await wants_mail(context, actor)

    rows, further, mailed = run(request, look)
    return render(request, "notices/list.html", {"rows": rows, "after": further, "mailed": mailed})


def _act(request: HttpRequest) -> HttpResponse:
    act = request.POST.get("act", "")
    if act == "mail":
        wanted = request.POST.get("wanted") == "yes"
        run(request, lambda context, actor: choose_mail(context, actor, wanted=wanted))
        told = _("Notices come by mail too.") if wanted else _("Notices stand in the console only.")
        messages.success(request, told)
    elif act == "read":
        some = [number(one) for one in request.POST.getlist("notice")]
        run(request, lambda context, actor: mark_read(context, actor, some))
    elif act == "read-all":
        run(request, mark_read)
        messages.success(request, _("All are read."))
    else:
        raise Malformed("a notice is read, or not; nothing else is done to it here")
    return redirect("notices")


def number(text: str) -> int:
    """An identifier as it stands in a form. Raises Malformed."""
    if not (text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX):
        raise Malformed(f"{text[:40]!r} names no row; go back and choose again")
    return int(text)
