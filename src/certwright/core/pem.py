"""PEM (RFC 7468): DER values as text."""

import base64


def pem(der: bytes, label: str = "CERTIFICATE") -> bytes:
    """One DER value with its lines of 64 characters."""
    text = base64.b64encode(der)
    lines = b"\n".join(text[start : start + 64] for start in range(0, len(text), 64))
    return b"-----BEGIN %b-----\n%b\n-----END %b-----\n" % (label.encode(), lines, label.encode())
