"""Whether a name and a password are those of somebody in a directory, and what it says of them (RFC 4511,
4513).

A person is found by a search of ours or by a template, and then *bound* as: the directory itself judges the
password. Connections are LDAPS or StartTLS, to a server whose certificate stands under the authorities of the
setting and names it; on a loopback address alone, and without such authorities, plain. Referrals are not
followed: they would carry the password to wherever the answer says.
"""

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol
from urllib.parse import urlsplit
from uuid import UUID

from ldap3 import BASE, NONE, SUBTREE, SYNC, Connection, Server, Tls
from ldap3.core.exceptions import LDAPException
from ldap3.utils.conv import escape_filter_chars

from ...core.errors import Unavailable
from ...operations.enter_from_source import Source, Vouched

ORIGIN = "ldap"
NESTED = "(member:1.2.840.113556.1.4.1941:={dn})"
"""LDAP_MATCHING_RULE_IN_CHAIN of Active Directory: a member of the group, or of one within it."""
GROUPS_MAX = 1000
SUCCESS, SIZE_LIMIT_EXCEEDED, NO_SUCH_OBJECT, INVALID_CREDENTIALS = 0, 4, 32, 49
REFUSED = frozenset({INVALID_CREDENTIALS, NO_SUCH_OBJECT, 34, 48, 53})
"""Of a person's bind: also a name that is none, and what the directory refuses them (RFC 4511 appendix A)."""
BINARY_IDENTIFIER = "objectguid"


class Directory(Protocol):
    """The table `login.ldap` of `certwright.toml`, as docs/reference/settings.md has it."""

    @property
    def servers(self) -> tuple[str, ...]: ...
    @property
    def ca_file(self) -> Any: ...
    @property
    def base(self) -> str: ...
    @property
    def user_filter(self) -> str: ...
    @property
    def user_dn(self) -> str: ...
    @property
    def bind_dn(self) -> str: ...
    @property
    def id_attribute(self) -> str: ...
    @property
    def name_attribute(self) -> str: ...
    @property
    def display_name_attribute(self) -> str: ...
    @property
    def email_attribute(self) -> str: ...
    @property
    def group_base(self) -> str: ...
    @property
    def group_filter(self) -> str: ...
    @property
    def group_name_attribute(self) -> str: ...
    @property
    def nested_groups(self) -> bool: ...
    @property
    def seconds(self) -> int: ...
    @property
    def create(self) -> bool: ...
    @property
    def groups(self) -> Mapping[str, tuple[str, ...]]: ...
    def read_bind_password(self) -> str: ...


def escape_name(text: str) -> str:
    """As a value within a name in the tree (RFC 4514 section 2.4): all but letters and digits of ASCII as the
    octets they are in UTF-8."""
    return "".join(
        each if each.isascii() and each.isalnum() else "".join(f"\\{octet:02x}" for octet in each.encode())
        for each in text
    )


def source_of(directory: Directory) -> Source:
    """Names of groups know no case in a directory."""
    rules: dict[str, tuple[str, ...]] = {}
    for group, given in directory.groups.items():
        rules[group.lower()] = (*rules.get(group.lower(), ()), *given)
    return Source(ORIGIN, directory.create, rules)


def vouch(directory: Directory, name: str, password: str) -> Vouched | None:
    """What the directory says of who has this name and this password; None where it knows no such person.

    An empty password is none, whatever a server says of it (RFC 4513 section 5.1.2). Raises Unavailable when
    no server can be asked, NotFound and Malformed for the file with our own password.
    """
    if not name or not password or "\x00" in name + password:
        return None
    failures = []
    for url in directory.servers:
        try:
            return _Asking(directory, url).vouch(name, password)
        except (LDAPException, OSError) as error:
            failures.append(f"{url}: {type(error).__name__}")
    raise Unavailable(
        f"the directory cannot be asked ({'; '.join(failures)}); try again, or tell an administrator"
    )


