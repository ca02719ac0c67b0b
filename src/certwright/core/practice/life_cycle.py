"""Chapter 4: from the application to the end of a certificate."""

from ..revocation import REASONS_TO_ASK_FOR
from .document import Block
from .facts import Facts
from .introduction import Said, spell

_SAME = "As for the first certificate."
_ANSWER = "The certificate is the answer to the request; there is no other notification."
_NOT_PUBLISHED = "The installation does not publish certificates of subscribers."


def life_cycle(facts: Facts) -> Said:
    return _application(facts) | _successors() | _revocation(facts) | _status(facts)


def _application(facts: Facts) -> Said:
    if facts.rules is None:
        approval = "No rules of issuance are in force: nobody else approves what profile and endpoint permit."
    else:
        approval = f"Rules of issuance are in force, version {facts.rules}."
    return {
        "4.1.1": (
            (
                "Persons and programs with a role that permits it, and clients of the enrolment "
                "endpoints of section 1.3.2."
            ),
        ),
        "4.2.1": ("As section 3.2 says, before anything is signed.",),
        "4.2.2": (
            (
                "An application is refused when profile, endpoint or authority do not permit it, when "
                f"its key is weak or known as compromised, or when a lint finds an error. {approval}"
            ),
        ),
        "4.2.3": ("Applications are decided when they come, by the installation itself.",),
        "4.3.1": (
            (
                "What is to be signed is read back by another decoder, compared with the plan and "
                "linted, and signed only then. A certificate is given out when its record and its audit "
                "event are durable."
            ),
        ),
        "4.3.2": (_ANSWER,),
        "4.4.2": (_NOT_PUBLISHED,),
        "4.5.2": (
            (
                "Relying parties check the path up to a root they trust, its constraints, and the status "
                "of every certificate in it (RFC 5280 section 6)."
            ),
        ),
    }


def _successors() -> Said:
    said: Said = {
        "4.6.1": ("At any time before the end, and after it; the same key is certified again.",),
        "4.6.2": ("Whoever has a role that permits renewing it, its owner, and the ACME account it is of.",),
        "4.6.3": ("Profile, endpoint and authority in force decide anew.",),
        "4.7.1": (
            "At any time; a request with another key is a new application or a renewal with a new key.",
        ),
        "4.7.2": ("Whoever may renew the certificate.",),
        "4.7.3": (
            "Profile, endpoint and authority in force decide anew; possession of the new key is proved.",
        ),
        "4.8.1": ("Certificates are not modified. Other names take a new application.",),
    }
    for section in ("4.6", "4.7"):
        said[f"{section}.4"] = (_ANSWER,)
        said[f"{section}.6"] = (_NOT_PUBLISHED,)
    return said


def _revocation(facts: Facts) -> Said:
    reasons = ", ".join(reason.label for reason in REASONS_TO_ASK_FOR)
    return {
        "4.9.1": (f"A reason of RFC 5280 section 5.3.1 is given: {reasons}.",),
        "4.9.2": (
            "Whoever has a role that permits revoking it, its owner, and at ACME whoever section 3.4 names.",
        ),
        "4.9.3": ("By the REST interface, the command line, or ACME (RFC 8555 section 7.6).",),
        "4.9.5": ("A request is carried out when it comes; OCSP says so from then on.",),
        "4.9.12": (
            (
                "A certificate that is revoked because its key was compromised is the last one of that "
                "key: the key is certified no more, whoever asks. A date since when the key is thought "
                "lost may be given."
            ),
        ),
        "4.9.13": ("A certificate may be put on hold (certificateHold) and released again.",),
        "4.9.14": ("Whoever may revoke the certificate.",),
        "4.9.15": ("As for a revocation.",),
        "4.9.16": ("There is no limit.",),
    }


def _status(facts: Facts) -> Said:
    times = facts.times
    complete, delta, schedule, offline, ocsp, live = (
        spell(one.total_seconds())
        for one in (times.complete, times.delta, times.schedule, times.offline, times.ocsp, times.ocsp_live)
    )
    lists: tuple[Block, ...] = (
        (
            f"A complete list is signed every {schedule} and holds for {complete}; a delta list holds for "
            f"{delta}; both are signed anew after a revocation."
        ),
    )
    if any(one.offline for one in facts.in_force):
        lists += (f"Lists of authorities whose key is kept offline hold for up to {offline}.",)
    return {
        "4.9.7": lists,
        "4.9.9": (
            (
                "By OCSP (RFC 6960) for every authority in force. Answers that are produced ahead hold "
                f"for {ocsp}, others for {live}; after a revocation every answer says so at once."
            ),
        ),
        "4.9.11": ("There is no other form.",),
        "4.10.1": (
            (
                "CRLs and OCSP over plain HTTP, at the addresses in certificates. An answer about a "
                "serial number that was never issued is not good."
            ),
        ),
        "4.10.3": ("A nonce in OCSP requests is answered (RFC 9654). Delta CRLs are signed.",),
        "4.12.1": ("Keys of subscribers are neither escrowed nor recovered.",),
        "4.12.2": ("Session keys are not escrowed.",),
    }
