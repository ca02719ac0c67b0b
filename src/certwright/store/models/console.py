"""What the console keeps for itself: numbers counted now and then, and lists that people come back to."""

from django.db import models

from ..fields import IdentifierField


class Overview(models.Model):
    """The certificates within a scope in numbers, as of a moment; counted anew by the worker."""

    id = IdentifierField()
    scope = models.CharField(max_length=200, unique=True, help_text="as in grants; * for all")
    at = models.DateTimeField()
    document = models.TextField(help_text="JSON, see operations/count_certificates.py")
    version = models.BigIntegerField()

    class Meta:
        db_table = "overview"


class SavedView(models.Model):
    """Filters of a list under a name, for the account that saved them."""

    id = IdentifierField()
    user = models.CharField(max_length=100, help_text="name of the account whose it is")
    name = models.CharField(max_length=60)
    query = models.TextField(help_text="filters, as they stand in the address of the list")
    created_at = models.DateTimeField()

    class Meta:
        db_table = "saved_view"
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="saved_view_once")]
