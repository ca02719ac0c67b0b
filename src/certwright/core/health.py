"""What is wrong with a certificate, or with it at a place: facts in, findings out.

Each kind of finding has a stable code, a severity, what it means and what to do; docs/reference/health.md
lists them. A finding is opened where its fact is seen, and closes by itself when the fact is gone, so nothing
here remembers anything.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from .audit import JsonValue
from .lifetimes import TLS_SCHEDULE, days_of, lifetime_of
from .names import Identifier, IdentifierKind
from .standing import Standing

EXPIRING, ENDING = (timedelta(days=30), 3), (timedelta(days=7), 10)
"""What is left of a life at the least, and as a part of it; the shorter counts, so that short lives are not
always near their end."""
SUPERSEDED = timedelta(days=1)
"""How long an old certificate may be served beside its successor."""
INSTALLED = timedelta(days=1)
"""How long a new certificate may wait for somebody to install it."""
PLANNED = 3
"""In the last so-manieth part of a life somebody should know how it is renewed."""
UNREACHABLE = timedelta(hours=1)
SHOWN = 3


class Severity(StrEnum):
    CRITICAL = "critical"
    WARNING = "warning"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of finding: what it means for whoever depends on the certificate, and what to do."""

    code: str
    severity: Severity
    meaning: str
    remedy: str


