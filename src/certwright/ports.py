"""Every extension point of Certwright, on one page.

A plugin is a class registered under one of the entry-point groups below; the built-in ones are registered
the same way (see pyproject.toml). It takes one frozen `Settings` dataclass, receives one frozen record per
call and gives one back. Fields of `Settings` that hold secrets carry `metadata=SECRET`. A plugin owns no
tables and imports nothing of Certwright but this page, `core` and pure protocol files.
"""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

from .core.audit import JsonValue
from .core.keys import KeyAlgorithm, PrivateKey
from .core.names import Identifier

KEY_PROVIDERS = "certwright.keys"
VALIDATORS = "certwright.validators"
NOTIFIERS = "certwright.notifiers"
DISCOVERY_SOURCES = "certwright.discovery"

SECRET: Mapping[str, Any] = MappingProxyType({"secret": True})
MACHINE: Mapping[str, Any] = MappingProxyType({"machine": True})
"""Of a setting that only this machine's own configuration gives."""


# -- keys ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KeySpec:
    """What key to make. `label` is unique within the provider and readable by a person."""

    algorithm: KeyAlgorithm
    label: str


@dataclass(frozen=True, slots=True)
class KeyReference:
    """How to find a key again. `reference` is the provider's own words, stored as given, never secret
    unless encrypted: a software key's encrypted envelope, a PKCS#11 object identifier."""

    algorithm: KeyAlgorithm
    reference: bytes


class KeyProvider(Protocol):
    """Makes, opens and destroys private keys. Safe to call from several threads.

    `local` says that signing takes microseconds in this process; otherwise signatures run in an executor,
    one for each provider (`SideBySide` says how wide).
    Every method raises Unavailable when the module behind it cannot be reached, and works again when it
    is back. A key made by `create` cannot be exported through the key object that `open` gives.
    """

    local: bool

    def create(self, spec: KeySpec) -> KeyReference:
        """Make a key inside the module. Raises Refused for an algorithm the provider has not."""

    def open(self, key: KeyReference) -> PrivateKey:
        """The private key, as the `cryptography` class of its algorithm. Raises NotFound."""

    def destroy(self, key: KeyReference) -> None:
        """Remove the key for good. Destroying what is gone is no error."""


@runtime_checkable
class KeyImporter(Protocol):
    """What a key provider may also offer: to take in a key made elsewhere."""

    def adopt(self, key: PrivateKey, label: str) -> KeyReference: ...


@runtime_checkable
class SideBySide(Protocol):
    """What a key provider that is not local may also say: how many calls it takes at the same time. Further
    ones wait outside of it, and hold up no other provider."""

    signatures_at_once: int


# -- validators ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Challenge:
    """A challenge to check: RFC 8555 section 8. `key_authorization` is token.thumbprint."""

    kind: str
    identifier: Identifier
    token: str
    key_authorization: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a validator saw. Exactly when `problem` is empty the challenge is fulfilled.

    `problem` is an ACME error type (RFC 8555 section 6.7, without the URN prefix), `detail` one line that
    never quotes what a stranger's server sent beyond 64 printable characters.
    """

    at: datetime
    perspective: str
    problem: str = ""
    detail: str = ""
    addresses: tuple[str, ...] = ()
    trail: tuple[str, ...] = field(default=())


class Validator(Protocol):
    """Checks control of an identifier, from where this process stands. Bounded in time, size and redirects.

    `kind` is the challenge type it checks. Any failure of the other side is Evidence with a problem; only
    our own inability (no resolver configured) raises Unavailable.
    """

    kind: str

    async def check(self, challenge: Challenge, now: datetime) -> Evidence: ...


# -- notices -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Message:
    """A plain text for one person. `to` is a mail address. `identifier` (letters, digits, `.`, `_`, `-`) is
    the same each time the same message is sent, and no other message's."""

    to: str
    subject: str
    text: str
    identifier: str
    at: datetime


class Notifier(Protocol):
    """Takes notices to people. Bounded in time, and may be cancelled.

    Nothing in a message gets beyond its place: no subject or text makes a header or a recipient.
    """

    async def send(self, message: Message) -> None:
        """Returns once others are responsible for it. Raises Unavailable for what may pass or be mended (no
        answer, a certificate that is not trusted, a failed log-in, "not now"), Refused for what trying
        again does not mend ("not to this address"); of what the other side said, at most 100 printable
        characters."""


# -- discovery -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """Where a certificate is, the same each time it is looked for.

    `kind` says what stands there (`tls`, `file`, ...), `host` is an address, a machine or a platform, `port`
    0 where there is none, `name` the server name that was asked for, the path, or the platform's own
    identifier. At most 60, 253 and 1024 characters.
    """

    kind: str
    host: str
    port: int = 0
    name: str = ""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What was seen at a place. `chain` is DER as it was presented, the end entity's first, of which nothing
    is verified; it is empty where `problem` says in one line why nothing can be read, where there is a
    private key alone, of which `facts` tell, and where there is a CRL, which is `revocation_list`. Facts have
    the names of docs/reference/discovery.md; what is not known is not there. No sighting holds a secret.
    """

    place: Place
    at: datetime
    chain: tuple[bytes, ...] = ()
    facts: Mapping[str, JsonValue] = field(default_factory=dict)
    problem: str = ""
    revocation_list: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a source has come: so many of so many places (0: not known) are looked at. Whoever begins again
    after `cursor` misses none of the others.

    `whole` is false from where on it is known that what is not seen need not be gone: what is before a mark,
    or what could not be reached. The last one of a look may tell a `mark`, where a later look need not begin
    from the beginning: from there on it sees what has come or changed since.
    """

    done: int
    total: int
    cursor: str = ""
    mark: str = ""
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Scope:
    """What to look at, in the source's own words, one to a line; `exclude` is never touched. `after` is the
    cursor of a run that was cut short, empty for a new one; `since` the mark of the last look at the same,
    empty for the first. What is no mark of the source's is none."""

    targets: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    after: str = ""
    since: str = ""


class DiscoverySource(Protocol):
    """Looks at places and says what it sees; changes nothing there. Bounded in time and size for each place.

    `kind` is that of its places. What is wrong at a place is a sighting with a problem; a place at which
    nothing is at all, and nobody had said that there is, is none. `check` and `look` raise Malformed for a
    target that cannot be read, `look` Forbidden where nothing of it may be reached from here, Unavailable
    for our own inability. An iterator that is closed leaves nothing open.
    """

    kind: str

    def check(self, scope: Scope) -> None:
        """Whether a scope can be read, without looking at anything. Raises Malformed."""

    def look(self, scope: Scope) -> AsyncGenerator[Sighting | Progress, None]: ...
