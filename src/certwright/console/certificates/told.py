"""Template tags: certificates in words."""

from datetime import datetime

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ...core.revocation import Reason
from ...operations.bridge import bridge
from ...store.models import Certificate

register = template.Library()
COLOURS = {"live": "green", "expiring": "yellow", "expired": "secondary", "revoked": "red", "hold": "orange"}
SOON_DAYS = 30


@register.filter
def hexadecimal(octets: bytes | memoryview) -> str:
    return bytes(octets).hex()


@register.filter
def status(certificate: Certificate) -> str:
    """One of live, expiring, expired, revoked, hold."""
    if certificate.revoked_at is not None:
        return "hold" if certificate.revocation_reason == Reason.CERTIFICATE_HOLD else "revoked"
    left = certificate.not_after - bridge().context.clock()
    if left.total_seconds() <= 0:
        return "expired"
    return "expiring" if left.days < SOON_DAYS else "live"


@register.filter
def status_words(word: str) -> str:
    words = {"live": _("live"), "expiring": _("ends soon"), "expired": _("expired"), "revoked": _("revoked")}
    return words.get(word, _("on hold"))


@register.filter
def standing_word(standing: str) -> str:
    """What a certificate that we have not issued is to us, in one word."""
    return {"found": _("found"), "adopted": _("adopted"), "ignored": _("ignored")}.get(standing, standing)


@register.filter
def colour(word: str) -> str:
    return COLOURS[word]


@register.filter
def reason(code: int | None) -> str:
    return Reason(code or 0).label


@register.filter
def away(moment: datetime) -> str:
    """How far from now, in days or hours."""
    seconds = (moment - bridge().context.clock()).total_seconds()
    days, hours = divmod(round(abs(seconds) / 3600), 24)
    size = (
        ngettext("%d day", "%d days", days) % days if days else ngettext("%d hour", "%d hours", hours) % hours
    )
    return _("in %s") % size if seconds > 0 else _("%s ago") % size


@register.filter
def shown_name(certificate: Certificate) -> str:
    """What to call it in a list: the first name, or the subject, or the serial number."""
    names = getattr(certificate, "names", None)
    if names:
        return str(names[0])
    return certificate.subject or bytes(certificate.serial).hex()
