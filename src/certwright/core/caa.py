"""Certification Authority Authorization: may we issue for a name, by the records its owner published?

RFC 8659, with the account and method parameters of RFC 8657. The look-ups are made elsewhere:
`names_to_climb` says which, and the first name with records decides.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .errors import Reason, Refused

RECORDS_MAX = 100
VALUE_OCTETS_MAX = 2048

_CRITICAL = 0x80
# The properties we process, or whose meaning we know and which do not bear on issuance for a DNS name:
# RFC 8659 section 4, RFC 9495 and the contact properties of the CA/Browser Forum.
_KNOWN = frozenset({"issue", "issuewild", "iodef", "issuemail", "contactemail", "contactphone"})

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9]|-+(?=[A-Za-z0-9]))*"
_ISSUER = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_TAG = re.compile(_LABEL)
_PARAMETER_VALUE = re.compile(r"[\x21-\x3a\x3c-\x7e]*")
_METHODS = re.compile(r"(?:[A-Za-z0-9-]+,)*[A-Za-z0-9-]+")


@dataclass(frozen=True, slots=True)
class CaaRecord:
    """One CAA record (RFC 8659 section 4.1): `tag` and `value` as they came, octets as Latin-1 characters."""

    flags: int
    tag: str
    value: str


@dataclass(frozen=True, slots=True)
class CaaSet:
    """The relevant record set (RFC 8659 section 3): the name it was found at, and its records. No records
    means that no name of the climb has any."""

    owner: str = ""
    records: tuple[CaaRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class CaaRequest:
    """Who asks for what: the DNS name (`*.` in front makes it a wildcard), the names our authority has in
    CAA records, the ACME account's URI and validation method, empty where there is none."""

    name: str
    issuers: tuple[str, ...]
    account_uri: str = ""
    method: str = ""


def names_to_climb(name: str) -> tuple[str, ...]:
    """The names to look up, in order: the name without `*.`, then each parent, without the root."""
    labels = name.removeprefix("*.").split(".")
    return tuple(".".join(labels[start:]) for start in range(len(labels)))


def check_caa(found: CaaSet, request: CaaRequest) -> None:
    """May we issue? Raises Refused with one reason: caa.too-large, caa.critical, caa.issuer, caa.account or
    caa.method."""
    records = found.records
    if len(records) > RECORDS_MAX or any(len(record.value) > VALUE_OCTETS_MAX for record in records):
        limit = f"{RECORDS_MAX} records of {VALUE_OCTETS_MAX} octets"
        what = f"the CAA records at {found.owner} are more than {limit}"
        raise Refused((Reason("caa.too-large", what, "RFC 8659"),))
    for record in records:
        if record.flags & _CRITICAL and record.tag.lower() not in _KNOWN:
            what = f"a critical CAA property at {found.owner} is unknown to us"
            raise Refused((Reason("caa.critical", what, "RFC 8659 section 4.1"),))
    properties = _relevant(records, wildcard=request.name.startswith("*."))
    if not properties:
        return
    refusals = [refusal for record in properties if (refusal := _refusal(record, found.owner, request))]
    if len(refusals) == len(properties):
        raise Refused((max(refusals, key=lambda refusal: _NEARNESS[refusal.code]),))


# Of several refusals the one that came nearest to allowing is told.
_NEARNESS = {"caa.issuer": 0, "caa.account": 1, "caa.method": 2}


def _relevant(records: tuple[CaaRecord, ...], *, wildcard: bool) -> list[CaaRecord]:
    """RFC 8659 section 4.3: for a wildcard, issuewild where there is any, and issue otherwise."""
    wild = [record for record in records if record.tag.lower() == "issuewild"]
    if wildcard and wild:
        return wild
    return [record for record in records if record.tag.lower() == "issue"]


def _refusal(record: CaaRecord, owner: str, request: CaaRequest) -> Reason | None:
    """Why this property does not authorize the request, or None if it does."""
    issuer, parameters = _parse(record.value)
    if not issuer or issuer.lower() not in {name.lower() for name in request.issuers}:
        allowed = ", ".join(request.issuers) or "our authority, which has no CAA name set"
        what = f"the CAA records at {owner} do not name {allowed}"
        return Reason("caa.issuer", what, "RFC 8659 section 4.2")
    accounts = _values(parameters, "accounturi")
    if accounts and (not request.account_uri or accounts != [request.account_uri]):
        what = f"the CAA records at {owner} allow another account, not {request.account_uri or 'none'}"
        return Reason("caa.account", what, "RFC 8657 section 3")
    methods = _values(parameters, "validationmethods")
    if methods and not _method_allowed(methods, request.method):
        what = f"the CAA records at {owner} do not allow the validation method {request.method or 'none'}"
        return Reason("caa.method", what, "RFC 8657 section 4")
    return None


def _method_allowed(values: list[str], method: str) -> bool:
    """RFC 8657 section 4: one parameter, a list of labels with commas; anything else allows nothing."""
    listed = values[0].split(",") if len(values) == 1 and _METHODS.fullmatch(values[0]) else []
    return bool(method) and method in listed


def _parse(value: str) -> tuple[str, list[tuple[str, str]]]:
    """Issuer domain name and parameters of an issue value. What does not match the grammar is the same as an
    empty issuer domain name, which no authority has (RFC 8659 section 4.2)."""
    head, _, tail = value.partition(";")
    issuer = head.strip(" \t")
    if issuer and not _ISSUER.fullmatch(issuer):
        return "", []
    try:
        return issuer, list(_parameters(tail))
    except ValueError:
        return "", []


def _parameters(text: str) -> Iterator[tuple[str, str]]:
    """Raises ValueError for what the grammar of RFC 8659 section 4.2 does not have."""
    for part in text.split(";") if text.strip(" \t") else ():
        tag, equals, value = part.partition("=")
        tag, value = tag.strip(" \t"), value.strip(" \t")
        if not equals or not _TAG.fullmatch(tag) or not _PARAMETER_VALUE.fullmatch(value):
            raise ValueError
        yield tag.lower(), value


def _values(parameters: list[tuple[str, str]], tag: str) -> list[str]:
    return [value for name, value in parameters if name == tag]
