"""The label of a key: what a person calls it."""

from ...core.errors import Malformed

MAXIMUM_LABEL = 255


def encoded_label(label: str) -> bytes:
    """The label in UTF-8. Raises Malformed when it is empty, no Unicode text, or past 255 bytes."""
    try:
        encoded = label.encode()
    except UnicodeEncodeError as error:
        raise Malformed(f"the label of a key is no Unicode text: {error.reason}") from error
    if not 0 < len(encoded) <= MAXIMUM_LABEL:
        raise Malformed(f"the label of a key has 1 to {MAXIMUM_LABEL} bytes, not {len(encoded)}")
    return encoded
