"""Django in the test's own process, with our tables and nothing else."""

import django
import pytest
from django.conf import settings


def set_up() -> None:
    """Once per process; the environment that servers of the test inherit is left as it was."""
    if not settings.configured:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("DJANGO_SETTINGS_MODULE", "tests.real.tables")
            settings.INSTALLED_APPS  # noqa: B018 - read now, while the variable is there
    django.setup()
