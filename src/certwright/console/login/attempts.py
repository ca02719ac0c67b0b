"""Attempts to log in with a password: counted before they are made, put on record when they fail."""

from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil

from django.http import HttpRequest

from ...core.lockout import Limits
from ...operations.bridge import bridge
from ...operations.limit_logins import Party, count_attempt, forgive_attempt
from ...protocols.asgi import client_address
from ...store.models import User
from .configured import login_settings


@dataclass(slots=True)
class Attempt:
    """One attempt for the account `typed`. Everything raises Unavailable."""

    request: HttpRequest
    typed: str
    _waits: dict[str, timedelta] = field(default_factory=dict)

    def begin(self) -> bool:
        """May it be made? Then it counts as failed from here on, for the account and for the address."""
        begun: list[Party] = []
        for party in self._parties():
            waiting, self._waits[party.account] = _count(party)
            if waiting:
                for each in begun:
                    _forgive(each)
                return False
            begun.append(party)
        return True

    def succeeded(self) -> None:
        for party in self._parties():
            _forgive(party)

    def failed(self) -> None:
        """Put on record that it failed, and that there is a wait now."""
        known = User.objects.filter(name=self.typed.lower()).exists()
        record_failure(self.request, self.typed, known, "password")
        address = client_address(self.request.META["asgi.scope"])
        for account, waiting in self._waits.items():
            if waiting:
                _record_lock(account, waiting, address)

    def _parties(self) -> tuple[Party, ...]:
        address, login = client_address(self.request.META["asgi.scope"]), login_settings()
        first, longest = timedelta(seconds=login.lock_seconds), timedelta(seconds=login.lock_seconds_max)
        return (
            Party(address, self.typed, Limits(login.failures, first, longest)),
            Party(address, "", Limits(login.address_failures, first, longest)),
        )


def record_failure(request: HttpRequest, typed: str, known: bool, proof: str) -> None:
    """Put on record that somebody did not give this proof. Raises Unavailable."""
    there, address = bridge(), client_address(request.META["asgi.scope"])
    there.call(lambda context: there.logins.failed(typed, known, proof, address))


def _record_lock(account: str, waiting: timedelta, address: str) -> None:
    there, seconds = bridge(), ceil(waiting.total_seconds())
    there.call(lambda context: there.logins.locked(account, seconds, address))


def _count(party: Party) -> tuple[timedelta, timedelta]:
    return bridge().call(lambda context: count_attempt(context, party))


def _forgive(party: Party) -> None:
    bridge().call(lambda context: forgive_attempt(context, party))
