"""What we say to a SAML identity provider: where we are, and that somebody wants to log in (SAML 2.0, profile
Web Browser SSO). Nothing is fetched from it: what there is to know of it stands in the settings.

Requests are not signed: what they ask for is ours by the settings there, and the answer is bound to the
request by its identifier.
"""

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from urllib.parse import urlencode
from xml.etree.ElementTree import Element, SubElement, tostring

ASSERTION = "urn:oasis:names:tc:SAML:2.0:assertion"
METADATA = "urn:oasis:names:tc:SAML:2.0:metadata"
PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol"
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"


class SamlSource(Protocol):
    """A table `login.saml` of `certwright.toml`, as docs/reference/settings.md has it."""

    @property
    def label(self) -> str: ...
    @property
    def entity_id(self) -> str: ...
    @property
    def sso_url(self) -> str: ...
    @property
    def id_attribute(self) -> str: ...
    @property
    def name_attribute(self) -> str: ...
    @property
    def display_name_attribute(self) -> str: ...
    @property
    def email_attribute(self) -> str: ...
    @property
    def groups_attribute(self) -> str: ...
    @property
    def create(self) -> bool: ...
    @property
    def groups(self) -> Mapping[str, tuple[str, ...]]: ...
    def read_certificates(self) -> str: ...


@dataclass(frozen=True, slots=True)
class ServiceProvider:
    """Who we are to a provider: an identifier, which is where our metadata is, and where answers go."""

    entity_id: str
    answers: str


def request_url(
    source: SamlSource, us: ServiceProvider, identifier: str, state: str, now: datetime, again: bool
) -> str:
    """Where a person goes to log in there (Bindings section 3.4); `again`: also who is logged in there."""
    request = Element(
        f"{{{PROTOCOL}}}AuthnRequest",
        {
            "ID": identifier,
            "Version": "2.0",
            "IssueInstant": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "Destination": source.sso_url,
            "ProtocolBinding": POST,
            "AssertionConsumerServiceURL": us.answers,
            **({"ForceAuthn": "true"} if again else {}),
        },
    )
    SubElement(request, f"{{{ASSERTION}}}Issuer").text = us.entity_id
    if not source.id_attribute:
        SubElement(request, f"{{{PROTOCOL}}}NameIDPolicy", {"Format": PERSISTENT, "AllowCreate": "true"})
    joint = "&" if "?" in source.sso_url else "?"
    fields = {"SAMLRequest": base64.b64encode(_deflated(tostring(request))), "RelayState": state}
    return f"{source.sso_url}{joint}{urlencode(fields)}"


def _deflated(octets: bytes) -> bytes:
    """Without the head and tail of zlib (RFC 1951)."""
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflate.compress(octets) + deflate.flush()


def metadata(source: SamlSource, us: ServiceProvider) -> bytes:
    """Ours, for the provider to read (Metadata section 2.4.4)."""
    entity = Element(f"{{{METADATA}}}EntityDescriptor", {"entityID": us.entity_id})
    role = SubElement(
        entity,
        f"{{{METADATA}}}SPSSODescriptor",
        {
            "AuthnRequestsSigned": "false",
            "WantAssertionsSigned": "true",
            "protocolSupportEnumeration": PROTOCOL,
        },
    )
    if not source.id_attribute:
        SubElement(role, f"{{{METADATA}}}NameIDFormat").text = PERSISTENT
    SubElement(
        role,
        f"{{{METADATA}}}AssertionConsumerService",
        {"Binding": POST, "Location": us.answers, "index": "0", "isDefault": "true"},
    )
    return tostring(entity, encoding="utf-8", xml_declaration=True)
