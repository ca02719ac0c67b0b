"""Runs, scopes and settings of sources in words."""

from datetime import datetime, timedelta

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
    "openssl-ca": gettext_lazy("openssl or easy-rsa, on the worker's machine"),
    "openssl-ca-ssh": gettext_lazy("openssl or easy-rsa on other machines, over SSH"),
    "certwright": gettext_lazy("Authorities of another Certwright"),
    "ldap": gettext_lazy("Directories, Active Directory among them"),
    "vault": gettext_lazy("Authorities in Vault or OpenBao"),
    "step-ca": gettext_lazy("A step-ca, from its PostgreSQL"),
    "ct-log": gettext_lazy("A Certificate Transparency log"),
    "aws": gettext_lazy("An account of AWS"),
    "kubernetes": gettext_lazy("A Kubernetes cluster"),
}
OFTEN = {
    0: gettext_lazy("when somebody asks"),
    1: gettext_lazy("every minute"),
    60: gettext_lazy("every hour"),
    1440: gettext_lazy("every day"),
}
SETTINGS = {
    ("network", "targets"): (
        "",
        gettext_lazy(
            "Addresses, networks, ranges or host names: 192.0.2.0/24, www.example.org:443, [2001:db8::1]."
        ),
    ),
    ("files", "targets"): (
        "",
        gettext_lazy("Folders and files, from the root: /etc/ssl. Images: image:/srv/images/shop.tar."),
    ),
    ("openssl-ca", "targets"): (
        "",
        gettext_lazy("Folders with an index.txt, from the root: /etc/easy-rsa/pki."),
    ),
    ("openssl-ca-ssh", "targets"): (
        "",
        gettext_lazy("A machine and a folder with an index.txt there: ca.example.org /etc/easy-rsa/pki."),
    ),
    ("certwright", "targets"): ("", gettext_lazy("Its address: https://pki.example.org:8443.")),
    ("certwright", "token"): (gettext_lazy("Token of the other"), gettext_lazy("One that may only read.")),
    ("certwright", "trust"): (
        gettext_lazy("Certificates by which the other is known"),
        gettext_lazy("In PEM: its root, or its own. Empty: those that the system trusts."),
    ),
    ("certwright", "everything_days"): (
        gettext_lazy("After how many days everything is listed again"),
        gettext_lazy("0: each time."),
    ),
    ("certwright", "seconds"): (gettext_lazy("Seconds to wait for an answer"), ""),
    ("ldap", "targets"): (
        "",
        gettext_lazy(
            "A directory, and the part of its tree if not all: ldaps://dc1.example.org dc=example,dc=org."
        ),
    ),
    ("ldap", "bind_dn"): (
        gettext_lazy("As whom to ask"),
        gettext_lazy("A name in the directory. Empty: nobody."),
    ),
    ("ldap", "password"): (gettext_lazy("Its password"), ""),
    ("ldap", "trust"): (
        gettext_lazy("Certificates by which the directory is known"),
        gettext_lazy("In PEM: its root, or its own. Empty: those that the system trusts."),
    ),
    ("ldap", "entries_max"): (gettext_lazy("Entries with certificates, at most"), ""),
    ("ldap", "seconds"): (gettext_lazy("Seconds to wait for an answer"), ""),
    ("vault", "targets"): (
        "",
        gettext_lazy(
            "Its address, and the mount of an engine if not all: https://vault.example.org:8200 pki."
        ),
    ),
    ("vault", "token"): (gettext_lazy("Token"), gettext_lazy("One that may only read.")),
    ("vault", "namespace"): (gettext_lazy("Namespace"), gettext_lazy("Empty where there are none.")),
    ("vault", "trust"): (
        gettext_lazy("Certificates by which the server is known"),
        gettext_lazy("In PEM: its root, or its own. Empty: those that the system trusts."),
    ),
    ("vault", "certificates_max"): (gettext_lazy("Certificates, at most"), ""),
    ("vault", "seconds"): (gettext_lazy("Seconds to wait for an answer"), ""),
    ("step-ca", "targets"): ("", gettext_lazy("Its database: postgresql://db.example.org:5432/step_ca.")),
    ("step-ca", "user"): (
        gettext_lazy("Account to ask with"),
        gettext_lazy("One that may read x509_certs, x509_certs_data and revoked_x509_certs, and no more."),
    ),
    ("step-ca", "password"): (gettext_lazy("Its password"), ""),
    ("step-ca", "issuers"): (
        gettext_lazy("Certificates of the authority"),
        gettext_lazy("In PEM: its intermediates, earlier ones too, and its root."),
    ),
    ("step-ca", "trust"): (
        gettext_lazy("Certificates by which the database is known"),
        gettext_lazy("In PEM: the root of its server, or its own. Empty: those that the system trusts."),
    ),
    ("step-ca", "certificates_max"): (gettext_lazy("Certificates, at most"), ""),
    ("step-ca", "seconds"): (gettext_lazy("Seconds to wait for an answer"), ""),
    ("ct-log", "targets"): (
        "",
        gettext_lazy("Its address, the one to monitor it by if it has two: https://ct.example.org/2027."),
    ),
    ("ct-log", "key"): (
        gettext_lazy("The log's public key"),
        gettext_lazy("In base64, as log lists have it."),
    ),
    ("ct-log", "names"): (
        gettext_lazy("Domains to watch for, one to a line"),
        gettext_lazy("What is below them too: example.org."),
    ),
    ("ct-log", "start"): (
        gettext_lazy("Where the first run begins"),
        gettext_lazy("end: with what is logged from now on. Or the index of an entry."),
    ),
    ("ct-log", "entries_max"): (gettext_lazy("Entries that one run reads, at most"), ""),
    ("ct-log", "trust"): (
        gettext_lazy("Certificates by which the server is known"),
        gettext_lazy("In PEM: its root, or its own. Empty: those that the system trusts."),
    ),
    ("ct-log", "seconds"): (gettext_lazy("Seconds to wait for an answer"), ""),
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
SAME = {"openssl-ca": "files", "openssl-ca-ssh": "ssh"}
"""Sources whose settings are called as those of another are."""
FIRST = (
    *(("ssh", "user"), ("ssh", "private_key"), ("ssh", "known_hosts")),
    *(("aws", "access_key_id"), ("aws", "secret_access_key")),
    ("kubernetes", "kubeconfig"),
    *(("ct-log", "key"), ("ct-log", "names")),
    *(("step-ca", "user"), ("step-ca", "password"), ("step-ca", "issuers")),
)
"""Settings without which nothing can be looked at."""
LONG = frozenset(
    (source, name) for source in ("ssh", "openssl-ca-ssh") for name in ("known_hosts", "private_key")
) | {
    *(("certwright", "trust"), ("ldap", "trust"), ("vault", "trust"), ("ct-log", "trust")),
    *(("aws", "authorities"), ("kubernetes", "kubeconfig")),
    *(("step-ca", "issuers"), ("step-ca", "trust")),
}
"""Settings of several lines."""


def setting_words(source: str, name: str) -> tuple[str, str]:
    """The label and the help of a setting; a plugin that nobody here knows has its own names shown."""
    other = SAME.get(source, source)
    label, help_text = SETTINGS.get((source, name)) or SETTINGS.get((other, name), ("", ""))
    return str(label) or name.replace("_", " ").capitalize(), str(help_text)


def source_words(source: str) -> str:
    return str(SOURCES.get(source, source))


def how_often(minutes: int) -> str:
    if minutes in OFTEN:
        return str(OFTEN[minutes])
    if minutes % 1440 == 0:
        return ngettext("every %d day", "every %d days", minutes // 1440) % (minutes // 1440)
    if minutes % 60 == 0:
        return ngettext("every %d hour", "every %d hours", minutes // 60) % (minutes // 60)
    return ngettext("every %d minute", "every %d minutes", minutes) % minutes


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
        return ngettext("%d minute", "%d minutes", minutes) % minutes
    hours = -(-minutes // 60)
    if hours < 72:
        return ngettext("%d hour", "%d hours", hours) % hours
    return ngettext("%d day", "%d days", -(-hours // 24)) % -(-hours // 24)


def place_words(place: dict[str, object]) -> str:
    """Where something is, in one line."""
    host, port, name = str(place["host"]), place["port"], str(place["name"])
    where = f"[{host}]" if ":" in host and port else host
    if port:
        where = f"{where}:{port}"
    if name:
        where = f"{where} · {name}" if where else name
    return f"{where} ({place['zone']})" if place["zone"] else where
