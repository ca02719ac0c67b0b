"""Signature Version 4: how AWS is shown who calls, without being sent the secret.

Source: AWS, "Create a signed AWS API request" (IAM User Guide).
"""

import hashlib
import hmac
from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import parse_qsl, quote

from ....core.errors import Malformed
from ...calls import Call

ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Of a user, or with a session token those of a role for some time. Raises Malformed."""

    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        for text in (self.access_key_id, self.secret_access_key, self.session_token):
            if not (text.isascii() and text.isprintable() and " " not in text):
                raise Malformed("a credential of AWS has a character that none has")


def signed(call: Call, credentials: Credentials, region: str, service: str, now: datetime) -> Call:
    """The call with its signature; every header it has is signed. `now` is UTC."""
    moment = f"{now:%Y%m%dT%H%M%SZ}"
    headers = {"host": call.url.authority, "x-amz-date": moment}
    headers |= {name.lower(): value for name, value in call.headers.items()}
    if credentials.session_token:
        headers["x-amz-security-token"] = credentials.session_token
    names = ";".join(sorted(headers))
    path, _, query = call.url.target.partition("?")
    canonical = [call.method, quote(path, safe="/-_.~"), _query(query)]
    canonical += [f"{name}:{' '.join(headers[name].split())}" for name in sorted(headers)]
    canonical += ["", names, hashlib.sha256(call.body).hexdigest()]
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    key = f"AWS4{credentials.secret_access_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, f"{ALGORITHM}\n{moment}\n{scope}\n{digest}".encode(), "sha256").hex()
    credential = f"Credential={credentials.access_key_id}/{scope}"
    headers["authorization"] = f"{ALGORITHM} {credential}, SignedHeaders={names}, Signature={signature}"
    del headers["host"]  # whoever sends the call writes it
    return replace(call, headers=headers)


def _query(text: str) -> str:
    pairs = sorted((quote(key, safe="-_.~"), quote(one, safe="-_.~")) for key, one in parse_qsl(text, True))
    return "&".join(f"{key}={one}" for key, one in pairs)
