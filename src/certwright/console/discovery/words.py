"""Runs, scopes and settings of sources in words."""

from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ...operations.discovery_runs import RunStatus
from ...store.discovery_rows import DiscoveryRunRow

STATUSES = {
    RunStatus.WAITING: (gettext_lazy("waits for a worker"), "yellow"),
    RunStatus.RUNNING: (gettext_lazy("under way"), "blue"),
    RunStatus.STALLED: (gettext_lazy("nobody is at it; a worker will go on"), "orange"),
    RunStatus.DONE: (gettext_lazy("done"), "green"),
    RunStatus.CANCELLED: (gettext_lazy("stopped"), "secondary"),
    RunStatus.FAILED: (gettext_lazy("could not go on"), "red"),
}
SOURCES = {
    "network": gettext_lazy("Networks and hosts, over TLS"),
    "files": gettext_lazy("Files on the worker's machine"),
    "ssh": gettext_lazy("Files on other machines, over SSH"),
    "aws": gettext_lazy("An account of AWS"),
    "kubernetes": gettext_lazy("A Kubernetes cluster"),
}
SETTINGS = {
    ("network", "targets"): (
        "",
        gettext_lazy(
            "Addresses, networks, ranges or host names: 192.0.2.0/24, www.example.org:443, [2001:db8::1]."
        ),
    ),
    ("files", "targets"): ("", gettext_lazy("Folders and files, from the root: /etc/ssl.")),
    ("network", "ports"): (
        gettext_lazy("Ports"),
        gettext_lazy("For what names none of its own: 443,8000-8100. Empty: those of the usual services."),
    ),
    ("network", "names"): (
        gettext_lazy("Server names to ask for, one to a line"),
        gettext_lazy("At addresses; without a name they are asked in any case."),
    ),
    ("network", "alpn"): (gettext_lazy("Protocols to offer (ALPN), one to a line"), ""),
    ("network", "starttls"): (
        gettext_lazy("Ports at which TLS begins inside of another protocol"),
        gettext_lazy("A port and its protocol on each line, like 25 smtp."),
    ),
    ("network", "concurrency"): (gettext_lazy("Connections at the same time"), ""),
    ("network", "per_second"): (gettext_lazy("New connections in a second"), ""),
    ("network", "network_per_second"): (
        gettext_lazy("New connections in a second, within one network"),
        gettext_lazy("A /24 of IPv4, a /64 of IPv6."),
    ),
    ("network", "jitter"): (
        gettext_lazy("Part of the pause by which it varies"),
        gettext_lazy("From 0 to 1."),
    ),
    ("network", "pace_loopback"): (gettext_lazy("Hold these rates on this machine itself too"), ""),
    ("network", "connect_seconds"): (gettext_lazy("Seconds to wait for a connection"), ""),
    ("network", "total_seconds"): (gettext_lazy("Seconds for one place in all"), ""),
    ("network", "prove"): (gettext_lazy("Have servers show that they have the key"), ""),
    ("ssh", "targets"): (
        "",
        gettext_lazy("A machine, a space and a folder or file there: web1.example.org /etc/ssl."),
    ),
    ("ssh", "user"): (gettext_lazy("Account to log in as"), ""),
    ("ssh", "known_hosts"): (
        gettext_lazy("Keys of the machines"),
        gettext_lazy("Lines as in the file known_hosts of OpenSSH."),
    ),
    ("ssh", "private_key"): (gettext_lazy("Private key to log in with"), gettext_lazy("OpenSSH or PEM.")),
    ("ssh", "passphrase"): (gettext_lazy("Passphrase of the private key"), ""),
    ("ssh", "password"): (gettext_lazy("Password, where there is no key"), ""),
    ("ssh", "passwords"): (gettext_lazy("Passwords to try on what is encrypted, one to a line"), ""),
    ("ssh", "files_max"): (gettext_lazy("Files of a machine to look at, at most"), ""),
    ("ssh", "octets_max"): (gettext_lazy("Octets of a file, at most"), ""),
    ("ssh", "seconds"): (gettext_lazy("Seconds for one file"), ""),
    ("ssh", "connect_seconds"): (gettext_lazy("Seconds to wait for a connection"), ""),
    ("aws", "targets"): (
        "",
        gettext_lazy("Regions, with a service or without: eu-central-1, eu-west-1/acm, global, global/iam."),
    ),
    ("aws", "access_key_id"): (gettext_lazy("Access key ID"), ""),
    ("aws", "secret_access_key"): (gettext_lazy("Secret access key"), ""),
    ("aws", "session_token"): (
        gettext_lazy("Session token"),
        gettext_lazy("For keys that last a time only."),
    ),
    ("aws", "role"): (
        gettext_lazy("Role to assume"),
        gettext_lazy("Its ARN: arn:aws:iam::123456789012:role/auditor. Empty: none."),
    ),
    ("aws", "external_id"): (gettext_lazy("External ID that the role asks for"), ""),
    ("aws", "partition"): (gettext_lazy("Which AWS"), gettext_lazy("aws, aws-cn or aws-us-gov.")),
    ("aws", "endpoints"): (
        gettext_lazy("Endpoints of your own"),
        gettext_lazy("A service and its URL on each line: acm https://acm.internal.example.org."),
    ),
    ("aws", "authorities"): (
        gettext_lazy("Authorities to trust at those endpoints"),
        gettext_lazy("PEM. Empty: those of the system."),
    ),
    ("aws", "items_max"): (gettext_lazy("Things of a service to look at, at most"), ""),
    ("aws", "concurrency"): (gettext_lazy("Questions at the same time"), ""),
    ("aws", "seconds"): (gettext_lazy("Seconds to wait for an answer"), ""),
    ("kubernetes", "targets"): (
        "",
        gettext_lazy("Namespaces, or * for the whole cluster and what belongs to no namespace."),
    ),
    ("kubernetes", "kubeconfig"): (
        gettext_lazy("Kubeconfig"),
        gettext_lazy("As kubectl config view --raw --minify --flatten writes it."),
    ),
    ("kubernetes", "kinds"): (
        gettext_lazy("Kinds to look at, one to a line"),
        gettext_lazy("Like secrets. Empty: all that may hold certificates."),
    ),
    ("kubernetes", "passwords"): (gettext_lazy("Passwords to try on key stores, one to a line"), ""),
    ("kubernetes", "page"): (gettext_lazy("Objects in one answer"), ""),
    ("kubernetes", "items_max"): (gettext_lazy("Objects of a kind to look at, at most"), ""),
    ("kubernetes", "octets_max"): (gettext_lazy("Octets of an answer, at most"), ""),
    ("kubernetes", "seconds"): (gettext_lazy("Seconds to wait for an answer"), ""),
    ("files", "host"): (
        gettext_lazy("Name of the machine"),
        gettext_lazy("As it stands in places. Empty: its own."),
    ),
    ("files", "passwords"): (gettext_lazy("Passwords to try on what is encrypted, one to a line"), ""),
    ("files", "files_max"): (gettext_lazy("Files to look at, at most"), ""),
    ("files", "octets_max"): (gettext_lazy("Octets of a file, at most"), ""),
    ("files", "seconds"): (gettext_lazy("Seconds for one file"), ""),
}
LONG = frozenset(
    {
        ("ssh", "known_hosts"),
        ("ssh", "private_key"),
        ("aws", "authorities"),
        ("kubernetes", "kubeconfig"),
    }
)
"""Settings of several lines."""


