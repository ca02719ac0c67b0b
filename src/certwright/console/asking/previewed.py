"""The certificate to be, in words: what it will say, who must approve it, or why it is refused."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from ...core.access import Actor
from ...core.errors import CertwrightError, Reason, Refused
from ...core.mailbox import PLACE
from ...core.name_lines import read_names, write_name
from ...core.names import Identifier
from ...operations.context import Context
from ...operations.preview import preview
from ..acting import run
from ..certificates.one import PURPOSE_NAMES
from ..certificates.words import purposes
from ..errors import told
from . import words
from .forms import AskForm

NAMES_EXTENSION = "subjectAlternativeName"


@dataclass(frozen=True, slots=True)
class Previewed:
    """Either what the certificate will say, or `reasons` and a `problem`. `prefilled` are lines for the field
    of names where a CSR brought them and the field was empty."""

    names: tuple[str, ...] = ()
    subject: str = ""
    begins: datetime | None = None
    ends: datetime | None = None
    issuer: str = ""
    key: str = ""
    purposes: str = ""
    steps: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()
    problem: str = ""
    prefilled: str = ""

    @property
    def wants_mailbox(self) -> bool:
        """Is it refused for a mail address that the account has not proved?"""
        return any(PLACE in one.message for one in self.reasons)


def previewed(request: HttpRequest, form: AskForm) -> Previewed:
    """What would become of the form as it is now. Nothing is signed or kept."""
    if not form.is_valid():
        return Previewed(problem=_("Something in the form cannot be read yet; it says where."))
    server_made = form.cleaned_data["key"] == "server"
    asked = replace(form.to_preview(), server_made=server_made)

    async def act(context: Context, actor: Actor) -> dict[str, Any]:
        order = form.wish().order(actor, form.offer.profile, asked, context.clock())
        return await preview(context, order)

    try:
        return _said(form, run(request, act))
    except CertwrightError as error:
        return replace(refusal(told(request, error)), prefilled=_prefilled(form, asked.identifiers))


def refusal(error: CertwrightError) -> Previewed:
    """Every reason of a refusal; of another error its line."""
    if isinstance(error, Refused):
        return Previewed(reasons=error.reasons)
    return Previewed(problem=error.detail)


def _said(form: AskForm, document: dict[str, Any]) -> Previewed:
    extensions = {one["name"]: one["value"] for one in document["extensions"]}
    names = read_names("\n".join(extensions.get(NAMES_EXTENSION, ())), frozenset())
    approval = document["approval"] or {"steps": []}
    begins, ends = (datetime.fromisoformat(document[name]) for name in ("not_before", "not_after"))
    return Previewed(
        names=tuple([name.value for name in names]),
        subject=document["subject"],
        begins=begins,
        ends=ends,
        issuer=document["issuer"],
        key=document["key_algorithm"],
        purposes=purposes(form.offer.profile, PURPOSE_NAMES),
        steps=tuple(words.steps(approval["steps"])),
        remarks=tuple([one["text"] for one in document["findings"]]),
        prefilled=_prefilled(form, names),
    )


def _prefilled(form: AskForm, names: Sequence[Identifier]) -> str:
    """Names of a CSR, once it was brought and none were written."""
    kinds = form.offer.profile.names.kinds
    if form.cleaned_data["request"] is None or form.cleaned_data.get("names") or not kinds:
        return ""
    return "\n".join(write_name(name, kinds) for name in names)
