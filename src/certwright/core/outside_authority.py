"""An authority of ours that an outside one signs: what its CSR asks for, and whether the certificate that
comes back says as much.
"""

from collections.abc import Iterator
from typing import Any

from . import der
from . import extensions as ext
from .constraints import covers
from .errors import Reason, Refused
from .extensions import AnySubtree, CertificatePolicy, NameConstraints
from .issuer import read_authority
from .plan import CertificatePlan
from .profile import Profile
from .profile_document import parse_subtree
from .request import AuthorityTerms

_EXTENSION_REQUEST = "1.2.840.113549.1.9.14"
_ASKED = frozenset(
    {
        ext.BASIC_CONSTRAINTS,
        ext.KEY_USAGE,
        ext.EXTENDED_KEY_USAGE,
        ext.NAME_CONSTRAINTS,
        ext.CERTIFICATE_POLICIES,
        ext.SUBJECT_KEY_IDENTIFIER,
    }
)


def extension_request(plan: CertificatePlan) -> bytes:
    """DER of the CSR attribute that asks for what of the plan is ours to choose (RFC 2985 section 5.4.2)."""
    asked = [extension.encode() for extension in plan.extensions if extension.oid in _ASKED]
    return der.sequence(der.object_identifier(_EXTENSION_REQUEST), der.tlv(der.SET, der.sequence(*asked)))


# -- terms -----------------------------------------------------------------------------------------


def terms_document(terms: AuthorityTerms | None) -> dict[str, Any] | None:
    """The terms of an order as plain values, ready for JSON."""
    if terms is None:
        return None
    constraints = terms.name_constraints or NameConstraints()
    return {
        "path_length": terms.path_length,
        "permitted": [_shown(tree) for tree in constraints.permitted],
        "excluded": [_shown(tree) for tree in constraints.excluded],
        "policies": [{"oid": policy.oid, "cps": policy.cps} for policy in terms.policies],
    }


def terms_from_document(document: dict[str, Any] | None) -> AuthorityTerms | None:
    """What `terms_document` was made of."""
    if document is None:
        return None
    permitted, excluded = (tuple(map(parse_subtree, document[name])) for name in ("permitted", "excluded"))
    constraints = NameConstraints(permitted, excluded) if permitted or excluded else None
    policies = [CertificatePolicy(one["oid"], one["cps"]) for one in document["policies"]]
    return AuthorityTerms(document["path_length"], constraints, tuple(policies))


def check_ordered(terms: AuthorityTerms | None, profile: Profile, certificate: bytes) -> None:
    """The certificate (DER) of an authority permits no more than was ordered, by its terms or its profile.

    A narrower one is taken: how far they trust us is for others to say. So is one without the path length of
    the profile, which many leave out; one that was ordered must be there. Raises Malformed, and Refused with
    every reason against it.
    """
    terms, found = terms or AuthorityTerms(), read_authority(certificate)
    constraints = terms.name_constraints or profile.name_constraints or NameConstraints()
    reasons = [
        *_path_length(terms.path_length, found.path_length),
        *_constraints(constraints, found.name_constraints),
        *_policies({policy.oid for policy in terms.policies or profile.policies}, found.policies),
        *_purposes(set(profile.purposes), found.purposes),
    ]
    if reasons:
        raise Refused(tuple(reasons))


def _path_length(ordered: int | None, found: int | None) -> Iterator[Reason]:
    if ordered is not None and (found is None or found > ordered):
        has = "none" if found is None else str(found)
        text = f"path length {ordered} was ordered, and the certificate has {has}"
        yield Reason("authority.terms.path-length", text, "RFC 5280 4.2.1.9")


def _constraints(ordered: NameConstraints, found: NameConstraints | None) -> Iterator[Reason]:
    """Of each kind that an order limits, every name that the certificate permits is one that was ordered."""
    found = found or NameConstraints()
    for kind in dict.fromkeys(tree.kind for tree in ordered.permitted):
        wanted = [tree for tree in ordered.permitted if tree.kind == kind]
        permitted = [tree for tree in found.permitted if tree.kind == kind]
        if not permitted:
            text = (
                f"only {', '.join(map(_shown, wanted))} was ordered, and the certificate permits every {kind}"
            )
            yield _wider(text)
        for tree in permitted:
            if not any(covers(one, tree) for one in wanted):
                yield _wider(f"the certificate permits {_shown(tree)}, which was not ordered")
    for tree in ordered.excluded:
        if not any(covers(one, tree) for one in found.excluded):
            yield _wider(f"the certificate does not exclude {_shown(tree)}, as was ordered")


def _wider(text: str) -> Reason:
    return Reason("authority.terms.name-constraints", text, "RFC 5280 4.2.1.10")


def _policies(ordered: set[str], found: frozenset[str] | None) -> Iterator[Reason]:
    if ordered and (beyond := (found or frozenset()) - ordered):
        text = f"the certificate has policy {', '.join(sorted(beyond))}, which was not ordered"
        yield Reason("authority.terms.policies", text, "RFC 5280 4.2.1.4")


def _purposes(ordered: set[str], found: frozenset[str] | None) -> Iterator[Reason]:
    if ordered and (found is None or found - ordered):
        beyond = "every purpose" if found is None else ", ".join(sorted(found - ordered))
        text = f"the certificate is for {beyond}, which the profile does not ask for"
        yield Reason("authority.terms.purposes", text, "RFC 5280 4.2.1.12")


def _shown(tree: AnySubtree) -> str:
    return f"{tree.kind}:{tree.base}"
