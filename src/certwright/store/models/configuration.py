"""What the installation is set up to do: read as one snapshot, changed rarely, each change a new revision."""

from django.db import models

from ..fields import IdentifierField


class Installation(models.Model):
    """The one row about this installation. `revision` grows with every change of configuration."""

    id = IdentifierField()
    organization = models.TextField()
    base_url = models.TextField(help_text="where relying parties reach us; goes into certificates")
    embedded = models.BooleanField(help_text="founded by `init` on one host, loopback only")
    revision = models.BigIntegerField()
    created_at = models.DateTimeField()
    nonce_key = models.BinaryField(help_text="HMAC key of nonces, enveloped")

    class Meta:
        db_table = "installation"


class Counter(models.Model):
    """Numbers handed out in commit order, under this row's lock."""

    name = models.CharField(max_length=100, primary_key=True)
    value = models.BigIntegerField()

    class Meta:
        db_table = "counter"


class Profile(models.Model):
    """One version of a certificate profile. The highest version is in force; older ones explain the past."""

    id = IdentifierField()
    name = models.CharField(max_length=100)
    number = models.BigIntegerField()
    document = models.TextField(help_text="JSON, see docs/reference/profiles.md")
    created_at = models.DateTimeField()

    class Meta:
        db_table = "profile"
        constraints = [models.UniqueConstraint(fields=["name", "number"], name="profile_version")]


class Policy(models.Model):
    """One version of the rules of issuance. The highest number is in force; others explain the past."""

    number = IdentifierField()
    document = models.TextField(help_text="JSON, see docs/reference/policy.md")
    comment = models.TextField(help_text="why it was changed, in the words of whoever did")
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=256)

    class Meta:
        db_table = "policy"


class PolicyReplay(models.Model):
    """A draft of the rules, and what it would do to all that is on record. Status is computed from these
    facts, never stored."""

    id = IdentifierField()
    draft = models.TextField(help_text="JSON, as the document of a policy")
    digest = models.BinaryField(help_text="SHA-256 of the draft")
    based_on = models.BigIntegerField(help_text="number of the policy it is beside; 0 for none")
    at = models.DateTimeField(help_text="everything is judged as if it were asked for at this moment")
    everything = models.BooleanField(help_text="certificates that have ended or are revoked too")
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=256)
    done = models.BigIntegerField(help_text="how many are judged, when last somebody told")
    total = models.BigIntegerField()
    seen_at = models.DateTimeField(null=True, help_text="when last a worker told how far it is")
    ended_at = models.DateTimeField(null=True)
    cancelled_by = models.CharField(max_length=256)
    problem = models.TextField(help_text="why it could not be run, in one line")
    result = models.TextField(help_text="JSON, see operations/replay_documents.py; empty before the end")
    version = models.BigIntegerField()

    class Meta:
        db_table = "policy_replay"


class Endpoint(models.Model):
    """Binds a protocol to an authority, profiles and who may use it."""

    id = IdentifierField()
    protocol = models.CharField(max_length=20)
    name = models.CharField(max_length=100)
    authority = models.ForeignKey("Authority", on_delete=models.PROTECT)
    profiles = models.TextField(help_text="JSON list of profile names, the default first")
    policy = models.TextField(help_text="JSON: names, key algorithms and lifetimes permitted here")
    settings = models.TextField(help_text="JSON: the protocol's own settings")
    team = models.CharField(max_length=100, help_text="which answers for what is issued here, or empty")
    owner = models.CharField(max_length=100, help_text="account that answers for it, or empty")
    enabled = models.BooleanField()
    version = models.BigIntegerField()

    class Meta:
        db_table = "endpoint"
        constraints = [models.UniqueConstraint(fields=["protocol", "name"], name="endpoint_name")]
