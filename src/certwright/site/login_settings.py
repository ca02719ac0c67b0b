"""The settings of logging in: the tables `login`, `login.ldap`, `login.oidc` and `login.saml` of
`certwright.toml`."""

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, StringConstraints, model_validator

from .secret_files import read_secret_file
from .setting_types import (
    Algorithms,
    GroupGifts,
    LdapUrls,
    ProviderUrl,
    RedirectUrl,
    Table,
    Words,
    from_json,
)

HOUR, DAY = 3600, 86_400
GROUPS = (
    "What a group gives: a list of roles (`auditor`), roles within a scope (`operator@team:pay`) and teams "
    '(`team:pay`), as in `groups = { "pki-admins" = ["administrator"] }`.'
)
CREATE = "Make an account at the first log-in of who has none. Else only who has one comes in."
SourceName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]


class LdapSource(Table):
    """Log-in by the password of a directory: LDAP, or Active Directory. The accounts' origin is `ldap`."""

    servers: LdapUrls = Field(
        min_length=1,
        max_length=8,
        description="`ldaps://host[:port]`, or `ldap://host[:port]`, which is StartTLS; tried in order.",
    )
    ca_file: Path | None = Field(
        None,
        description="PEM file of the authorities whose certificates the servers show. No other is trusted. "
        "Not set: nothing is encrypted, which is for `ldap://` and a loopback address alone.",
    )
    base: str = Field(min_length=1, max_length=500, description="Below which entry people are.")
    user_filter: str = Field(
        "(uid={name})",
        description="Finds the entry of who logs in as `{name}`; for Active Directory "
        "`(sAMAccountName={name})`.",
    )
    user_dn: str = Field(
        "",
        max_length=500,
        description="In place of a search: whom to bind as, as in `uid={name},ou=people,dc=example`.",
    )
    bind_dn: str = Field("", max_length=500, description="Who searches. Not set: `user_dn` must be.")
    bind_password: SecretStr | None = Field(None, description="Their password. Better: `bind_password_file`.")
    bind_password_file: Path | None = Field(None, description="File that holds it and nothing else.")
    id_attribute: str = Field(
        "entryUUID",
        description="What makes an entry the same for ever; for Active Directory `objectGUID`. Never a name.",
    )
    name_attribute: str = Field(
        "uid", description="The account's name here; for Active Directory `sAMAccountName`."
    )
    display_name_attribute: str = Field("displayName", description="What the account is called.")
    email_attribute: str = Field("mail", description="Its mail address.")
    group_base: str = Field("", max_length=500, description="Below which entry groups are. Not set: `base`.")
    group_filter: str = Field(
        "(member={dn})",
        description="Finds the groups of an entry: `{dn}` is its name in the tree, `{name}` its account's.",
    )
    group_name_attribute: str = Field(
        "cn", description="What `groups` calls a group; its whole name in the tree does too."
    )
    nested_groups: bool = Field(
        False,
        description="Groups within groups, by the rule of Active Directory, in place of `group_filter`.",
    )
    seconds: int = Field(5, ge=1, le=20, description="Bound on each step: dial, bind, search.")
    create: bool = Field(False, description=CREATE)
    groups: GroupGifts = Field({}, description=GROUPS + " Case does not matter.")

    @model_validator(mode="after")
    def _can_bind(self) -> Self:
        if bool(self.bind_dn) == bool(self.user_dn):
            raise ValueError("exactly one of bind_dn and user_dn must be given")
        if self.bind_dn and (self.bind_password is None) == (self.bind_password_file is None):
            raise ValueError("exactly one of bind_password and bind_password_file must be given with bind_dn")
        for name, template, word in (
            ("user_filter", self.user_filter, "{name}"),
            ("user_dn", self.user_dn or "{name}", "{name}"),
        ):
            if word not in template:
                raise ValueError(f"{name} must hold {word}")
        if "{dn}" not in self.group_filter and "{name}" not in self.group_filter:
            raise ValueError("group_filter must hold {dn} or {name}")
        if self.ca_file is None and not all(PLAIN_URL.match(url) for url in self.servers):
            raise ValueError("ca_file must be given: who the servers are cannot be checked without it")
        return self

    def read_bind_password(self) -> str:
        """Raises NotFound, Malformed."""
        if self.bind_password_file is not None:
            return read_secret_file(self.bind_password_file, "the password of login.ldap.bind_dn")
        return self.bind_password.get_secret_value() if self.bind_password else ""


PLAIN_URL = re.compile(r"ldap://(127\.0\.0\.1|\[::1\])(:\d+)?$")


