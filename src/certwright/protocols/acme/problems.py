"""ACME problem documents (RFC 8555 section 6.7, RFC 7807), and the one mapping of our own errors to them.

Error types are those of the IANA registry for RFC 8555, `alreadyReplaced` of RFC 9773 and `invalidProfile`
of draft-ietf-acme-profiles.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from ...core import errors
from ...core.orders import Problem
from .encoding import JsonObject, encode_object

CONTENT_TYPE = "application/problem+json"
NAMESPACE = "urn:ietf:params:acme:error:"
DETAIL_MAX = 1024
SUBPROBLEMS_MAX = 100
RULE = "policy.rule."
"""How codes of refusals by the organisation's rules begin."""


class ProblemType(StrEnum):
    ACCOUNT_DOES_NOT_EXIST = "accountDoesNotExist"
    ALREADY_REPLACED = "alreadyReplaced"
    ALREADY_REVOKED = "alreadyRevoked"
    BAD_CSR = "badCSR"
    BAD_NONCE = "badNonce"
    BAD_PUBLIC_KEY = "badPublicKey"
    BAD_REVOCATION_REASON = "badRevocationReason"
    BAD_SIGNATURE_ALGORITHM = "badSignatureAlgorithm"
    CAA = "caa"
    COMPOUND = "compound"
    CONNECTION = "connection"
    DNS = "dns"
    EXTERNAL_ACCOUNT_REQUIRED = "externalAccountRequired"
    INCORRECT_RESPONSE = "incorrectResponse"
    INVALID_CONTACT = "invalidContact"
    INVALID_PROFILE = "invalidProfile"
    MALFORMED = "malformed"
    ORDER_NOT_READY = "orderNotReady"
    RATE_LIMITED = "rateLimited"
    REJECTED_IDENTIFIER = "rejectedIdentifier"
    SERVER_INTERNAL = "serverInternal"
    TLS = "tls"
    UNAUTHORIZED = "unauthorized"
    UNSUPPORTED_CONTACT = "unsupportedContact"
    UNSUPPORTED_IDENTIFIER = "unsupportedIdentifier"
    USER_ACTION_REQUIRED = "userActionRequired"


_STATUS = {
    ProblemType.ALREADY_REPLACED: 409,
    ProblemType.CAA: 403,
    ProblemType.EXTERNAL_ACCOUNT_REQUIRED: 403,
    ProblemType.ORDER_NOT_READY: 403,
    ProblemType.RATE_LIMITED: 429,
    ProblemType.REJECTED_IDENTIFIER: 403,
    ProblemType.SERVER_INTERNAL: 500,
    ProblemType.UNAUTHORIZED: 403,
    ProblemType.USER_ACTION_REQUIRED: 403,
}


@dataclass(frozen=True, slots=True)
class Subproblem:
    """One of several causes (RFC 8555 section 6.7.1). `identifier` is (type, value) as it was sent."""

    type: ProblemType
    detail: str
    identifier: tuple[str, str] | None = None


class AcmeProblem(errors.CertwrightError):
    """An error as an ACME client sees it.

    `status` is the HTTP status, by default the one that belongs to the type. `algorithms` go with
    badSignatureAlgorithm, `instance` with userActionRequired. `retry_after` (seconds) and `location` (a URL)
    are HTTP header fields of the answer when set. The detail is cut to 1,024 printable characters.
    """

    def __init__(
        self,
        problem_type: ProblemType,
        detail: str,
        *,
        status: int = 0,
        subproblems: tuple[Subproblem, ...] = (),
        algorithms: tuple[str, ...] = (),
        instance: str = "",
        retry_after: int = 0,
        location: str = "",
    ) -> None:
        super().__init__(_printable(detail))
        self.type = problem_type
        self.status = status or _STATUS.get(problem_type, 400)
        self.subproblems = subproblems
        self.algorithms = algorithms
        self.instance = instance
        self.retry_after = retry_after
        self.location = location


def malformed(detail: str, status: int = 400) -> AcmeProblem:
    return AcmeProblem(ProblemType.MALFORMED, detail, status=status)


