"""What to paste into a client so that it enrols at an endpoint of this installation.

docs/how-to/acme-clients.md tells the same at length; tests run the lines of certbot and lego as they stand
here.
"""

import base64
import json
import shlex
from dataclasses import dataclass, field

from django.utils.translation import gettext_lazy as _

KEY_HERE = "KEY-SHOWN-ONCE"
NAME_HERE = "KEY-NAME"
HTTP_PORT, TLS_PORT = 5002, 5001
MAIL = "admin@example.org"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a client must know. `root` is the certificate (PEM) that our listener's leads to; `own_machine`:
    only this machine can reach us, so that challenges are asked for at high ports too. `key_name` and `key`
    bind an account; placeholders where there is none at hand, empty where none is wanted."""

    directory: str
    root: str = field(repr=False)
    name: str
    own_machine: bool = False
    key_name: str = ""
    key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Setup:
    """One client: where the text goes, and the text."""

    identifier: str
    title: str
    place: object
    text: str = field(repr=False)


def setups(facts: Facts) -> list[Setup]:
    """For every client, the root first, which all of them need."""
    shell, rest = (
        _("In a shell, in one folder with root.pem"),
        _("with /etc/ssl/certwright-root.pem put there"),
    )
    return [
        Setup("root", "root.pem", _("In a shell; clients must trust our own listener"), _root(facts)),
        Setup("certbot", "certbot", shell, _certbot(facts)),
        Setup("lego", "lego", shell, _lego(facts)),
        Setup("acme-sh", "acme.sh", shell, _acme_sh(facts)),
        Setup("caddy", "Caddy", _named("Caddyfile", rest), _caddy(facts)),
        Setup("mod-md", "Apache mod_md", _named("httpd.conf", rest), _mod_md(facts)),
        Setup("nginx", "nginx", _named("nginx.conf", rest), _nginx(facts)),
        Setup("cert-manager", "cert-manager", _("For kubectl apply -f"), _cert_manager(facts)),
    ]


def _named(file: str, rest: object) -> str:
    return f"{file}, {rest}"


def _root(facts: Facts) -> str:
    return f"cat > root.pem <<'END'\n{facts.root.strip()}\nEND\n"


def _lines(*parts: str) -> str:
    """One command over several lines, without the parts that are empty."""
    return " \\\n  ".join(part for part in parts if part) + "\n"


def _certbot(facts: Facts) -> str:
    port = f" --http-01-port {HTTP_PORT}" if facts.own_machine else ""
    bound = f"--eab-kid {_word(facts.key_name)} --eab-hmac-key {_word(facts.key)}" if facts.key_name else ""
    return _lines(
        f"REQUESTS_CA_BUNDLE=$PWD/root.pem certbot certonly --standalone{port} -d {_word(facts.name)}",
        f"--server {_word(facts.directory)}",
        bound,
        "--agree-tos --register-unsafely-without-email",
    )


def _lego(facts: Facts) -> str:
    port = f" --http.port 127.0.0.1:{HTTP_PORT}" if facts.own_machine else ""
    bound = f"--eab --kid {_word(facts.key_name)} --hmac {_word(facts.key)}" if facts.key_name else ""
    return _lines(
        f"LEGO_CA_CERTIFICATES=$PWD/root.pem lego --server {_word(facts.directory)}",
        f"--accept-tos --email {MAIL} --domains {_word(facts.name)}",
        bound,
        f"--http{port} run",
    )


def _acme_sh(facts: Facts) -> str:
    port = f" --httpport {HTTP_PORT}" if facts.own_machine else ""
    server = f"--server {_word(facts.directory)} --ca-bundle $PWD/root.pem"
    bound = f"--eab-kid {_word(facts.key_name)} --eab-hmac-key {_word(facts.key)}" if facts.key_name else ""
    account = _lines(f"acme.sh --register-account -m {MAIL} {server}", bound)
    return account + _lines(f"acme.sh --issue --standalone{port} -d {_word(facts.name)} {server}")


def _word(text: str) -> str:
    return shlex.quote(text)


# -- files of configuration ----------------------------------------------------------------------

ROOT_PLACE = "/etc/ssl/certwright-root.pem"


def _caddy(facts: Facts) -> str:
    """Within the site: for names below localhost Caddy is an authority of its own otherwise."""
    ports = f"{{\n    http_port {HTTP_PORT}\n    https_port {TLS_PORT}\n}}\n" if facts.own_machine else ""
    bound = f"            eab {facts.key_name} {facts.key}\n" if facts.key_name else ""
    return (
        f"{ports}{facts.name} {{\n    tls {{\n        issuer acme {{\n"
        f"            dir {facts.directory}\n            trusted_roots {ROOT_PLACE}\n"
        f"            email {MAIL}\n{bound}        }}\n    }}\n"
        '    respond "hello"\n}\n'
    )


def _mod_md(facts: Facts) -> str:
    port = HTTP_PORT if facts.own_machine else 80
    tls_port = TLS_PORT if facts.own_machine else 443
    mapped = f"MDPortMap http:{port} https:{tls_port}\n" if facts.own_machine else ""
    bound = f"MDExternalAccountBinding {facts.key_name} {facts.key}\n" if facts.key_name else ""
    return (
        f"MDCertificateAuthority {facts.directory}\nMDCACertificateFile {ROOT_PLACE}\n"
        f"MDCertificateAgreement accepted\nMDContactEmail {MAIL}\n{mapped}{bound}MDomain {facts.name}\n\n"
        f"<VirtualHost *:{tls_port}>\n    ServerName {facts.name}\n    SSLEngine on\n</VirtualHost>\n"
    )


def _nginx(facts: Facts) -> str:
    """With the module ngx_http_acme_module."""
    port = HTTP_PORT if facts.own_machine else 80
    tls_port = TLS_PORT if facts.own_machine else 443
    bound = f"    external_account_key {facts.key_name} data:{facts.key};\n" if facts.key_name else ""
    return (
        f"acme_issuer certwright {{\n    uri {facts.directory};\n    ssl_trusted_certificate {ROOT_PLACE};\n"
        f"    contact {MAIL};\n    state_path /var/cache/nginx/acme-certwright;\n{bound}"
        "    accept_terms_of_service;\n}\nacme_shared_zone zone=ngx_acme_shared:1M;\n\n"
        f"server {{\n    listen {tls_port} ssl;\n    server_name {facts.name};\n"
        "    acme_certificate certwright;\n    ssl_certificate $acme_certificate;\n"
        "    ssl_certificate_key $acme_certificate_key;\n    ssl_certificate_cache max=2;\n}\n"
        f"server {{\n    listen {port};\n    location / {{\n        return 404;\n    }}\n}}\n"
    )


def _cert_manager(facts: Facts) -> str:
    bundle = base64.b64encode(facts.root.encode()).decode()
    issuer = (
        "apiVersion: cert-manager.io/v1\nkind: ClusterIssuer\nmetadata:\n  name: certwright\nspec:\n  acme:\n"
        f"    server: {json.dumps(facts.directory)}\n    email: {MAIL}\n    caBundle: {bundle}\n"
        "    privateKeySecretRef:\n      name: certwright-account\n"
    )
    solvers = "    solvers:\n      - http01:\n          ingress:\n            ingressClassName: nginx\n"
    if not facts.key_name:
        return issuer + solvers
    secret = (
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: certwright-eab\n  namespace: cert-manager\n"
        f"stringData:\n  secret: {json.dumps(facts.key)}\n---\n"
    )
    binding = (
        f"    externalAccountBinding:\n      keyID: {json.dumps(facts.key_name)}\n      keySecretRef:\n"
        "        name: certwright-eab\n        key: secret\n"
    )
    return secret + issuer + binding + solvers
