"""Django's cache, shared by all processes and in JSON (`operations/remember.py`).

django-allauth keeps in it which one-time codes are spent and how often something was tried.
"""

from datetime import timedelta
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache

from ...operations.bridge import bridge
from ...operations.remember import claim, forget, recall, remember

KEPT_MAX = timedelta(days=30)


class SharedCache(BaseCache):
    """Values are what JSON has. Raises Unavailable when the database cannot be reached."""

    def __init__(self, location: str, parameters: dict[str, Any]) -> None:
        super().__init__(parameters)

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        name = self.make_key(key, version)
        found = bridge().call(lambda context: recall(context, name))
        return default if found is None else found

    def set(
        self, key: Any, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        name, period = self.make_key(key, version), self._period(timeout)
        bridge().call(lambda context: remember(context, name, value, period))

    def add(
        self, key: Any, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        name, period = self.make_key(key, version), self._period(timeout)
        return bridge().call(lambda context: claim(context, name, value, period))

    def delete(self, key: Any, version: int | None = None) -> bool:
        name = self.make_key(key, version)
        return bridge().call(lambda context: forget(context, name))

    def _period(self, timeout: Any) -> timedelta:
        seconds = self.default_timeout if timeout is DEFAULT_TIMEOUT else timeout
        return KEPT_MAX if seconds is None else min(KEPT_MAX, timedelta(seconds=seconds))
