"""What a certificate of the inventory is to us."""

from enum import StrEnum


class Standing(StrEnum):
    """What a certificate of the inventory is to us: issued by our authorities; found, and nobody has said
    yet whether it matters; adopted, so that we answer for it; ignored."""

    ISSUED = "issued"
    FOUND = "found"
    ADOPTED = "adopted"
    IGNORED = "ignored"
