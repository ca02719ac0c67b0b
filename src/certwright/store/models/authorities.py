"""Certificate authorities and their generations (one key and name each)."""

from django.db import models

from ..fields import IdentifierField


class Authority(models.Model):
    """A certificate authority by name. What it signs with is in its generations."""

    id = IdentifierField()
    name = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=20, help_text="root, intermediate or issuing")
    subject_sha256 = models.BinaryField(
        unique=True, help_text="of its subject as names are compared; its generations share it, no others do"
    )
    crl_shards = models.BigIntegerField()
    created_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True)
    version = models.BigIntegerField()

    class Meta:
        db_table = "authority"


class AuthorityGeneration(models.Model):
    """One key of an authority with its certificate. Without certificate it waits for an outside issuer."""

    id = IdentifierField()
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT)
    number = models.BigIntegerField()
    key_provider = models.CharField(max_length=100, help_text="name of the configured key provider")
    key_algorithm = models.CharField(max_length=20)
    key_reference = models.BinaryField()
    spki_sha256 = models.BinaryField(unique=True)
    subject = models.TextField(help_text="RFC 4514 text")
    profile = models.CharField(max_length=100)
    ordered = models.TextField(help_text="JSON: who shall sign it, and its terms beyond the profile")
    csr = models.BinaryField(null=True)
    certificate = models.BinaryField(null=True)
    chain = models.BinaryField(help_text="DER certificates one after another, issuer first, up to the root")
    not_after = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True)
    version = models.BigIntegerField()

    class Meta:
        db_table = "authority_generation"
        constraints = [
            models.UniqueConstraint(fields=["authority", "number"], name="authority_generation_number")
        ]


class OcspSigner(models.Model):
    """A delegated OCSP signer (RFC 6960 section 4.2.2.2). The one that lasts longest is used."""

    id = IdentifierField()
    generation = models.ForeignKey(AuthorityGeneration, on_delete=models.PROTECT)
    key_provider = models.CharField(max_length=100)
    key_algorithm = models.CharField(max_length=20)
    key_reference = models.BinaryField()
    certificate = models.BinaryField()
    not_before = models.DateTimeField()
    not_after = models.DateTimeField()

    class Meta:
        db_table = "ocsp_signer"
