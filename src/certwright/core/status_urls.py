"""Where a certificate says that its status can be learnt: its CRLs, and who answers about it by OCSP.

What stands there is a stranger's wish: http and https alone, and few of them.
"""

from collections.abc import Iterable

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from .egress import URL_OCTETS_MAX

URLS_MAX = 4
QUESTION_OCTETS_MAX = 512
"""What a question adds to the URL of who answers it, at the most: see `outside_answers.Question`."""


def list_urls(points: x509.CRLDistributionPoints) -> tuple[str, ...]:
    """Where the list is that covers a certificate: at most URLS_MAX (RFC 5280 section 4.2.1.13). Lists of
    another issuer, or for some reasons only, are not among them."""
    names = [
        name
        for point in points
        if point.reasons is None and point.crl_issuer is None
        for name in point.full_name or ()
    ]
    return _to_be_asked(names, URL_OCTETS_MAX)


def answer_urls(access: x509.AuthorityInformationAccess) -> tuple[str, ...]:
    """Who answers about a certificate by OCSP: at most URLS_MAX (RFC 5280 section 4.2.2.1). A question is
    appended to the path, so that a URL with a query or a fragment leads nowhere."""
    names = [one.access_location for one in access if one.access_method == AuthorityInformationAccessOID.OCSP]
    urls = _to_be_asked(names, URL_OCTETS_MAX - QUESTION_OCTETS_MAX)
    return tuple([url for url in urls if not set(url) & {"?", "#"}])


def _to_be_asked(names: Iterable[x509.GeneralName], octets_max: int) -> tuple[str, ...]:
    urls = [name.value for name in names if isinstance(name, x509.UniformResourceIdentifier)]
    good = [url for url in dict.fromkeys(urls) if _may_be_asked(url) and len(url) <= octets_max]
    return tuple(good[:URLS_MAX])


def _may_be_asked(url: str) -> bool:
    return url.startswith(("http://", "https://")) and url.isprintable()
