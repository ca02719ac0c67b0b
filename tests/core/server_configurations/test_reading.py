"""Configurations as they are written, and what is made of changed ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.errors import Malformed, NotFound
from certwright.core.server_configurations.loading import Served, absolute, split_line
from certwright.core.server_configurations.reading import READERS, read_configuration


@dataclass(frozen=True)
class Texts:
    """Files that are handed in."""

    texts: Mapping[str, str]

    def read(self, path: str) -> str:
        if path not in self.texts:
            raise NotFound("no such file or directory")
        return self.texts[path]

    def expand(self, pattern: str) -> Sequence[str]:
        parts = pattern.count("/")
        return sorted(one for one in self.texts if one.count("/") == parts and fnmatchcase(one, pattern))


def read(software: str, root: str, texts: Mapping[str, str]) -> tuple[list[Served], dict[str, str]]:
    return read_configuration(software, root, Texts(texts))


def served(software: str, root: str, texts: Mapping[str, str]) -> list[Served]:
    found, problems = read(software, root, texts)
    assert problems == {}
    return found


NGINX = {
    "/etc/nginx/nginx.conf": """
user www-data; # "comment {
http {
    ssl_certificate certs/default.pem;
    ssl_certificate_key certs/default.key;
    log_format main '$remote_addr "$request" {';
    map $http_upgrade $connection_upgrade { default upgrade; '' close; }
    include sites/*.conf;
    server { listen 80; server_name plain.example.test; }
    server {
        listen 443 ssl; listen [::]:443 ssl http2;
        server_name inherits.example.test ~^(?<user>.+)\\.example\\.test$;
        content_by_lua_block { local t = { a = "}" == "" } }
    }
}
stream { server { listen 993 ssl; ssl_certificate /srv/both.pem; ssl_certificate_key /srv/both.pem; } }
""",
    "/etc/nginx/sites/a.conf": """
server {
    listen 443 ssl;
    server_name a.example.test www.a.example.test;
    include snippets/pair.conf;
    location / { proxy_ssl_certificate /not/this.pem; }
}
server { listen 443 ssl; server_name b; ssl_certificate /etc/$ssl_server_name.pem; }
""",
    "/etc/nginx/snippets/pair.conf": """
ssl_certificate "/srv/with space/rsa.pem"; ssl_certificate_key /srv/rsa.key;
ssl_certificate /srv/ec.pem; ssl_certificate_key engine:pkcs11:x;
include /etc/nginx/snippets/pair.conf;
""",
}


def test_nginx() -> None:
    found, problems = read("nginx", "/etc/nginx/nginx.conf", NGINX)
    names = ("a.example.test", "www.a.example.test")
    pair = "/etc/nginx/snippets/pair.conf"
    assert found == [
        Served("nginx", "/srv/with space/rsa.pem", f"{pair}:2", "/srv/rsa.key", names, ("443",)),
        Served("nginx", "/srv/ec.pem", f"{pair}:3", "", names, ("443",)),
        Served(
            "nginx",
            "/etc/nginx/certs/default.pem",
            "/etc/nginx/nginx.conf:4",
            "/etc/nginx/certs/default.key",
            ("inherits.example.test", "~^(?<user>.+)\\.example\\.test$"),
            ("443", "[::]:443"),
        ),
        Served("nginx", "/srv/both.pem", "/etc/nginx/nginx.conf:16", "", (), ("993",)),
    ]
    assert problems == {
        pair: "configuration: included in a circle, or 20 deep, at /etc/nginx/snippets/pair.conf:4",
        "/etc/nginx/sites/a.conf": "configuration: line 8: which file this is, is known at run time only",
    }


@pytest.mark.parametrize("text", ["server {", "} }", "a {;}", 'a "b', "a { b }", "{ }", "a\\"])
def test_nginx_that_cannot_be_read_is_a_problem(text: str) -> None:
    found, problems = read("nginx", "/n", {"/n": f"http {{ {text}"})
    assert found == []
    assert list(problems) == ["/n"]


def test_an_include_that_grows_comes_to_an_end() -> None:
    texts = {f"/{number}": f"include {number + 1};" * 4 for number in range(20)} | {"/20": "a b;"}
    _, problems = read("nginx", "/0", texts)
    assert "more than 5000 includes" in problems["/0"]


APACHE = {
    "/etc/apache2/apache2.conf": """
ServerRoot "/etc/apache2"
Define CERTS /srv/certs
Include ports.conf
IncludeOptional sites-enabled/*.conf
IncludeOptional nothing.conf
Include missing.conf
""",
    "/etc/apache2/ports.conf": "Listen 443\n",
    "/etc/apache2/sites-enabled/one.conf": """
<IfModule mod_ssl.c>
<VirtualHost *:443 [::]:443>
    ServerName https://one.example.test:443
    ServerAlias www.one.example.test \\
        alias.example.test
    sslengine on
    SSLCertificateFile ${CERTS}/one.pem
    SSLCertificateKeyFile ${CERTS}/one.key
    SSLCertificateFile "relative/ec.pem"
    SSLCertificateKeyFile relative/ec.pem
</VirtualHost>
</IfModule>
<VirtualHost *:8443>
    SSLEngine off
    SSLCertificateFile /not/this.pem
</VirtualHost>
<VirtualHost *:9443>
    SSLCertificateFile ${ELSEWHERE}/x.pem
</VirtualHost>
""",
}


def test_apache() -> None:
    found, problems = read("apache", "/etc/apache2/apache2.conf", APACHE)
    names = ("one.example.test", "www.one.example.test", "alias.example.test")
    place, listen = "/etc/apache2/sites-enabled/one.conf", ("*:443", "[::]:443")
    assert found == [
        Served("apache", "/srv/certs/one.pem", f"{place}:8", "/srv/certs/one.key", names, listen),
        Served("apache", "/etc/apache2/relative/ec.pem", f"{place}:10", "", names, listen),
    ]
    assert problems == {
        "/etc/apache2/missing.conf": "configuration: no such file or directory",
        place: "configuration: line 19: which file this is, is known at run time only",
    }


def test_apache_inherits_where_the_engine_is_on() -> None:
    text = """
SSLCertificateFile /srv/all.pem
<VirtualHost *:443>
ServerName a.example.test
SSLEngine on
</VirtualHost>
<VirtualHost *:80>
ServerName plain.example.test
</VirtualHost>
"""
    assert served("apache", "/a", {"/a": text}) == [
        Served("apache", "/srv/all.pem", "/a:2", "", ("a.example.test",), ("*:443",))
    ]


def test_haproxy() -> None:
    texts = {
        "/etc/haproxy/haproxy.cfg": """
global
    crt-base /srv/certs
frontend web
    bind :443,[::]:443 ssl crt one.pem crt /srv/folder alpn h2 # crt no.pem
    bind 10.0.0.1:8443 ssl crt-list /etc/haproxy/list
backend behind
    server a 10.0.0.2:443 ssl crt /not/this.pem
crt-store here
    load crt "two.pem" key "/srv/two.key"
""",
        "/etc/haproxy/list": "# one\none.pem [alpn h2 ocsp x] a.example.test !b.example.test\n\nc.pem\n",
        "/srv/folder/x.pem": "",
        "/srv/folder/x.pem.key": "",
    }
    listen = (":443", "[::]:443")
    assert served("haproxy", "/etc/haproxy/haproxy.cfg", texts) == [
        Served("haproxy", "/srv/certs/one.pem", "/etc/haproxy/haproxy.cfg:5", "", (), listen),
        Served("haproxy", "/srv/folder/x.pem", "/etc/haproxy/haproxy.cfg:5", "", (), listen),
        Served(
            "haproxy",
            "/srv/certs/one.pem",
            "/etc/haproxy/list:2",
            "",
            ("a.example.test",),
            ("10.0.0.1:8443",),
        ),
        Served("haproxy", "/srv/certs/c.pem", "/etc/haproxy/list:4", "", (), ("10.0.0.1:8443",)),
        Served("haproxy", "/srv/certs/two.pem", "/etc/haproxy/haproxy.cfg:10", "/srv/two.key"),
    ]


def test_postfix() -> None:
    text = """
myhostname = mail.example.test
# smtpd_tls_cert_file = /not/this.pem
base = /srv/${myhostname}
smtpd_tls_cert_file =
    $base/cert.pem
smtpd_tls_key_file = $(base)/key.pem
smtpd_tls_eccert_file = none
loop = $loop
tls_server_sni_maps = hash:/etc/postfix/sni
"""
    sni = "a.example.test /srv/a.key, /srv/a.pem\n"
    names = ("mail.example.test",)
    assert served(
        "postfix", "/etc/postfix/main.cf", {"/etc/postfix/main.cf": text, "/etc/postfix/sni": sni}
    ) == [
        Served(
            "postfix",
            "/srv/mail.example.test/cert.pem",
            "/etc/postfix/main.cf:5",
            "/srv/mail.example.test/key.pem",
            names,
        ),
        Served("postfix", "/srv/a.key", "/etc/postfix/sni:1", "", ("a.example.test",)),
        Served("postfix", "/srv/a.pem", "/etc/postfix/sni:1", "", ("a.example.test",)),
    ]
    chains = "smtpd_tls_chain_files = /srv/rsa.pem, /srv/ec.pem\nsmtpd_tls_cert_file = /not/this.pem\n"
    assert [one.certificate for one in served("postfix", "/m", {"/m": chains})] == [
        "/srv/rsa.pem",
        "/srv/ec.pem",
    ]


def test_dovecot() -> None:
    texts = {
        "/etc/dovecot/dovecot.conf": "!include conf.d/*.conf\n!include_try /etc/none.conf\n",
        "/etc/dovecot/conf.d/ssl.conf": """
ssl = required # always
ssl_cert = </srv/mail.pem
ssl_key = <ssl/mail.key
local_name imap.example.test pop.example.test {
  ssl_cert = < /srv/imap.pem
}
local 10.0.0.1 {
  protocol imap { mail_plugins = x }
  ssl_server_cert_file = /srv/new.pem
  ssl_server_key_file = /srv/new.pem
}
""",
    }
    place, key = "/etc/dovecot/conf.d/ssl.conf", "/etc/dovecot/conf.d/ssl/mail.key"
    assert served("dovecot", "/etc/dovecot/dovecot.conf", texts) == [
        Served("dovecot", "/srv/mail.pem", f"{place}:3", key),
        Served("dovecot", "/srv/imap.pem", f"{place}:6", key, ("imap.example.test", "pop.example.test")),
        Served("dovecot", "/srv/new.pem", f"{place}:10", "", (), ("10.0.0.1",)),
    ]


def test_postgresql() -> None:
    texts = {
        "/etc/postgresql/postgresql.conf": """
data_directory = '/srv/data'   # where
listen_addresses = 'localhost, ::1'
ssl off
include_dir 'conf.d'
include_if_exists = 'none.conf'
""",
        "/etc/postgresql/conf.d/ssl.conf": "SSL = on\nssl_cert_file = 'it''s.crt'\nport=5433\n",
    }
    assert served("postgresql", "/etc/postgresql/postgresql.conf", texts) == [
        Served(
            "postgresql",
            "/srv/data/it's.crt",
            "/etc/postgresql/conf.d/ssl.conf:2",
            "/srv/data/server.key",
            (),
            ("localhost:5433", "[::1]:5433"),
        )
    ]
    assert served("postgresql", "/p", {"/p": "ssl_cert_file = 'x'"}) == []


TOMCAT = """<?xml version="1.0"?>
<Server><Service name="Catalina">
  <Connector port="8443" SSLEnabled="true">
    <SSLHostConfig hostName="a.example.test">
      <Certificate certificateFile="conf/a.pem" certificateKeyFile="${catalina.base}/conf/a.key"/>
    </SSLHostConfig>
    <SSLHostConfig>
      <Certificate certificateKeystoreFile="/srv/store.p12" certificateKeyAlias="tomcat"/>
    </SSLHostConfig>
  </Connector>
  <Connector port="9443" address="10.0.0.1" keystoreFile="${user.home}/.keystore"/>
</Service></Server>
"""


def test_tomcat() -> None:
    root = "/srv/tomcat/conf/server.xml"
    found, problems = read("tomcat", root, {root: TOMCAT})
    assert found == [
        Served(
            "tomcat",
            "/srv/tomcat/conf/a.pem",
            f"{root}:5",
            "/srv/tomcat/conf/a.key",
            ("a.example.test",),
            (":8443",),
        ),
        Served("tomcat", "/srv/store.p12", f"{root}:8", "", (), (":8443",), "tomcat"),
    ]
    assert problems == {root: "configuration: line 11: which file this is, is known at run time only"}


@pytest.mark.parametrize(
    "entity",
    [
        '<!ENTITY one "one one one"><!ENTITY two "&one;&one;">',
        '<!ENTITY % outside SYSTEM "file:///etc/passwd"> %outside;',
        '<!ENTITY outside SYSTEM "file:///etc/passwd">',
    ],
)
def test_a_document_with_entities_is_not_read(entity: str) -> None:
    text = (
        f'<?xml version="1.0"?><!DOCTYPE Server [{entity}]>\n<Server><Connector keystoreFile="/x"/></Server>'
    )
    found, problems = read("tomcat", "/a/b/c.xml", {"/a/b/c.xml": text})
    assert found == []
    assert problems == {"/a/b/c.xml": "configuration: /a/b/c.xml: it declares entities, which are not read"}


def test_what_is_no_xml_is_a_problem() -> None:
    assert read("tomcat", "/x", {"/x": "<Server>"})[1] == {"/x": "configuration: /x:1: it is no XML"}


def test_caddy() -> None:
    texts = {
        "/etc/caddy/Caddyfile": """
{
    email x@example.test
}
a.example.test, https://b.example.test:8443 {
    tls /srv/a.pem /srv/a.key
    handle { respond "tls x y" }
}
c.example.test {
    tls internal
    import /etc/caddy/sites/*
}
d.example.test {
    tls {$CERT} {$KEY}
}
""",
        "/etc/caddy/sites/c": "tls c.pem c.pem\n",
    }
    found, problems = read("caddy", "/etc/caddy/Caddyfile", texts)
    assert found == [
        Served(
            "caddy",
            "/srv/a.pem",
            "/etc/caddy/Caddyfile:6",
            "/srv/a.key",
            ("a.example.test", "b.example.test"),
            (":8443",),
        ),
        Served("caddy", "/etc/caddy/c.pem", "/etc/caddy/sites/c:1", "", ("c.example.test",)),
    ]
    assert problems == {
        "/etc/caddy/Caddyfile": "configuration: line 14: which file this is, is known at run time only"
    }
    alone = "a.example.test,\nb.example.test\ntls /srv/a.pem /srv/a.key\n"
    (one,) = served("caddy", "/C", {"/C": alone})
    assert one.names == ("a.example.test", "b.example.test")


def test_software_that_is_not_known_is_malformed() -> None:
    with pytest.raises(Malformed, match=r"configurations of 'iis' are not read; known are nginx, apache"):
        read("iis", "/x", {})


@pytest.mark.parametrize("software", READERS)
def test_a_configuration_that_is_not_there_is_a_problem(software: str) -> None:
    assert read(software, "/none/x", {}) in [
        ([], {"/none/x": "configuration: no such file or directory"}),
        ([], {"/none/x": "configuration: /none/x:1: it is no XML"}),
    ]


PIECES = (
    *("{", "}", ";", "\n", " ", "\\", '"', "'", "#", "$", "<", ">", "/", "=", "[", "\0", "é"),
    *("include /x", "Include /x\n", "!include /x\n", "import /x\n", "http", "server", "ssl_certificate a;"),
    *(
        "<VirtualHost *>\n",
        "</VirtualHost>",
        "bind : ssl crt a\n",
        "frontend f\n",
        "ssl = on\n",
        "ssl_cert = <a\n",
    ),
    *("smtpd_tls_cert_file = $a\n", "<Connector keystoreFile='a'>", "tls a b\n", "listen 1 ssl;"),
)


@given(st.sampled_from(list(READERS)), st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=40))
def test_no_text_crashes(software: str, pieces: list[str]) -> None:
    text = "".join(pieces)
    found, problems = read(software, "/x", {"/x": text, "/y": text})
    for one in found:
        assert one.certificate.startswith("/")
        assert one.key == "" or one.key.startswith("/")
    assert all(path.startswith("/") for path in problems)


@given(st.text(), st.text())
def test_paths_become_absolute(path: str, folder: str) -> None:
    try:
        found = absolute(path, "/" + folder)
    except Malformed:
        return
    assert found.startswith("/")
    assert not {"..", ".", ""} & set(found.split("/")[2:])


def test_words_of_a_line() -> None:
    assert split_line('a \'b "c\' "d\\" e" f#g # h') == ["a", 'b "c', 'd" e', "f#g"]
    assert split_line("") == []
    assert split_line("''") == [""]
