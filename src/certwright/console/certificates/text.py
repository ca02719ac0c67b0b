"""What people type to find certificates by: how a name, a subject, a serial number or a fingerprint begins.

Each way is a range of an index, so it takes as long among a million certificates as among ten. That is why a
text is looked for where something begins, and not within.
"""

import re
from typing import Any

from django.db import connections
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Lower

from ...store.models import AuthorityGeneration, Certificate, CertificateName

TEXT_MAX = 250
_HEXADECIMAL = re.compile(r"[0-9a-f]{4,64}")
_LAST = "\U0010ffff"
Identifiers = QuerySet[Any, int]


def parts(text: str) -> list[Identifiers]:
    """Identifiers of the certificates that the text finds, by each way to find them."""
    folded = text.strip().lower()[:TEXT_MAX]
    names = CertificateName.objects.filter(_named(folded)).values_list("certificate_id", flat=True)
    subjects = Certificate.objects.exclude(subject="").alias(folded=Lower("subject"))
    found: list[Identifiers] = [names, _identifiers(subjects.filter(_begins("folded", f"cn={folded}")))]
    digits = re.sub(r"[:\s]", "", folded)
    if _HEXADECIMAL.fullmatch(digits):
        found += [_identifiers(Certificate.objects.filter(way)) for way in _octets(digits)]
    return found


def condition(text: str) -> Q:
    """The same for one row after another, for texts that find most of them."""
    folded = text.strip().lower()[:TEXT_MAX]
    names = CertificateName.objects.filter(_named(folded), certificate_id=OuterRef("pk"))
    found = Q(Exists(names)) | Q(subject__istartswith=f"CN={folded}")
    digits = re.sub(r"[:\s]", "", folded)
    for way in _octets(digits) if _HEXADECIMAL.fullmatch(digits) else ():
        found |= way
    return found


def _identifiers(certificates: QuerySet[Certificate]) -> QuerySet[Certificate, int]:
    return certificates.order_by().values_list("pk", flat=True)


def _named(folded: str) -> Q:
    """Names that begin like this, are this, or are below it."""
    reversed_labels = ".".join(reversed(folded.strip(".").split(".")))
    below = _begins("reversed_value", f"{reversed_labels}.")
    return _begins("value", folded) | Q(reversed_value=reversed_labels) | below


def _begins(field: str, text: str) -> Q:
    """PostgreSQL finds it by LIKE, whatever order its characters have, SQLite by comparing octets."""
    if connections["default"].vendor == "postgresql":
        return Q(**{f"{field}__startswith": text})
    return Q(**{f"{field}__gte": text, f"{field}__lt": text + _LAST})


def _octets(digits: str) -> list[Q]:
    """Serial numbers, issuer by issuer as the index has them, and fingerprints that begin like this."""
    low = bytes.fromhex(digits + "0" * (len(digits) % 2))
    high = bytes.fromhex(digits + "f" * (len(digits) % 2)) + b"\xff" * 33
    ours = list(AuthorityGeneration.objects.values_list("id", flat=True))
    serial = Q(serial__gte=low, serial__lt=high)
    return [Q(fingerprint__gte=low, fingerprint__lt=high), Q(generation__in=ours) & serial]
