"""What those are called that sign in an authority's service: OCSP responders, and keys for documents."""

from dataclasses import replace

from ..core.distinguished_name import COMMON_NAME, ORGANIZATION, DistinguishedName, parse_name
from ..core.extensions import DirectorySubtree
from ..core.profile import Profile, subject_rules
from ..store.snapshot import Generation


def signer_name(generation: Generation, common_name: str) -> DistinguishedName:
    """Name constraints are about signers too: where they are about directory names, it is the authority's own
    name with a common name in the place of its; else its organization's."""
    own = (COMMON_NAME, common_name)
    subject = parse_name(generation.row.subject)
    if _within_directory_names(generation):
        above = [rdn for rdn in subject.rdns if all(oid != COMMON_NAME for oid, _ in rdn)]
        return DistinguishedName((*above, (own,)))
    organization = [((ORGANIZATION, value),) for value in subject.values(ORGANIZATION)[:1]]
    return DistinguishedName((*organization, (own,)))


def named_profile(profile: Profile, generation: Generation, common_name: str) -> Profile:
    """Where the signer is named after its authority, with whatever that name is made of, in its order."""
    if not _within_directory_names(generation):
        return profile
    return replace(profile, subject=subject_rules(signer_name(generation, common_name)))


def _within_directory_names(generation: Generation) -> bool:
    return any(
        isinstance(tree, DirectorySubtree)
        for constraints in generation.as_issuer.name_constraints
        for tree in (*constraints.permitted, *constraints.excluded)
    )
