"""Settings: where they come from, what follows from them, and how a mistake is named."""

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.errors import CertwrightError, Malformed, NotFound
from certwright.site.addresses import ListenAddress, parse_listen_address
from certwright.site.configuration import (
    FILE_NAME,
    Configuration,
    create_django_secret,
)
from certwright.site.configuration_reference import reference
from certwright.site.secret_files import read_secret_file
from tests.site.running import REPOSITORY

MODULE = '[[pkcs11]]\nname = "hsm"\nmodule = "/lib/p11.so"\ntoken = "t"\n'

Load = Callable[..., Configuration]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Load from a file and variables, given without their prefix."""

    def loaded(file: str = "", overrides: dict[str, object] | None = None, **variables: str) -> Configuration:
        (tmp_path / FILE_NAME).write_text(file)
        for name, value in variables.items():
            monkeypatch.setenv(f"CERTWRIGHT_{name}", value)
        return Configuration.load(tmp_path, overrides)

    return loaded


def test_the_page_is_up_to_date() -> None:
    page = REPOSITORY / "docs" / "reference" / "settings.md"
    assert page.read_text() == reference(), "run: python -m certwright.site.configuration_reference"


def test_settings_need_no_django() -> None:
    script = "import sys, certwright.site.configuration; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"django", "cryptography", "structlog"}.intersection(run.stdout.split())


def test_without_a_file_everything_is_local(tmp_path: Path) -> None:
    made = Configuration.load(tmp_path / "absent")
    assert made.database_url == f"sqlite:///{tmp_path}/absent/certwright.sqlite3"
    assert made.key_encryption_key_file == tmp_path / "absent" / "key-encryption-key"
    assert (made.url, made.service_url) == ("http://localhost:8080", "https://localhost:8443")
    assert made.host_names == {"localhost"}
    assert made.embedded
    assert made.allow_loopback
    assert [str(address) for address in made.listeners.values()] == [
        "127.0.0.1:8443",
        "127.0.0.1:8080",
        "127.0.0.1:8444",
    ]


def test_options_go_over_variables_over_the_file(load: Load) -> None:
    file = 'workers = 2\nconsole_threads = 2\nlog_level = "debug"\n[limits]\nheaders = 20\nconnections = 20\n'
    made = load(file, {"workers": 4}, WORKERS="3", CONSOLE_THREADS="3", LIMITS__HEADERS="30")
    assert (made.workers, made.console_threads, made.log_level) == (4, 3, "debug")
    assert (made.limits.headers, made.limits.connections) == (30, 20)


def test_the_home_comes_from_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CERTWRIGHT_HOME", str(tmp_path))
    assert Configuration.load().home == tmp_path
    monkeypatch.delenv("CERTWRIGHT_HOME")
    monkeypatch.chdir(tmp_path)
    assert Configuration.load().home == tmp_path / "var"


@pytest.mark.parametrize(
    ("file", "url", "service_url"),
    [
        ('http = "0.0.0.0:80"\nhttps = "0.0.0.0:443"', "http://localhost", "https://localhost"),
        ('url = "http://pki.example"', "http://pki.example", "https://pki.example"),
        ('url = "http://pki.example:8080/"', "http://pki.example:8080", "https://pki.example:8443"),
        ('url = "http://[2001:db8::1]"', "http://[2001:db8::1]", "https://[2001:db8::1]"),
        ('service_url = "https://ca.example"', "http://localhost:8080", "https://ca.example"),
        ('http = "off"', "http://localhost", "https://localhost"),
    ],
)
def test_addresses_follow_from_listeners(load: Load, file: str, url: str, service_url: str) -> None:
    made = load(file)
    assert (made.url, made.service_url) == (url, service_url)


def test_outside_listeners_close_loopback_to_validation(load: Load) -> None:
    made = load('mtls = "0.0.0.0:8444"\nhosts = ["CA.example"]\nurl = "http://pki.example"')
    assert not made.embedded
    assert not made.allow_loopback
    assert made.host_names == {"pki.example", "ca.example"}
    assert load("").embedded
    assert not load('proxies = ["127.0.0.1/32"]').embedded
    assert load('https = "0.0.0.0:8443"\n[egress]\nallow_loopback = true').allow_loopback


def test_lists_in_variables_have_commas(load: Load) -> None:
    made = load(PROXIES="10.0.0.0/8, fd00::/8", VALIDATION__RESOLVERS="10.0.0.53,[fd00::53]:5353", HOSTS="")
    assert made.proxies == (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
    assert made.validation.resolvers == ("10.0.0.53", "[fd00::53]:5353")
    assert made.hosts == ()


def test_modules_have_their_pin_in_a_file_or_here(load: Load, tmp_path: Path) -> None:
    (tmp_path / "pin").write_text("1234\n")
    assert load(MODULE + f'pin_file = "{tmp_path}/pin"').pkcs11[0].read_pin() == "1234"
    assert load(MODULE + 'pin = "5678"').pkcs11[0].read_pin() == "5678"
    with pytest.raises(NotFound, match=r"PIN of the PKCS#11 module 'hsm' cannot be read"):
        load(MODULE + f'pin_file = "{tmp_path}/absent"').pkcs11[0].read_pin()
    written = '[{"name": "hsm", "module": "/lib/p11.so", "token": "t", "pin": "9"}]'
    assert load(PKCS11=written).pkcs11[0].read_pin() == "9"


def test_secrets_are_not_shown(load: Load) -> None:
    made = load(
        MODULE + 'pin = "swordfish"',
        KEY_ENCRYPTION_KEY="swordfish",
        DATABASE="postgresql://u:swordfish@h/d",
        METRICS_TOKEN="swordfish",
    )
    assert "swordfish" not in repr(made) + str(made)


def test_a_child_process_sees_the_same(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    made = load("", {"https": "[::1]:9443", "mtls": "off", "workers": 3, "url": "http://pki.example"})
    for name, value in made.environment().items():
        monkeypatch.setenv(name, value)
    assert Configuration.load() == made


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("workers = 0", "workers: Input should be greater than or equal to 1; correct it, or remove it"),
        ("wrkers = 1", "there is no setting wrkers (did you mean workers?)"),
        ("[limits]\nheader = 1", "there is no setting limits.header (did you mean headers?)"),
        ('https = "8443"', "https: '8443' is no listening address"),
        ('https = "::1:8443"', "https: '::1:8443' is ambiguous"),
        ('https = "example.com:8443"', "https: 'example.com' is no IP address"),
        ('url = "pki.example"', "url: 'pki.example' is not http or https://host[:port]"),
        (
            'service_url = "http://pki.example"',
            "service_url: 'http://pki.example' is not https://host[:port]",
        ),
        ('url = "http://pki.example/path"', "url: "),
        ('url = "http://pki.example?"', "url: 'http://pki.example?' is not http or https://host[:port]"),
        ('url = "http://pki.example#x"', "url: 'http://pki.example#x' is not http"),
        ('url = "http://:secret@pki.example"', "url: 'pki.example' is not http or https://host"),
        ('url = "http://pki example"', "url: 'http://pki example' is not http"),
        ('url = "http://[::1"', "url: 'http://[::1' is not http or https://host[:port]"),
        ('url = "http://pki.example:99999"', "url: 'http://pki.example:99999' is not http"),
        ('http = "off"\nurl = "http://pki.example:0"', "url: 'http://pki.example:0' is not http"),
        (
            'service_url = "https://pki.example:99999"',
            "service_url: 'https://pki.example:99999' is not https",
        ),
        ('hosts = ["pki.example/path"]', "hosts.0: 'pki.example/path' is no host name and no IP address"),
        (f'https = "127.0.0.1:{"9" * 5000}"', "is no listening address"),
        ("a = " + "[" * 5000, "is no TOML"),
        ("a = " + "9" * 5000, "is no TOML"),
        ("pkcs11 = '" + "[" * 100_000 + "'", "pkcs11: "),
        ('proxies = ["10.0.0.1/8"]', "proxies.0: '10.0.0.1/8' is no network"),
        (
            '[validation]\nresolvers = ["dns.example"]',
            "'dns.example' is no DNS resolver; write its",
        ),
        ('[[pkcs11]]\nname = "hsm"\ntoken = "t"\npin = "1"', "pkcs11.0.module is missing; give it"),
        (
            '[validation]\nother_zones = ["north"]\nquorum = 2',
            "validation: a quorum of 2 wants that many other_zones, not 1",
        ),
        ('[validation]\nother_zones = ["north", "north"]', "other_zones must be different from each other"),
        ('[validation]\nother_zones = ["local"]', "and from 'local', the primary"),
        (
            '[validation]\nzone = "north"\nprimary_zone = "middle"',
            "validation: zone 'north' is neither 'middle', the primary, nor among other_zones",
        ),
        ('database = "mysql://x"', "database must be sqlite:///absolute/path or postgresql://"),
        ('database = "sqlite:///relative"', "database must be sqlite:///absolute/path"),
        (MODULE, "pkcs11.0: exactly one of pin and pin_file must be given"),
        (MODULE + 'pin = "1"\n' + MODULE + 'pin = "2"', "two pkcs11 tables have the same name"),
        (
            MODULE.replace("hsm", "software") + 'pin = "1"',
            "a pkcs11 table has the name of a built-in key provider; choose another",
        ),
        ('key_encryption_key = "a"\nkey_encryption_passphrase = "b"', "are both given; keep one"),
        ('home = "/elsewhere"', "home cannot be set in the file"),
        ("x = = 1", "is no TOML"),
        ("# " + "a" * 1024 * 1024, "is larger than"),
    ],
)
def test_a_mistake_in_the_file_is_one_clear_line(load: Load, tmp_path: Path, file: str, line: str) -> None:
    with pytest.raises(Malformed) as caught:
        load(file)
    assert line in caught.value.detail
    assert str(tmp_path / FILE_NAME) in caught.value.detail
    assert "\n" not in caught.value.detail


def test_a_mistake_elsewhere_names_the_place(load: Load) -> None:
    with pytest.raises(
        Malformed, match=r"^environment variable CERTWRIGHT_LIMITS__HEADERS: limits.headers: "
    ):
        load(LIMITS__HEADERS="many")
    with pytest.raises(Malformed, match=r"^option --https: https: "):
        load("", {"https": "here"}, LIMITS__HEADERS="30")
    with pytest.raises(Malformed, match=r"no setting CERTWRIGHT_DATABSE; did you mean CERTWRIGHT_DATABASE\?"):
        load(DATABSE="postgresql://h/d")


def test_a_secret_is_not_quoted_in_an_error(load: Load) -> None:
    with pytest.raises(Malformed) as caught:
        load(MODULE + 'pin = "swordfish"\npin_file = "/x"')
    assert "swordfish" not in caught.value.detail
    with pytest.raises(Malformed) as caught:
        load('database = "mysql://u:swordfish@h/d"')
    assert "swordfish" not in caught.value.detail


def test_the_session_key_is_made_once_and_private(tmp_path: Path) -> None:
    create_django_secret(tmp_path)
    path = tmp_path / "django-secret"
    first = path.read_text()
    create_django_secret(tmp_path)
    assert path.read_text() == first
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(first) > 50


@pytest.mark.parametrize("path", ["latin-1", "a\0b"])
def test_a_file_that_is_no_text_holds_no_secret(tmp_path: Path, path: str) -> None:
    (tmp_path / "latin-1").write_bytes(b"p\xe4ss")
    with pytest.raises(Malformed, match="is no text file that could hold the word"):
        read_secret_file(tmp_path / path, "the word")


def test_an_empty_secret_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with pytest.raises(Malformed, match="it must hold the word"):
        read_secret_file(tmp_path / "empty", "the word")


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_malformed(text: str) -> None:
    try:
        address = parse_listen_address(text)
    except CertwrightError:
        return
    assert parse_listen_address(str(address)) == address


urls = st.text(max_size=20) | st.sampled_from(
    ["[::1]", "[::", "a:0", "a:65536", "a?", "a#", "a@b", "a/", "a:", "\u2100"]
)
names = st.sampled_from(
    ["url", "service_url", "https", "http", "hosts", "proxies", "workers", "database", "limits"]
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | urls.map("https://{}".format),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(names | st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.dictionaries(names, anything, max_size=4))
def test_any_settings_are_taken_and_can_be_used_or_malformed(given: dict[str, object]) -> None:
    try:
        made = Configuration.load(Path("/nonexistent"), given)
    except Malformed:
        return
    for url in (made.url, *made.service_urls):
        parts = urlsplit(url)
        assert f"{parts.scheme}://{parts.netloc}".lower() == url.lower()
        assert parts.hostname
        assert parts.port != 0
    assert made.environment()


@given(st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
def test_any_file_is_settings_or_malformed(document: bytes) -> None:
    with tempfile.TemporaryDirectory() as home, contextlib.suppress(Malformed):
        (Path(home) / FILE_NAME).write_bytes(document)
        Configuration.load(Path(home))


@given(st.ip_addresses(), st.integers(1, 65535))
def test_every_address_is_read_back(host: object, port: int) -> None:
    address = ListenAddress(str(host), port)
    assert parse_listen_address(str(address)) == address


LDAP = '[login.ldap]\nservers = ["ldaps://dir.example"]\nca_file = "/ca.pem"\nbase = "dc=example"\n'
OIDC = '[login.oidc.corp]\nissuer = "https://id.example/a"\nclient_id = "us"\n'
SAML = '[login.saml.corp]\nentity_id = "urn:them"\nsso_url = "https://id.example/go?a=1"\n'


def test_sources_of_accounts_come_from_file_and_variables(load: Load) -> None:
    groups = 'groups = { "Admins" = ["administrator"], "pay" = ["team:pay", "operator@team:pay"] }\n'
    made = load(
        LDAP + 'user_dn = "uid={name},dc=example"\n' + groups + OIDC,
        LOGIN__OIDC__CORP__CLIENT_SECRET="hush",
        LOGIN__OIDC__CORP__GROUPS='{"a": ["auditor"]}',
        LOGIN__LDAP__SERVERS="ldaps://one.example,ldap://two.example:3389",
    ).login
    assert made.ldap
    assert made.ldap.servers == ("ldaps://one.example", "ldap://two.example:3389")
    assert made.ldap.groups == {"Admins": ("administrator",), "pay": ("team:pay", "operator@team:pay")}
    assert made.oidc["corp"].groups == {"a": ("auditor",)}
    assert made.oidc["corp"].read_client_secret() == "hush"
    assert "hush" not in repr(made)


def test_the_certificates_of_a_saml_provider_are_read_from_their_file(load: Load, tmp_path: Path) -> None:
    pinned = tmp_path / "provider.pem"
    made = load(SAML + f"certificate_file = '{pinned}'\n", LOGIN__SAML__CORP__NAME_ATTRIBUTE="name").login
    source = made.saml["corp"]
    assert (source.sso_url, source.name_attribute) == ("https://id.example/go?a=1", "name")
    with pytest.raises(NotFound, match="the certificates of urn:them cannot be read"):
        source.read_certificates()
    pinned.write_text("a certificate" * 1000)
    assert source.read_certificates() == "a certificate" * 1000


@pytest.mark.parametrize(
    ("file", "told"),
    [
        (LDAP, "exactly one of bind_dn and user_dn"),
        (LDAP + 'user_dn = "uid=all"\n', "user_dn must hold {name}"),
        (LDAP + 'bind_dn = "cn=us"\n', "exactly one of bind_password and bind_password_file"),
        (LDAP.replace("ldaps", "http") + 'user_dn = "{name}"\n', "is not ldaps://host"),
        (LDAP.replace('ca_file = "/ca.pem"\n', "") + 'user_dn = "{name}"\n', "ca_file must be given"),
        (LDAP.replace("ca_file", "ca_flie"), "did you mean ca_file?"),
        (OIDC, "exactly one of client_secret and client_secret_file"),
        (OIDC + 'client_secret = "x"\nalgorithms = ["HS256"]\n', "'HS256' is none of RS256"),
        (OIDC + 'client_secret = "x"\nalgorithms = ["none"]\n', "'none' is none of RS256"),
        (OIDC + 'client_secret = "x"\ngroups = { "a" = ["root"] }\n', "'root' is no role and no team"),
        (OIDC.replace("https", "http") + 'client_secret = "x"\n', "is not https://host"),
        (SAML, "login.saml.corp.certificate_file"),
        (
            SAML.replace("https", "http") + 'certificate_file = "/x"\n',
            "is not https://host[:port][/path][?query]",
        ),
        (SAML.replace("?a=1", "#a") + 'certificate_file = "/x"\n', "is not https://host"),
        (SAML.replace("urn:them", "") + 'certificate_file = "/x"\n', "login.saml.corp.entity_id"),
        (OIDC.replace("corp", '"Corp/"') + 'client_secret = "x"\n', "login.oidc.Corp/"),
    ],
)
def test_a_source_that_would_not_be_safe_is_refused(load: Load, file: str, told: str) -> None:
    with pytest.raises(Malformed) as caught:
        load(file)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
