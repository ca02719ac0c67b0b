"""Revocation: the feed of changes, and the lists signed from it."""

from django.db import models

from ..fields import IdentifierField


class StatusChange(models.Model):
    """One change of a certificate's status. `seq` is gapless in commit order; responders follow it."""

    seq = IdentifierField()
    certificate = models.ForeignKey("Certificate", on_delete=models.PROTECT)
    generation = models.ForeignKey("AuthorityGeneration", on_delete=models.PROTECT)
    serial = models.BinaryField()
    crl_shard = models.BigIntegerField()
    revoked = models.BooleanField(help_text="false when a hold was released")
    reason = models.BigIntegerField()
    invalidity_date = models.DateTimeField(null=True)
    at = models.DateTimeField()
    chain = models.BinaryField(
        help_text="where the commit has left its audit writer: no other history has it"
    )

    class Meta:
        db_table = "status_change"
        indexes = [models.Index(fields=["generation", "crl_shard", "seq"], name="status_change_shard")]


class OcspRun(models.Model):
    """A file of OCSP answers produced ahead, on whichever host it lies."""

    digest = models.BinaryField(primary_key=True)
    generation = models.ForeignKey("AuthorityGeneration", on_delete=models.PROTECT)
    produced_at = models.DateTimeField()
    next_update = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "ocsp_run"


class CrlShard(models.Model):
    """The newest CRL number of a shard, and how far into the feed it reaches."""

    pk = models.CompositePrimaryKey("generation_id", "shard")
    generation = models.ForeignKey("AuthorityGeneration", on_delete=models.PROTECT)
    shard = models.BigIntegerField()
    number = models.BigIntegerField()
    covered_seq = models.BigIntegerField()
    next_update = models.DateTimeField()

    class Meta:
        db_table = "crl_shard"


class Crl(models.Model):
    """A signed list, complete (`base_number` 0) or delta."""

    id = IdentifierField()
    generation = models.ForeignKey("AuthorityGeneration", on_delete=models.PROTECT)
    shard = models.BigIntegerField()
    number = models.BigIntegerField()
    base_number = models.BigIntegerField(help_text="0 for a complete list")
    covered_seq = models.BigIntegerField()
    scheduled = models.BooleanField(help_text="signed by the clock: deltas are based on the newest such list")
    this_update = models.DateTimeField()
    next_update = models.DateTimeField()
    entries = models.BigIntegerField()
    der = models.BinaryField()

    class Meta:
        db_table = "crl"
        indexes = [models.Index(fields=["generation", "shard", "number"], name="crl_number")]
        constraints = [
            models.UniqueConstraint(fields=["generation", "shard", "number", "base_number"], name="crl_once")
        ]
