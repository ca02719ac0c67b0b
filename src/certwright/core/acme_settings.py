"""The settings document of an ACME endpoint (docs/reference/endpoints.md), read strictly."""

from dataclasses import dataclass
from datetime import timedelta

from .documents import Fields

CHALLENGES = ("http-01", "dns-01", "tls-alpn-01")


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
    challenges = fields.texts("challenges") or CHALLENGES
    if unknown := set(challenges) - set(CHALLENGES):
        raise fields.error("challenges", f"knows {', '.join(CHALLENGES)}, not {min(unknown)[:40]!r}")
    settings = AcmeSettings(
        fields.flag("require_account_binding", default=False),
        fields.text("terms_of_service", ""),
        fields.text("website", ""),
        fields.flag("check_caa", default=False),
        fields.texts("caa_identities"),
        challenges,
        fields.number("identifiers_max", 100, least=1, most=1000),
        timedelta(seconds=fields.duration("order_lifetime", "7d")),
        timedelta(seconds=fields.duration("authorization_lifetime", "30d")),
        fields.number("new_accounts_per_hour", 300),
        fields.number("new_orders_per_hour", 3_000),
    )
    fields.finish()
    return settings
