"""What every declared route shares: who asks, how operations run, how errors go out."""

from collections.abc import Callable, Coroutine
from functools import wraps
from http import HTTPStatus
from typing import Any, TypeVar

import structlog
from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja.errors import HttpError, ValidationError
from ninja.security.http import HttpAuthBase

from ..core.access import Actor
from ..core.errors import (
    CertwrightError,
    Forbidden,
    Malformed,
    NotFound,
    TooLarge,
    Unauthenticated,
    WrongMethod,
)
from ..operations.bridge import bridge
from ..operations.context import Context
from ..protocols.asgi import PROBLEM_JSON, problem_document, problem_headers
from .documents import BODY_OCTETS_MAX, read_object
from .fast import bearer, holder

Result = TypeVar("Result")
Document = dict[str, Any]
View = Callable[..., HttpResponse]
NOT_FOR_WSGI = {b"content-type", b"connection"}
ERRORS_TOLD = 5

log = structlog.get_logger(__name__)


class BearerToken(HttpAuthBase):
    """The same look at the token as on the fast lane; then the body is read, within the bound that `most`
    gives.

    It is read here, in Django's thread: an operation that read it on the loop would wait for itself.
    """

    openapi_scheme = "bearer"
    openapi_description = "A token made by `certwright token create` or `POST /api/v1/tokens`."

    def __init__(self, most: Callable[[], int] = lambda: BODY_OCTETS_MAX) -> None:
        super().__init__()
        self._most = most

    def __call__(self, request: HttpRequest) -> Actor:
        scope, context = request.META["asgi.scope"], bridge().context
        try:
            actor = holder(context.snapshot, scope, context.clock())
            context.token_uses.saw(actor, context.clock())
        except Unauthenticated:
            actor = bridge().call(lambda context: bearer(context, scope))
        request.auth = actor  # type: ignore[attr-defined]
        most = self._most()
        if int(request.META.get("CONTENT_LENGTH") or 0) > most:
            raise TooLarge(f"the request body is larger than {most} octets")
        _ = request.body
        return actor


def actor_of(request: HttpRequest) -> Actor:
    """Who sends an authenticated request."""
    actor: Actor = request.auth  # type: ignore[attr-defined]
    return actor


def run(request: HttpRequest, act: Callable[[Context, Actor], Coroutine[Any, Any, Result]]) -> Result:
    """Run an operation on the process's loop in the name of whoever asks. Raises what it raises."""
    actor = actor_of(request)
    return bridge().call(lambda context: act(context, actor))


def require_known_parameters(request: HttpRequest, known: type[Any]) -> None:
    """A filter that is misspelt must not become no filter at all. Raises Malformed."""
    unknown = sorted(set(request.GET) - set(known.model_fields))
    if unknown:
        there = ", ".join(known.model_fields)
        raise Malformed(f"there is no query parameter {unknown[0][:60]!r} here; known are {there}")


# -- errors --------------------------------------------------------------------------------------


def problem(error: CertwrightError) -> HttpResponse:
    """A problem document (RFC 9457), word for word as the fast lane gives it."""
    response = JsonResponse(problem_document(error), status=error.status, content_type=PROBLEM_JSON.decode())
    for name, value in problem_headers(error):
        if name not in NOT_FOR_WSGI:
            response[name.decode()] = value.decode("latin-1")
    return response


def answer_error(request: HttpRequest, error: CertwrightError) -> HttpResponse:
    if isinstance(error, Forbidden):
        return problem(_recorded(request, error))
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("a request failed", reason=error.detail)
    return problem(error)


def _recorded(request: HttpRequest, refusal: Forbidden) -> CertwrightError:
    """The refusal once it is on record, or why it could not be put there."""
    act, there = f"{request.method} {request.path}", bridge()
    try:
        there.call(lambda context: there.denials.record(actor_of(request), act, refusal))
    except CertwrightError as error:
        return error
    return refusal


def answer_http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    """The library's own errors: only a body that is no JSON comes to this, said as the fast lane says it."""
    try:
        read_object(request.body)
    except Malformed as malformed:
        return problem(malformed)
    return problem(Malformed("the body is no JSON object"))


def answer_invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """What the schema does not take, by the place of each error."""
    told = [f"{_place(one['loc'])} {_in_words(one['msg'])}" for one in error.errors[:ERRORS_TOLD]]
    more = len(error.errors) - len(told)
    return problem(Malformed("; ".join(told) + (f"; and {more} more" if more > 0 else "")))


def _place(location: tuple[str | int, ...]) -> str:
    """`body.grants[0].role` of `('body', 'body', 'grants', 0, 'role')`; the second names our own argument."""
    source, rest = location[0], location[2:] if len(location) > 1 and location[0] == "body" else location[1:]
    if source == "query" and rest[:1] == ("wanted",):
        rest = rest[1:]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{str(part)[:60]}" for part in rest)
    return f"{source}{path}:"


def _in_words(message: str) -> str:
    return message.removeprefix("Value error, ")[:300]


# -- around every view ---------------------------------------------------------------------------


def guarded(view: View) -> View:
    """A view whose answers nobody keeps, and whose 405 is a problem document like everything else."""

    @wraps(view)
    def answer(request: HttpRequest, *arguments: Any, **values: Any) -> HttpResponse:
        response = view(request, *arguments, **values)
        if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED and "Allow" in response:
            allowed = sorted(word.strip() for word in response["Allow"].split(","))
            response = problem(WrongMethod(tuple(allowed)))
        response.setdefault("Cache-Control", "no-store")
        return response

    answer.csrf_exempt = True  # type: ignore[attr-defined]  # a bearer token is sent by nobody unasked
    return answer


def no_such_resource(request: HttpRequest) -> HttpResponse:
    return problem(NotFound("there is no such REST resource; see /api/docs"))
