"""ACME (RFC 8555): accounts, orders, authorizations. Status is computed from these facts, never stored."""

from django.db import models

from ..fields import IdentifierField


class AcmeAccount(models.Model):
    id = IdentifierField()
    endpoint = models.ForeignKey("Endpoint", on_delete=models.PROTECT)
    thumbprint = models.CharField(max_length=43, help_text="RFC 7638, SHA-256")
    jwk = models.TextField()
    contacts = models.TextField(help_text="JSON list of mailto URIs")
    terms_agreed_at = models.DateTimeField(null=True)
    external_account_key = models.BigIntegerField(null=True)
    external_account_binding = models.TextField(help_text="JSON as the client sent it, empty without")
    created_at = models.DateTimeField()
    deactivated_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    version = models.BigIntegerField()

    class Meta:
        db_table = "acme_account"
        constraints = [models.UniqueConstraint(fields=["endpoint", "thumbprint"], name="acme_account_key")]


class AcmeExternalAccountKey(models.Model):
    """A key of external account binding (section 7.3.4), for one account to come."""

    id = IdentifierField()
    endpoint = models.ForeignKey("Endpoint", on_delete=models.PROTECT)
    name = models.CharField(max_length=100, help_text="the kid given to the client", unique=True)
    key = models.BinaryField(help_text="HMAC key, enveloped")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    account = models.BigIntegerField(null=True, help_text="who used it")
    version = models.BigIntegerField()

    class Meta:
        db_table = "acme_external_account_key"


class AcmeOrder(models.Model):
    id = IdentifierField()
    account = models.ForeignKey(AcmeAccount, on_delete=models.PROTECT, db_constraint=False)
    identifiers = models.TextField(help_text="JSON list of [kind, value]")
    authorizations = models.TextField(help_text="JSON list of identifiers of authorizations")
    profile = models.CharField(max_length=100)
    not_before = models.DateTimeField(null=True)
    not_after = models.DateTimeField(null=True)
    replaces = models.BigIntegerField(null=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    finalized_at = models.DateTimeField(null=True)
    csr = models.BinaryField(null=True, help_text="kept while the order is processing")
    issued_at = models.DateTimeField(null=True)
    certificate = models.BigIntegerField(null=True)
    failed_at = models.DateTimeField(null=True)
    problem = models.TextField(help_text="JSON [type, detail], empty while there is none")
    version = models.BigIntegerField()

    class Meta:
        db_table = "acme_order"
        constraints = [
            models.UniqueConstraint(
                fields=["replaces"],
                condition=models.Q(replaces__isnull=False, issued_at__isnull=False),
                name="acme_order_replaces_once",
            )
        ]
        indexes = [
            models.Index(
                fields=["replaces"],
                condition=models.Q(replaces__isnull=False),
                name="acme_order_replacing",
            )
        ]


class AcmeAuthorization(models.Model):
    """Control of one identifier by one account. Its challenges share one token; one is attempted."""

    id = IdentifierField()
    account = models.ForeignKey(AcmeAccount, on_delete=models.PROTECT, db_constraint=False, db_index=False)
    kind = models.CharField(max_length=10)
    value = models.TextField()
    wildcard = models.BooleanField()
    token = models.CharField(max_length=64)
    challenges = models.TextField(help_text="JSON list of challenge types offered, in order")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    attempted = models.CharField(max_length=20, help_text="challenge type the client chose, empty before")
    attempted_at = models.DateTimeField(null=True)
    validated_at = models.DateTimeField(null=True)
    valid_until = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    problem = models.TextField(help_text="JSON [type, detail], empty while there is none")
    deactivated_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    evidence = models.TextField(help_text="JSON: what each perspective saw")
    version = models.BigIntegerField()

    class Meta:
        db_table = "acme_authorization"
        indexes = [
            models.Index(fields=["account", "value"], name="acme_authorization_reuse"),
            models.Index(
                fields=["attempted_at"],
                condition=models.Q(
                    attempted_at__isnull=False,
                    validated_at__isnull=True,
                    failed_at__isnull=True,
                    deactivated_at__isnull=True,
                ),
                name="acme_authorization_unsettled",
            ),
        ]


class AcmeNonce(models.Model):
    """A nonce that a state-changing request has used up."""

    fingerprint = models.BinaryField(primary_key=True)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "acme_nonce"


class PerspectiveResult(models.Model):
    """What one perspective saw of one attempt (`attempt` is the authorization's version at the attempt)."""

    id = IdentifierField()
    authorization = models.ForeignKey(AcmeAuthorization, on_delete=models.PROTECT, db_constraint=False)
    attempt = models.BigIntegerField()
    perspective = models.CharField(max_length=100)
    at = models.DateTimeField()
    problem = models.TextField()
    detail = models.TextField()
    caa = models.TextField(help_text="JSON list: for whom CAA records were looked up, empty if they were not")

    class Meta:
        db_table = "perspective_result"
        constraints = [
            models.UniqueConstraint(
                fields=["authorization", "attempt", "perspective"], name="perspective_once"
            )
        ]
