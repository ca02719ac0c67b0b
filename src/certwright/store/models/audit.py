"""The audit log: each writer's chain, and the tree that a sequencer builds over all of them."""

from django.db import models

from ..fields import IdentifierField


class AuditWriter(models.Model):
    """One writing lane of one process: how many events it has written, and the hash they end in."""

    id = IdentifierField(help_text="grows by random steps")
    name = models.TextField()
    started_at = models.DateTimeField()
    events = models.BigIntegerField()
    head = models.BinaryField()
    sequenced = models.BigIntegerField(help_text="how many of them have their place in the tree")

    class Meta:
        db_table = "audit_writer"


class AuditEvent(models.Model):
    id = IdentifierField(help_text="writer * 2**32 + number")
    writer = models.BigIntegerField()
    number = models.BigIntegerField()
    at = models.DateTimeField(db_index=True)
    kind = models.CharField(max_length=60)
    actor = models.TextField()
    source = models.TextField()
    subject = models.TextField(db_index=True)
    body = models.TextField()
    chain = models.BinaryField()

    class Meta:
        db_table = "audit_event"


class AuditLeaf(models.Model):
    """The place of an event in the tree."""

    position = IdentifierField()
    event = models.BigIntegerField(unique=True)

    class Meta:
        db_table = "audit_leaf"


class AuditNode(models.Model):
    """Hash of a complete subtree: 2**level leaves from position * 2**level on."""

    pk = models.CompositePrimaryKey("level", "position")
    level = models.BigIntegerField()
    position = models.BigIntegerField()
    hash = models.BinaryField()

    class Meta:
        db_table = "audit_node"


class AuditCheckpoint(models.Model):
    size = IdentifierField()
    at = models.DateTimeField()
    root = models.BinaryField()
    note = models.TextField(help_text="the signed note, as given out")

    class Meta:
        db_table = "audit_checkpoint"
