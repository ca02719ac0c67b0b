"""The URLs of one ACME endpoint: made here, and found again here (RFC 8555 section 7.1).

Every resource lies below one base URL, such as `https://pki.example/acme/default`. The keys of rows in URLs
are opaque here: 1 to 64 characters of base64url.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from ...core.errors import NotFound
from .problems import AcmeProblem, ProblemType


class Resource(StrEnum):
    """What a path names. The value is its first segment below the base."""

    DIRECTORY = "directory"
    NEW_NONCE = "new-nonce"
    NEW_ACCOUNT = "new-account"
    NEW_ORDER = "new-order"
    REVOKE_CERTIFICATE = "revoke-cert"
    KEY_CHANGE = "key-change"
    ACCOUNT = "account"
    ORDERS = "orders"
    ORDER = "order"
    FINALIZE = "finalize"
    AUTHORIZATION = "authorization"
    CHALLENGE = "challenge"
    CERTIFICATE = "certificate"
    RENEWAL_INFO = "renewal-info"


NUMBER_DIGITS_MAX = 18  # every such number fits the column
_KEY = "[A-Za-z0-9_-]{1,64}"
_BELOW = {
    Resource.DIRECTORY: "",
    Resource.NEW_NONCE: "",
    Resource.NEW_ACCOUNT: "",
    Resource.NEW_ORDER: "",
    Resource.REVOKE_CERTIFICATE: "",
    Resource.KEY_CHANGE: "",
    Resource.ACCOUNT: f"/({_KEY})",
    Resource.ORDERS: f"/({_KEY})",
    Resource.ORDER: f"/({_KEY})",
    Resource.FINALIZE: f"/({_KEY})",
    Resource.AUTHORIZATION: f"/({_KEY})",
    Resource.CHALLENGE: f"/({_KEY})/([a-z0-9-]{{1,32}})",
    Resource.CERTIFICATE: f"/({_KEY})(?:/([0-9]{{1,2}}))?",
    Resource.RENEWAL_INFO: "/([A-Za-z0-9_.-]{1,256})",
}
_PATTERNS = {resource: re.compile(pattern) for resource, pattern in _BELOW.items()}


@dataclass(frozen=True, slots=True)
class Place:
    """A path read: the resource, the key of the row it speaks of, and for a challenge its kind, for a
    certificate the number of an alternate chain."""

    resource: Resource
    key: str = ""
    detail: str = ""

    @property
    def number(self) -> int:
        """The key of a row that is known by a number. Raises NotFound for what is none."""
        if not self.key.isdecimal() or len(self.key) > NUMBER_DIGITS_MAX:
            raise _nowhere()
        return int(self.key)


def parse_path(path: str) -> Place:
    """The resource at `path`, given without the base and its slash, without a query. Raises NotFound."""
    name, slash, below = path.partition("/")
    try:
        resource = Resource(name)
    except ValueError:
        raise _nowhere() from None
    match = _PATTERNS[resource].fullmatch(slash + below)
    if match is None:
        raise _nowhere()
    return Place(resource, *(key for key in match.groups() if key is not None))


def _nowhere() -> NotFound:
    return NotFound("there is no such ACME resource; begin at the directory")


@dataclass(frozen=True, slots=True)
class Urls:
    """All URLs of an endpoint. `base` has no slash at its end."""

    base: str

    def of(self, resource: Resource, *keys: str) -> str:
        """The URL of a resource; `keys` as in `Place`. `Urls.of` and `parse_path` undo each other."""
        return "/".join((self.base, resource, *keys))

    def account_key(self, url: str) -> str:
        """The key of the account a `kid` names. Raises AcmeProblem accountDoesNotExist."""
        start = self.of(Resource.ACCOUNT)
        match = _PATTERNS[Resource.ACCOUNT].fullmatch(url, len(start)) if url.startswith(start) else None
        if match is None:
            raise AcmeProblem(
                ProblemType.ACCOUNT_DOES_NOT_EXIST, "kid is not the URL of an account at this endpoint"
            )
        return match.group(1)


def link(url: str, relation: str) -> str:
    """One value of a Link header field (RFC 8288): index, up, next, alternate or terms-of-service."""
    return f'<{url}>;rel="{relation}"'
