"""Requests for certificates that people decide on. Status is computed from these facts, never stored."""

from django.db import models

from ..fields import IdentifierField
from ..querysets import CertificateRequestQuerySet


class CertificateRequest(models.Model):
    """What somebody asked for, wherever they asked, and what has come of it.

    Those that need nobody are issued at once and leave no row here: the certificate is their record. What
    the rules refuse has no steps, and is rejected from the start.
    """

    id = IdentifierField()
    origin = models.CharField(max_length=20, help_text="console, rest, cli, or a protocol")
    endpoint = models.CharField(max_length=121, help_text="protocol/name, or empty")
    requester = models.CharField(max_length=256, help_text="actor who asked")
    requester_user = models.CharField(max_length=100, help_text="account behind the actor, or empty")
    team = models.CharField(max_length=100)
    owner = models.CharField(max_length=100, help_text="name of the account that will answer for it")
    authority = models.CharField(max_length=100)
    profile = models.CharField(max_length=100)
    public_key = models.BinaryField(help_text="SubjectPublicKeyInfo in DER, possession proved")
    key_algorithm = models.CharField(max_length=20)
    names = models.TextField(help_text="JSON list of [kind, value], as the certificate shall have them")
    subject = models.TextField(help_text="RFC 4514 text, as the certificate shall have it")
    lifetime = models.BigIntegerField(help_text="seconds, both ends included, as the rules have judged it")
    wanted = models.TextField(help_text="JSON: what was asked for, to be asked again once approved")
    comment = models.TextField(help_text="the requester's own words to whoever decides")
    resubmits = models.BigIntegerField(null=True, help_text="the rejected request that this one mends")
    policy = models.BigIntegerField(help_text="number of the policy that asked for approval or refused")
    steps = models.TextField(help_text="JSON: the approval's steps in order")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(help_text="when the step expires that it is at")
    approved_at = models.DateTimeField(null=True, help_text="when the last step was done")
    rejected_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)
    expired_at = models.DateTimeField(null=True, help_text="when the passing of its deadline was recorded")
    issued_at = models.DateTimeField(null=True)
    certificate = models.BigIntegerField(null=True)
    acme_order = models.BigIntegerField(null=True, help_text="the ACME order that waits for it")
    failed_at = models.DateTimeField(null=True)
    problem = models.TextField(help_text="why it was rejected or could not be issued, in one line")
    version = models.BigIntegerField()

    objects = CertificateRequestQuerySet.as_manager()

    class Meta:
        db_table = "certificate_request"
        constraints = [
            models.UniqueConstraint(
                fields=["acme_order"],
                condition=models.Q(acme_order__isnull=False),
                name="certificate_request_acme_order",
            )
        ]
        indexes = [
            models.Index(
                fields=["expires_at"],
                condition=models.Q(
                    rejected_at__isnull=True,
                    withdrawn_at__isnull=True,
                    expired_at__isnull=True,
                    issued_at__isnull=True,
                    failed_at__isnull=True,
                ),
                name="certificate_request_open",
            ),
            models.Index(fields=["created_at", "id"], name="certificate_request_newest"),
            models.Index(fields=["requester", "id"], name="certificate_request_requester"),
        ]


class RequestApprover(models.Model):
    """Whom the steps of a request name beside roles, `team:NAME` or `user:NAME`: they may see it."""

    id = IdentifierField()
    request = models.ForeignKey(CertificateRequest, on_delete=models.PROTECT)
    approver = models.CharField(max_length=256)

    class Meta:
        db_table = "request_approver"
        indexes = [models.Index(fields=["approver", "request"], name="request_approver_approver")]


class ApprovalDecision(models.Model):
    """One person's word on one step of one request."""

    id = IdentifierField()
    request = models.ForeignKey(CertificateRequest, on_delete=models.PROTECT)
    step = models.BigIntegerField(help_text="place in the request's steps, from 0")
    approver = models.CharField(max_length=256, help_text="actor who decided")
    person = models.CharField(max_length=256, help_text="the account behind the actor, else the actor")
    instead_of = models.CharField(max_length=256, help_text="who had handed it on to them, or empty")
    approved = models.BooleanField()
    comment = models.TextField()
    at = models.DateTimeField()

    class Meta:
        db_table = "approval_decision"
        constraints = [models.UniqueConstraint(fields=["request", "person"], name="approval_decision_once")]


class ApprovalDelegation(models.Model):
    """An account hands its right to approve on to another for a time. What was decided by it meanwhile
    stays."""

    id = IdentifierField()
    user = models.CharField(max_length=100, help_text="name of the account whose right it is")
    deputy = models.CharField(max_length=100, help_text="name of the account that has it meanwhile")
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    comment = models.TextField()
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=256)
    version = models.BigIntegerField()

    class Meta:
        db_table = "approval_delegation"
