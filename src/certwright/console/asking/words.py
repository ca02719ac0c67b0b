"""Profiles, keys, name attributes and approvals in the words of people who know nothing of certificates."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ...core.keys import KeyAlgorithm
from ...core.names import IdentifierKind
from ...core.profile import Profile

FOR = {
    "tls-server": gettext_lazy("A web site or another server"),
    "tls-client": gettext_lazy("A program or a person that logs in somewhere"),
    "tls-server-client": gettext_lazy("A server that also connects to others, as in a cluster"),
    "code-signing": gettext_lazy("Signing programs and packages"),
    "smime-signing": gettext_lazy("Signing mail"),
    "smime-encryption": gettext_lazy("Receiving encrypted mail"),
    "document-signing": gettext_lazy("Signing documents"),
    "device": gettext_lazy("A device: network access, machine to machine"),
    "vpn-gateway": gettext_lazy("A VPN gateway"),
    "smart-card-logon": gettext_lazy("Logging in with a smart card"),
    "domain-controller": gettext_lazy("A domain controller"),
    "time-stamping": gettext_lazy("A time stamping service"),
}
KEYS = {
    KeyAlgorithm.ECDSA_P256: gettext_lazy("ECDSA P-256: the usual choice"),
    KeyAlgorithm.ECDSA_P384: gettext_lazy("ECDSA P-384"),
    KeyAlgorithm.RSA_3072: gettext_lazy("RSA 3072: for older programs"),
}
ATTRIBUTES = {
    "CN": gettext_lazy("Name"),
    "O": gettext_lazy("Organization"),
    "OU": gettext_lazy("Department"),
    "C": gettext_lazy("Country, two capital letters"),
    "L": gettext_lazy("Town"),
    "ST": gettext_lazy("State or province"),
    "GN": gettext_lazy("First name"),
    "SN": gettext_lazy("Family name"),
    "UID": gettext_lazy("User name"),
    "serialNumber": gettext_lazy("Serial number of the device or person"),
    "emailAddress": gettext_lazy("Mail address"),
    "DC": gettext_lazy("Domain, part by part"),
}
KINDS = {
    IdentifierKind.DNS: gettext_lazy("DNS names such as www.example.com"),
    IdentifierKind.IP: gettext_lazy("IP addresses such as 192.0.2.7"),
    IdentifierKind.EMAIL: gettext_lazy("mail addresses"),
    IdentifierKind.URI: gettext_lazy("URIs such as spiffe://example.com/x"),
    IdentifierKind.UPN: gettext_lazy("log-in names such as upn:ann@example.com"),
    IdentifierKind.GUID: gettext_lazy("GUIDs of directory objects"),
    IdentifierKind.KERBEROS: gettext_lazy("Kerberos names such as kerberos:host/a@EXAMPLE.COM"),
}


def what_for(profile: Profile) -> str:
    """What a certificate of the profile is for: our words for built-in ones, else the profile's own."""
    return str(FOR.get(profile.name) or profile.description or profile.name)


def name_help(profile: Profile) -> str:
    """What can be written as names, one a line."""
    kinds = ", ".join(str(KINDS[kind]) for kind in IdentifierKind if kind in profile.names.kinds)
    told = _("One on each line: %(kinds)s.") % {"kinds": kinds}
    return f"{told} {_('*.example.com stands for all directly below.')}" if profile.names.wildcards else told


def approver(text: str) -> str:
    """`role:ROLE`, `team:NAME` or `user:NAME` for people."""
    kind, _colon, name = text.partition(":")
    words = {"role": _("whoever is %(name)s"), "team": _("the team %(name)s")}
    return words.get(kind, "%(name)s") % {"name": name}


def steps(documents: list[dict[str, Any]]) -> list[str]:
    """Steps of approval as `approval_step_to_document` writes them, one line each."""
    return [
        ngettext(
            "%(step)s: %(count)d approval by %(who)s",
            "%(step)s: %(count)d approvals by %(who)s",
            one["quorum"],
        )
        % {
            "step": one["step"],
            "count": one["quorum"],
            "who": _(" or ").join(approver(text) for text in one["from"]),
        }
        for one in documents
    ]