def unauthorized(detail: str, status: int = 403) -> AcmeProblem:
    return AcmeProblem(ProblemType.UNAUTHORIZED, detail, status=status)


def rate_limited(detail: str, seconds: int) -> AcmeProblem:
    """To be tried again after so many seconds (RFC 8555 section 6.6)."""
    return AcmeProblem(ProblemType.RATE_LIMITED, detail, retry_after=seconds)


@contextmanager
def refused_as(problem_type: ProblemType) -> Iterator[None]:
    """What is refused in the block is this problem."""
    try:
        yield
    except errors.Refused as error:
        raise AcmeProblem(problem_type, error.detail) from error


def document(problem: AcmeProblem) -> JsonObject:
    """The problem document, without the identifier RFC 8555 forbids at its top."""
    members: JsonObject = {
        "type": NAMESPACE + problem.type,
        "detail": problem.detail,
        "status": problem.status,
    }
    if problem.subproblems:
        members["subproblems"] = [_subdocument(part) for part in problem.subproblems[:SUBPROBLEMS_MAX]]
    if problem.algorithms:
        members["algorithms"] = list(problem.algorithms)
    if problem.instance:
        members["instance"] = problem.instance
    return members


def encode(problem: AcmeProblem) -> bytes:
    return encode_object(document(problem))


def stored_document(problem: Problem) -> JsonObject:
    """The `error` of a challenge or an order (RFC 8555 sections 7.1.3 and 8) from what was recorded."""
    try:
        problem_type = ProblemType(problem.type)
    except ValueError:
        problem_type = ProblemType.SERVER_INTERNAL
    return document(AcmeProblem(problem_type, problem.detail))


def problem_of(error: Exception, refusal: ProblemType = ProblemType.REJECTED_IDENTIFIER) -> AcmeProblem:
    """The ACME problem for any error. `refusal` is the type that a Refused means at this resource:
    badCSR at finalize, badPublicKey for account keys, badRevocationReason at revokeCert, rejectedIdentifier
    at newOrder.

    An error that is not ours says nothing of itself to the client.
    """
    match error:
        case AcmeProblem():
            return error
        case errors.Refused():
            return _refused(error, refusal)
        case (
            errors.Malformed()
            | errors.NotFound()
            | errors.WrongMethod()
            | errors.Conflict()
            | errors.TooLarge()
        ):
            return malformed(error.detail, error.status)
        case errors.Unauthenticated() | errors.Forbidden():
            return unauthorized(error.detail, error.status)
        case errors.Unavailable():
            return AcmeProblem(
                ProblemType.SERVER_INTERNAL, error.detail, status=error.status, retry_after=error.retry_after
            )
        case errors.CertwrightError():
            return AcmeProblem(ProblemType.SERVER_INTERNAL, error.detail)
    return AcmeProblem(ProblemType.SERVER_INTERNAL, "internal error; the server's log has more")


def _refused(error: errors.Refused, refusal: ProblemType) -> AcmeProblem:
    """What the organisation's rules refuse is rejectedIdentifier where names are among the reasons,
    unauthorized otherwise: no other CSR would mend it."""
    codes = {reason.code for reason in error.reasons}
    if all(code.startswith(RULE) for code in codes):
        named = f"{RULE}name" in codes
        refusal = ProblemType.REJECTED_IDENTIFIER if named else ProblemType.UNAUTHORIZED
    parts = tuple(Subproblem(refusal, f"{reason.message} [{reason.code}]") for reason in error.reasons)
    return AcmeProblem(refusal, error.detail, subproblems=parts if len(parts) > 1 else ())


def _subdocument(part: Subproblem) -> JsonObject:
    members: JsonObject = {"type": NAMESPACE + part.type, "detail": _printable(part.detail)}
    if part.identifier is not None:
        members["identifier"] = {"type": part.identifier[0], "value": part.identifier[1]}
    return members


def _printable(text: str) -> str:
    text = text if len(text) <= DETAIL_MAX else text[: DETAIL_MAX - 3] + "..."
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)
