"""Who acts: people, tokens, and the roles granted to them."""

from django.contrib.auth.models import AbstractUser
from django.db import models

from ..fields import IdentifierField


class User(AbstractUser):
    password_expires_at = models.DateTimeField(null=True, help_text="a first password dies by itself")

    class Meta:
        db_table = "user_account"


class ApiToken(models.Model):
    """A bearer token. Only the SHA-256 of its secret is kept."""

    id = IdentifierField()
    name = models.CharField(max_length=100, unique=True)
    digest = models.BinaryField(unique=True)
    created_at = models.DateTimeField()
    created_by = models.TextField()
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    version = models.BigIntegerField()

    class Meta:
        db_table = "api_token"


class RoleGrant(models.Model):
    """A role within a scope, for a user or a token (`holder` is `user:NAME` or `token:NAME`)."""

    id = IdentifierField()
    holder = models.CharField(max_length=200, db_index=True)
    role = models.CharField(max_length=30)
    scope = models.TextField()

    class Meta:
        db_table = "role_grant"
        constraints = [models.UniqueConstraint(fields=["holder", "role", "scope"], name="role_grant_once")]
