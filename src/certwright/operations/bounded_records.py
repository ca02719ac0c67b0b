"""How many events of one kind a stranger or a token may put on record: a few a minute for each and for all
together in one process. What is past that is counted, and the count is on record with the next one."""

from collections import OrderedDict

MINUTE = 60.0
EACH_MAX = 10
ALL_MAX = 100
PARTIES_MAX = 1000


class BoundedRecords:
    """One per event loop and kind of event."""

    def __init__(self) -> None:
        self._began = float("-inf")
        self._total = 0
        self._recorded: OrderedDict[str, int] = OrderedDict()
        self._unrecorded: OrderedDict[str, int] = OrderedDict()

    def take(self, party: str, moment: float) -> bool:
        """May this party put one on record now (seconds)? If not, it is counted."""
        if not 0 <= moment - self._began < MINUTE:
            self._began, self._total = moment, 0
            self._recorded.clear()
        if self._total >= ALL_MAX or self._recorded.get(party, 0) >= EACH_MAX:
            self._unrecorded[party] = self._unrecorded.get(party, 0) + 1
            while len(self._unrecorded) > PARTIES_MAX:
                self._unrecorded.popitem(last=False)
            return False
        self._total += 1
        self._recorded[party] = self._recorded.get(party, 0) + 1
        return True

    def left_out(self, party: str) -> int:
        """How many were not put on record since the last one that was; the count begins anew."""
        return self._unrecorded.pop(party, 0)
