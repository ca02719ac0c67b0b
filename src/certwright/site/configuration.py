"""Every setting, in one place: `certwright.toml` in the home folder, and environment variables over it.

A variable is named CERTWRIGHT_ and the setting; a setting in a table has two underscores between, as in
CERTWRIGHT_EGRESS__ALLOW_PRIVATE; lists are written with commas, the pkcs11 tables as JSON. What a command's
options say goes over both. Without a file everything has a default that is safe on one machine.
"""

import os
import secrets
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from ..core.errors import Malformed
from .addresses import LOCALHOST, ListenAddress, default_url
from .discovery_settings import Discovery
from .login_settings import LdapSource, Login, OidcSource, SamlSource
from .mail_settings import Mail
from .secret_files import read_secret_file
from .setting_types import (
    Hosts,
    HttpsUrl,
    HttpUrl,
    Listen,
    Networks,
    Ports,
    Resolvers,
    Seconds,
    Table,
    Words,
    from_json,
    listen_address,
)
from .vetting_settings import Vetting

PREFIX = "CERTWRIGHT_"
HOME_VARIABLE = "CERTWRIGHT_HOME"
FILE_NAME = "certwright.toml"
LOOPBACK = frozenset({"127.0.0.1", "::1"})
UNSPECIFIED = frozenset({"0.0.0.0", "::"})  # noqa: S104 - told from others, not bound here
FILE_OCTETS_MAX = 1024 * 1024
DJANGO_SECRET = "django-secret"  # noqa: S105 - a file's name


class Egress(Table):
    """Which networks may be reached, when we validate names and look for certificates. Link-local and cloud
    metadata addresses never are."""

    allow_loopback: bool | None = Field(
        None, description="Reach loopback addresses. Not set: if only this machine can reach us."
    )
    allow_private: bool = Field(True, description="Reach private networks (RFC 1918, RFC 4193).")
    allow: Networks = Field((), description="Networks to open although they are private or reserved.")
    deny: Networks = Field((), description="Networks never to reach. Wins over everything.")
    status_ports: Ports = Field(
        (80, 443, 8080), max_length=32, description="Ports at which CRLs of other authorities are fetched."
    )


class Validation(Table):
    """How control of names is checked."""

    zone: str = Field(
        "local", min_length=1, max_length=64, description="This worker's perspective, as evidence names it."
    )
    primary_zone: str = Field(
        "", max_length=64, description="The zone of the serving processes. Not set: `zone`."
    )
    other_zones: Words = Field(
        (), max_length=16, description="Zones whose workers check every challenge too."
    )
    quorum: int = Field(
        0, ge=0, le=16, description="How many of the other zones must agree that a challenge is fulfilled."
    )
    resolvers: Resolvers = Field(
        (),
        max_length=8,
        description="DNS resolvers: IP addresses, with `:port` where it is not 53. None: the system's.",
    )

    @model_validator(mode="after")
    def _zones_can_agree(self) -> Self:
        primary = self.primary_zone or self.zone
        if len({primary, *self.other_zones}) <= len(self.other_zones):
            raise ValueError(
                f"other_zones must be different from each other and from {primary!r}, the primary"
            )
        if self.zone not in {primary, *self.other_zones}:
            raise ValueError(
                f"zone {self.zone!r} is neither {primary!r}, the primary, nor among other_zones, so nobody "
                "would wait for what it sees; give other_zones here as the serving processes have them"
            )
        if self.quorum > len(self.other_zones):
            raise ValueError(
                f"a quorum of {self.quorum} wants that many other_zones, not {len(self.other_zones)}"
            )
        return self


class Keys(Table):
    """Files with keys that are not certified, one in hexadecimal a line; `#` begins a comment. A name without
    `/` in front is below the home folder. Read at the start."""

    compromised: Path | None = Field(
        None, description="Keys known to others: SHA-256 of the SubjectPublicKeyInfo in DER, 64 digits."
    )
    debian_weak: Path | None = Field(
        None,
        description="Keys of Debian's broken generator, as the package openssl-blacklist has them, 20 "
        "digits. Not set: they are not looked for.",
    )


class Limits(Table):
    """Bounds on what a client may make us hold or wait for. Per process."""

    head_octets: int = Field(32 * 1024, ge=1024, le=1024 * 1024, description="Request line and headers.")
    headers: int = Field(100, ge=10, le=1000, description="Number of header fields in a request.")
    console_body_octets: int = Field(
        10 * 1024 * 1024, ge=64 * 1024, le=1024**3, description="Body of a request to the console."
    )
    evidence_octets: int = Field(
        10_000_000,
        ge=1024,
        le=1024**3,
        description="A document on an organization. The bound of the console's bodies holds for it too.",
    )
    connections: int = Field(
        2000, ge=10, le=100_000, description="Open connections per listener; past it the answer is 503."
    )
    handshake_seconds: Seconds = Field(10, description="For a TLS handshake.")
    head_seconds: Seconds = Field(10, description="Until the head of a request is complete.")
    body_seconds: Seconds = Field(30, description="Until the body of a request is complete.")
    idle_seconds: Annotated[int, Field(ge=1, le=3600)] = Field(
        15, description="How long a connection is kept open between requests."
    )
    stall_seconds: Seconds = Field(60, description="How long a client may leave an answer unread.")


