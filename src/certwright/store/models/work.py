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


class Lease(models.Model):
    """The right to a task that one process at a time may do."""

    name = models.CharField(max_length=100, primary_key=True)
    holder = models.CharField(max_length=100)
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "lease"
