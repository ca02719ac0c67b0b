"""CA/Browser Forum Baseline Requirements for S/MIME: the basics of a subscriber certificate.

On where a profile asks for `cabf-smime`. Sections are those of the S/MIME BR, version 1.
"""

from datetime import timedelta

from .. import extensions as ext
from ..distinguished_name import COMMON_NAME, EMAIL_ADDRESS, short_name
from ..names import IdentifierKind
from ..profile import Profile, key_family
from .cabf_tls import is_internal
from .decoded import Decoded
from .finding import Finding, Part, error, rule

Found = tuple[Finding, ...]

_POLICY_ARC = "2.23.140.1.5."
_DAYS = 825
_FORBIDDEN = {
    ext.PURPOSES[name] for name in ("serverAuth", "codeSigning", "timeStamping", "anyExtendedKeyUsage")
}

LIFETIME = error("cabf-smime.lifetime", "S/MIME BR 6.3.2", "lives longer than 825 days")


@rule(Part.VALIDITY, findings=(LIFETIME,))
def lifetime(decoded: Decoded, _profile: Profile) -> Found:
    return (LIFETIME,) if decoded.not_after - decoded.not_before >= timedelta(days=_DAYS) else ()


NAMES = error("cabf-smime.names", "S/MIME BR 7.1.4.2.1", "subjectAltName must have a mailbox address")
NAMES_KIND = error("cabf-smime.names.kind", "S/MIME BR 7.1.4.2.1", "a name of a kind that is not permitted")
SUBJECT_MAIL = error(
    "cabf-smime.subject.mail",
    "S/MIME BR 7.1.4.2.2",
    "a mail address in the subject must be an alternative name",
)
NAMES_INTERNAL = error("cabf-smime.names.internal", "S/MIME BR 4.2.2", "a mail address at an internal domain")
_KINDS = frozenset({IdentifierKind.EMAIL, IdentifierKind.UPN})


@rule(Part.SUBJECT, Part.NAMES, findings=(NAMES, NAMES_KIND, NAMES_INTERNAL, SUBJECT_MAIL))
def names(decoded: Decoded, _profile: Profile) -> list[Finding]:
    addresses = {name.value for name in decoded.names if name.kind is IdentifierKind.EMAIL}
    found = [] if addresses else [NAMES]
    found += [NAMES_KIND.about(name) for name in decoded.names if name.kind not in _KINDS]
    found += [
        NAMES_INTERNAL.about(text) for text in sorted(addresses) if is_internal(text.rpartition("@")[2])
    ]
    written = [value for value in decoded.subject.values(COMMON_NAME) if "@" in value]
    written += decoded.subject.values(EMAIL_ADDRESS)
    return found + [SUBJECT_MAIL.about(value) for value in written if value not in addresses]


SUBJECT = error(
    "cabf-smime.subject",
    "S/MIME BR 7.1.4.2.3",
    "a mailbox-validated subject holds a mailbox as commonName, emailAddress and serialNumber, nothing else",
)
_MAILBOX_POLICIES = frozenset({f"{_POLICY_ARC}1.{generation}" for generation in (1, 2, 3)})
_MAILBOX_SUBJECT = frozenset({"CN", "emailAddress", "serialNumber"})


@rule(Part.SUBJECT, findings=(SUBJECT,))
def mailbox_subject(decoded: Decoded, _profile: Profile) -> list[Finding]:
    policies = decoded.frame.value(ext.CertificatePolicies)
    if policies is None or not any(policy.oid in _MAILBOX_POLICIES for policy in policies.policies):
        return []
    pairs = [(short_name(oid), value) for oid, value in decoded.subject.attributes()]
    wrong = [(short, value) for short, value in pairs if short not in _MAILBOX_SUBJECT]
    wrong += [(short, value) for short, value in pairs if short == "CN" and "@" not in value]
    return [SUBJECT.about(f"{short}={value}") for short, value in wrong]


PURPOSE = error("cabf-smime.purpose", "S/MIME BR 7.1.2.3.f", "extKeyUsage must have emailProtection")
PURPOSE_OTHER = error("cabf-smime.purpose.other", "S/MIME BR 7.1.2.3.f", "a purpose that must not be there")
POLICY = error("cabf-smime.policy", "S/MIME BR 7.1.6.1", "one reserved policy identifier must be there")
CRL = error("cabf-smime.crl", "S/MIME BR 7.1.2.3.b", "cRLDistributionPoints must be there")
KEY = error("cabf-smime.key", "S/MIME BR 6.1.5", "the key's algorithm is not permitted")
USAGE = error(
    "cabf-smime.key-usage", "S/MIME BR 7.1.2.3.e", "keyUsage must be there, critical, and fit the purpose"
)
_KEYS = frozenset({"rsa", "ecdsa", "eddsa"})
_USES = {
    "digitalSignature",
    "contentCommitment",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "encipherOnly",
    "decipherOnly",
}


@rule(findings=(PURPOSE, PURPOSE_OTHER, POLICY, CRL, KEY, USAGE))
def frame(decoded: Decoded, _profile: Profile) -> list[Finding]:
    found = decoded.frame
    purposes = found.value(ext.ExtendedKeyUsage)
    named = set(purposes.purposes) if purposes else set()
    policies = found.value(ext.CertificatePolicies)
    reserved = [p for p in policies.policies if p.oid.startswith(_POLICY_ARC)] if policies else []
    usage = found.value(ext.KeyUsage)
    checks = (
        (ext.PURPOSES["emailProtection"] not in named, PURPOSE),
        (bool(named & _FORBIDDEN), PURPOSE_OTHER),
        (len(reserved) != 1, POLICY),
        (not found.has(ext.CRL_DISTRIBUTION_POINTS), CRL),
        (key_family(found.key_algorithm) not in _KEYS, KEY),
        (usage is None or bool(usage.uses - _USES) or not found.critical(ext.KEY_USAGE), USAGE),
    )
    return [finding for wrong, finding in checks if wrong]


RULES = (lifetime, names, mailbox_subject, frame)
