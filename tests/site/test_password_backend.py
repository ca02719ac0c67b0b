"""Passwords that die by themselves, as a first one of an account does."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from certwright.site.installation import django_environment
from tests.real.certwright import Home

LOG_IN = """
import sys, django; django.setup()
from datetime import datetime
from django.contrib.auth import authenticate, get_user_model
until = datetime.fromisoformat(sys.argv[1]) if sys.argv[1] else None
get_user_model().objects.create_user("alice", password="a good password", password_expires_at=until)
for password in ("a good password", "another"):
    print(authenticate(None, username="alice", password=password))
"""


@pytest.mark.parametrize(("hours", "found"), [(1, "alice"), (-1, "None"), (None, "alice")])
def test_a_password_opens_until_it_dies(installation: Home, hours: int | None, found: str) -> None:
    until = "" if hours is None else (datetime.now(UTC) + timedelta(hours=hours)).isoformat()
    done = subprocess.run(
        [sys.executable, "-c", LOG_IN, until],
        env=django_environment(installation.configuration),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [found, "None"]