class Requests(Table):
    """Requests that have waited for approval."""

    kept_days: int = Field(
        365,
        ge=1,
        le=36525,
        description="How long they stay after their end, with what was decided on them. What the audit log "
        "says of them stays for ever.",
    )


class Pkcs11Module(Table):
    """A PKCS#11 module: a hardware security module, or SoftHSM."""

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="How authorities name this provider, as in `hsm`."
    )
    module: Path = Field(description="Path of the module's shared library.")
    token: str = Field(min_length=1, max_length=32, description="Label of the token.")
    pin: SecretStr | None = Field(None, description="The token's user PIN. Better: `pin_file`.")
    pin_file: Path | None = Field(None, description="File that holds the PIN and nothing else.")
    sessions: int = Field(4, ge=1, le=64, description="How many signatures run side by side, per process.")
    timeout_seconds: int = Field(10, ge=1, le=120, description="Bound on one signature.")
    environment: Words = Field((), max_length=32, description="For the module: entries `NAME=value`.")

    @model_validator(mode="after")
    def _one_pin(self) -> Self:
        if (self.pin is None) == (self.pin_file is None):
            raise ValueError("exactly one of pin and pin_file must be given")
        return self

    def read_pin(self) -> str:
        """The PIN, from wherever it is kept. Raises NotFound."""
        if self.pin_file is None:
            return self.pin.get_secret_value() if self.pin else ""
        return read_secret_file(self.pin_file, f"the PIN of the PKCS#11 module {self.name!r}")


TABLES: dict[str, type[Table]] = {
    "egress": Egress,
    "discovery": Discovery,
    "validation": Validation,
    "keys": Keys,
    "limits": Limits,
    "login": Login,
    "login.ldap": LdapSource,
    "login.oidc": OidcSource,
    "login.saml": SamlSource,
    "requests": Requests,
    "vetting": Vetting,
    "mail": Mail,
    "pkcs11": Pkcs11Module,
}


