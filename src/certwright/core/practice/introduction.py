"""Chapters 1 to 3: who takes part, what is published where, and how identities are checked."""

from ..distinguished_name import short_name
from ..extensions import purpose_name
from ..names import IdentifierKind
from ..profile import Profile
from .document import Block, Kind, Table
from .facts import EndpointFacts, Facts

Said = dict[str, tuple[Block, ...]]
_METHODS = {
    "http-01": "a file served at the name over HTTP (RFC 8555 section 8.3)",
    "dns-01": "a TXT record below the name in the DNS (RFC 8555 section 8.4)",
    "tls-alpn-01": "a certificate shown at the name by TLS (RFC 8737)",
}


def introduction(facts: Facts, kind: Kind) -> Said:
    return _overview(facts, kind) | _participants(facts) | _repositories(facts) | _identification(facts)


def _overview(facts: Facts, kind: Kind) -> Said:
    address = facts.policy_address if kind is Kind.CP else facts.practice_address
    about = (
        "what is promised of certificates" if kind is Kind.CP else "how certificates are issued and managed"
    )
    return {
        "1.1": (
            (
                f"This document says {about} of {facts.organization}. Its outline is that of RFC 3647, "
                "section 6. It is made from the configuration that is in force, with the organization's "
                "own text; where there is neither, it says: No stipulation."
            ),
        ),
        "1.2": (
            (
                f"{kind.document_title} of {facts.organization}. The newest version in effect is at "
                f"{address}.html and {address}.pdf; every version stays at {address}/NUMBER.html and "
                f"{address}/NUMBER.pdf. A detached signature (CMS, RFC 5652) of each PDF is beside it, "
                "ending in .p7s."
            ),
            *_policy_oids(facts),
        ),
        "1.5.1": (f"{facts.organization}.",),
        "1.5.4": (
            (
                "A version is published by somebody who may manage the policy of the whole installation, "
                "which is put on record in the audit log. It is signed and cannot be changed afterwards."
            ),
        ),
        "1.6": (_ACRONYMS,),
    }


_ACRONYMS = Table(
    ("Term", "Meaning"),
    (
        ("ACME", "Automatic Certificate Management Environment, RFC 8555"),
        ("CA", "Certification authority: issues certificates"),
        ("CAA", "Certification Authority Authorization, DNS records of RFC 8659"),
        ("CP, CPS", "Certificate policy, certification practice statement"),
        ("CRL", "Certificate revocation list, RFC 5280"),
        ("CSR", "Certificate signing request, RFC 2986"),
        ("OCSP", "Online Certificate Status Protocol, RFC 6960"),
        ("RA", "Registration authority: checks who asks for a certificate"),
    ),
)


def _policy_oids(facts: Facts) -> tuple[Block, ...]:
    rows = tuple(
        (profile.name, policy.oid, policy.cps or "none")
        for profile in facts.profiles
        for policy in profile.policies
    )
    if not rows:
        return ("No profile puts a certificate policy identifier into certificates.",)
    return (Table(("Profile", "Policy identifier", "Address of the statement in certificates"), rows),)


def _participants(facts: Facts) -> Said:
    authorities = tuple((one.title, one.kind, one.subject, one.status) for one in facts.authorities) or (
        ("none", "", "", ""),
    )
    endpoints = tuple((one.path, one.authority, ", ".join(one.profiles)) for one in facts.endpoints)
    ends = tuple(one for one in facts.profiles if not one.is_authority)
    return {
        "1.3.1": (Table(("Authority", "Kind", "Name", "Status"), authorities),),
        "1.3.2": (
            (
                "Applications are checked by the installation itself, at its enrolment endpoints, and by "
                "persons and programs who have been given the role ra-officer or requester."
            ),
            *([Table(("Endpoint", "Authority", "Profiles"), endpoints)] if endpoints else []),
            *([] if endpoints else ["There is no enrolment endpoint in use."]),
        ),
        "1.3.3": ("Whoever asks for a certificate and holds its private key.",),
        "1.3.4": ("Whoever relies on a certificate after checking its path and its status.",),
        "1.4.1": (
            Table(
                ("Profile", "For", "Extended key usage"),
                tuple((one.name, one.description, _purposes(one)) for one in ends),
            ),
        ),
        "1.4.2": (
            (
                "Every use that key usage, extended key usage, name constraints or policies of a "
                "certificate, or of an authority above it, do not permit."
            ),
        ),
    }


def _purposes(profile: Profile) -> str:
    return ", ".join(map(purpose_name, profile.purposes)) or "none"


