"""Networks in which something is served, each in the colour of what ends first there."""

from dataclasses import dataclass
from datetime import date

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from ...operations.bridge import bridge
from ...operations.count_networks import SeenNetwork, list_networks
from ..acting import run

STATES = (
    (0, gettext_lazy("ended"), "red"),
    (7, gettext_lazy("ends within 7 days"), "orange"),
    (30, gettext_lazy("ends within 30 days"), "yellow"),
)
GOOD = (gettext_lazy("ends later"), "green")


@dataclass(frozen=True, slots=True)
class Square:
    """A network on the map; `words` say what the colour does. At `address` are the certificates there."""

    network: SeenNetwork
    address: str
    words: str
    colour: str


@require_safe
def networks(request: HttpRequest) -> HttpResponse:
    found, today = run(request, list_networks), bridge().context.clock().date()
    facts = {
        "found": found,
        "squares": [_square(one, today) for one in found.networks],
        "legend": [*((words, colour) for _, words, colour in STATES), GOOD],
        "discovery": reverse("discovery"),
    }
    return render(request, "discovery/networks.html", facts)


def _square(network: SeenNetwork, today: date) -> Square:
    left, address = (network.ends - today).days, _certificates(network)
    for days, words, colour in STATES:
        if left < days:
            return Square(network, address, str(words), colour)
    return Square(network, address, str(GOOD[0]), GOOD[1])


def _certificates(network: SeenNetwork) -> str:
    """Where what is served there is listed, what ends first before the others; of IPv6, whose networks
    nobody can ask for, what is at the address in which something ends first."""
    wanted = f"at:{network.first if ':' in network.network else network.network}"
    if network.zone and '"' not in network.zone:
        wanted += f' zone:"{network.zone}"'
    return f"{reverse('certificates')}?{urlencode({'q': wanted, 'order': 'expires'})}"
