"""Does a path lead to an authority's certificate, as relying parties will ask? (RFC 5280 section 6.1)"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from . import extensions as ext
from .audit import shown
from .constraints import mail_permitted, name_permitted, permitted
from .distinguished_name import EMAIL_ADDRESS, DistinguishedName, name_from_x509
from .errors import Reason, Refused
from .general_names import decode_general_name
from .issuer import AuthorityCertificate, constraints_of, path_length_left, read_authority
from .names import Identifier

# every code a refusal of an authority from outside can carry, for docs/reference/findings.md
REASONS: dict[str, str] = {
    "authority.chain": "A certificate is not signed by the next of the chain, or the last not by itself.",
    "authority.dates": "A certificate of the chain is not valid now.",
    "authority.key-usage": "A keyUsage of the chain lacks keyCertSign, or the authority's own cRLSign.",
    "authority.extension": "A certificate of the chain has a critical extension that is not processed here.",
    "authority.path-length": "A certificate of the chain permits fewer authorities below it.",
    "authority.name-constraints": "A certificate of the chain excludes a name of one below it.",
    "authority.terms.path-length": "The certificate permits more authorities below it than were ordered.",
    "authority.terms.name-constraints": "The certificate permits names that order or profile do not.",
    "authority.terms.policies": "The certificate has a policy that was not ordered.",
    "authority.terms.purposes": "The certificate is for purposes that the profile does not ask for.",
    "authority.key": "The certificate is for another key.",
    "authority.subject": "The certificate is for another name.",
    "authority.revoked": "A certificate of the chain is one of ours, and revoked or on hold.",
    "authority.crl": "The revocation list is not one of the authority, or cannot be carried on.",
}
# what is decided by, here or by `policy.evaluate`; for lists, relying parties look themselves
_PROCESSED = frozenset(
    {
        ext.BASIC_CONSTRAINTS,
        ext.KEY_USAGE,
        ext.EXTENDED_KEY_USAGE,
        ext.SUBJECT_ALTERNATIVE_NAME,
        ext.NAME_CONSTRAINTS,
        ext.CERTIFICATE_POLICIES,
        ext.CRL_DISTRIBUTION_POINTS,
    }
)
SHOWN_MAX = 200


def check_chain(certificate: bytes, chain: Sequence[bytes], now: datetime) -> x509.Certificate:
    """The authority certificate (DER), read, if a path leads to it down `chain`, its own issuer first.

    Raises Malformed, and Refused with every reason against it.
    """
    path = [read_authority(der) for der in (certificate, *chain)]
    reasons = [*_signatures(path), *_dates(path, now), *_key_uses(path), *_unknown(path), *_names(path)]
    if (path_length_left(path) or 0) < 0:
        text = "a path length above leaves no room for this authority"
        reasons.append(Reason("authority.path-length", text, "RFC 5280 4.2.1.9"))
    if reasons:
        raise Refused(tuple(reasons))
    return path[0].parsed


def _signatures(path: Sequence[AuthorityCertificate]) -> Iterator[Reason]:
    """Each by the next, and the last by itself: what stands above a shorter path would be forgotten."""
    for child, parent in zip(path, [*path[1:], path[-1]], strict=True):
        try:
            child.parsed.verify_directly_issued_by(parent.parsed)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            text = f"{_named(child)} is not signed by {_named(parent)}; give the chain from issuer to root"
            yield Reason("authority.chain", text)


def _dates(path: Sequence[AuthorityCertificate], now: datetime) -> Iterator[Reason]:
    for one in path:
        if not one.parsed.not_valid_before_utc <= now <= one.parsed.not_valid_after_utc:
            yield Reason("authority.dates", f"{_named(one)} is not valid now")


def _key_uses(path: Sequence[AuthorityCertificate]) -> Iterator[Reason]:
    """RFC 5280 6.1.4 (n); the authority itself signs lists too (section 4.2.1.3)."""
    for index, one in enumerate(path):
        needed = {"keyCertSign"} if index else {"keyCertSign", "cRLSign"}
        if one.key_uses is not None and (missing := needed - one.key_uses):
            text = f"the keyUsage of {_named(one)} lacks {' and '.join(sorted(missing))}"
            yield Reason("authority.key-usage", text, "RFC 5280 4.2.1.3")


def _unknown(path: Sequence[AuthorityCertificate]) -> Iterator[Reason]:
    """RFC 5280 6.1.4 (o) and 6.1.5 (f)."""
    for one in path:
        for extension in one.parsed.extensions:
            oid = extension.oid.dotted_string
            if extension.critical and oid not in _PROCESSED:
                text = f"{_named(one)} has critical extension {oid}, which is not processed here"
                yield Reason("authority.extension", text, "RFC 5280 6.1.4")


def _names(path: Sequence[AuthorityCertificate]) -> Iterator[Reason]:
    """RFC 5280 6.1.3 (b) and (c)."""
    for index, one in enumerate(path):
        constraints = constraints_of(path[index + 1 :])
        if not constraints or one.self_issued:
            continue
        mails = name_from_x509(one.parsed.subject).values(EMAIL_ADDRESS)
        outside = [mail for mail in mails if not mail_permitted(constraints, mail)]
        directory, others = _alternative_names(one.parsed)
        names = [name_from_x509(one.parsed.subject), *directory]
        outside += [f"name {name}" for name in names if not name_permitted(constraints, name)]
        outside += [str(name) for name in others if not permitted(constraints, name)]
        for name in outside:
            text = f"{name} of {_named(one)} is outside the name constraints above it"
            yield Reason("authority.name-constraints", text, "RFC 5280 4.2.1.10")


_CONSTRAINED = (x509.DNSName, x509.RFC822Name, x509.UniformResourceIdentifier, x509.IPAddress)


def _alternative_names(
    certificate: x509.Certificate,
) -> tuple[list[DistinguishedName], list[Identifier]]:
    """Those of kinds that name constraints can be about; directory names apart."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return [], []
    directory = [name_from_x509(name.value) for name in names if isinstance(name, x509.DirectoryName)]
    return directory, [decode_general_name(name) for name in names if isinstance(name, _CONSTRAINED)]


def _named(one: AuthorityCertificate) -> str:
    return shown(one.parsed.subject.rfc4514_string(), SHOWN_MAX)
