"""Findings in words."""

from typing import Any

from django import template
from django.utils.translation import gettext_lazy as _

from ...core.health import KINDS, Severity
from ...operations.findings import State

register = template.Library()
SEVERITIES = {
    Severity.CRITICAL: _("critical"),
    Severity.WARNING: _("warning"),
    Severity.NOTICE: _("notice"),
}
COLOURS = {Severity.CRITICAL: "red", Severity.WARNING: "yellow", Severity.NOTICE: "blue"}
STATES = {
    State.OPEN: _("open"),
    State.ACKNOWLEDGED: _("somebody is at it"),
    State.ACCEPTED: _("accepted for a time"),
    State.CLOSED: _("closed"),
}


@register.filter
def severity_words(severity: str) -> Any:
    return SEVERITIES.get(Severity(severity), severity)


@register.filter
def severity_colour(severity: str) -> str:
    return COLOURS.get(Severity(severity), "secondary")


@register.filter
def state_words(state: str) -> Any:
    return STATES[State(state)]


@register.filter
def meaning(code: str) -> str:
    """What a kind of finding means, as docs/reference/health.md has it."""
    return KINDS[code].meaning if code in KINDS else ""
