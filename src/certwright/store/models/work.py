"""What is still to be done, and who is doing it."""

from django.db import models

from ..fields import IdentifierField


class Outbox(models.Model):
    """A follow-up committed with its cause. The worker starts one workflow per row, named by the row."""

    id = IdentifierField()
    kind = models.CharField(max_length=60)
    payload = models.TextField(help_text="JSON")
    created_at = models.DateTimeField()

    class Meta:
        db_table = "outbox"


class Remembered(models.Model):
    """What all processes must know for a while: how often log-ins have failed, which one-time codes are
    spent."""

    digest = models.BinaryField(primary_key=True, help_text="SHA-256 of what it is about")
    value = models.TextField(help_text="JSON")
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "remembered"


class Lease(models.Model):
    """The right to a task that one process at a time may do."""

    name = models.CharField(max_length=100, primary_key=True)
    holder = models.CharField(max_length=100)
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "lease"
