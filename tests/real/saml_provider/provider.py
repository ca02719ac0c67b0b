"""A real SAML identity provider: pysaml2 on a loopback port, with its own page for log-in, where any name
logs in. Who the person is, and how the answer is signed, stands in a file, read anew each time.
"""

import base64
import html
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from saml2 import BINDING_HTTP_REDIRECT
from saml2.authn_context import PASSWORDPROTECTEDTRANSPORT
from saml2.config import IdPConfig
from saml2.server import Server
from saml2.xmldsig import DIGEST_SHA256, SIG_RSA_SHA256

HERE = Path(__file__).resolve().parent
ASK = """<!doctype html><title>Provider</title><h1>Provider</h1><form method="post" action="/sso">
<input type="hidden" name="SAMLRequest" value="{request}">
<input type="hidden" name="RelayState" value="{state}">
<label>Name <input name="login"></label><button>Log in there</button></form>"""
BACK = """<!doctype html><title>Provider</title><form method="post" action="{where}">
<input type="hidden" name="SAMLResponse" value="{response}">
<input type="hidden" name="RelayState" value="{state}"><button>Back</button></form>"""


class Provider:
    def __init__(self, settings: dict[str, Any]) -> None:
        self.people = Path(settings["people"])
        config = IdPConfig().load(
            {
                "entityid": settings["entity_id"],
                "service": {
                    "idp": {
                        "endpoints": {
                            "single_sign_on_service": [(settings["url"] + "/sso", BINDING_HTTP_REDIRECT)]
                        },
                        "policy": {
                            "default": {
                                "lifetime": {"minutes": 5},
                                "attribute_restrictions": None,
                                "name_form": "urn:oasis:names:tc:SAML:2.0:attrname-format:basic",
                            }
                        },
                        "name_id_format": ["urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"],
                    }
                },
                "key_file": settings["key"],
                "cert_file": settings["certificate"],
                "metadata": {"local": [settings["our_metadata"]]},
                "attribute_map_dir": str(HERE / "maps"),
            }
        )
        self.server = Server(config=config)

    def answer(self, request: str, subject: str) -> tuple[str, str]:
        """Where to, and what."""
        asked = self.server.parse_authn_request(request, BINDING_HTTP_REDIRECT)
        values = self.server.response_args(asked.message)
        person = json.loads(self.people.read_text())[subject]
        signed = person.pop("signed", "assertion")
        proved = int(time.time()) - person.pop("proved_seconds_ago", 0)
        message = self.server.create_authn_response(
            identity=person,
            userid=subject,
            authn={"class_ref": PASSWORDPROTECTEDTRANSPORT, "authn_instant": proved},
            sign_assertion=signed in ("assertion", "both"),
            sign_response=signed in ("response", "both"),
            sign_alg=SIG_RSA_SHA256,
            digest_alg=DIGEST_SHA256,
            **{name: value for name, value in values.items() if name != "binding"},
        )
        return values["destination"], str(message)


class Handler(BaseHTTPRequestHandler):
    provider: Provider

    def do_GET(self) -> None:
        self._show(ASK, self._fields(urlsplit(self.path).query))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        fields = self._fields(body)
        where, message = self.provider.answer(fields["request"], fields["login"])
        response = base64.b64encode(message.encode()).decode()
        self._show(BACK, {"where": where, "response": response, "state": fields["state"]})

    def _fields(self, text: str) -> dict[str, str]:
        found = {name: values[0] for name, values in parse_qs(text).items()}
        return {
            "request": found["SAMLRequest"],
            "state": found.get("RelayState", ""),
            "login": found.get("login", ""),
        }

    def _show(self, page: str, fields: dict[str, str]) -> None:
        octets = page.format(**{name: html.escape(value) for name, value in fields.items()}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(octets)))
        self.end_headers()
        self.wfile.write(octets)


def main() -> None:
    settings = json.loads(Path(sys.argv[1]).read_text())
    Handler.provider = Provider(settings)
    listener = ThreadingHTTPServer(("127.0.0.1", urlsplit(settings["url"]).port or 0), Handler)
    print("the provider listens", flush=True)
    listener.serve_forever()


main()
