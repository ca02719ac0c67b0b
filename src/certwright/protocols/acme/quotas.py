"""How many accounts and orders a client may ask for in an hour (RFC 8555 sections 6.6 and 10.5).

Each process counts what it answers itself. An account that one of our external account keys has bound is
counted by itself: its key was given to somebody. Others are counted together by the network they come from,
for anybody makes as many of those as they like.
"""

from datetime import datetime

from ...core.acme_settings import AcmeSettings
from ...core.rates import Rates, network_of
from .problems import rate_limited


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

    def take_order(
        self, bound: str, endpoint: str, source: str, settings: AcmeSettings, now: datetime
    ) -> None:
        """`bound` is the account's key in URLs if it has a binding, else empty. Raises AcmeProblem
        rateLimited."""
        most = settings.new_orders_per_hour
        party = f"account {bound}" if bound else _network(endpoint, source)
        if seconds := self._orders.take(party, most, now):
            whose = "of this account" if bound else "of accounts without a binding from your network"
            raise rate_limited(f"more than {most} orders an hour {whose}", seconds)


def _network(endpoint: str, source: str) -> str:
    return f"{endpoint} {network_of(source)}"
