"""Organizations, what was checked of them, and the documents that show it."""

from django.db import models

from ..fields import IdentifierField


class Organization(models.Model):
    """What certificates may say of an organization once it is vetted. Fields as `core.vetting.FIELDS`."""

    id = IdentifierField()
    legal_name = models.CharField(max_length=64, help_text="as its register has it")
    register_number = models.CharField(max_length=64)
    jurisdiction_country = models.CharField(max_length=2, help_text="where it is registered")
    jurisdiction_state = models.CharField(max_length=128)
    jurisdiction_locality = models.CharField(max_length=128)
    category = models.CharField(max_length=128, help_text="businessCategory")
    organization_identifier = models.CharField(max_length=256)
    street = models.CharField(max_length=128)
    postal_code = models.CharField(max_length=40)
    locality = models.CharField(max_length=128)
    state = models.CharField(max_length=128)
    country = models.CharField(max_length=2, help_text="of its address")
    phone = models.CharField(max_length=40, help_text="from an independent source")
    team = models.CharField(max_length=100, help_text="whose certificates may name it; empty: all teams'")
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=256, help_text="actor")
    version = models.BigIntegerField(help_text="grows with each check and document too")

    class Meta:
        db_table = "organization"
        indexes = [models.Index(fields=["team", "id"], name="organization_team")]


class VettingCheck(models.Model):
    """A check that somebody did. Whether it counts is told by these facts (`core.vetting.problem`)."""

    id = IdentifierField()
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT)
    kind = models.CharField(max_length=40, help_text="register, address, ...: core.vetting.CheckKind")
    at = models.DateTimeField(help_text="when it was put on record")
    since = models.DateTimeField(help_text="when what it rests on was obtained; its age counts from then")
    actor = models.CharField(max_length=256)
    person = models.CharField(max_length=256, help_text="the account behind the actor, else the actor")
    note = models.TextField(help_text="what was done and seen, in their own words")
    domain = models.CharField(max_length=255, help_text="of a check of a domain, or empty")
    confirmed = models.TextField(help_text="JSON list of [field, value]: what the record said then")
    documents = models.TextField(help_text="JSON list of the identifiers of evidence, as text")
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.CharField(max_length=256, help_text="actor, or empty")
    revoked_why = models.TextField()
    version = models.BigIntegerField()

    class Meta:
        db_table = "vetting_check"


class Evidence(models.Model):
    """A document. Its octets are in `evidence_chunk`, enveloped."""

    id = IdentifierField()
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT)
    name = models.CharField(max_length=200, help_text="of the file, as shown to people")
    media_type = models.CharField(max_length=60, help_text="told by its octets, not by whoever sent it")
    octets = models.BigIntegerField()
    sha256 = models.BinaryField()
    scanned = models.BooleanField(help_text="whether the virus scanner has passed it")
    uploaded_at = models.DateTimeField()
    actor = models.CharField(max_length=256)
    person = models.CharField(max_length=256, help_text="the account behind the actor, else the actor")

    class Meta:
        db_table = "evidence"


class EvidenceChunk(models.Model):
    """A part of a document, in an envelope that opens at its own place alone."""

    id = IdentifierField()
    evidence = models.ForeignKey(Evidence, on_delete=models.PROTECT, db_index=False)
    position = models.BigIntegerField(help_text="from 0")
    sealed = models.BinaryField()

    class Meta:
        db_table = "evidence_chunk"
        constraints = [
            models.UniqueConstraint(fields=["evidence", "position"], name="evidence_chunk_position")
        ]


class MailboxProof(models.Model):
    """That an account has asked to show control of a mail address, and what came of it. What counts is told
    by these facts (`core.mailbox.state_of`)."""

    id = IdentifierField()
    account = models.CharField(max_length=100, help_text="name of the account")
    address = models.CharField(max_length=320, help_text="as core.names has it")
    asked_at = models.DateTimeField(db_index=True)
    mail_at = models.DateTimeField(null=True, help_text="when to mail a code; never where it is empty")
    mail_attempts = models.BigIntegerField()
    mailed_at = models.DateTimeField(null=True)
    digest = models.BinaryField(help_text="of the newest code; empty before it, and once it is used")
    good_until = models.DateTimeField(null=True, help_text="of the newest code")
    proved_at = models.DateTimeField(null=True)
    problem = models.TextField(help_text="why it could not be mailed, or empty")
    taken_away_at = models.DateTimeField(null=True)
    taken_away_by = models.CharField(max_length=256, help_text="actor, or empty")
    taken_away_why = models.TextField()
    version = models.BigIntegerField()

    class Meta:
        db_table = "mailbox_proof"
        indexes = [
            models.Index(fields=["account", "id"], name="mailbox_proof_account"),
            models.Index(fields=["mail_at"], condition=~models.Q(mail_at=None), name="mailbox_proof_due"),
        ]
