"""A certificate to take away, alone or with those above it."""

import re
from collections.abc import Sequence

from django.http import HttpResponse

from ..core.certs_only import certs_only
from ..core.errors import NotFound
from ..core.pem import pem

MEDIA = {
    "pem": "application/x-pem-file",
    "der": "application/pkix-cert",
    "chain.pem": "application/x-pem-file",
    "p7c": "application/pkcs7-mime",
}
STEM_MAX = 100


def given_out(chain: Sequence[bytes], kind: str, stem: str) -> HttpResponse:
    """A file of this kind; `chain` are the certificate and those above it, DER. Raises NotFound."""
    if kind not in MEDIA:
        raise NotFound("a certificate is given out as pem, der, chain.pem or p7c")
    octets = {
        "pem": lambda: pem(chain[0]),
        "der": lambda: chain[0],
        "chain.pem": lambda: b"".join(map(pem, chain)),
        "p7c": lambda: certs_only(tuple(chain)),
    }[kind]()
    return attachment(octets, MEDIA[kind], f"{stem}.{'cer' if kind == 'der' else kind}")


def file_stem(name: str) -> str:
    """What a file about this name or subject is called, without its kind: for `*.pay.test` `_.pay.test`."""
    return re.sub(r"[^A-Za-z0-9._@-]+", "_", name)[:STEM_MAX].lstrip(".") or "certificate"


def attachment(octets: bytes, media: str, name: str) -> HttpResponse:
    """`name` is for the file that the browser makes of it."""
    response = HttpResponse(octets, content_type=media)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
