"""Which keys have passed the checks of `check_key` in this process."""

from collections import OrderedDict

VERDICTS_MAX = 100_000


class KnownGood:
    """Digests of keys that passed, the oldest forgotten first. One per event loop."""

    def __init__(self) -> None:
        self._passed: OrderedDict[bytes, None] = OrderedDict()

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._passed

    def add(self, digest: bytes) -> None:
        self._passed[digest] = None
        if len(self._passed) > VERDICTS_MAX:
            self._passed.popitem(last=False)
