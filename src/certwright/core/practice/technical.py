"""Chapters 6 to 9: keys and their protection, profiles, and what the organization alone can say."""

from collections.abc import Iterable

from ..documents import duration
from ..extensions import KEY_USES, purpose_name
from ..keys import SIGNATURES, KeyAlgorithm
from ..profile import Profile, key_family
from .document import Block, Table
from .facts import AuthorityFacts, Facts
from .introduction import Said

_PROVIDERS = {
    "software": "in the database, encrypted with AES-256-GCM under a key-encryption key that is kept outside "
    "it; signatures are made in the serving process",
    "recovery": "offline: in the database, encrypted under a recovery passphrase that no machine keeps; a "
    "person gives it for one act",
}
_MODULE = "in a PKCS#11 module, made there as not extractable; signatures are made in the module"


def technical(facts: Facts) -> Said:
    return (
        _key_pairs(facts)
        | _protection(facts)
        | _computers()
        | _certificate_profile(facts)
        | _status_profiles()
    )


def _key_pairs(facts: Facts) -> Said:
    return {
        "6.1.1": (
            (
                "Keys of authorities are made by their key provider (section 6.2.7). Subscribers make "
                "their own keys; on the command line the program that asks may make one and write it to "
                "a file of whoever runs it."
            ),
        ),
        "6.1.2": ("Keys of subscribers are not made, held or delivered by the installation.",),
        "6.1.3": ("In a certification request signed with the private key (RFC 2986).",),
        "6.1.4": (
            (
                "At the addresses in certificates (section 2.2), and as a file when the installation is "
                "founded. Relying parties compare the fingerprint of a root by another way:"
            ),
            *_roots(facts),
        ),
        "6.1.5": (
            Table(("Profile", "Keys"), tuple((one.name, _algorithms(one.keys)) for one in facts.profiles)),
        ),
        "6.1.6": (
            (
                "Keys that are known as compromised, and RSA keys with known flaws (ROCA, close primes, "
                "small factors, small exponents, Debian's generator of 2006 to 2008), are refused."
            ),
        ),
        "6.1.7": (Table(("Profile", "Key usage"), tuple((one.name, _usage(one)) for one in facts.profiles)),),
    }


def _roots(facts: Facts) -> tuple[Block, ...]:
    rows = tuple((one.title, one.fingerprint) for one in facts.in_force if one.kind == "root")
    return (Table(("Root", "SHA-256"), rows),) if rows else ()


def _algorithms(keys: Iterable[KeyAlgorithm]) -> str:
    wanted = set(keys)
    return ", ".join(one.value for one in KeyAlgorithm if one in wanted)


def _usage(profile: Profile) -> str:
    rules = profile.key_usage
    parts = [", ".join(use for use in KEY_USES if use in rules.always)] if rules.always else []
    for family, uses in rules.by_key:
        if any(key_family(key) == family for key in profile.keys):
            parts.append(f"{family}: {', '.join(use for use in KEY_USES if use in uses)}")
    return "; ".join(parts) or "none"


def _protection(facts: Facts) -> Said:
    rows = tuple((one.title, one.algorithm, f"{one.provider}: {kept(one)}") for one in facts.authorities)
    return {
        "6.2.2": ("Keys of authorities are not divided among several persons.",),
        "6.2.3": ("Keys of authorities are not escrowed.",),
        "6.2.4": (
            (
                "Software keys are in every backup of the database, encrypted; a backup of the "
                "key-encryption key, or the recovery passphrase, is needed to use them. Keys in a module "
                "are not extractable, and are backed up by its own means only."
            ),
        ),
        "6.2.6": (
            (
                "A key that was made elsewhere can be brought along into a software provider. No key is "
                "given out."
            ),
        ),
        "6.2.7": ((Table(("Authority", "Algorithm", "The key lies"), rows),) if rows else ()),
        "6.2.8": (
            (
                "Software keys: by the key-encryption key, when the process first uses them. Offline "
                "keys: by the recovery passphrase, for one act. Keys in a module: by its PIN."
            ),
        ),
        "6.2.9": ("At the end of the process; offline keys at the end of the act.",),
        "6.2.10": (
            "By deleting the encrypted key, or the object in the module. Backups keep an encrypted key.",
        ),
        "6.3.1": ("Certificates are kept for good, and with them public keys.",),
        "6.3.2": (
            Table(
                ("Profile", "Default", "At most"),
                tuple(
                    (one.name, duration(one.lifetime.default), duration(one.lifetime.maximum))
                    for one in facts.profiles
                ),
            ),
        ),
        "6.4.1": (
            (
                "The recovery passphrase has 128 random bits. It is shown once, when the installation is "
                "founded."
            ),
        ),
    }


