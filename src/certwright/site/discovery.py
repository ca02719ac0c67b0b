"""Sources of discovery, made from what people have set and what only this machine may say."""

import base64
import re
import warnings
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from cryptography.utils import CryptographyDeprecationWarning
from pydantic import TypeAdapter, ValidationError

from ..core.audit import shown
from ..core.errors import Malformed, NotFound
from ..operations.anchors import Anchors
from ..operations.context import OpenSource
from ..operations.registry import plugin
from ..ports import DISCOVERY_SOURCES, DiscoverySource
from .configuration import Configuration
from .discovery_settings import SYSTEM_BUNDLE
from .outside import egress_policy, resolver_settings

# others' certificates have serial numbers that are not positive, trusted roots too: no news to anybody here
warnings.filterwarnings("ignore", "Parsed a serial number", CryptographyDeprecationWarning)


def source_opener(configuration: Configuration) -> OpenSource:
    """What a source may reach, and who resolves names for it, is this machine's word and nobody else's."""
    ours = {
        "policy": egress_policy(configuration),
        "resolver": resolver_settings(configuration),
        "folders": configuration.discovery.file_folders,
    }

    def open_source(name: str, settings: Mapping[str, Any]) -> DiscoverySource:
        made = plugin(DISCOVERY_SOURCES, name)
        known = [one.name for one in fields(made.Settings)]
        for key in settings:
            if key not in known or key in ours:
                possible = ", ".join(key for key in known if key not in ours)
                raise Malformed(f"source {name} has no setting {shown(key, 40)!r}; it has {possible}")
        values = dict(settings) | {key: value for key, value in ours.items() if key in known}
        source: DiscoverySource = made(_settings(name, made.Settings, values))
        return source

    return open_source


def trusted_anchors(configuration: Configuration) -> Anchors:
    """The roots of the trust bundle. Raises NotFound when a file that the settings name cannot be read,
    Malformed when nothing in it can."""
    named = configuration.discovery.trust_bundle
    path = configuration.home / (named or SYSTEM_BUNDLE)
    try:
        octets = path.read_bytes()
    except OSError as error:
        if named is None:
            return Anchors()
        raise NotFound(f"{path}, of the setting discovery.trust_bundle: {error.strerror}") from error
    blocks = _BLOCK.findall(octets)
    anchors = Anchors(tuple(base64.b64decode(block) for block in blocks))
    if named is not None and not anchors.fingerprints:
        raise Malformed(f"{path}, of the setting discovery.trust_bundle, has no certificate in PEM")
    return anchors


_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")


def _settings(source: str, kind: type[Any], values: dict[str, Any]) -> Any:
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise Malformed(f"source {source}, setting {shown(place, 60)}: {first['msg'].lower()}") from error
