"""What was looked for, and what was seen where.

A certificate that is seen is a row of `certificate` like one that we issued. Where it is, and since when, is
told by its sightings: one row for each place and certificate, whose times move with every look.
"""

from django.db import models

from ..fields import IdentifierField


class Sighting(models.Model):
    """A certificate at a place. What a place shows now are its rows without `ended_at`."""

    id = IdentifierField()
    place = models.BinaryField(help_text="see `KnownPlace.digest` in core/sightings.py")
    certificate = models.ForeignKey("Certificate", on_delete=models.PROTECT, db_constraint=False)
    zone = models.CharField(max_length=60, help_text="of the network it was seen from, empty for the usual")
    kind = models.CharField(max_length=60)
    host = models.CharField(max_length=253, db_index=True)
    port = models.BigIntegerField()
    name = models.TextField(help_text="server name, path or the platform's own identifier")
    chain = models.BinaryField(help_text="SHA-256 of each certificate presented after it, in order")
    facts = models.TextField(help_text="JSON, see docs/reference/discovery.md")
    scope_id = models.BigIntegerField(help_text="whose run saw it last, 0 for a single run")
    first_run = models.BigIntegerField(help_text="run in which it was first seen there")
    last_run = models.BigIntegerField(help_text="run in which it was last seen there")
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, help_text="when it was found not to be there any more")
    version = models.BigIntegerField()

    class Meta:
        db_table = "sighting"
        constraints = [models.UniqueConstraint(fields=["place", "certificate"], name="sighting_place")]
        indexes = [
            models.Index(
                fields=["scope_id", "last_run"],
                condition=models.Q(ended_at__isnull=True),
                name="sighting_open",
            ),
            models.Index(fields=["first_run", "id"], name="sighting_first"),
            models.Index(
                fields=["last_run", "id"],
                condition=models.Q(ended_at__isnull=False),
                name="sighting_ended",
            ),
            models.Index(
                fields=["ended_at"], condition=models.Q(ended_at__isnull=False), name="sighting_past"
            ),
        ]


class DiscoveryScope(models.Model):
    """What to look at, by which source, and how often."""

    id = IdentifierField()
    name = models.CharField(max_length=130, unique=True, help_text="of a removed one, with its identifier")
    source = models.CharField(max_length=60, help_text="name of a plugin")
    targets = models.TextField(help_text="JSON list of texts")
    exclude = models.TextField(help_text="JSON list of texts")
    settings = models.TextField(help_text="JSON: the plugin's settings that are no secret")
    secrets = models.BinaryField(help_text="JSON of those that are, in an envelope; empty for none")
    zone = models.CharField(max_length=60, help_text="which workers look, empty for the usual")
    every_minutes = models.BigIntegerField(help_text="0: only when somebody asks")
    quiet = models.TextField(help_text="JSON list of times of day in UTC at which nothing is looked at")
    next_run_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=256)
    removed_at = models.DateTimeField(null=True)
    version = models.BigIntegerField()

    class Meta:
        db_table = "discovery_scope"


class DiscoveryRun(models.Model):
    """One look at a scope. Status is computed from these facts, never stored."""

    id = IdentifierField()
    scope_id = models.BigIntegerField(db_index=True, help_text="0 for what was asked for only once")
    source = models.CharField(max_length=60)
    targets = models.TextField(help_text="JSON list of texts")
    exclude = models.TextField(help_text="JSON list of texts")
    settings = models.TextField(help_text="JSON: the plugin's settings that are no secret")
    zone = models.CharField(max_length=60)
    asked_at = models.DateTimeField(db_index=True)
    asked_by = models.CharField(max_length=256)
    started_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True, help_text="when last a worker told how far it is")
    ended_at = models.DateTimeField(null=True)
    cancelled_by = models.CharField(max_length=256)
    after = models.TextField(help_text="the source's cursor: all before it is looked at")
    mark = models.TextField(help_text="where the scope's next run may begin, in the source's words, or empty")
    whole = models.BooleanField(help_text="what was not seen is gone")
    done = models.BigIntegerField(help_text="places")
    total = models.BigIntegerField(help_text="places, 0 where that is not known")
    seen = models.BigIntegerField(help_text="certificates at places")
    new = models.BigIntegerField(help_text="certificates that were not known")
    appeared = models.BigIntegerField(help_text="certificates at places where they were not before")
    gone = models.BigIntegerField(help_text="certificates that are no more where they were")
    problems = models.BigIntegerField(help_text="places at which nothing could be read")
    problem = models.TextField(help_text="why it could not be run to its end, in one line")
    version = models.BigIntegerField()

    class Meta:
        db_table = "discovery_run"


