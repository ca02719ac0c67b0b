"""How many accounts and orders a client may ask for in an hour (RFC 8555 sections 6.6 and 10.5).

Each process counts what it answers itself. An account that one of our external account keys has bound is
counted by itself: its key was given to somebody. Others are counted together by the network they come from,
for anybody makes as many of those as they like.
"""

from dataclasses import dataclass
from datetime import datetime

from ...core.acme_settings import AcmeSettings
from ...core.rates import Rates, network_of
from .problems import rate_limited


@dataclass(frozen=True, slots=True)
class Party:
    """Who is counted, and takes turns, together; and how that is said to one of them."""

    name: str
    whose: str


class Quotas:
    """One per process. `endpoint` is its path, `source` the client's address."""

    def __init__(self) -> None:
        self._accounts = Rates()
        self._orders = Rates()

    def take_account(self, endpoint: str, source: str, settings: AcmeSettings, now: datetime) -> None:
        """For an account without a binding. Raises AcmeProblem rateLimited."""
        most = settings.new_accounts_per_hour
        if seconds := self._accounts.take(_network(endpoint, source), most, now):
            raise rate_limited(f"more than {most} new accounts an hour from your network", seconds)

    def take_order(self, party: Party, settings: AcmeSettings, now: datetime) -> None:
        """Raises AcmeProblem rateLimited."""
        most = settings.new_orders_per_hour
        if seconds := self._orders.take(party.name, most, now):
            raise rate_limited(f"more than {most} orders an hour {party.whose}", seconds)


def party_of(bound: str, endpoint: str, source: str) -> Party:
    """`bound` names the account by itself if it has a binding, else it is empty."""
    if bound:
        return Party(bound, "of this account")
    return Party(_network(endpoint, source), "of accounts without a binding from your network")


def _network(endpoint: str, source: str) -> str:
    return f"{endpoint} {network_of(source)}"
