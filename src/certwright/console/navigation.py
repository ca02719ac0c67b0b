"""The console's pages by name, and who is shown the way to each.

This is a matter of what to show: what somebody may do, operations and `visible_to` decide.
"""

from collections.abc import Callable
from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from ..core.access import Actor, Verb
from ..operations.shown import has_anywhere
from .requests.waiting import waiting_number


@dataclass(frozen=True, slots=True)
class Page:
    """`name` is that of the address; whoever has one of `verbs` anywhere sees it, everybody where there is
    none. `number` is what waits there for somebody, empty for nothing."""

    title: "str | object"
    name: str
    verbs: tuple[Verb, ...] = ()
    number: Callable[[Actor], str] = lambda _actor: ""


PAGES = (
    Page(_("Overview"), "console"),
    Page(_("Certificates"), "certificates", (Verb.VIEW,)),
    Page(_("Discovery"), "discovery", (Verb.DISCOVER, Verb.VIEW_AUDIT)),
    Page(_("Findings"), "findings", (Verb.VIEW,)),
    Page(_("Ask for a certificate"), "ask", (Verb.ISSUE,)),
    Page(_("Requests"), "requests", number=waiting_number),
    Page(_("Organizations"), "organizations", (Verb.APPROVE, Verb.VIEW_AUDIT)),
    Page(_("Policy"), "policy", (Verb.MANAGE_POLICY, Verb.VIEW_AUDIT)),
    Page(_("Responsibility"), "responsibility"),
    Page(_("Attestation"), "attestation"),
    Page(_("Notices"), "notices"),
    Page(_("Authorities"), "authorities", (Verb.VIEW,)),
    Page(_("Endpoints"), "endpoints", (Verb.VIEW,)),
    Page(_("Profiles"), "profiles", (Verb.VIEW,)),
    Page(_("Own fields"), "own_fields", (Verb.MANAGE_OWNERS,)),
    Page(_("Audit log"), "audit", (Verb.VIEW_AUDIT,)),
    Page(_("Settings"), "settings", (Verb.VIEW_AUDIT,)),
    Page(_("People"), "people", (Verb.MANAGE_ACCESS,)),
    Page(_("Teams"), "teams", (Verb.MANAGE_ACCESS,)),
    Page(
        _("Second person"),
        "proposals",
        (Verb.MANAGE_ACCESS, Verb.MANAGE_AUTHORITIES, Verb.MANAGE_POLICY, Verb.REVOKE),
    ),
)


@dataclass(frozen=True, slots=True)
class Place:
    """A page as one entry of the navigation. `here` is true on the page itself and on those below it."""

    title: str
    address: str
    here: bool
    number: str = ""


def places(actor: Actor, path: str) -> list[Place]:
    """Entries for this person, who is at `path`."""
    shown = [(page, address) for page in PAGES if _is_for(page, actor) and (address := _address(page))]
    below = [address for _page, address in shown if path.startswith(address)]
    here = max(below, key=len, default="")
    return [Place(str(page.title), address, address == here, page.number(actor)) for page, address in shown]


def _is_for(page: Page, actor: Actor) -> bool:
    return not page.verbs or has_anywhere(actor, page.verbs)


def _address(page: Page) -> str:
    """Empty for a page that this installation does not have."""
    try:
        return reverse(page.name)
    except NoReverseMatch:
        return ""
