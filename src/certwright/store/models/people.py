"""Who acts: accounts, teams, tokens, and the roles granted to them."""

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils.crypto import salted_hmac

from ..fields import IdentifierField

SESSION_SALT = "certwright.session"


class UserManager(BaseUserManager["User"]):
    """Finds accounts by name; they are made by operations alone."""

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(name=(username or "").lower())


class User(AbstractBaseUser):
    """A person's account, or a service's, which has tokens and never logs in.

    Where others vouch for the person (LDAP, OIDC, SAML), `origin` says who, and `external_id` whom they mean.
    """

    id = IdentifierField()
    name = models.CharField(max_length=100, unique=True, help_text="what one logs in with, in lower case")
    display_name = models.CharField(max_length=200)
    email = models.CharField(max_length=254)
    password = models.CharField(max_length=200, help_text="hashed; empty where others vouch")
    password_expires_at = models.DateTimeField(null=True, help_text="a first password dies by itself")
    service = models.BooleanField()
    origin = models.CharField(max_length=100, help_text="local, or the name of who vouches")
    external_id = models.CharField(max_length=500)
    created_at = models.DateTimeField()
    last_login_at = models.DateTimeField(null=True)
    disabled_at = models.DateTimeField(null=True)
    sessions_ended_at = models.DateTimeField(null=True, help_text="what was logged in before is not any more")
    version = models.BigIntegerField()

    last_login = None  # Django would write it behind our back

    objects = UserManager()

    USERNAME_FIELD = "name"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        db_table = "user_account"
        constraints = [
            models.UniqueConstraint(
                fields=["origin", "external_id"],
                condition=~models.Q(external_id=""),
                name="user_account_external",
            )
        ]

    @property
    def is_active(self) -> bool:  # type: ignore[override]
        return self.disabled_at is None and not self.service

    def get_session_auth_hash(self) -> str:
        """What a session must carry: another password, or an end put to all sessions, makes it another."""
        ended = self.sessions_ended_at.isoformat() if self.sessions_ended_at else ""
        return salted_hmac(SESSION_SALT, f"{self.password}\n{ended}", algorithm="sha256").hexdigest()


class Team(models.Model):
    """People who answer for certificates together."""

    id = IdentifierField()
    name = models.CharField(max_length=100, unique=True)
    description = models.TextField()
    email = models.CharField(max_length=254, help_text="where notices go beside the members', or empty")
    created_at = models.DateTimeField()
    version = models.BigIntegerField()

    class Meta:
        db_table = "team"


class TeamMember(models.Model):
    id = IdentifierField()
    team = models.ForeignKey(Team, on_delete=models.PROTECT)
    user = models.ForeignKey(User, on_delete=models.PROTECT)
    origin = models.CharField(max_length=100, default="local", help_text="who says so, as of an account")

    class Meta:
        db_table = "team_member"
        constraints = [models.UniqueConstraint(fields=["team", "user", "origin"], name="team_member_once")]


class ApiToken(models.Model):
    """A bearer token. Only the SHA-256 of its secret is kept."""

    id = IdentifierField()
    name = models.CharField(max_length=100, unique=True)
    digest = models.BinaryField(unique=True)
    user = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, help_text="whose it is; it dies with the account"
    )
    created_at = models.DateTimeField()
    created_by = models.TextField()
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    version = models.BigIntegerField()

    class Meta:
        db_table = "api_token"


class TokenUse(models.Model):
    """When a token was last used, to the hour. Apart from the token, which is configuration."""

    id = IdentifierField(help_text="that of the token")
    used_at = models.DateTimeField()
    version = models.BigIntegerField()

    class Meta:
        db_table = "token_use"


class RoleGrant(models.Model):
    """A role within a scope (`holder` is `user:NAME`, `token:NAME`, or `team:NAME` for all its members)."""

    id = IdentifierField()
    holder = models.CharField(max_length=200, db_index=True)
    role = models.CharField(max_length=30)
    scope = models.TextField()
    origin = models.CharField(max_length=100, default="local", help_text="who says so, as of an account")

    class Meta:
        db_table = "role_grant"
        constraints = [
            models.UniqueConstraint(fields=["holder", "role", "scope", "origin"], name="role_grant_once")
        ]
