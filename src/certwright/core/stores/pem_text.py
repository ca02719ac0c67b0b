"""PEM as it stands in programs: in strings of one line or of many, and behind the signs of comments.

Every step is linear in what it is given.
"""

import base64
import re

UNWRAPPED_OCTETS_MAX = 1024 * 1024
"""Of one block; nobody writes more into a program by hand."""
PREFIX_OCTETS_MAX = 64
_ENCODED_BEGIN = b"LS0tLS1CRUdJTi"
_ENCODED = re.compile(_ENCODED_BEGIN + rb"[A-Za-z0-9+/]*={0,2}")
_PLAIN = re.compile(rb"[A-Za-z0-9+/=\s]*")
_QUOTE = re.compile(rb"[\"'`]")
_SIGN = re.compile(rb"[!#-&(-/:-@\[-_{-~]+")
_NEVER_MEANT = b"!#%*-;>|"
"""With these signs comments begin, and neither base64 nor the headers of PEM do."""
_ESCAPE = re.compile(rb"(?:\\+|&#)(?:([nrt]|1[03];|x0?[ADad];)|u00([0-9A-Fa-f]{2})|x([0-9A-Fa-f]{2}))?")
_ENDS = {b"r": b"\r", b"13;": b"\r", b"xD;": b"\r", b"xd;": b"\r", b"x0D;": b"\r", b"x0d;": b"\r"}


def decoded(octets: bytes) -> bytes:
    """The octets and, behind them, what stands there in base64 and begins as PEM does: manifests of
    Kubernetes and kubeconfigs have such."""
    if _ENCODED_BEGIN not in octets:
        return octets
    found = (base64.b64decode(text[: len(text) // 4 * 4]) for text in _ENCODED.findall(octets))
    return b"\n".join((octets, *found))


def unwrapped(before: bytes, inside: bytes) -> bytes:
    """What is meant by the text between the limits of a block, with line feeds between its lines. `before`
    stands before its first limit on the same line.

    If there are strings, the first limit is in one: what is quoted then is every other part between quotes.
    The sign of a comment is the one before the first limit, or one that cannot be meant.
    """
    sign = before.strip()
    sign = sign if _SIGN.fullmatch(sign) else b""
    if len(inside) > UNWRAPPED_OCTETS_MAX or (not sign and _PLAIN.fullmatch(inside)):
        return inside
    quote = _QUOTE.search(inside)
    if quote:
        joint = b"" if b"\\n" in inside else b"\n"
        inside = joint.join(inside.split(quote[0])[::2])
    else:
        inside = b"\n".join(_uncommented(line, sign) for line in inside.splitlines())
    return _ESCAPE.sub(_meant, inside)


def _uncommented(line: bytes, sign: bytes) -> bytes:
    text = line.lstrip()
    if sign and text.startswith(sign):
        return text[len(sign) :]
    return text.lstrip(_NEVER_MEANT + b" \t") if text[:1] and text[:1] in _NEVER_MEANT else line


def _meant(escape: re.Match[bytes]) -> bytes:
    """The octet that an escape is for; of a backslash before anything else, nothing."""
    if number := escape[2] or escape[3]:
        return bytes((int(number, 16),))
    return _ENDS.get(escape[1], b"\n") if escape[1] else b""
