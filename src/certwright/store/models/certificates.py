"""Certificates, once each by SHA-256 of their DER, whoever issued them.

Rows here are written thousands a second. Children carry the certificate's identifier without a database
constraint: they come in the same commit as their parent, and a checked constraint would cost more than
the insert.
"""

from django.db import models

from ..fields import IdentifierField
from ..querysets import CertificateQuerySet


class Certificate(models.Model):
    id = IdentifierField()
    fingerprint = models.BinaryField(unique=True, help_text="SHA-256 of the DER")
    generation = models.ForeignKey(
        "AuthorityGeneration", null=True, on_delete=models.PROTECT, db_index=False, related_name="issued"
    )
    authority = models.CharField(
        max_length=100, help_text="name of our authority, empty for others' certificates"
    )
    issuer = models.TextField(help_text="RFC 4514 text")
    serial = models.BinaryField(help_text="content octets of the INTEGER")
    subject = models.TextField(help_text="RFC 4514 text")
    not_before = models.DateTimeField()
    not_after = models.DateTimeField()
    key_algorithm = models.CharField(max_length=40, help_text="core/keys.py, or of others core/decoded.py")
    signature_algorithm = models.CharField(max_length=60)
    is_authority = models.BooleanField(help_text="may sign certificates")
    spki_sha256 = models.BinaryField()
    profile = models.CharField(max_length=100)
    profile_number = models.BigIntegerField()
    endpoint = models.CharField(max_length=121, help_text="protocol/name")
    requester = models.TextField(help_text="actor who asked")
    team = models.CharField(max_length=100, help_text="name of the team that answers for it, or empty")
    owner = models.CharField(max_length=100, help_text="name of the account that answers for it, or empty")
    environment = models.CharField(max_length=60, help_text="production, test, ..., or empty")
    standing = models.CharField(max_length=10, help_text="issued, found, adopted or ignored")
    issuer_certificate = models.BigIntegerField(
        null=True, help_text="identifier of others' certificate whose key has signed this one"
    )
    issued_at = models.DateTimeField(help_text="by us; of others, when we first knew of it")
    replaces = models.BigIntegerField(
        null=True, help_text="identifier of the certificate before this one in its line"
    )
    crl_shard = models.BigIntegerField()
    revoked_at = models.DateTimeField(null=True)
    revocation_reason = models.BigIntegerField(null=True, help_text="RFC 5280 section 5.3.1")
    invalidity_date = models.DateTimeField(null=True)
    version = models.BigIntegerField()

    objects = CertificateQuerySet.as_manager()

    class Meta:
        db_table = "certificate"
        constraints = [models.UniqueConstraint(fields=["generation", "serial"], name="certificate_serial")]
        indexes = [
            models.Index(fields=["not_after", "id"], name="certificate_expiry"),
            models.Index(
                fields=["team", "not_after", "id"], condition=~models.Q(team=""), name="certificate_team"
            ),
            models.Index(
                fields=["owner", "not_after", "id"], condition=~models.Q(owner=""), name="certificate_owner"
            ),
            models.Index(
                fields=["generation", "crl_shard", "not_after", "id"],
                condition=models.Q(revoked_at__isnull=False),
                name="certificate_revoked",
            ),
            models.Index(
                fields=["revoked_at"],
                condition=models.Q(revoked_at__isnull=False),
                name="certificate_revoked_at",
            ),
            models.Index(
                fields=["standing", "id"], condition=~models.Q(standing="issued"), name="certificate_standing"
            ),
            models.Index(
                fields=["subject"], condition=models.Q(is_authority=True), name="certificate_issuer"
            ),
            models.Index(fields=["spki_sha256"], name="certificate_key"),
            models.Index(
                fields=["issuer_certificate"],
                condition=models.Q(issuer_certificate__isnull=False),
                name="certificate_signed_by",
            ),
            models.Index(
                fields=["replaces"], condition=models.Q(replaces__isnull=False), name="certificate_replaces"
            ),
        ]


class CertificateBody(models.Model):
    certificate = models.OneToOneField(
        Certificate, primary_key=True, on_delete=models.PROTECT, db_constraint=False
    )
    der = models.BinaryField()

    class Meta:
        db_table = "certificate_body"


class CertificateName(models.Model):
    """A subject alternative name; `reversed_value` serves suffix search by prefix range."""

    pk = models.CompositePrimaryKey("certificate_id", "position")
    certificate = models.ForeignKey(
        Certificate, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    position = models.BigIntegerField()
    kind = models.CharField(max_length=10)
    value = models.TextField()
    reversed_value = models.TextField(db_index=True)

    class Meta:
        db_table = "certificate_name"


class CertificateTag(models.Model):
    """A word that people have put on a certificate, to find it and to give roles by."""

    pk = models.CompositePrimaryKey("certificate_id", "tag")
    certificate = models.ForeignKey(
        Certificate, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    tag = models.CharField(max_length=60)

    class Meta:
        db_table = "certificate_tag"
        indexes = [models.Index(fields=["tag", "certificate"], name="certificate_tag_tag")]


class CustomField(models.Model):
    """A field of its own that an organization gives its certificates."""

    id = IdentifierField()
    name = models.CharField(max_length=40, unique=True)
    title = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, help_text="for ever")
    choices = models.TextField(help_text="JSON list, for the kind of that name")
    help = models.TextField()
    retired_at = models.DateTimeField(null=True, help_text="since when it is shown nowhere")
    version = models.BigIntegerField()

    class Meta:
        db_table = "custom_field"


class CertificateField(models.Model):
    """What a certificate has in a field of the organization's own."""

    pk = models.CompositePrimaryKey("certificate_id", "field")
    certificate = models.ForeignKey(
        Certificate, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    field = models.CharField(max_length=40)
    kind = models.CharField(max_length=10, help_text="of the field")
    value = models.TextField(help_text="in the form that core/custom_fields.py reads")
    number = models.BigIntegerField(null=True, help_text="the value, where it is a number")

    class Meta:
        db_table = "certificate_field"
        indexes = [
            models.Index(fields=["field", "value", "certificate"], name="certificate_field_value"),
            models.Index(
                fields=["field", "number", "certificate"],
                condition=models.Q(number__isnull=False),
                name="certificate_field_number",
            ),
        ]


class IssuanceIntent(models.Model):
    """Written before a signature that cannot be taken back: in a module, or of an authority certificate."""

    id = IdentifierField()
    generation = models.ForeignKey("AuthorityGeneration", on_delete=models.PROTECT)
    serial = models.BinaryField()
    tbs_sha256 = models.BinaryField()
    profile = models.CharField(max_length=100)
    requester = models.TextField()
    at = models.DateTimeField()

    class Meta:
        db_table = "issuance_intent"
        constraints = [
            models.UniqueConstraint(fields=["generation", "serial"], name="issuance_intent_serial")
        ]


class CompromisedKey(models.Model):
    """Public keys no certificate may be issued for: revoked for key compromise, or from a supplied list."""

    spki_sha256 = models.BinaryField(primary_key=True)
    origin = models.TextField()
    at = models.DateTimeField()

    class Meta:
        db_table = "compromised_key"
