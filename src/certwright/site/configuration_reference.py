"""docs/reference/settings.md, made by `python -m certwright.site.configuration_reference`."""

import sys
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from .configuration import FILE_NAME, PREFIX, TABLES, Configuration

HEAD = f"""# Settings

Made by `python -m certwright.site.configuration_reference`; the descriptions stand in the code.

Certwright reads `{FILE_NAME}` in its home folder, if there is one. An environment variable goes over the
file, a command's option over both. Lists are written with commas in a variable, as in
`CERTWRIGHT_HOSTS=a.example,b.example`. A setting that does not exist, or a value that does not fit, stops the
start with one line that says where it stands.

```toml
url = "http://pki.example"
https = "0.0.0.0:443"
http = "0.0.0.0:80"
mtls = "0.0.0.0:8444"
database = "postgresql://certwright@db.example/certwright"

[egress]
deny = ["10.99.0.0/16"]

[validation]
resolvers = ["10.0.0.53"]

[login.oidc.corporate]
issuer = "https://login.example/realms/staff"
client_id = "certwright"
client_secret_file = "/etc/certwright/oidc-secret"
groups = {{ "pki-admins" = ["administrator"], "pay" = ["team:pay"] }}

[[pkcs11]]
name = "hsm"
module = "/usr/lib/softhsm/libsofthsm2.so"
token = "certwright"
pin_file = "/etc/certwright/pin"
```
"""
MANY = {
    "pkcs11": "One table for each module.",
    "login.oidc": "One table for each provider.",
    "login.saml": "One table for each provider.",
}
TITLES = {"pkcs11": "[[pkcs11]]", "login.oidc": "[login.oidc.NAME]", "login.saml": "[login.saml.NAME]"}
TABLE_HEAD = ("| setting | default | variable | |", "| --- | --- | --- | --- |")


def reference() -> str:
    """The page, as Markdown."""
    lines = [HEAD, "## At the top", "", *_rows(Configuration, "")]
    for name, table in TABLES.items():
        many = MANY.get(name, "")
        lines += ["", f"## {TITLES.get(name, f'[{name}]')}", ""]
        lines += [" ".join(filter(None, [_one_line(table.__doc__ or ""), many])), ""]
        lines += _rows(table, name)
    return "\n".join(lines) + "\n"


def _rows(model: type[BaseModel], table: str) -> Iterator[str]:
    yield from TABLE_HEAD
    for name, field in model.model_fields.items():
        place = f"{table}.{name}" if table else name
        if place not in TABLES:
            yield f"| `{place}` | {_default(field)} | {_variable(table, name)} | {field.description} |"


def _variable(table: str, name: str) -> str:
    if table == "pkcs11":
        return ""
    parts = [*table.split("."), *(["NAME"] if table in MANY else []), name] if table else [name]
    return f"`{PREFIX}{'__'.join(parts)}`".upper()


def _default(field: FieldInfo) -> str:
    """Nothing for what is required, derived or has no value; those descriptions say more."""
    value: Any = field.default
    if value is PydanticUndefined or value in (None, "") or "Default:" in (field.description or ""):
        return ""
    if value in ((), {}):
        return "none"
    if type(value) is tuple:
        return f"`{', '.join(map(str, value))}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`"


def _one_line(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    sys.stdout.write(reference())
