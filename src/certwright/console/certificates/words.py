"""A certificate in plain words: what it is for, until when, who answers for it, where it came from."""

from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ...core.profile import Profile
from ...core.revocation import Reason
from ...core.standing import Standing
from ...store.rows import CertificateRow

PURPOSES = {
    "serverAuth": gettext_lazy("servers prove with it who they are"),
    "clientAuth": gettext_lazy("clients prove with it who they are"),
    "codeSigning": gettext_lazy("software is signed with it"),
    "emailProtection": gettext_lazy("mail is signed or encrypted with it"),
    "timeStamping": gettext_lazy("moments are attested with it"),
    "OCSPSigning": gettext_lazy("answers about revocation are signed with it"),
}


STANDINGS = {
    Standing.ISSUED: gettext_lazy("issued by us"),
    Standing.FOUND: gettext_lazy("found, and nobody has said yet whether it matters"),
    Standing.ADOPTED: gettext_lazy("issued by others, and adopted by us"),
    Standing.IGNORED: gettext_lazy("issued by others, and ignored"),
}


def standing(row: CertificateRow) -> str:
    """What it is to us."""
    return str(STANDINGS[Standing(row.standing)])


def purposes(profile: Profile | None, names: dict[str, str]) -> str:
    """What it is for; `names` are those of purposes by their identifier."""
    if profile is None:
        return _("its profile is not known here")
    if profile.is_authority:
        return _("other certificates are signed with it")
    known = [PURPOSES[name] for one in profile.purposes if (name := names.get(one, "")) in PURPOSES]
    return _(" and ").join(str(one) for one in known) or _("keys are bound to a name with it")


def lasting(row: CertificateRow, now: datetime) -> str:
    """How it stands now."""
    if row.revoked_at is not None:
        reason = Reason(row.revocation_reason or 0)
        if reason is Reason.CERTIFICATE_HOLD:
            return _("It is on hold since %(at)s: nobody should rely on it until it is released.") % _at(
                row.revoked_at
            )
        told = {**_at(row.revoked_at), "reason": reason.label}
        return _("It was revoked on %(at)s for %(reason)s: nobody should rely on it.") % told
    if row.not_after <= now:
        return _("It ended on %(at)s.") % _at(row.not_after)
    if row.not_before > now:
        return _("It begins on %(at)s.") % _at(row.not_before)
    days = (row.not_after - now).days
    return ngettext(
        "It is good until %(at)s, for another %(days)d day.",
        "It is good until %(at)s, for another %(days)d days.",
        days,
    ) % {**_at(row.not_after), "days": days}


def answering(row: CertificateRow) -> str:
    """Who answers for it."""
    if row.owner and row.team:
        return _("%(owner)s and the team %(team)s answer for it.") % {"owner": row.owner, "team": row.team}
    if row.owner:
        return _("%(owner)s answers for it.") % {"owner": row.owner}
    if row.team:
        return _("The team %(team)s answers for it.") % {"team": row.team}
    return _("Nobody answers for it.")


def _at(moment: datetime) -> dict[str, object]:
    return {"at": f"{moment:%Y-%m-%d %H:%M} UTC"}
