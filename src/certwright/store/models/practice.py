"""Practice documents: what was published, and the organization's own text in them."""

from django.db import models

from ..fields import IdentifierField


class PracticeStatement(models.Model):
    """One version of a document, for ever as it was published."""

    id = IdentifierField()
    kind = models.CharField(max_length=10, help_text="cp or cps")
    number = models.BigIntegerField(help_text="counts from 1 within a kind")
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=256)
    effective_at = models.DateTimeField()
    document = models.TextField(help_text="JSON: what each section says")
    html = models.BinaryField(help_text="UTF-8")
    html_sha256 = models.BinaryField()
    pdf = models.BinaryField()
    pdf_sha256 = models.BinaryField()
    signature = models.BinaryField(help_text="CMS SignedData in DER over the PDF, detached")
    signer = models.BinaryField(help_text="SHA-256 of the certificate it was signed with")

    class Meta:
        db_table = "practice_statement"
        constraints = [models.UniqueConstraint(fields=["kind", "number"], name="practice_statement_number")]


class PracticeText(models.Model):
    """The organization's own text of one section of one kind of document."""

    id = IdentifierField()
    place = models.CharField(max_length=40, unique=True, help_text="kind and section, as in cps/1.5.2")
    text = models.TextField(help_text="empty: none of its own")
    replaces = models.BooleanField(help_text="instead of what is made from the configuration, or after it")
    changed_at = models.DateTimeField()
    changed_by = models.CharField(max_length=256)
    version = models.BigIntegerField()

    class Meta:
        db_table = "practice_text"
