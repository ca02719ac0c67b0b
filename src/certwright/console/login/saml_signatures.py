"""What of a SAML response its provider has signed, and nothing else of it.

Signatures of XML are taken in by what is moved around them, so: one parser; few forms of signature, each of
one element by its one identifier; no comment, document type or processing instruction, which signatures do
not cover; and what is read afterwards is read anew from the very octets whose digest is in the signature. The
signature itself is checked by python3-saml with xmlsec, under pinned certificates alone.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from lxml.etree import _Element as Node
from onelogin.saml2.utils import OneLogin_Saml2_Utils
from onelogin.saml2.xml_utils import OneLogin_Saml2_XML

from ...core.audit import shown
from ...core.errors import Malformed, Unauthenticated
from .saml_messages import ASSERTION, PROTOCOL

DSIG, EXCLUSIVE = "http://www.w3.org/2000/09/xmldsig#", "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = f"{DSIG}enveloped-signature"
MORE, ENC = "http://www.w3.org/2001/04/xmldsig-more#", "http://www.w3.org/2001/04/xmlenc#"
SIGNATURES = frozenset(f"{MORE}{key}-sha{bits}" for key in ("rsa", "ecdsa") for bits in (256, 384, 512))
DIGESTS: dict[str, Callable[[bytes], "hashlib._Hash"]] = {
    f"{ENC}sha256": hashlib.sha256,
    f"{MORE}sha384": hashlib.sha384,
    f"{ENC}sha512": hashlib.sha512,
}
"""SHA-1 is not among them (RFC 6194)."""
RSA_BITS_MIN, EC_BITS_MIN = 2048, 256
CERTIFICATES_MAX = 8
ATTRIBUTES_MAX = 50
"""Of one element of XML: time grows with their square."""
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
SHOWN = 100
SCHEMA = "saml-schema-protocol-2.0.xsd"


@dataclass(frozen=True, slots=True)
class Signed:
    """`assertion` is signed, by itself or with all of the response. `response` is what it came in, of which
    nothing is proved."""

    response: Node
    assertion: Node


def name(namespace: str, local: str) -> str:
    return f"{{{namespace}}}{local}"


def read_signed(document: bytes, certificates: str) -> Signed:
    """The one assertion of a response. Raises Unauthenticated, saying what is wrong with it and nothing of
    what it holds; Malformed for certificates (PEM) that cannot be used."""
    pinned = read_certificates(certificates)
    response = _parsed(document)
    signed = _check_shape(response)
    for parent in signed:
        _check_signature(response, parent, pinned)
    octets = _signed_octets(signed[-1])
    found = _parsed(octets)
    assertion = found if found.tag == name(ASSERTION, "Assertion") else only(found, ASSERTION, "Assertion")
    return Signed(response, assertion)


def read_certificates(text: str) -> list[str]:
    """Those that are pinned, each as PEM. Their keys count, not how long they say they are valid."""
    try:
        found = x509.load_pem_x509_certificates(text.encode())
        keys = [one.public_key() for one in found]
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Malformed("login.saml: certificate_file holds no certificates in PEM") from error
    for key in keys:
        if not (
            (isinstance(key, RSAPublicKey) and key.key_size >= RSA_BITS_MIN)
            or (isinstance(key, EllipticCurvePublicKey) and key.curve.key_size >= EC_BITS_MIN)
        ):
            raise Malformed(
                f"login.saml: certificate_file has a key that is neither RSA of {RSA_BITS_MIN} bits nor EC of"
                f" {EC_BITS_MIN}"
            )
    if len(found) > CERTIFICATES_MAX:
        raise Malformed(f"login.saml: certificate_file has more than {CERTIFICATES_MAX} certificates")
    return [one.public_bytes(Encoding.PEM).decode() for one in found]


def _parsed(document: bytes) -> Node:
    """Always UTF-8, whatever it says of itself; without anything but elements, attributes and text."""
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        root = etree.fromstring(document, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Unauthenticated("the provider's response is no XML") from error
    info = root.getroottree().docinfo
    if info.doctype or info.internalDTD is not None:
        raise Unauthenticated("the provider's response has a document type, which none has")
    if any(not isinstance(node.tag, str) for node in root.iter()):
        raise Unauthenticated("the provider's response has comments or instructions inside, which none has")
    if any(len(node.attrib) > ATTRIBUTES_MAX for node in root.iter()):
        raise Unauthenticated("the provider's response has more attributes on an element than any has")
    return root


def _check_shape(response: Node) -> list[Node]:
    """Which of the response and its one assertion are signed, in that order, and no other thing in it is.
    Raises Unauthenticated."""
    if response.tag != name(PROTOCOL, "Response"):
        raise Unauthenticated("this is no response of a SAML provider")
    _check_status(response)
    if any(etree.QName(node).localname.startswith("Encrypted") for node in response.iter()):
        raise Unauthenticated("the provider's response is encrypted; have it signed, and not encrypted")
    assertions = list(response.iter(name(ASSERTION, "Assertion")))
    if len(assertions) != 1 or assertions[0].getparent() is not response:
        raise Unauthenticated("the provider's response does not hold one assertion, and that alone")
    _check_identifiers(response)
    signed = [node.getparent() for node in response.iter(name(DSIG, "Signature"))]
    if not signed:
        raise Unauthenticated("the provider has signed nothing")
    allowed = [response, assertions[0]]
    if len(signed) != len(set(signed)) or not set(signed) <= set(allowed):
        raise Unauthenticated("the provider's response has signatures elsewhere than it must")
    if isinstance(OneLogin_Saml2_XML.validate_xml(response, SCHEMA), str):
        raise Unauthenticated("the provider's response is not built as SAML 2.0 says")
    return [node for node in allowed if node in signed]


def _check_status(response: Node) -> None:
    """Raises Unauthenticated where the provider says that it did not log the person in."""
    found = response.find(f"{name(PROTOCOL, 'Status')}/{name(PROTOCOL, 'StatusCode')}")
    codes = [] if found is None else [node.get("Value", "") for node in found.iter(found.tag)]
    if codes[:1] != [SUCCESS]:
        told = " ".join(one.rpartition(":")[2] for one in codes[:2]) or "no status"
        raise Unauthenticated(f"the provider did not log you in ({shown(told, SHOWN)}); begin again")


def _check_identifiers(response: Node) -> None:
    """No two elements share one, by whatever attribute somebody might look for it."""
    found = [
        value
        for node in response.iter()
        for attribute, value in node.attrib.items()
        if etree.QName(attribute).localname.lower() == "id"
    ]
    if len(found) != len(set(found)):
        raise Unauthenticated("the provider's response gives the same identifier twice")


def _check_signature(response: Node, parent: Node, pinned: list[str]) -> None:
    """Raises Unauthenticated."""
    signature = only(parent, DSIG, "Signature")
    information = only(signature, DSIG, "SignedInfo")
    reference = only(information, DSIG, "Reference")
    transforms = [node.get("Algorithm") for node in only(reference, DSIG, "Transforms")]
    methods = {
        "SignatureMethod": only(information, DSIG, "SignatureMethod").get("Algorithm") in SIGNATURES,
        "DigestMethod": only(reference, DSIG, "DigestMethod").get("Algorithm") in DIGESTS,
        "CanonicalizationMethod": only(information, DSIG, "CanonicalizationMethod").get("Algorithm")
        == EXCLUSIVE,
        "Transforms": transforms == [ENVELOPED, EXCLUSIVE],
        "Reference": reference.get("URI") == f"#{parent.get('ID')}",
        "Object": signature.find(name(DSIG, "Object")) is None,
    }
    for what, good in methods.items():
        if not good:
            raise Unauthenticated(f"the provider's signature is of a kind that is not believed ({what})")
    local = etree.QName(parent).localname
    path = {"Response": OneLogin_Saml2_Utils.RESPONSE_SIGNATURE_XPATH}.get(
        local, OneLogin_Saml2_Utils.ASSERTION_SIGNATURE_XPATH
    )
    if not OneLogin_Saml2_Utils.validate_sign(response, xpath=path, multicerts=pinned):
        raise Unauthenticated("the provider's signature is not good, or of another key than certificate_file")


def _signed_octets(parent: Node) -> bytes:
    """What the signature of this element is about, which is checked by its digest once more. Takes the
    signature out of the tree."""
    signature = only(parent, DSIG, "Signature")
    reference = only(only(signature, DSIG, "SignedInfo"), DSIG, "Reference")
    _remove(signature)
    try:
        octets: bytes = etree.tostring(
            parent, method="c14n", exclusive=True, inclusive_ns_prefixes=_prefixes(reference)
        )
    except etree.LxmlError as error:
        raise Unauthenticated("the provider's response has namespaces that cannot be signed") from error
    digest = DIGESTS[only(reference, DSIG, "DigestMethod").get("Algorithm", "")](octets).digest()
    stated = base64.b64decode(only(reference, DSIG, "DigestValue").text or "")
    if not hmac.compare_digest(digest, stated):
        raise Unauthenticated("the provider's signature is about something else than what is read here")
    return octets


def _prefixes(reference: Node) -> list[str]:
    """Of namespaces that are in the octets whether they are used or not (Exclusive XML Canonicalization,
    section 3)."""
    listed = reference.find(f".//{name(EXCLUSIVE, 'InclusiveNamespaces')}")
    return (listed.get("PrefixList") or "").split() if listed is not None else []


def _remove(node: Node) -> None:
    """The element, and not the text behind it."""
    parent, before = node.getparent(), node.getprevious()
    assert parent is not None
    if before is None:
        parent.text = (parent.text or "") + (node.tail or "")
    else:
        before.tail = (before.tail or "") + (node.tail or "")
    node.tail = None
    parent.remove(node)


def only(parent: Node, namespace: str, local: str) -> Node:
    """The one child of this name. Raises Unauthenticated."""
    found = parent.findall(name(namespace, local))
    if len(found) != 1:
        raise Unauthenticated(f"the provider's response has {len(found)} {local} where one belongs")
    return found[0]