def kept(one: AuthorityFacts) -> str:
    """Where an authority's key lies, by what is known of its provider."""
    return _PROVIDERS.get(one.provider, _MODULE)


def _computers() -> Said:
    return {
        "6.5.1": (
            (
                "A key signs only what was checked and admitted, each admission once. Processes that "
                "answer strangers bound every input in size, depth and time."
            ),
        ),
        "6.6.2": ("Every change of configuration is on record (section 5.4) and makes a new revision.",),
        "6.7": (
            (
                "Administration is over TLS alone. CRLs, OCSP, authorities' certificates and this "
                "document are over plain HTTP too, since they are signed. Connections to others go "
                "through one guard against addresses that must not be reached."
            ),
        ),
        "6.8": ("There is no time-stamping service.",),
    }


def _certificate_profile(facts: Facts) -> Said:
    algorithms = {one.algorithm for one in facts.authorities}
    signatures = tuple(
        (algorithm.value, SIGNATURES[algorithm].name)
        for algorithm in KeyAlgorithm
        if algorithm.value in algorithms
    )
    return {
        "7.1": tuple(_authority_table(one) for one in facts.authorities),
        "7.1.1": ("X.509 version 3 (RFC 5280).",),
        "7.1.2": (
            Table(
                ("Profile", "Version", "Extended key usage", "Basic constraints"),
                tuple((one.name, str(one.version), _purposes(one), _basic(one)) for one in facts.profiles),
            ),
            (
                "Further extensions: key identifiers of subject and authority, subject alternative "
                "names, CRL distribution points and authority information access, where the profile has "
                "them."
            ),
        ),
        "7.1.3": ((Table(("Authority's key", "Signature"), signatures),) if signatures else ()),
        "7.1.4": ("Section 3.1.1.",),
        "7.1.5": _constraints(facts),
        "7.1.6": ("Section 1.2.",),
        "7.1.7": ("The extension is not used.",),
        "7.1.8": ("The address of the practice statement (cPSuri), where the profile has one.",),
        "7.1.9": ("The extension is not critical.",),
    }


def _authority_table(one: AuthorityFacts) -> Table:
    days = (
        f"{one.not_before:%Y-%m-%d} to {one.not_after:%Y-%m-%d}" if one.not_before and one.not_after else ""
    )
    path = "no limit" if one.path_length is None else str(one.path_length)
    pairs = (
        ("Kind and status", f"{one.kind}, {one.status}"),
        ("Name", one.subject),
        ("Issued by", one.issuer),
        ("Key", one.algorithm),
        ("Valid", days),
        ("SHA-256", one.fingerprint),
        ("Path length", path if one.fingerprint else ""),
        ("Policies", ", ".join(one.policies)),
        ("CRL shards", str(one.shards)),
    )
    return Table(("Authority", one.title), tuple(pair for pair in pairs if pair[1]))


def _purposes(profile: Profile) -> str:
    critical = " (critical)" if profile.purposes_critical else ""
    return (", ".join(map(purpose_name, profile.purposes)) or "none") + critical


def _basic(profile: Profile) -> str:
    basic = profile.basic_constraints
    if basic is None:
        return "absent"
    if not basic.authority:
        return "end entity"
    return "authority" if basic.path_length is None else f"authority, path length {basic.path_length}"


def _constraints(facts: Facts) -> tuple[Block, ...]:
    rows = tuple(
        (one.title, ", ".join(one.permitted) or "everything", ", ".join(one.excluded) or "nothing")
        for one in facts.authorities
        if one.permitted or one.excluded
    )
    if not rows:
        return ("No authority has name constraints.",)
    return (Table(("Authority", "Permitted", "Excluded"), rows),)


def _status_profiles() -> Said:
    return {
        "7.2.1": ("Version 2 (RFC 5280 section 5).",),
        "7.2.2": (
            (
                "authorityKeyIdentifier, cRLNumber, freshestCRL; issuingDistributionPoint where an "
                "authority has several shards, deltaCRLIndicator in delta lists; of entries reasonCode "
                "and invalidityDate."
            ),
        ),
        "7.3.1": ("Version 1 (RFC 6960).",),
        "7.3.2": (
            "The nonce of the request. Certificates of delegated responders have id-pkix-ocsp-nocheck.",
        ),
    }
