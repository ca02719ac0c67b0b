"""Responses as identity providers write them, signed by keys of the tests with xmlsec; and the ways they are
moved around in attacks."""

import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree

from certwright.console.login.saml import Assertion, Expected, check_assertion
from certwright.console.login.saml_signatures import read_signed

P, A = "urn:oasis:names:tc:SAML:2.0:protocol", "urn:oasis:names:tc:SAML:2.0:assertion"
DS = "http://www.w3.org/2000/09/xmldsig#"
WITH = {"p": P, "a": A, "ds": DS}
US, THEM, ACS, REQUEST = (
    "https://us.example/saml",
    "https://them.example/idp",
    "https://us.example/acs",
    "_request",
)
EXPECTED = Expected(THEM, US, ACS, REQUEST)
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
TEMPLATE = """<samlp:Response xmlns:samlp="{P}" xmlns:saml="{A}" xmlns:xs="http://www.w3.org/2001/XMLSchema"
 ID="_r" Version="2.0" IssueInstant="{now}" Destination="{destination}" InResponseTo="{response_to}">
 <saml:Issuer>{response_issuer}</saml:Issuer>
 <samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:{status}"/></samlp:Status>
 <saml:Assertion ID="{assertion_id}" Version="2.0" IssueInstant="{now}">
  <saml:Issuer>{issuer}</saml:Issuer>
  <saml:Subject><saml:NameID Format="{name_format}"{qualifier}>{name}</saml:NameID>
   <saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:{method}">
    <saml:SubjectConfirmationData Recipient="{recipient}"{confirmed_until} InResponseTo="{confirmed_to}"/>
   </saml:SubjectConfirmation></saml:Subject>
  <saml:Conditions NotBefore="{since}" NotOnOrAfter="{until}">{conditions}</saml:Conditions>
  <saml:AuthnStatement AuthnInstant="{proved}"{session}><saml:AuthnContext>
   <saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef>
  </saml:AuthnContext></saml:AuthnStatement>
  <saml:AttributeStatement><saml:Attribute Name="uid">
   <saml:AttributeValue xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    xsi:type="xs:string">{uid}</saml:AttributeValue></saml:Attribute>{attributes}
  </saml:AttributeStatement>
 </saml:Assertion>
</samlp:Response>"""
AUDIENCE = "<saml:AudienceRestriction><saml:Audience>{}</saml:Audience></saml:AudienceRestriction>"


def moment(seconds: float = 0) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def values(**given: str) -> dict[str, str]:
    """What goes into the template: all of it right, but for what is given."""
    usual = {
        "P": P, "A": A, "now": moment(), "destination": ACS, "response_to": REQUEST, "status": "Success",
        "response_issuer": THEM, "issuer": THEM, "assertion_id": "_a", "name": "n-1", "qualifier": "",
        "name_format": PERSISTENT, "method": "bearer", "recipient": ACS, "confirmed_to": REQUEST,
        "since": moment(-30), "confirmed_until": f' NotOnOrAfter="{moment(300)}"', "until": moment(300),
        "proved": moment(), "conditions": AUDIENCE.format(US), "session": "", "uid": "alice",
        "attributes": "",
    }  # fmt: skip
    assert set(given) <= set(usual)
    return usual | given


def response(**given: str) -> etree._Element:
    """Not signed yet."""
    return etree.fromstring(TEMPLATE.format_map(values(**given)))


@dataclass(frozen=True)
class Signer:
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    certificate: str = field(repr=False, default="")

    @property
    def pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def signer(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> Signer:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "provider")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = builder.not_valid_before(now).not_valid_after(now + timedelta(days=1)).sign(key, SHA256())
    return Signer(key, made.public_bytes(Encoding.PEM).decode())


@lru_cache
def rsa_signer(number: int = 0, bits: int = 2048) -> Signer:
    """The provider's is number 0."""
    return signer(rsa.generate_private_key(65537, bits))


@lru_cache
def ec_signer() -> Signer:
    return signer(ec.generate_private_key(ec.SECP256R1()))


@dataclass(frozen=True)
class Form:
    """How something is signed; all of it usual."""

    method: object = xmlsec.constants.TransformRsaSha256
    digest: object = xmlsec.constants.TransformSha256
    canonical: object = xmlsec.constants.TransformExclC14N
    transforms: tuple[object, ...] = (
        xmlsec.constants.TransformEnveloped,
        xmlsec.constants.TransformExclC14N,
    )
    uri: str | None = None
    prefixes: str = ""


def sign(element: etree._Element, by: Signer | bytes | None = None, form: Form = Form()) -> etree._Element:
    """Signs in place, behind the issuer; gives the document's root. `by` octets: with these as HMAC key."""
    by = rsa_signer() if by is None else by
    signature = xmlsec.template.create(element, form.canonical, form.method, ns="ds")
    element.insert(1, signature)
    uri = f"#{element.get('ID')}" if form.uri is None else form.uri
    reference = xmlsec.template.add_reference(signature, form.digest, uri=uri)
    for transform in form.transforms:
        made = xmlsec.template.add_transform(reference, transform)
        if form.prefixes and transform is xmlsec.constants.TransformExclC14N:
            xmlsec.template.transform_add_c14n_inclusive_namespaces(made, form.prefixes)
    xmlsec.tree.add_ids(element.getroottree().getroot(), ["ID"])
    context = xmlsec.SignatureContext()
    if isinstance(by, bytes):
        context.key = xmlsec.Key.from_binary_data(xmlsec.constants.KeyDataHmac, by)
    else:
        xmlsec.template.add_x509_data(xmlsec.template.ensure_key_info(signature))
        context.key = xmlsec.Key.from_memory(by.pem, xmlsec.constants.KeyDataFormatPem)
        context.key.load_cert_from_memory(by.certificate.encode(), xmlsec.constants.KeyDataFormatPem)
    context.sign(signature)
    return element.getroottree().getroot()


def assertion(root: etree._Element) -> etree._Element:
    return root.find("a:Assertion", WITH)


def good(what: str = "assertion", **given: str) -> etree._Element:
    """A response, signed by the provider: its `assertion`, the `response` or `both`."""
    root = response(**given)
    if what in ("assertion", "both"):
        sign(assertion(root))
    if what in ("response", "both"):
        sign(root)
    return root


def octets(root: etree._Element) -> bytes:
    found: bytes = etree.tostring(root)
    return found


def evil_copy(element: etree._Element, identifier: str | None = "_evil") -> etree._Element:
    """Of somebody else, and without a signature."""
    made = copy.deepcopy(element)
    for signature in list(made.iterdescendants(f"{{{DS}}}Signature")):
        signature.getparent().remove(signature)
    for text in made.iter(f"{{{A}}}NameID", f"{{{A}}}AttributeValue"):
        text.text = "evil"
    if identifier:
        made.set("ID", identifier)
    return made


def attribute(name: str, *texts: str) -> str:
    inside = "".join(f"<saml:AttributeValue>{text}</saml:AttributeValue>" for text in texts)
    return f'<saml:Attribute Name="{name}">{inside}</saml:Attribute>'


def judged(document: Any, certificates: str | None = None, **expected: Any) -> Assertion:
    given_octets = document if isinstance(document, bytes) else octets(document)
    signed = read_signed(given_octets, rsa_signer().certificate if certificates is None else certificates)
    wanted = {name: getattr(EXPECTED, name) for name in ("issuer", "audience", "recipient", "request")}
    return check_assertion(signed, type(EXPECTED)(**(wanted | expected)), datetime.now(UTC))
