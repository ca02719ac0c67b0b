"""The settings document of an ACME endpoint (docs/reference/endpoints.md), read strictly."""

import re
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from .documents import Fields
from .errors import Malformed
from .names import normalize_dns

CHALLENGES = ("http-01", "dns-01", "tls-alpn-01")
LIFETIME_MIN = 5 * 60
ORDER_LIFETIME_MAX, AUTHORIZATION_LIFETIME_MAX = 365 * 86400, 3650 * 86400
_URL = re.compile(r"https?://[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")
"""The characters of a URI (RFC 3986 section 2): it goes into a Link header as it is."""


@dataclass(frozen=True, slots=True)
class AcmeSettings:
    """`check_caa`: look CAA records up (RFC 8659), for one of `caa_identities`. `challenges` in the order
    clients see them; http-01 first, because several clients stop at one they do not know. `new_..._per_hour`
    in each process, of one account that is bound, or one network of those that are not; 0: no limit."""

    require_account_binding: bool = False
    terms_of_service: str = ""
    website: str = ""
    check_caa: bool = False
    caa_identities: tuple[str, ...] = ()
    challenges: tuple[str, ...] = CHALLENGES
    identifiers_max: int = 100
    order_lifetime: timedelta = timedelta(days=7)
    authorization_lifetime: timedelta = timedelta(days=30)
    new_accounts_per_hour: int = 300
    new_orders_per_hour: int = 3_000


def acme_settings_from_document(document: object) -> AcmeSettings:
    """Raises Malformed naming the field."""
    fields = Fields(document, "settings")
    settings = AcmeSettings(
        fields.flag("require_account_binding", default=False),
        _url(fields, "terms_of_service"),
        _url(fields, "website"),
        fields.flag("check_caa", default=False),
        _caa_identities(fields),
        _challenges(fields),
        fields.number("identifiers_max", 100, least=1, most=1000),
        _lifetime(fields, "order_lifetime", "7d", ORDER_LIFETIME_MAX),
        _lifetime(fields, "authorization_lifetime", "30d", AUTHORIZATION_LIFETIME_MAX),
        fields.number("new_accounts_per_hour", 300),
        fields.number("new_orders_per_hour", 3_000),
    )
    fields.finish()
    return settings


def _challenges(fields: Fields) -> tuple[str, ...]:
    challenges = fields.texts("challenges") or CHALLENGES
    if unknown := set(challenges) - set(CHALLENGES):
        raise fields.error("challenges", f"knows {', '.join(CHALLENGES)}, not {min(unknown)[:40]!r}")
    return _each_once(fields, "challenges", challenges)


def _caa_identities(fields: Fields) -> tuple[str, ...]:
    """Issuer domain names as CAA records have them (RFC 8659 section 4.2)."""
    names = []
    for index, text in enumerate(fields.texts("caa_identities")):
        try:
            name = normalize_dns(text)
        except Malformed as error:
            raise fields.error(f"caa_identities[{index}]", f"must be a domain name: {error}") from None
        if name.startswith("*"):
            raise fields.error(f"caa_identities[{index}]", "must be a domain name, not a wildcard")
        names.append(name)
    return _each_once(fields, "caa_identities", tuple(names))


def _each_once(fields: Fields, name: str, values: tuple[str, ...]) -> tuple[str, ...]:
    for index, value in enumerate(values):
        if value in values[:index]:
            raise fields.error(name, f"names {value} twice")
    return values


def _lifetime(fields: Fields, name: str, default: str, most: int) -> timedelta:
    return timedelta(seconds=fields.duration(name, default, least=LIFETIME_MIN, most=most))


def _url(fields: Fields, name: str) -> str:
    text = fields.text(name, "")
    if text and not _is_url(text):
        raise fields.error(name, "must be an http or https URL")
    return text


def _is_url(text: str) -> bool:
    try:
        return _URL.fullmatch(text) is not None and bool(urlsplit(text).hostname)
    except ValueError:
        return False
