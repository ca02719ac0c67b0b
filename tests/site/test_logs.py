"""Logs say what happened, and no secret."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from certwright.core.errors import Unavailable
from certwright.site.logs import (
    configure_logging,
    current_request,
    mask_text,
    report_validation,
    request_id,
    without_secrets,
)

SECRET_NAMES = [
    "password",
    "PASSPHRASE",
    "api_token",
    "client_secret",
    "Authorization",
    "cookie",
    "key",
    "pin",
]


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What is logged meanwhile, as JSON lines; afterwards logging is as it was."""
    root = logging.getLogger()
    before, level = root.handlers, root.level
    stream = io.StringIO()
    configure_logging("info", "json", stream)
    yield stream
    root.handlers, root.level = before, level
    structlog.reset_defaults()


def events(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_ours_and_the_libraries_events_look_alike(logged: io.StringIO) -> None:
    structlog.get_logger("ours").info("issued", serial="01")
    logging.getLogger("library").warning("slow: %s", "query")
    structlog.get_logger("ours").debug("not this")
    ours, library = events(logged)
    assert (ours["event"], ours["serial"], ours["level"], ours["logger"]) == ("issued", "01", "info", "ours")
    assert (library["event"], library["level"], library["logger"]) == ("slow: query", "warning", "library")
    assert ours["timestamp"].endswith("Z")


def test_events_of_a_request_carry_its_id(logged: io.StringIO) -> None:
    scope: dict[str, Any] = {"method": "GET", "path": "/acme/default/directory"}
    token = current_request.set(scope)
    structlog.get_logger().info("inside")
    current_request.reset(token)
    structlog.get_logger().info("outside")
    inside, outside = events(logged)
    assert inside["request_id"] == request_id(scope)
    assert inside["path"] == "/acme/default/directory"
    assert "request_id" not in outside


def test_tracebacks_hold_no_variables(logged: io.StringIO) -> None:
    def fail(pin: str) -> None:
        raise ValueError(len(pin))

    secret = str(10**9 + 7)
    try:
        fail(secret)
    except ValueError:
        structlog.get_logger().exception("failed")
    assert secret not in logged.getvalue()
    assert "ValueError: 10" in events(logged)[0]["exception"]


def test_a_check_that_nobody_foresaw_has_its_traceback(logged: io.StringIO) -> None:
    try:
        int("no number")
    except ValueError as error:
        report_validation(error)
    report_validation(Unavailable("no resolver"))
    unforeseen, foreseen = events(logged)
    assert unforeseen["level"] == "error"
    assert 'int("no number")' in unforeseen["exception"]
    assert (foreseen["level"], foreseen["error"]) == ("warning", "no resolver")


def test_console_style_is_for_a_person() -> None:
    stream = io.StringIO()
    root = logging.getLogger()
    before = root.handlers
    configure_logging("info", "console", stream)
    try:
        try:
            int(sys.version)
        except ValueError:
            structlog.get_logger().exception("failed", password="swordfish")
    finally:
        root.handlers = before
        structlog.reset_defaults()
    assert "swordfish" not in stream.getvalue()
    assert "ValueError" in stream.getvalue()


@pytest.mark.parametrize(
    "name",
    ["password", "PASSPHRASE", "api_token", "Authorization", "cookie", "key", "hsm_pin"],
)
def test_values_under_secret_names_are_masked(name: str) -> None:
    event = {"event": "x", name: "swordfish", "inside": {name: "swordfish"}, "listed": [{name: "swordfish"}]}
    assert "swordfish" not in json.dumps(without_secrets(None, "", event))


@pytest.mark.parametrize("name", ["spinning", "monkey", "keyboard", "serial", "key_algorithm"])
def test_other_names_are_not(name: str) -> None:
    assert without_secrets(None, "", {name: "plain"}) == {name: "plain"}


def test_secrets_in_text_are_masked() -> None:
    key = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQ\n-----END EC PRIVATE KEY-----"
    assert mask_text(f"before {key} after") == "before [private key] after"
    assert mask_text("-----BEGIN PRIVATE KEY-----\nMHcCAQ") == "[private key]"
    assert mask_text("postgresql://user:pass@host/db") == "postgresql://[credentials]@host/db"
    assert mask_text("https://host:8443/a@b") == "https://host:8443/a@b"
    assert mask_text("sent Bearer abcdefgh12345") == "sent Bearer [credentials]"
    assert mask_text("a" * 10_000).endswith("[1808 characters more]")


def test_octets_are_counted_not_shown() -> None:
    assert without_secrets(None, "", {"der": b"1234", "parts": (b"12",)}) == {
        "der": "[4 octets]",
        "parts": ["[2 octets]"],
    }
