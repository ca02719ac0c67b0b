"""The way out as this machine's settings have it: what may be reached, and who resolves names."""

from functools import cache
from http import HTTPStatus

from ..core.caa import CaaSet
from ..core.egress import EMBEDDED_PORTS, PORTS, EgressPolicy, Limits, PortRule, Purpose, Unreached
from ..core.outside_answers import ANSWER_OCTETS_MAX
from ..operations.check_caa import FindCaa
from ..operations.context import Fetch
from ..plugins.egress import Egress, fetch
from ..plugins.resolver import Resolver, ResolverSettings, find_caa
from .configuration import Configuration

LIST_LIMITS = Limits(total_seconds=120.0, body_octets=64 * 1024 * 1024)
ANSWER_LIMITS = Limits(total_seconds=10.0, body_octets=ANSWER_OCTETS_MAX)


def egress_policy(configuration: Configuration) -> EgressPolicy:
    egress = configuration.egress
    return EgressPolicy(
        configuration.allow_loopback,
        egress.allow_private,
        tuple(egress.allow),
        tuple(egress.deny),
        (EMBEDDED_PORTS if configuration.allow_loopback else PORTS) + _status_ports(configuration),
    )


def _status_ports(configuration: Configuration) -> tuple[PortRule, ...]:
    return tuple(PortRule(Purpose.STATUS, port) for port in configuration.egress.status_ports)


def resolver_settings(configuration: Configuration) -> ResolverSettings:
    return ResolverSettings(tuple(configuration.validation.resolvers), localhost=configuration.allow_loopback)


def list_fetcher(configuration: Configuration) -> Fetch:
    """Fetches CRLs of others, through the one way out."""
    return _status_fetcher(configuration, LIST_LIMITS)


def answer_fetcher(configuration: Configuration) -> Fetch:
    """Fetches OCSP answers of others, through the one way out."""
    return _status_fetcher(configuration, ANSWER_LIMITS)


def _status_fetcher(configuration: Configuration, limits: Limits) -> Fetch:
    egress = cache(
        lambda: Egress(egress_policy(configuration), Resolver(resolver_settings(configuration)), limits)
    )

    async def get(url: str) -> bytes:
        answer = await fetch(egress(), Purpose.STATUS, url)
        if answer.status != HTTPStatus.OK:
            raise Unreached("connection", f"the server answers with status {answer.status}", answered=True)
        return answer.body

    return get


def caa_finder(configuration: Configuration) -> FindCaa:
    """Looks CAA records up; what it asks with is made when first it is asked."""
    resolver = cache(lambda: Resolver(resolver_settings(configuration)))

    async def find(name: str) -> CaaSet:
        return await find_caa(resolver(), name)

    return find