class OidcSource(Table):
    """Log-in by an OpenID provider. The accounts' origin is `oidc:NAME`."""

    label: str = Field(
        "", max_length=60, description="What the button says behind *Log in with*. Not set: the name."
    )
    issuer: ProviderUrl = Field(
        description="The provider's identifier, octet by octet as its tokens have it: `https://host/path`."
    )
    ca_file: Path | None = Field(
        None, description="PEM file of the authorities to trust for it. Not set: the system's."
    )
    client_id: str = Field(min_length=1, max_length=255, description="Who we are to the provider.")
    client_secret: SecretStr | None = Field(None, description="Our secret. Better: `client_secret_file`.")
    client_secret_file: Path | None = Field(None, description="File that holds it and nothing else.")
    client_auth: Literal["client_secret_basic", "client_secret_post"] = Field(
        "client_secret_basic", description="How we show it."
    )
    scopes: Words = Field(
        ("openid", "profile", "email"), max_length=16, description="What to ask for; `openid` is among them."
    )
    algorithms: Algorithms = Field(
        ("RS256", "ES256", "PS256", "EdDSA"),
        min_length=1,
        description="Signatures that are believed: of public keys alone, RS, PS, ES or EdDSA.",
    )
    name_claim: str = Field("preferred_username", description="The account's name here, at its first log-in.")
    groups_claim: str = Field("groups", description="The list of groups.")
    seconds: float = Field(5, gt=0, le=20, description="Bound on each request to the provider.")
    create: bool = Field(False, description=CREATE)
    groups: GroupGifts = Field({}, description=GROUPS)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.client_secret is None) == (self.client_secret_file is None):
            raise ValueError("exactly one of client_secret and client_secret_file must be given")
        if "openid" not in self.scopes:
            raise ValueError("scopes must hold openid")
        return self

    def read_client_secret(self) -> str:
        """Raises NotFound, Malformed."""
        if self.client_secret_file is not None:
            return read_secret_file(self.client_secret_file, f"the client secret for {self.issuer}")
        return self.client_secret.get_secret_value() if self.client_secret else ""


class SamlSource(Table):
    """Log-in by a SAML 2.0 identity provider. The accounts' origin is `saml:NAME`."""

    label: str = Field(
        "", max_length=60, description="What the button says behind *Log in with*. Not set: the name."
    )
    entity_id: str = Field(
        min_length=1, max_length=1024, description="What the provider calls itself, octet by octet."
    )
    sso_url: RedirectUrl = Field(
        description="Where it takes log-ins by redirect: `https://host/path`, `?query` permitted."
    )
    certificate_file: Path = Field(
        description="PEM file of the certificates under whose keys it signs; of both, while it changes them. "
        "Read at each log-in. How long they are valid does not matter."
    )
    id_attribute: str = Field(
        "",
        max_length=500,
        description="The attribute that means the same person for ever, never a name or mail address. Not "
        "set: the NameID, of the format `persistent`, which is asked for.",
    )
    name_attribute: str = Field(
        "uid", min_length=1, max_length=500, description="The account's name here, at its first log-in."
    )
    display_name_attribute: str = Field(
        "displayName", max_length=500, description="What the account is called."
    )
    email_attribute: str = Field("mail", max_length=500, description="Its mail address.")
    groups_attribute: str = Field("groups", max_length=500, description="Its groups, a value each.")
    create: bool = Field(False, description=CREATE)
    groups: GroupGifts = Field({}, description=GROUPS)

    def read_certificates(self) -> str:
        """PEM. Raises NotFound, Malformed."""
        what = f"the certificates of {self.entity_id}"
        return read_secret_file(self.certificate_file, what, CERTIFICATES_MAX)


CERTIFICATES_MAX = 64 * 1024


class Login(Table):
    """How people log in to the console, and how long that lasts."""

    mfa: Literal["optional", "required"] = Field(
        "optional",
        description="`required`: whoever has neither an authenticator nor a passkey must add one before "
        "anything else.",
    )
    idle_seconds: int = Field(
        HOUR, ge=60, le=30 * DAY, description="How long a session lasts in which nothing is asked for."
    )
    session_seconds: int = Field(
        12 * HOUR, ge=60, le=30 * DAY, description="How long a session lasts at the most."
    )
    fresh_seconds: int = Field(
        900, ge=30, le=DAY, description="How long ago a proof may be for acts that ask for a fresh one."
    )
    failures: int = Field(
        5, ge=1, le=100, description="Failed log-ins to one account from one address before that must wait."
    )
    address_failures: int = Field(
        50,
        ge=1,
        le=10_000,
        description="Failed log-ins from one address before it must wait for any account.",
    )
    lock_seconds: int = Field(
        60, ge=1, le=HOUR, description="The first wait; it doubles with each further failure."
    )
    lock_seconds_max: int = Field(HOUR, ge=1, le=DAY, description="The longest wait.")
    certificate_profiles: Words = Field(
        (),
        max_length=16,
        description="Profiles whose certificates open the account of their owner, whose name is their common "
        "name, on the mTLS listener. Whoever issues under one and says whose it is can be anyone.",
    )
    certificate_is_second_factor: bool = Field(
        False, description="Ask who logs in by certificate for no second factor."
    )
    ldap: LdapSource | None = None
    oidc: Annotated[dict[SourceName, OidcSource], BeforeValidator(from_json)] = Field({}, max_length=8)
    saml: Annotated[dict[SourceName, SamlSource], BeforeValidator(from_json)] = Field({}, max_length=8)