class _Asking:
    """One server, for one log-in."""

    def __init__(self, directory: Directory, url: str) -> None:
        self._directory = directory
        self._url = urlsplit(url)

    def vouch(self, name: str, password: str) -> Vouched | None:
        if self._directory.user_dn:
            dn = self._directory.user_dn.replace("{name}", escape_name(name))
            with self._bound(dn, password) as person:
                return None if person is None else self._told(person, _read(person, dn, self._attributes))
        with self._bound(self._directory.bind_dn, self._directory.read_bind_password()) as ours:
            if ours is None:
                raise Unavailable(
                    "the directory refuses login.ldap.bind_dn or its password; tell an administrator"
                )
            found = self._found(ours, name)
            # Who is not there is bound all the same, so that the answer takes as long.
            with self._bound(
                found["dn"] if found else f"cn=nobody,{self._directory.base}", password
            ) as person:
                return None if person is None or found is None else self._told(ours, found)

    @property
    def _attributes(self) -> list[str]:
        given = self._directory
        return [given.id_attribute, given.name_attribute, given.display_name_attribute, given.email_attribute]

    @contextmanager
    def _bound(self, dn: str, password: str) -> Iterator[Connection | None]:
        """A connection on which the directory has accepted name and password, or None."""
        connection = Connection(
            self._server(),
            user=dn,
            password=password.encode(),  # as typed: ldap3 would prepare text, and refuse some (RFC 4013)
            client_strategy=SYNC,
            receive_timeout=self._directory.seconds,
            auto_referrals=False,
            auto_range=False,
            read_only=True,
        )
        try:
            connection.open(read_server_info=False)
            if self._url.scheme == "ldap" and self._directory.ca_file:
                connection.start_tls(read_server_info=False)
            accepted = connection.bind(read_server_info=False)
            if not accepted and connection.result["result"] not in REFUSED:
                raise Unavailable(f"the directory answers a log-in with {connection.result['description']!r}")
            yield connection if accepted else None
        finally:
            connection.unbind()

    def _server(self) -> Server:
        ca_file, secure = self._directory.ca_file, self._url.scheme == "ldaps"
        return Server(
            self._url.hostname,
            self._url.port or (636 if secure else 389),
            use_ssl=secure,
            tls=_PinnedTls(str(ca_file)) if ca_file else None,
            get_info=NONE,
            connect_timeout=self._directory.seconds,
        )

    def _found(self, ours: Connection, name: str) -> dict[str, Any] | None:
        """The one entry with this name. Two are none: whose would the password be?"""
        wanted = self._directory.user_filter.replace("{name}", escape_filter_chars(name))
        entries = _search(ours, self._directory.base, wanted, self._attributes, 2, self._directory.seconds)
        return entries[0] if len(entries) == 1 and entries[0]["dn"] else None

    def _told(self, reading: Connection, entry: dict[str, Any] | None) -> Vouched | None:
        """Raises Unavailable for an entry without identifier or name, and for too many groups."""
        if entry is None:
            raise Unavailable("the directory does not show people their own entry; tell an administrator")
        given = self._directory
        value = _values(entry)
        identifier, name = _identifier(given.id_attribute, value), _text(value(given.name_attribute))
        if not identifier or not name:
            raise Unavailable(
                f"the directory gives no {given.id_attribute} or no {given.name_attribute} for "
                f"{entry['dn'][:200]}; tell an administrator"
            )
        display_name, email = (
            _text(value(each)) for each in (given.display_name_attribute, given.email_attribute)
        )
        return Vouched(identifier, name, display_name, email, self._groups(reading, entry["dn"], name))

    def _groups(self, reading: Connection, dn: str, name: str) -> tuple[str, ...]:
        """Names of groups and their whole names in the tree, in lower case."""
        given = self._directory
        template = NESTED if given.nested_groups else given.group_filter
        wanted = template.replace("{dn}", escape_filter_chars(dn)).replace(
            "{name}", escape_filter_chars(name)
        )
        attribute = given.group_name_attribute
        entries = _search(
            reading,
            given.group_base or given.base,
            wanted,
            [attribute],
            GROUPS_MAX,
            given.seconds,
            whole=True,
        )
        names = [_text(_values(entry)(attribute)) for entry in entries]
        return tuple({each.lower() for each in [*names, *(entry["dn"] for entry in entries)] if each})


class _PinnedTls(Tls):
    """TLS as Python's own `ssl` checks it, name and chain, with these authorities and no others."""

    def __init__(self, ca_file: str) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._context = ssl.create_default_context(cafile=ca_file)

    def wrap_socket(self, connection: Connection, do_handshake: bool = False) -> None:
        host = connection.server.host
        connection.socket = self._context.wrap_socket(connection.socket, server_hostname=host)


def _read(person: Connection, dn: str, attributes: list[str]) -> dict[str, Any] | None:
    """The entry of this name."""
    person.search(dn, "(objectClass=*)", BASE, attributes=attributes, size_limit=1)
    return next(iter(_entries(person)), None)


def _search(
    connection: Connection,
    base: str,
    wanted: str,
    attributes: list[str],
    most: int,
    seconds: int,
    whole: bool = False,
) -> list[dict[str, Any]]:
    """At most so many entries below `base`. Raises Unavailable for an answer that is no success, and, where
    the answer must be `whole`, for more."""
    connection.search(base, wanted, SUBTREE, attributes=attributes, size_limit=most, time_limit=seconds)
    result = connection.result["result"]
    if result != SUCCESS and (whole or result != SIZE_LIMIT_EXCEEDED):
        raise Unavailable(f"the directory answers a search with {connection.result['description']!r}")
    return _entries(connection)


def _entries(connection: Connection) -> list[dict[str, Any]]:
    return [one for one in connection.response or () if one["type"] == "searchResEntry"]


def _values(entry: dict[str, Any]) -> Callable[[str], bytes]:
    """The first value of an attribute, whatever the case of its name; empty without one."""
    known = {name.lower(): values for name, values in entry["raw_attributes"].items()}
    return lambda name: next(iter(known.get(name.lower(), ())), b"")


def _identifier(attribute: str, value: Callable[[str], bytes]) -> str:
    """As text, others as other text. Active Directory's is 16 octets (MS-DTYP 2.3.4.2)."""
    octets = value(attribute)
    if attribute.lower() == BINARY_IDENTIFIER and len(octets) == 16:
        return str(UUID(bytes_le=octets))
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.hex()


def _text(octets: bytes) -> str:
    return octets.decode(errors="replace")