class _HomeFile(PydanticBaseSettingsSource):
    """Reads `certwright.toml` of the home folder, when there is one."""

    def get_field_value(self, field: object, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        return read_settings_file(Path(self.current_state["home"]))


class Configuration(BaseSettings):
    """All settings, checked. Made by `load`; nothing changes it afterwards."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", enable_decoding=False, extra="forbid", frozen=True
    )

    home: Path = Field(
        Path("var"), description="The data folder. Only by CERTWRIGHT_HOME or `--home`. Default: `./var`."
    )
    database: SecretStr = Field(
        SecretStr(""),
        description="`sqlite:///absolute/path` or `postgresql://user:password@host/name`. Default: "
        "`certwright.sqlite3` in the home folder.",
    )
    url: HttpUrl = Field(
        "",
        description="Where relying parties reach the plain-HTTP listener; goes into certificates. Default: "
        "`http://localhost` with the port of `http`.",
    )
    service_url: HttpsUrl = Field(
        "",
        description="Where clients and people reach the HTTPS listener. Default: the host of `url`, with the "
        "port of `https` when `url` has the port of `http`.",
    )
    hosts: Hosts = Field(
        (), max_length=64, description="Further host names by which the HTTPS and mTLS listeners are reached."
    )
    https: Listen = Field(ListenAddress("127.0.0.1", 8443), description="HTTPS listener. `off`: none.")
    http: Listen = Field(
        ListenAddress("127.0.0.1", 8080),
        description="Plain-HTTP listener: status data and probes; all else redirects. `off`: none.",
    )
    mtls: Listen = Field(
        ListenAddress("127.0.0.1", 8444), description="HTTPS listener for client certificates. `off`: none."
    )
    workers: int = Field(
        default_factory=lambda: min(os.cpu_count() or 1, 4),
        ge=1,
        le=64,
        description="Number of serving processes. Default: one per processor, at most 4.",
    )
    open_enrolment: bool = Field(
        False,
        description="Serve on other than loopback addresses although an endpoint takes anyone for any name.",
    )
    proxies: Networks = Field(
        (), max_length=64, description="Networks of reverse proxies whose forwarding headers are believed."
    )
    key_encryption_key: SecretStr | None = Field(
        None, description="The key-encryption key itself: 32 octets in base64 or hexadecimal."
    )
    key_encryption_key_file: Path = Field(
        Path(), description="File that holds that key. Default: `key-encryption-key` in the home folder."
    )
    key_encryption_passphrase: SecretStr | None = Field(
        None, description="Passphrase to derive the key-encryption key from, in place of key or file."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least to log.")
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="How it is logged, to standard error; `auto`: console on a terminal, else JSON."
    )
    metrics_token: SecretStr | None = Field(
        None, description="Bearer token that opens `/metrics` to others than loopback addresses, over TLS."
    )
    ocsp_edge: bool = Field(
        False,
        description="While the database cannot be reached, go on with the OCSP answers produced ahead on "
        "this host until their nextUpdate, in place of `tryLater`.",
    )
    console_threads: int = Field(4, ge=1, le=64, description="Threads of the console, per process.")
    egress: Egress = Egress()
    discovery: Discovery = Discovery()
    validation: Validation = Validation()
    keys: Keys = Keys()
    limits: Limits = Limits()
    login: Login = Login()
    requests: Requests = Requests()
    vetting: Vetting = Vetting()
    mail: Mail = Mail()
    pkcs11: Annotated[tuple[Pkcs11Module, ...], BeforeValidator(from_json)] = Field((), max_length=16)

    @classmethod
    def load(cls, home: Path | None = None, overrides: Mapping[str, object] | None = None) -> Self:
        """Read the settings of a home folder. `overrides` are a command's options, by setting name.

        Raises Malformed with one line for the first setting that is wrong: where it stands and what to do.
        """
        folder = Path(home or os.environ.get(HOME_VARIABLE) or "var").absolute()
        if folder.exists() and not folder.is_dir():
            raise Malformed(f"the home {folder} is no folder; give another with `--home` or {HOME_VARIABLE}")
        _refuse_misspelt_variables()
        given = {**(overrides or {}), "home": folder}
        try:
            return cls(**given)  # type: ignore[arg-type]
        except ValidationError as error:
            raise Malformed(_explain(error, folder, given)) from None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _HomeFile(settings_cls)

    @model_validator(mode="before")
    @classmethod
    def _derive(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Defaults that depend on other settings."""
        home = Path(values["home"])
        values.setdefault("database", f"sqlite:///{home / 'certwright.sqlite3'}")
        values.setdefault("key_encryption_key_file", home / "key-encryption-key")
        try:
            https = listen_address(values.get("https", cls.model_fields["https"].default))
            http = listen_address(values.get("http", cls.model_fields["http"].default))
        except Malformed:  # said again, with its place, when the setting itself is looked at
            https = http = None
        values.setdefault("url", default_url(http))
        values.setdefault("service_url", default_service_url(str(values["url"]), https, http))
        return values

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.key_encryption_key is not None and self.key_encryption_passphrase is not None:
            raise ValueError("key_encryption_key and key_encryption_passphrase are both given; keep one")
        if not self.database_url.startswith(("sqlite:////", "postgresql://")):
            raise ValueError(
                "database must be sqlite:///absolute/path or postgresql://user:password@host/name"
            )
        names = [module.name for module in self.pkcs11]
        if len(set(names)) < len(names):
            raise ValueError("two pkcs11 tables have the same name")
        if {"software", "recovery"} & set(names):
            raise ValueError("a pkcs11 table has the name of a built-in key provider; choose another")
        return self

    @property
    def database_url(self) -> str:
        """With the password in it, if it has one: not for logs."""
        return self.database.get_secret_value()

    @property
    def listeners(self) -> dict[str, ListenAddress]:
        """The listeners that are on, by name."""
        named = {"https": self.https, "http": self.http, "mtls": self.mtls}
        return {name: address for name, address in named.items() if address is not None}

    @property
    def embedded(self) -> bool:
        """Whether only this machine can reach us, as far as we can know: through no listener and no proxy."""
        return not self.proxies and all(address.loopback for address in self.listeners.values())

    @property
    def allow_loopback(self) -> bool:
        """Whether validation and fetches may reach loopback addresses."""
        return self.embedded if self.egress.allow_loopback is None else self.egress.allow_loopback

    @property
    def host_names(self) -> frozenset[str]:
        """The host names, in lower case, by which the console and the services may be asked for."""
        names = {urlsplit(self.url).hostname, urlsplit(self.service_url).hostname, *self.hosts}
        if self.embedded:
            names.add(LOCALHOST)
        return frozenset(name.lower() for name in names if name)

    @property
    def reached_as(self) -> frozenset[str]:
        """Host names and addresses by which the HTTPS listeners may be reached; their certificate has all."""
        hosts = {address.host for address in self.listeners.values()} - UNSPECIFIED
        return self.host_names | hosts | (LOOPBACK if self.embedded else frozenset())

    @property
    def service_urls(self) -> tuple[str, ...]:
        """The addresses by which clients may know us, `service_url` first."""
        port = urlsplit(self.service_url).port
        hosts = (f"[{name}]" if ":" in name else name for name in sorted(self.reached_as))
        urls = (f"https://{host}" + (f":{port}" if port else "") for host in hosts)
        return tuple(dict.fromkeys([self.service_url, *urls]))

    @property
    def run_folder(self) -> Path:
        """For what lives as long as the processes do."""
        return self.home / "run"

    def environment(self) -> dict[str, str]:
        """Variables under which `load` gives the same settings in a child process of ours."""
        changed = {
            "home": str(self.home),
            "url": self.url,
            "service_url": self.service_url,
            "workers": str(self.workers),
            "open_enrolment": str(self.open_enrolment),
            **{name: str(getattr(self, name) or "off") for name in ("https", "http", "mtls")},
        }
        return {PREFIX + name.upper(): value for name, value in changed.items()}


def create_django_secret(home: Path) -> None:
    """Make the key that signs sessions and form tokens, readable by us alone. An existing one stays."""
    try:
        handle = os.open(home / DJANGO_SECRET, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_urlsafe(48) + "\n")


def read_settings_file(home: Path) -> dict[str, Any]:
    path = home / FILE_NAME
    try:
        with path.open("rb") as file:
            document = file.read(FILE_OCTETS_MAX + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Malformed(f"{path} cannot be read: {error.strerror}") from error
    if len(document) > FILE_OCTETS_MAX:
        raise Malformed(f"{path} is larger than {FILE_OCTETS_MAX} octets")
    try:
        values = tomllib.loads(document.decode())
    except (ValueError, RecursionError) as error:  # no UTF-8, no TOML, numbers too long, lists too deep
        raise Malformed(f"{path} is no TOML: {error}") from error
    if "home" in values:
        raise Malformed(f"{path}: home cannot be set in the file that lies in it; use {HOME_VARIABLE}")
    return values


def default_service_url(base: str, https: ListenAddress | None, http: ListenAddress | None) -> str:
    """Reached directly, we are reached at our own ports; behind what maps ports, at the usual one."""
    try:
        url = urlsplit(base)
        host, port, of_base = url.hostname or LOCALHOST, 443, url.port or 80
    except ValueError:  # said again, with its place, when `url` is looked at
        return f"https://{LOCALHOST}"
    if https and http and of_base == http.port:
        port = https.port
    return f"https://{f'[{host}]' if ':' in host else host}" + ("" if port == 443 else f":{port}")


def _explain(error: ValidationError, home: Path, given: Mapping[str, object]) -> str:
    """One line for the first mistake: where it stands, which setting, what is wrong, what to do."""
    first = error.errors(include_url=False, include_input=False)[0]
    location = [str(part) for part in first["loc"]]
    name = ".".join(location)
    if first["type"] == "extra_forbidden":
        return f"{_source(location, home, given)}: there is no setting {name}{_meant(location)}; remove it"
    if first["type"] == "missing":
        return f"{_source(location, home, given)}: {name} is missing; give it"
    message = first["msg"].removeprefix("Value error, ")
    if not location:
        return f"{home / FILE_NAME} or its environment variables: {message}"
    return f"{_source(location, home, given)}: {name}: {message}; correct it, or remove it for the default"


def _refuse_misspelt_variables() -> None:
    """A variable one letter off would silently leave a default in force."""
    known = {PREFIX + name.upper() for name in Configuration.model_fields}
    for variable in os.environ:
        if variable.startswith(PREFIX) and variable.partition("__")[0] not in known:
            near = get_close_matches(variable, known, n=1, cutoff=0.93)
            if near:
                raise Malformed(f"there is no setting {variable}; did you mean {near[0]}?")


def _source(location: list[str], home: Path, given: Mapping[str, object]) -> str:
    if location[0] in given:
        return f"option --{location[0].replace('_', '-')}"
    for depth in range(len(location), 0, -1):
        variable = PREFIX + "__".join(location[:depth]).upper()
        if variable in os.environ:
            return f"environment variable {variable}"
    return str(home / FILE_NAME)


def _meant(location: list[str]) -> str:
    """The setting that a misspelt one was probably meant to be."""
    model: type[BaseModel] = Configuration
    for depth in range(1, len(location)):
        model = TABLES.get(".".join(location[:depth]), model)
    near = get_close_matches(location[-1], list(model.model_fields), n=1)
    return f" (did you mean {near[0]}?)" if near else ""
