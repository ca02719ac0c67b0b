"""The tls-alpn-01 challenge: RFC 8737, for IP addresses RFC 8738 section 6."""

import asyncio
import ssl
from datetime import datetime
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from ...core import der
from ...core.egress import Purpose, Unreached
from ...core.names import Identifier, IdentifierKind
from ...core.unreadable import UNREADABLE
from ...ports import Challenge, Evidence
from ...protocols.acme.challenges import TLS_ALPN_01, tls_alpn_01_digest
from ..egress import Destination, Journey, Tls, connect, unverified_context
from .common import DEFAULT_SETTINGS, ValidatorSettings, Witness, fault_of, host_of

PROTOCOL = "acme-tls/1"
ACME_IDENTIFIER = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")


class TlsAlpn01:
    """Makes a TLS handshake for acme-tls/1 and judges the certificate that is presented.

    On a loopback address the policy's stand-in port is tried when the port itself refuses.
    """

    kind = TLS_ALPN_01
    Settings = ValidatorSettings

    def __init__(self, settings: ValidatorSettings = DEFAULT_SETTINGS) -> None:
        self._egress = settings.egress()
        self._settings = settings
        self._context = unverified_context()
        self._context.set_alpn_protocols([PROTOCOL])

    async def check(self, challenge: Challenge, now: datetime) -> Evidence:
        """Raises Unavailable where the lack is ours."""
        witness = Witness(self._settings.perspective, now)
        if fault := fault_of(challenge, self.kind, IdentifierKind.DNS, IdentifierKind.IP):
            return witness.failed("malformed", fault)
        journey = Journey()
        try:
            presented = await self._presented(challenge.identifier, journey)
            judge_certificate(presented, challenge)
        except Unreached as error:
            return witness.failed(error.problem, error.detail, journey.tried())
        return witness.fulfilled(journey.tried())

    async def _presented(self, identifier: Identifier, journey: Journey) -> bytes:
        """The certificate the server showed in a handshake that settled on acme-tls/1, DER."""
        tls = Tls(self._context, _server_name(identifier))
        port = self._settings.tls_port
        destination = Destination(Purpose.TLS_ALPN_01, host_of(identifier), port, tls)
        transport, _ = await connect(self._egress, destination, asyncio.Protocol, journey)
        try:
            session: ssl.SSLObject = transport.get_extra_info("ssl_object")
            certificate, protocol = session.getpeercert(binary_form=True), session.selected_alpn_protocol()
        finally:
            transport.abort()
        if protocol != PROTOCOL or certificate is None:
            detail = f"{journey.place} did not select the TLS application protocol {PROTOCOL}"
            raise Unreached("incorrectResponse", detail)
        return certificate


def _server_name(identifier: Identifier) -> str:
    """For an address its name in the reverse DNS (RFC 8738 section 6)."""
    if identifier.kind is IdentifierKind.IP:
        return ip_address(identifier.value).reverse_pointer
    return identifier.value


def judge_certificate(presented: bytes, challenge: Challenge) -> None:
    """Does this certificate, DER, fulfil the challenge (RFC 8737 section 3)? Raises Unreached with problem
    incorrectResponse, saying what is wrong and quoting nothing of it."""
    try:
        certificate = x509.load_der_x509_certificate(presented)
        extensions = certificate.extensions
        _check_self_signed(certificate)
    except UNREADABLE as error:
        raise _wrong("cannot be read") from error
    except UnsupportedAlgorithm as error:
        raise _wrong("has a key or signature of an unknown algorithm") from error
    _check_names(extensions, challenge.identifier)
    _check_acme_identifier(extensions, challenge.key_authorization)


def _check_self_signed(certificate: x509.Certificate) -> None:
    if certificate.subject != certificate.issuer:
        raise _wrong("is not self-signed")
    try:
        certificate.verify_directly_issued_by(certificate)
    except InvalidSignature as error:
        raise _wrong("is not self-signed: its signature is not by its own key") from error


def _check_names(extensions: x509.Extensions, identifier: Identifier) -> None:
    try:
        names = list(extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound as error:
        raise _wrong("has no subject alternative name") from error
    if len(names) != 1:
        raise _wrong(f"has {len(names)} subject alternative names; it must have exactly {identifier}")
    name = names[0]
    dns = isinstance(name, x509.DNSName) and identifier.kind is IdentifierKind.DNS
    ip = isinstance(name, x509.IPAddress) and identifier.kind is IdentifierKind.IP
    if not (dns or ip) or str(name.value).lower() != identifier.value:
        raise _wrong(f"has another subject alternative name than {identifier}")


def _check_acme_identifier(extensions: x509.Extensions, key_authorization: str) -> None:
    try:
        extension = extensions.get_extension_for_oid(ACME_IDENTIFIER)
    except x509.ExtensionNotFound as error:
        raise _wrong("has no acmeIdentifier extension") from error
    if not extension.critical:
        raise _wrong("has an acmeIdentifier extension that is not critical")
    digest = tls_alpn_01_digest(key_authorization)
    value = extension.value
    if not isinstance(value, x509.UnrecognizedExtension) or value.value != der.octet_string(digest):
        raise _wrong("has an acmeIdentifier that is not the digest of the key authorization")


def _wrong(what: str) -> Unreached:
    return Unreached("incorrectResponse", f"the certificate presented for {PROTOCOL} {what}")
