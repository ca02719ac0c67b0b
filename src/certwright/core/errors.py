"""The one small tree of errors. Edges map these to their own wire format, once per edge.

    CertwrightError
    ├── Malformed        the input cannot be read (HTTP 400)
    ├── Unauthenticated  nobody proved who they are (401)
    ├── Forbidden        known, and not allowed (403)
    ├── NotFound         no such thing, or not visible to the caller (404)
    ├── WrongMethod      it is there, and this HTTP method does nothing with it (405); carries those that do
    ├── Conflict         the state does not permit this now (409)
    │   └── Moved        facts changed between decision and commit; decide again
    │       └── Reconfigured   it was the configuration
    ├── Refused          policy, profile or lint says no (403); carries every reason
    ├── TooLarge         a bound was passed (413)
    ├── Unavailable      try again later (503); carries seconds
    ├── SecondPersonNeeded   a dangerous act was proposed, nothing is done yet (202)
    └── IntegrityError   stored facts contradict each other; a person must look (500)

The message is one line for a person: what was wrong, where, what to do. It never holds a secret.
"""

from dataclasses import dataclass


class CertwrightError(Exception):
    """Base of all errors raised on purpose. `detail` is one line, safe to show to the caller."""

    status = 500

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Malformed(CertwrightError):
    status = 400


class BadQuery(Malformed):
    """A search that cannot be read. `column`, from 1, is where."""

    def __init__(self, column: int, problem: str) -> None:
        super().__init__(f"query, column {column}: {problem}")
        self.column = column


class Unauthenticated(CertwrightError):
    status = 401


class Forbidden(CertwrightError):
    status = 403


class NotFound(CertwrightError):
    status = 404


class WrongMethod(CertwrightError):
    """`allowed` are the HTTP methods that the resource takes."""

    status = 405

    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__(f"this resource takes {', '.join(allowed)} only")
        self.allowed = allowed


class Conflict(CertwrightError):
    status = 409


class Moved(Conflict):
    """What the decision stood on has changed; the operation loads and decides again."""


class Reconfigured(Moved):
    """The configuration has a new revision; every operation may decide again under it."""


class TooLarge(CertwrightError):
    status = 413


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason for a refusal: a stable dotted code, one line of text, and the clause it rests on."""

    code: str
    message: str
    clause: str = ""


class Refused(CertwrightError):
    """Policy, profile or lint refuses. Every reason is named, so that one round of mending is enough."""

    status = 403

    def __init__(self, reasons: tuple[Reason, ...]) -> None:
        super().__init__("; ".join(f"{reason.message} [{reason.code}]" for reason in reasons))
        self.reasons = reasons


class Unavailable(CertwrightError):
    """Something we depend on is not there now. `retry_after` is in seconds."""

    status = 503

    def __init__(self, detail: str, retry_after: int = 5) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class SecondPersonNeeded(CertwrightError):
    """Nothing was done: the act is on record as proposal `number`, and another person must confirm it."""

    status = 202

    def __init__(self, number: int) -> None:
        told = f"proposed as {number}; nothing is done until another person has confirmed that"
        super().__init__(f"{told}, then do the same again")
        self.number = number


class IntegrityError(CertwrightError):
    status = 500
