"""Template filters: requests in words."""

from datetime import datetime

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ...core.approval import RequestStatus
from ...operations.bridge import bridge

register = template.Library()
COLOURS = {
    RequestStatus.WAITING: "yellow",
    RequestStatus.APPROVED: "blue",
    RequestStatus.ISSUED: "green",
    RequestStatus.REJECTED: "red",
    RequestStatus.REFUSED: "red",
    RequestStatus.FAILED: "red",
}
WORDS = {
    RequestStatus.WAITING: gettext_lazy("waiting"),
    RequestStatus.APPROVED: gettext_lazy("approved"),
    RequestStatus.ISSUED: gettext_lazy("issued"),
    RequestStatus.REJECTED: gettext_lazy("rejected"),
    RequestStatus.REFUSED: gettext_lazy("refused"),
    RequestStatus.WITHDRAWN: gettext_lazy("withdrawn"),
    RequestStatus.EXPIRED: gettext_lazy("expired"),
    RequestStatus.FAILED: gettext_lazy("failed"),
}
_SIZES = (86400, 3600, 60)


@register.filter
def request_words(status: RequestStatus) -> str:
    return str(WORDS[status])


@register.filter
def request_colour(status: RequestStatus) -> str:
    return COLOURS.get(status, "secondary")


@register.filter
def period(seconds: float) -> str:
    """`90 days`, `36 hours`, `5 minutes`: the largest unit of which there are two."""
    days, hours, minutes = [round(seconds / size) for size in _SIZES]
    if days >= 2 or seconds == 86400:
        return ngettext("%d day", "%d days", days) % days
    if hours >= 2:
        return ngettext("%d hour", "%d hours", hours) % hours
    return ngettext("%d minute", "%d minutes", minutes) % minutes


@register.filter
def from_now(moment: datetime) -> str:
    seconds = (moment - bridge().context.clock()).total_seconds()
    return _("in %s") % period(seconds) if seconds > 0 else _("%s ago") % period(-seconds)