KINDS: Mapping[str, Kind] = {
    kind.code: kind
    for kind in (
        Kind(
            "certificate.expiring",
            Severity.WARNING,
            "Less than a third of its life is left, and less than 30 days; no successor of it is known.",
            "Renew it, and install the new one before the old one ends.",
        ),
        Kind(
            "certificate.ending",
            Severity.CRITICAL,
            "Less than a tenth of its life is left, and less than 7 days; no successor of it is known.",
            "Renew it today; clients refuse it from its end on.",
        ),
        Kind(
            "certificate.unserved",
            Severity.NOTICE,
            "Issued a day or more ago and seen nowhere, while a place that was asked by its name since "
            "presents an older certificate.",
            "Install it there, or revoke it if nobody needs it. Where it is in use elsewhere, have that "
            "place looked at.",
        ),
        Kind(
            "renewal.unplanned",
            Severity.NOTICE,
            "The last third of its life has begun, no successor is known, and nothing is known to renew it: "
            "it has not come by ACME.",
            "Have it renewed by an ACME client, or renew it by hand in time.",
        ),
        Kind(
            "certificate.self-signed",
            Severity.WARNING,
            "It has signed itself: clients can only trust it one by one, and nobody can revoke it.",
            "Have an authority issue a certificate for these names.",
        ),
        Kind(
            "certificate.untrusted",
            Severity.WARNING,
            "No path leads from the certificate to an authority of ours or of the trust bundle.",
            "Have an authority issue it that clients trust, or add its root to the trust bundle.",
        ),
        Kind(
            "certificate.unrecorded",
            Severity.CRITICAL,
            "An authority of ours has signed it, and it is not on our record: the database was put back, or "
            "somebody else has the key.",
            "Find out at once which. After a restore adopt it, or revoke the authority if its key is lost.",
        ),
        Kind(
            "certificate.lifetime",
            Severity.NOTICE,
            "A publicly trusted certificate that is valid for longer than the CA/Browser Forum permits.",
            "Replace it by one with a lifetime that is permitted; browsers may refuse it.",
        ),
        Kind(
            "authority.not-allowed",
            Severity.WARNING,
            "A rule of issuance names the authorities that may issue certificates for such names or for this "
            "team, and this one's is none of them.",
            "Have one of those issue it, or change the rule.",
        ),
        Kind(
            "key.weak",
            Severity.CRITICAL,
            "The key is too short, or of a kind that others can break.",
            "Make a new key, RSA of 2048 bits or more or a P-256 one, and have a certificate issued for it.",
        ),
        Kind(
            "key.compromised",
            Severity.CRITICAL,
            "The key is known to others: revoked as compromised, or on a list of known keys.",
            "Make a new key at once, replace every certificate of this one and have them revoked.",
        ),
        Kind(
            "key.shared",
            Severity.NOTICE,
            "Several certificates have the same key: whoever takes it from one place has them all.",
            "Make a key for each, where they are renewed.",
        ),
        Kind(
            "key.exposed",
            Severity.CRITICAL,
            "A private key lies unencrypted in a file that others on the machine may read.",
            "Take the right to read from others (mode 0600), and replace the key if others may have read it.",
        ),
        Kind(
            "signature.weak",
            Severity.CRITICAL,
            "The certificate is signed with a digest for which forgeries can be made (MD2, MD5, SHA-1).",
            "Have it issued anew by an authority that signs with SHA-256 or better.",
        ),
        Kind(
            "owner.missing",
            Severity.WARNING,
            "Nobody answers for the certificate, neither a team nor an account.",
            "Give it to a team or an account.",
        ),
        Kind(
            "status.unreachable",
            Severity.WARNING,
            "For an hour no CRL of an authority, or no OCSP answer about the certificate, could be had that "
            "can be believed: who looks learns of no revocation.",
            "Look whether its server answers at that address, and whether it may be reached from here.",
        ),
        Kind(
            "status.stale",
            Severity.WARNING,
            "The newest CRL of an authority, or the newest OCSP answer about the certificate, is past its "
            "next update: clients may refuse all, or take all.",
            "Have the authority publish a new one.",
        ),
        Kind(
            "served.expired",
            Severity.CRITICAL,
            "A certificate that has ended is presented; clients refuse it.",
            "Install one that is valid.",
        ),
        Kind(
            "served.not-yet-valid",
            Severity.CRITICAL,
            "A certificate is presented before it begins; clients refuse it.",
            "Install one that is valid now, and look at the clock of whoever issued it.",
        ),
        Kind(
            "served.revoked",
            Severity.CRITICAL,
            "A certificate that is revoked or on hold is presented.",
            "Install one that is not; clients that look refuse this one.",
        ),
        Kind(
            "served.superseded",
            Severity.WARNING,
            "A certificate is presented although its successor was issued more than a day ago.",
            "Install the successor at this place; where there are several servers, look at each.",
        ),
        Kind(
            "served.chain-incomplete",
            Severity.WARNING,
            "The server does not send a certificate that clients need to reach a root.",
            "Send the certificates of all issuers but the root after the server's own.",
        ),
        Kind(
            "served.chain-order",
            Severity.NOTICE,
            "The certificates are sent in another order than each the issuer of the one before.",
            "Put them in order: the server's own first, then its issuer, and so on (RFC 8446 section 4.4.2).",
        ),
        Kind(
            "served.name-mismatch",
            Severity.CRITICAL,
            "The certificate is not for the name by which the server was asked.",
            "Install one with this name among its alternative names, or correct the server's name.",
        ),
        Kind(
            "served.old-protocol",
            Severity.WARNING,
            "The server speaks a version of TLS below 1.2 and none above.",
            "Switch TLS 1.2 and 1.3 on (RFC 8996).",
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Link:
    """A certificate of a path: its identifier and fingerprint, and a name to call it by."""

    identifier: int
    fingerprint: bytes
    name: str


@dataclass(frozen=True, slots=True)
class Path:
    """The issuers of a certificate by signature, from its own upwards. `root` says that the last one is
    self-signed, `anchored` that it is trusted, `ours` that an authority of ours is among them, `by_us` that
    the first one is."""

    issuers: tuple[Link, ...] = ()
    root: bool = False
    anchored: bool = False
    ours: bool = False
    by_us: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """The certificate at a place where it is now. `chain` holds fingerprints of what was presented after it.
    `asked` is the name by which the place was asked, empty for none."""

    sighting: int
    kind: str
    asked: str
    chain: tuple[bytes, ...] = ()
    facts: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StatusSource:
    """Where an authority of others says what is revoked, a CRL or who answers by OCSP, and what came of
    looking there."""

    url: str
    next_update: datetime | None
    failing_since: datetime | None
    problem: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A certificate and what the inventory knows around it. `shared` is how many others have its key;
    `successor_since` when the newest certificate that replaces it was issued; `status` its own CRLs as an
    authority, and who answers about itself; `logged` that a log of Certificate Transparency has it.
    `automated` says that a program asked for it, which asks again; `passed_over` is a place that was asked by
    its name a day or more after it was issued and presents an older one, where it was never seen itself,
    empty for none; `refused_by` is the name of a rule that does not allow its authority, empty for none."""

    fingerprint: bytes
    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime
    key_algorithm: str
    signature_algorithm: str
    is_authority: bool
    self_signed: bool
    standing: str
    answered_for: bool
    revoked: bool
    names: tuple[Identifier, ...]
    path: Path = Path()
    compromised: bool = False
    shared: int = 0
    successor_since: datetime | None = None
    status: tuple[StatusSource, ...] = ()
    seen: tuple[Seen, ...] = ()
    logged: bool = False
    automated: bool = False
    passed_over: str = ""
    refused_by: str = ""

    @property
    def served(self) -> bool:
        return any(one.kind == TLS for one in self.seen)

    @property
    def ours(self) -> bool:
        """Do we answer for what becomes of it?"""
        return self.standing in (Standing.ISSUED, Standing.ADOPTED)


@dataclass(frozen=True, slots=True)
class Finding:
    """`sighting` is 0 where the certificate itself is meant. `detail` is one line."""

    code: str
    sighting: int
    detail: str

    @property
    def kind(self) -> Kind:
        return KINDS[self.code]


TLS = "tls"


def judge(certificate: Judged, now: datetime) -> tuple[Finding, ...]:
    """All that is wrong, the certificate's own first. What nobody uses and nobody answers for is not judged
    by its end."""
    found = [Finding(code, 0, detail) for code, detail in _of_certificate(certificate, now)]
    for one in certificate.seen:
        found += [Finding(code, one.sighting, detail) for code, detail in _of_place(certificate, one, now)]
    return tuple(found)


# -- the certificate itself ------------------------------------------------------------------------


def _of_certificate(one: Judged, now: datetime) -> Iterator[tuple[str, str]]:
    ended = one.not_after <= now
    if one.revoked or (ended and not one.seen) or one.standing == Standing.IGNORED:
        return
    yield from _of_key(one)
    yield from _of_status(one, now)
    if one.path.by_us and one.standing == Standing.FOUND:
        yield "certificate.unrecorded", f"{one.issuer} has signed it, and it is not on our record"
    if one.is_authority and not one.served:
        return
    yield from _of_end(one, now)
    yield from _of_trust(one)
    if one.refused_by and (one.seen or one.ours or one.logged) and not ended:
        yield "authority.not-allowed", f"rule {one.refused_by} does not allow {one.issuer} for it"
    if one.ours and not one.answered_for and not ended:
        yield "owner.missing", "neither a team nor an account answers for it"


def _of_key(one: Judged) -> Iterator[tuple[str, str]]:
    if one.compromised:
        yield "key.compromised", "its key is known to be compromised"
    if weak := weakness_of_key(one.key_algorithm):
        yield "key.weak", weak
    if not one.self_signed and _WEAK_SIGNATURE.search(one.signature_algorithm):
        yield "signature.weak", f"it is signed with {one.signature_algorithm}"
    if one.shared and not one.is_authority:
        yield "key.shared", f"{one.shared} other certificates have its key"


def _of_status(one: Judged, now: datetime) -> Iterator[tuple[str, str]]:
    """The first of each is told: a finding has one line."""
    failing = [each for each in one.status if each.failing_since and now - each.failing_since >= UNREACHABLE]
    stale = [each for each in one.status if each.next_update is not None and each.next_update < now]
    if failing:
        yield "status.unreachable", f"{failing[0].url}: {failing[0].problem}{_more(failing)}"
    if stale and stale[0].next_update is not None:
        yield "status.stale", f"{stale[0].url}: due on {_day(stale[0].next_update)}{_more(stale)}"


def _more(sources: list[StatusSource]) -> str:
    return f" (and {len(sources) - 1} more)" if len(sources) > 1 else ""


def _of_end(one: Judged, now: datetime) -> Iterator[tuple[str, str]]:
    left = one.not_after - now
    if left <= timedelta(0) or one.successor_since is not None or not (one.seen or one.ours):
        return
    life = one.not_after - one.not_before
    if left < _shorter(life, ENDING):
        yield "certificate.ending", f"it ends on {_day(one.not_after)}"
    elif left < _shorter(life, EXPIRING):
        yield "certificate.expiring", f"it ends on {_day(one.not_after)}"
    if one.ours and not one.automated and left < life / PLANNED:
        yield "renewal.unplanned", f"it ends on {_day(one.not_after)}, and nothing renews it by itself"
    if one.passed_over:
        yield "certificate.unserved", f"{one.passed_over} presents an older certificate"


def _shorter(life: timedelta, bound: tuple[timedelta, int]) -> timedelta:
    days, part = bound
    return min(days, life / part)


def _of_trust(one: Judged) -> Iterator[tuple[str, str]]:
    if one.self_signed:
        yield "certificate.self-signed", "it has signed itself"
    elif one.seen and not one.path.anchored:
        last = one.path.issuers[-1].name if one.path.issuers else ""
        reason = f"{last} is the last known issuer, and not trusted" if last else f"{one.issuer} is not known"
        yield "certificate.untrusted", reason
    elif one.path.anchored and not one.path.ours:
        lifetime, most = lifetime_of(one.not_before, one.not_after), TLS_SCHEDULE.maximum(one.not_before)
        if lifetime > most:
            text = f"it is valid for {days_of(lifetime)} days; {days_of(most)} were the most then"
            yield "certificate.lifetime", text


_WEAK_SIGNATURE = re.compile(r"md[245]|sha1\b|sha1With|-SHA1$", re.IGNORECASE)
_SIZE = re.compile(r"(rsa|dsa)-(\d+)")
_SMALL_CURVES = ("ecdsa-p192",)


def weakness_of_key(algorithm: str) -> str:
    """Why a key of this kind is weak, empty where it is not (NIST SP 800-57 part 1: 112 bits)."""
    if sized := _SIZE.fullmatch(algorithm):
        kind, bits = sized[1].upper(), int(sized[2])
        if bits < 2048:
            return f"its {kind} key has {bits} bits; 2048 are the least"
        if kind == "DSA":
            return "DSA keys are not to be used any more (FIPS 186-5)"
    if algorithm in _SMALL_CURVES:
        return "its curve has 192 bits; 256 are the least"
    return ""


# -- at a place ------------------------------------------------------------------------------------


def _of_place(one: Judged, place: Seen, now: datetime) -> Iterator[tuple[str, str]]:
    if place.kind != TLS:
        yield from _of_key_file(place)
        return
    if one.not_after <= now:
        yield "served.expired", f"it ended on {_day(one.not_after)}"
    if one.not_before > now:
        yield "served.not-yet-valid", f"it begins on {_day(one.not_before)}"
    if one.revoked:
        yield "served.revoked", "it is revoked or on hold"
    if one.successor_since is not None and now - one.successor_since > SUPERSEDED:
        yield "served.superseded", f"its successor was issued on {_day(one.successor_since)}"
    yield from _of_chain(one, place)
    if place.asked and not any(matches(place.asked, name) for name in one.names):
        yield "served.name-mismatch", f"it is not for {place.asked}"
    version = place.facts.get("version")
    if version in OLD_VERSIONS:
        yield "served.old-protocol", f"{version} is what the server speaks"


OLD_VERSIONS = ("SSLv3", "TLSv1", "TLSv1.1")


def _of_key_file(place: Seen) -> Iterator[tuple[str, str]]:
    key = place.facts.get("key")
    if isinstance(key, Mapping) and not key.get("encrypted"):
        mode = str(key.get("mode", ""))
        if mode[-1:] in ("4", "5", "6", "7"):
            yield "key.exposed", f"everybody on the machine may read its private key (mode {mode})"


def _of_chain(one: Judged, place: Seen) -> Iterator[tuple[str, str]]:
    """A root need not be sent (RFC 8446 section 4.4.2); everything else between must be."""
    if one.self_signed:
        return
    needed = one.path.issuers[:-1] if one.path.root else one.path.issuers
    missing = [link.name for link in needed if link.fingerprint not in place.chain]
    if not one.path.issuers:
        missing = [one.issuer]
    if missing:
        yield "served.chain-incomplete", f"{', '.join(missing[:SHOWN])} is not sent"
    elif list(place.chain[: len(needed)]) != [link.fingerprint for link in needed]:
        yield "served.chain-order", "the certificates of its issuers are not sent in their order"


def matches(asked: str, name: Identifier) -> bool:
    """Is the certificate with this name for whom was asked for (RFC 9525 section 6.3)?"""
    if name.kind not in (IdentifierKind.DNS, IdentifierKind.IP):
        return False
    if name.kind is IdentifierKind.DNS and name.value.startswith("*."):
        return "." in asked and asked.partition(".")[2] == name.value[2:]
    return asked == name.value


def _day(moment: datetime) -> str:
    """A date, so that the text is the same each time it is looked at."""
    return f"{moment:%Y-%m-%d}"