def _repositories(facts: Facts) -> Said:
    rows = tuple(
        (one.title, one.ca_issuers, one.crl.replace("{shard}", "NUMBER"), one.ocsp) for one in facts.in_force
    )
    times = facts.times
    return {
        "2.1": (f"The repository is at {facts.base_url}.",),
        "2.2": (
            (
                "Certificates of authorities, revocation lists, certificate status by OCSP, and this "
                "document are published. Certificates of subscribers are not published."
            ),
            *([Table(("Authority", "Certificate", "CRL", "OCSP"), rows)] if rows else []),
        ),
        "2.3": (
            (
                f"Complete CRLs are signed every {spell(times.schedule.total_seconds())} and after a "
                f"revocation, and hold for {spell(times.complete.total_seconds())}. OCSP tells of a "
                "revocation at once. This document gets a new version when what it says has changed and "
                "the new version is published."
            ),
        ),
        "2.4": ("Everybody may read what is published. Only the installation itself writes it.",),
    }


def spell(seconds: float) -> str:
    """`7 days`, `12 hours`: in the largest unit that has no rest."""
    for unit, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= unit and seconds % unit == 0:
            count = int(seconds // unit)
            return f"{count} {name}{'' if count == 1 else 's'}"
    return f"{int(seconds)} seconds"


def _identification(facts: Facts) -> Said:
    kinds = tuple((one.name, _subject(one), _names(one)) for one in facts.profiles if not one.is_authority)
    return {
        "3.1.1": (Table(("Profile", "Subject attributes", "Alternative names"), kinds),),
        "3.1.4": (
            (
                "Names are written as RFC 4514 says, internationalized domain names in their A-label "
                "form (RFC 5890). Names are compared as RFC 5280 section 7 says."
            ),
        ),
        "3.1.5": (
            (
                "No two authorities have one name. The same subject may have several certificates; a "
                "serial number is unique within its authority and has 126 random bits."
            ),
        ),
        "3.2.1": (
            (
                "By the signature of the certification request (RFC 2986), which is verified, or at ACME "
                "by that of the request to finalize the order."
            ),
        ),
        "3.2.4": (
            (
                "Subject attributes other than names whose control was proved are taken as whoever has "
                "the right to ask for the certificate gives them. At ACME endpoints they are left out."
            ),
        ),
        "3.2.5": _validation(facts),
        "3.3.1": ("As for the first certificate, or by somebody whom roles permit to renew it.",),
        "3.3.2": ("As for the first certificate; a key that is known as compromised is certified no more.",),
        "3.4": (
            (
                "By the role of whoever asks; at ACME also by the account, by control of all names, or "
                "by the certificate's own key (RFC 8555 section 7.6)."
            ),
        ),
    }


def _subject(profile: Profile) -> str:
    return ", ".join(short_name(rule.oid) for rule in profile.subject) or "none"


def _names(profile: Profile) -> str:
    kinds = [kind.value for kind in IdentifierKind if kind in profile.names.kinds]
    wild = " (wildcards too)" if profile.names.wildcards else ""
    return (", ".join(kinds) + wild) if kinds else "none"


def _validation(facts: Facts) -> tuple[Block, ...]:
    blocks: list[Block] = [
        (
            "Whoever asks through the REST interface or the command line needs a role that permits it. "
            "At an enrolment endpoint control of every name is proved first:"
        )
    ]
    if not facts.endpoints:
        return (blocks[0], "There is no enrolment endpoint in use.")
    return (*blocks, *[_endpoint_table(one) for one in facts.endpoints])


def _endpoint_table(one: EndpointFacts) -> Table:
    settings = one.settings
    caa = (
        f"checked, for {', '.join(settings.caa_identities) or 'no identity'}"
        if settings.check_caa
        else "not checked"
    )
    binding = "required" if settings.require_account_binding else "not required"
    return Table(
        ("Endpoint", one.path),
        (
            ("Methods", "; ".join(f"{name}: {_METHODS[name]}" for name in settings.challenges)),
            ("CAA records (RFC 8659)", caa),
            ("External account binding", binding),
            ("A proof is good for", spell(settings.authorization_lifetime.total_seconds())),
            ("Names allowed", _allowed(one)),
        ),
    )


def _allowed(one: EndpointFacts) -> str:
    allow, deny = one.policy.allow, one.policy.deny
    said = (
        "every name"
        if allow is None
        else ", ".join(f"{item.kind}:{item.pattern}" for item in allow) or "none"
    )
    return said + (f"; never {', '.join(f'{item.kind}:{item.pattern}' for item in deny)}" if deny else "")
