"""Requests for certificates that people decide on. Status is computed from these facts, never stored."""

from django.db import models

from ..fields import IdentifierField
from ..querysets import CertificateRequestQuerySet


class CertificateRequest(models.Model):
    """What somebody asked for, wherever they asked, and what has come of it.

    Those that need nobody are issued at once and leave no row here: the certificate is their record.
    """

    id = IdentifierField()
    origin = models.CharField(max_length=20, help_text="console, rest, cli, or a protocol")
    endpoint = models.CharField(max_length=121, help_text="protocol/name, or empty")
    requester = models.CharField(max_length=256, help_text="actor who asked")
    team = models.CharField(max_length=100)
    owner = models.CharField(max_length=100, help_text="name of the account that will answer for it")
    authority = models.CharField(max_length=100)
    profile = models.CharField(max_length=100)
    csr = models.BinaryField(help_text="PKCS #10 in DER as it came; empty while the key is to be made")
    key_algorithm = models.CharField(max_length=20)
    spki_sha256 = models.BinaryField()
    names = models.TextField(help_text="JSON list of [kind, value]")
    subject = models.TextField(help_text="RFC 4514 text")
    wanted = models.TextField(help_text="JSON: lifetime, fields, and what else was asked for")
    comment = models.TextField(help_text="the requester's own words to whoever decides")
    resubmits = models.BigIntegerField(null=True, help_text="the rejected request that this one mends")
    policy = models.BigIntegerField(help_text="number of the policy that asked for approval")
    steps = models.TextField(help_text="JSON: the approval's steps in order")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    approved_at = models.DateTimeField(null=True, help_text="when the last step was done")
    rejected_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)
    issued_at = models.DateTimeField(null=True)
    certificate = models.BigIntegerField(null=True)
    failed_at = models.DateTimeField(null=True)
    problem = models.TextField(help_text="why it was rejected or could not be issued, in one line")
    version = models.BigIntegerField()

    objects = CertificateRequestQuerySet.as_manager()

    class Meta:
        db_table = "certificate_request"
        indexes = [
            models.Index(
                fields=["created_at", "id"],
                condition=models.Q(
                    approved_at__isnull=True,
                    rejected_at__isnull=True,
                    withdrawn_at__isnull=True,
                    failed_at__isnull=True,
                ),
                name="certificate_request_open",
            ),
            models.Index(fields=["requester", "id"], name="certificate_request_requester"),
        ]


class ApprovalDecision(models.Model):
    """One person's word on one step of one request."""

    id = IdentifierField()
    request = models.ForeignKey(CertificateRequest, on_delete=models.PROTECT)
    step = models.BigIntegerField(help_text="place in the request's steps, from 0")
    approver = models.CharField(max_length=256, help_text="actor who decided")
    instead_of = models.CharField(max_length=256, help_text="who had handed it on to them, or empty")
    approved = models.BooleanField()
    comment = models.TextField()
    at = models.DateTimeField()

    class Meta:
        db_table = "approval_decision"
        constraints = [models.UniqueConstraint(fields=["request", "approver"], name="approval_decision_once")]
