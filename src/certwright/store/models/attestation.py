"""Campaigns that ask people whether their certificates are needed still, and notices to people."""

from django.db import models

from ..fields import IdentifierField


class AttestationCampaign(models.Model):
    """A question to everybody who answers for certificates. Whether it is open is told by these facts."""

    id = IdentifierField()
    title = models.CharField(max_length=200)
    text = models.TextField(help_text="the question, in the words of whoever asks")
    selected = models.TextField(help_text="JSON: which certificates, as the filter of a list")
    opened_at = models.DateTimeField()
    opened_by = models.CharField(max_length=256, help_text="actor")
    due_at = models.DateTimeField()
    repeat_days = models.BigIntegerField(null=True, help_text="the next opens so long after this one")
    follows = models.BigIntegerField(null=True, unique=True, help_text="the campaign that this one repeats")
    filled_at = models.DateTimeField(null=True, help_text="when every certificate had its item")
    stage = models.BigIntegerField(help_text="how many of the reminders are done")
    closed_at = models.DateTimeField(null=True)
    version = models.BigIntegerField()

    class Meta:
        db_table = "attestation_campaign"


class AttestationItem(models.Model):
    """One certificate in one campaign, and what was said of it last."""

    id = IdentifierField()
    campaign = models.ForeignKey(AttestationCampaign, on_delete=models.PROTECT, db_index=False)
    certificate = models.ForeignKey(
        "Certificate", on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    answer = models.CharField(max_length=20, help_text="needed, not-needed, not-mine, or empty")
    answered_by = models.CharField(max_length=256, help_text="actor, or empty")
    answered_at = models.DateTimeField(null=True)
    comment = models.TextField()
    version = models.BigIntegerField()

    class Meta:
        db_table = "attestation_item"
        constraints = [
            models.UniqueConstraint(fields=["campaign", "certificate"], name="attestation_item_once")
        ]


class Notice(models.Model):
    """Something that an account should know; or, where it is a team's, one that goes to its mail address."""

    id = IdentifierField()
    account = models.CharField(max_length=100, help_text="name of the account, or empty")
    team = models.CharField(max_length=100, help_text="name of the team, or empty")
    text = models.TextField()
    link = models.CharField(max_length=500, help_text="path of the page that it is about, or empty")
    created_at = models.DateTimeField(db_index=True)
    read_at = models.DateTimeField(null=True)
    mail_at = models.DateTimeField(null=True, help_text="when to mail it; never where it is empty")
    mail_attempts = models.BigIntegerField()
    mailed_at = models.DateTimeField(null=True)
    version = models.BigIntegerField()

    class Meta:
        db_table = "notice"
        indexes = [
            models.Index(fields=["account", "id"], condition=~models.Q(account=""), name="notice_account"),
            models.Index(
                fields=["account"],
                condition=models.Q(read_at=None) & ~models.Q(account=""),
                name="notice_unread",
            ),
            models.Index(fields=["mail_at"], condition=~models.Q(mail_at=None), name="notice_due"),
        ]


class NoMail(models.Model):
    """An account that wants its notices in the console alone."""

    id = IdentifierField()
    account = models.CharField(max_length=100, unique=True)

    class Meta:
        db_table = "no_mail"
