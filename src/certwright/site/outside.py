"""The way out as this machine's settings have it: what may be reached, and who resolves names."""

from functools import cache

from ..core.caa import CaaSet
from ..core.egress import EMBEDDED_PORTS, PORTS, EgressPolicy
from ..operations.check_caa import FindCaa
from ..plugins.resolver import Resolver, ResolverSettings, find_caa
from .configuration import Configuration


def egress_policy(configuration: Configuration) -> EgressPolicy:
    egress = configuration.egress
    return EgressPolicy(
        configuration.allow_loopback,
        egress.allow_private,
        tuple(egress.allow),
        tuple(egress.deny),
        EMBEDDED_PORTS if configuration.allow_loopback else PORTS,
    )


def resolver_settings(configuration: Configuration) -> ResolverSettings:
    return ResolverSettings(tuple(configuration.validation.resolvers), localhost=configuration.allow_loopback)


def caa_finder(configuration: Configuration) -> FindCaa:
    """Looks CAA records up; what it asks with is made when first it is asked."""
    resolver = cache(lambda: Resolver(resolver_settings(configuration)))

    async def find(name: str) -> CaaSet:
        return await find_caa(resolver(), name)

    return find
