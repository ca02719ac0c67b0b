"""Chapter 5: roles, the audit log, records, and what happens when keys change or are lost."""

from ..access import GIVEN_ROLES, VERBS, Role, Verb
from ..audit import EventKind
from .document import Table
from .facts import Facts
from .introduction import Said, spell


def management(facts: Facts) -> Said:
    return _roles(facts) | _audit() | _records(facts) | _end()


def _roles(facts: Facts) -> Said:
    rows = tuple((role.value, ", ".join(verb.value for verb in Verb if verb in VERBS[role])) for role in Role)
    without_issuing = [role.value for role in GIVEN_ROLES if Verb.ISSUE not in VERBS[role]]
    rules = "" if facts.rules is None else f" Rules of issuance, version {facts.rules}, say more."
    return {
        "5.2.1": (
            (
                "Roles are given within a scope: everything, or an authority, profile, endpoint, team or "
                "tag. The role owner comes by owning something and is given to nobody."
            ),
            Table(("Role", "May"), rows),
        ),
        "5.2.2": (f"One, where no rules of issuance say otherwise.{rules}",),
        "5.2.3": (
            (
                "By password, by a bearer token, of which only the SHA-256 is kept, or on the machine "
                "itself by the operating system's account."
            ),
        ),
        "5.2.4": (
            (
                f"Certificates are not issued by: {', '.join(without_issuing)}. Nobody gives more rights "
                "than they have. The role administrator permits everything, and so separates nothing; "
                "who has it is for the organization to limit."
            ),
        ),
    }


def _audit() -> Said:
    return {
        "5.4.1": (
            (
                "Every act that changes something is put on record in the same transaction as what it "
                "did, with time, actor, source and subject. The kinds are:"
            ),
            Table(
                ("Event", "What has happened"), tuple((kind.value, kind.description) for kind in EventKind)
            ),
        ),
        "5.4.2": ("Events come under a signed checkpoint about every second.",),
        "5.4.3": ("Audit events are not deleted by the installation.",),
        "5.4.4": (
            (
                "Each writer strings its events on a hash chain; all are leaves of a Merkle tree (RFC "
                "9162), whose size and root are signed with a key that is in no database. A checkpoint "
                "kept elsewhere finds every later change of what it covers."
            ),
        ),
        "5.4.6": ("Internal: events are collected by the installation itself, and can be exported.",),
        "5.4.7": ("There is no notification.",),
    }


def _records(facts: Facts) -> Said:
    return {
        "5.5.1": (
            (
                "Certificates, their status, requests that were carried out, versions of profiles, rules "
                "and of this document, and the audit log."
            ),
        ),
        "5.5.2": (
            (
                "These are not deleted by the installation. Orders and authorizations of ACME, and the "
                f"evidence that belongs to them, go {spell(facts.enrolment_kept.total_seconds())} after "
                "their end; what the audit log says of them stays."
            ),
        ),
        "5.5.3": ("As the audit log (section 5.4.4).",),
        "5.5.5": (
            (
                "Records bear the time of the installation's own clock, in UTC. There are no time-stamps of "
                "others."
            ),
        ),
        "5.5.6": ("Internal.",),
        "5.5.7": (
            (
                "The audit log can be exported and checked without this software; proofs for single "
                "events can be given out."
            ),
        ),
    }


def _end() -> Said:
    return {
        "5.6": (
            (
                "An authority with a new key has a certificate of its own. What was signed with the key "
                "before stays valid until its end, and its status data goes on."
            ),
        ),
        "5.7.3": (
            (
                "The certificate of the authority is revoked by its issuer; from then on neither it nor "
                "any authority below it issues. The compromised key is certified no more."
            ),
        ),
        "5.8": (
            (
                "An authority that is retired issues no more; status data of its certificates goes on "
                "until the end of its own certificate."
            ),
        ),
    }
