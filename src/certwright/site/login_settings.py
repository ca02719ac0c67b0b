"""The settings of logging in, in the table `login` of `certwright.toml`."""

from typing import Literal

from pydantic import Field

from .setting_types import Table

HOUR, DAY = 3600, 86_400


class Login(Table):
    """How people log in to the console, and how long that lasts."""

    mfa: Literal["optional", "required"] = Field(
        "optional",
        description="`required`: whoever has neither an authenticator nor a passkey must add one before "
        "anything else.",
    )
    idle_seconds: int = Field(
        HOUR, ge=60, le=30 * DAY, description="How long a session lasts in which nothing is asked for."
    )
    session_seconds: int = Field(
        12 * HOUR, ge=60, le=30 * DAY, description="How long a session lasts at the most."
    )
    fresh_seconds: int = Field(
        900, ge=30, le=DAY, description="How long ago a proof may be for acts that ask for a fresh one."
    )
    failures: int = Field(
        5, ge=1, le=100, description="Failed log-ins to one account from one address before that must wait."
    )
    address_failures: int = Field(
        50,
        ge=1,
        le=10_000,
        description="Failed log-ins from one address before it must wait for any account.",
    )
    lock_seconds: int = Field(
        60, ge=1, le=HOUR, description="The first wait; it doubles with each further failure."
    )
    lock_seconds_max: int = Field(HOUR, ge=1, le=DAY, description="The longest wait.")
