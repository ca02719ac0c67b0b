"""Logs: structlog to standard error, one line an event, as JSON or for a person. Never a secret.

Libraries that log through the standard library go the same way. An event inside a request carries its
request id, method and path.
"""

import logging
import re
import secrets
import sys
from contextvars import ContextVar
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from ..core.errors import CertwrightError
from ..protocols.asgi import Scope

log = structlog.get_logger(__name__)

REQUEST_ID = "certwright.request_id"
VALUE_CHARACTERS_MAX = 8192

current_request: ContextVar[Scope | None] = ContextVar("current_request", default=None)

_SECRET_NAME = re.compile(
    r"passw|passphrase|secret|token|authorization|cookie|private_?key|(^|_)(pin|hmac|kek|key)$",
    re.IGNORECASE,
)
_SECRET_TEXT = (
    (
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*-----|$)", re.DOTALL),
        "[private key]",
    ),
    (re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]*(?=@)"), "[credentials]"),
    (re.compile(r"\b(Bearer|Basic) +[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE), r"\1 [credentials]"),
)
_QUIET_LIBRARIES = {
    "asyncio": logging.WARNING,
    "httpcore": logging.WARNING,
    "httpx": logging.WARNING,
    "uvicorn.error": logging.ERROR,  # it warns of every request that a stranger sends past a limit
}


def request_id(scope: Scope) -> str:
    """The request's id; it gets one when first asked for."""
    name: str = scope.setdefault(REQUEST_ID, secrets.token_hex(8))
    return name


def configure_logging(level: str, style: str, stream: TextIO | None = None) -> None:
    """Set up logging for this process. `style` is auto, console or json."""
    stream = stream or sys.stderr
    for_a_person = style == "console" or (style == "auto" and stream.isatty())
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _with_request,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=_final(for_a_person))
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name, least in _QUIET_LIBRARIES.items():
        logging.getLogger(name).setLevel(max(least, root.level))


def _final(for_a_person: bool) -> list[Processor]:
    """Exceptions become text without local variables, since those hold secrets."""
    renderer: Processor = structlog.processors.JSONRenderer(default=str)
    if for_a_person:
        renderer = structlog.dev.ConsoleRenderer(
            colors=True, exception_formatter=structlog.dev.plain_traceback
        )
    return [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        without_secrets,
        renderer,
    ]


def _with_request(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    scope = current_request.get()
    if scope is not None:
        event.setdefault("request_id", request_id(scope))
        event.setdefault("method", scope["method"])
        event.setdefault("path", scope["path"])
    return event


def without_secrets(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Masks values under names that secrets have, keys and credentials in text, and raw octets."""
    return {name: _masked(name, value) for name, value in event.items()}


def _masked(name: str, value: object) -> object:
    if _SECRET_NAME.search(name) and value is not None:
        return "[masked]"
    if isinstance(value, bytes | bytearray | memoryview):
        return f"[{len(value)} octets]"
    if isinstance(value, dict):
        return {str(key): _masked(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked("", item) for item in value]
    if isinstance(value, str):
        return mask_text(value)
    return value


def mask_text(text: str) -> str:
    """`text` without private keys, passwords in URLs and credentials of HTTP; cut when very long."""
    for pattern, replacement in _SECRET_TEXT:
        text = pattern.sub(replacement, text)
    if len(text) > VALUE_CHARACTERS_MAX:
        return text[:VALUE_CHARACTERS_MAX] + f" [{len(text) - VALUE_CHARACTERS_MAX} characters more]"
    return text


def report_validation(error: Exception) -> None:
    """Of a check in the background: what could not be done now; what nobody foresaw with where it was."""
    if isinstance(error, CertwrightError):
        log.warning("a validation could not be done now", error=error.detail)
    else:
        log.error("a validation failed unexpectedly", exc_info=error)