def setting_words(source: str, name: str) -> tuple[str, str]:
    """The label and the help of a setting; a plugin that nobody here knows has its own names shown."""
    label, help_text = SETTINGS.get((source, name), ("", ""))
    return str(label) or name.replace("_", " ").capitalize(), str(help_text)


def source_words(source: str) -> str:
    return str(SOURCES.get(source, source))


def how_often(minutes: int) -> str:
    if not minutes:
        return _("when somebody asks")
    for size, one, many in ((1440, _("every day"), "day"), (60, _("every hour"), "hour")):
        if minutes % size == 0:
            number = minutes // size
            if number == 1:
                return one
            return _("every %d days") % number if many == "day" else _("every %d hours") % number
    return ngettext("every minute", "every %d minutes", minutes) % (() if minutes == 1 else minutes)


def time_left(row: DiscoveryRunRow, now: datetime) -> str:
    """About how long a run still takes, if it goes on as it has; empty where nobody can say."""
    if row.started_at is None or not 0 < row.done < row.total:
        return ""
    left = (now - row.started_at) * ((row.total - row.done) / row.done)
    return lasting(left)


def lasting(span: timedelta) -> str:
    """A time in one unit, rounded up."""
    seconds = max(1, round(span.total_seconds()))
    if seconds < 90:
        return ngettext("%d second", "%d seconds", seconds) % seconds
    minutes = -(-seconds // 60)
    if minutes < 90:
        return _("%d minutes") % minutes
    hours = -(-minutes // 60)
    return _("%d hours") % hours if hours < 72 else _("%d days") % -(-hours // 24)


def place_words(place: dict[str, object]) -> str:
    """Where something is, in one line."""
    host, port, name = str(place["host"]), place["port"], str(place["name"])
    where = f"[{host}]" if ":" in host and port else host
    if port:
        where = f"{where}:{port}"
    if name:
        where = f"{where} · {name}" if where else name
    return f"{where} ({place['zone']})" if place["zone"] else where