class OutsideList(models.Model):
    """Where another authority says which of its certificates are revoked, and when last we looked."""

    id = IdentifierField()
    issuer_id = models.BigIntegerField(db_index=True, help_text="identifier of the authority's certificate")
    url = models.TextField()
    next_check_at = models.DateTimeField(db_index=True)
    checked_at = models.DateTimeField(null=True)
    this_update = models.DateTimeField(null=True, help_text="of the last list that could be believed")
    next_update = models.DateTimeField(null=True)
    number = models.TextField()
    problem = models.TextField(help_text="why nothing could be had at the last look, in one line")
    failing_since = models.DateTimeField(null=True)
    version = models.BigIntegerField()

    class Meta:
        db_table = "outside_list"
        constraints = [models.UniqueConstraint(fields=["issuer_id", "url"], name="outside_list_place")]


class OutsideAnswer(models.Model):
    """Who answers by OCSP about a certificate of another authority, and when last that one was asked."""

    id = IdentifierField()
    certificate = models.ForeignKey("Certificate", on_delete=models.PROTECT, db_constraint=False)
    issuer_id = models.BigIntegerField(db_index=True, help_text="identifier of the authority's certificate")
    url = models.TextField()
    server = models.TextField(db_index=True, help_text="scheme, host and port, empty for a bad URL")
    ends_at = models.DateTimeField(db_index=True, help_text="with the certificate; then nobody is asked")
    next_check_at = models.DateTimeField(db_index=True)
    checked_at = models.DateTimeField(null=True)
    this_update = models.DateTimeField(null=True, help_text="of the last answer that was really given")
    next_update = models.DateTimeField(null=True)
    problem = models.TextField(help_text="why nothing could be learnt at the last look, in one line")
    failing_since = models.DateTimeField(null=True)
    version = models.BigIntegerField()

    class Meta:
        db_table = "outside_answer"
        constraints = [models.UniqueConstraint(fields=["certificate", "url"], name="outside_answer_place")]


class Finding(models.Model):
    """Something that is wrong with a certificate, or with it at a place. Opens, is acknowledged or accepted
    for a time, and closes by itself when the fact is gone."""

    id = IdentifierField()
    code = models.CharField(max_length=60, help_text="stable, see docs/reference/findings.md")
    severity = models.CharField(max_length=10)
    certificate = models.ForeignKey("Certificate", on_delete=models.PROTECT, db_constraint=False)
    sighting_id = models.BigIntegerField(help_text="the place it is wrong at, 0 for the certificate itself")
    detail = models.TextField(help_text="one line: what is wrong here")
    team = models.CharField(max_length=100, help_text="that answers for the certificate, when last looked at")
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    acknowledged_by = models.CharField(max_length=256)
    accepted_until = models.DateTimeField(null=True)
    reason = models.TextField(help_text="why it is accepted")
    version = models.BigIntegerField()

    class Meta:
        db_table = "finding"
        constraints = [
            models.UniqueConstraint(
                fields=["certificate", "code", "sighting_id"],
                condition=models.Q(closed_at__isnull=True),
                name="finding_open",
            )
        ]
        indexes = [
            models.Index(
                fields=["code", "id"], condition=models.Q(closed_at__isnull=True), name="finding_code"
            ),
            models.Index(
                fields=["team", "id"], condition=models.Q(closed_at__isnull=True), name="finding_team"
            ),
            models.Index(
                fields=["closed_at"], condition=models.Q(closed_at__isnull=False), name="finding_past"
            ),
        ]


class HealthScore(models.Model):
    """What findings a scope's certificates had on a day: the day's last count, see core/scores.py."""

    id = IdentifierField()
    scope = models.CharField(max_length=200, help_text="* for everything, team:NAME, team: for no team")
    day = models.DateTimeField(help_text="its first moment in UTC")
    at = models.DateTimeField(help_text="when it was counted")
    certificates = models.BigIntegerField(help_text="in use")
    sound = models.BigIntegerField(help_text="of these, without anything critical and any warning")
    critical = models.BigIntegerField(help_text="open findings")
    warning = models.BigIntegerField(help_text="open findings")
    notice = models.BigIntegerField(help_text="open findings")
    accepted = models.BigIntegerField(help_text="findings that are accepted for a time")
    version = models.BigIntegerField()

    class Meta:
        db_table = "health_score"
        constraints = [models.UniqueConstraint(fields=["day", "scope"], name="health_score_day")]
