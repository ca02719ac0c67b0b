"""The console's pages by name, and who is shown the way to each.

This is a matter of what to show: what somebody may do, operations and `visible_to` decide.
"""

from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from ..core.access import Actor, Verb
from ..operations.shown import has_anywhere


@dataclass(frozen=True, slots=True)
class Page:
    """`name` is that of the address; whoever has one of `verbs` anywhere sees it, everybody where there is
    none."""

    title: "str | object"
    name: str
    verbs: tuple[Verb, ...] = ()


PAGES = (
    Page(_("Overview"), "console"),
    Page(_("Certificates"), "certificates", (Verb.VIEW,)),
    Page(_("Authorities"), "authorities", (Verb.VIEW,)),
    Page(_("Endpoints"), "endpoints", (Verb.VIEW,)),
    Page(_("Profiles"), "profiles", (Verb.VIEW,)),
    Page(_("Audit log"), "audit", (Verb.VIEW_AUDIT,)),
    Page(_("Settings"), "settings", (Verb.VIEW_AUDIT,)),
    Page(_("People"), "people", (Verb.MANAGE_ACCESS,)),
    Page(_("Teams"), "teams", (Verb.MANAGE_ACCESS,)),
)


@dataclass(frozen=True, slots=True)
class Place:
    """A page as one entry of the navigation. `here` is true on the page itself and on those below it."""

    title: str
    address: str
    here: bool


def places(actor: Actor, path: str) -> list[Place]:
    """Entries for this person, who is at `path`."""
    shown = [(page, address) for page in PAGES if _is_for(page, actor) and (address := _address(page))]
    below = [address for _page, address in shown if path.startswith(address)]
    here = max(below, key=len, default="")
    return [Place(str(page.title), address, address == here) for page, address in shown]


def _is_for(page: Page, actor: Actor) -> bool:
    return not page.verbs or has_anywhere(actor, page.verbs)


def _address(page: Page) -> str:
    """Empty for a page that this installation does not have."""
    try:
        return reverse(page.name)
    except NoReverseMatch:
        return ""
