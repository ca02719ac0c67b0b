"""Dangerous acts that wait for a second person, for which kinds one is needed, and when that was
suspended."""

from django.db import models

from ..fields import IdentifierField


class SecondPersonRule(models.Model):
    """The one row that says for which acts a second person is needed; without it, for none."""

    id = IdentifierField()
    kinds = models.TextField(help_text="JSON list, see docs/reference/second-person.md")
    hours = models.BigIntegerField(help_text="how long a proposal, and then its confirmation, holds")
    version = models.BigIntegerField()

    class Meta:
        db_table = "second_person_rule"


class Proposal(models.Model):
    """A dangerous act that somebody has begun. What it touches stands in `arguments`, never a secret."""

    id = IdentifierField()
    kind = models.CharField(max_length=40)
    arguments = models.TextField(help_text="JSON")
    digest = models.BinaryField(help_text="SHA-256 of kind and arguments", db_index=True)
    verb = models.CharField(max_length=40, help_text="what one must be permitted to do to confirm it")
    subjects = models.TextField(help_text="JSON list: over what")
    proposed_by = models.CharField(max_length=256, help_text="actor")
    person = models.CharField(max_length=256, help_text="user:NAME or local:NAME")
    proposed_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    confirmed_by = models.CharField(max_length=256, help_text="person, or empty")
    confirmed_at = models.DateTimeField(null=True)
    withdrawn_by = models.CharField(max_length=256, help_text="actor, or empty")
    withdrawn_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)
    version = models.BigIntegerField()

    class Meta:
        db_table = "proposal"


class BreakGlass(models.Model):
    """The rule suspended for a time, by somebody on the machine itself."""

    id = IdentifierField()
    reason = models.TextField()
    account = models.CharField(max_length=100, help_text="administrator made for it, or empty")
    opened_at = models.DateTimeField()
    opened_by = models.CharField(max_length=256, help_text="actor")
    ends_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, help_text="when that was put on record")
    ended_by = models.CharField(max_length=256, help_text="actor, or empty")
    version = models.BigIntegerField()

    class Meta:
        db_table = "break_glass"
