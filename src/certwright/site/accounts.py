"""People's accounts, in Django's own tables: `python -m certwright.site.accounts NAME` makes one.

The password comes on standard input, and dies after so many hours as the second argument says. It runs in a
process of its own, because Django is set up once in a process and for one database.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from ..core.errors import Unavailable

SECONDS = 60


def create_account(environment: Mapping[str, str], name: str, password: str, hours: int) -> None:
    """Make the account in the database that `environment` configures. Raises Unavailable."""
    done = subprocess.run(
        [sys.executable, "-m", "certwright.site.accounts", name, str(hours)],
        env=dict(environment),
        input=password,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Unavailable(f"the account {name} could not be made: {last}")


def main(name: str, hours: int, password: str) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "certwright.site.settings"
    import django

    django.setup()
    from django.contrib.auth import get_user_model

    expires = datetime.now(UTC) + timedelta(hours=hours)
    get_user_model().objects.create_user(name, password=password, password_expires_at=expires)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.stdin.read())
