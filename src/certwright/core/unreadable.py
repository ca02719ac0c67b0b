"""What `cryptography` raises about octets that are no certificate, request or list as it knows them."""

from cryptography import x509

UNREADABLE = (
    ValueError,
    TypeError,  # about a BIT STRING in a name
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""An unknown algorithm is told apart: UnsupportedAlgorithm."""
