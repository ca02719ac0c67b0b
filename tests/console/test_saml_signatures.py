"""What of a SAML response is signed: forged ones of every kind we know, and those that nobody has thought of
yet, as far as Hypothesis finds them.

XSW 1 to 8 are those of "On Breaking SAML" (Somorovsky and others, 2012) as SAML Raider numbers them.
"""

import base64
import copy
import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pytest
import xmlsec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from certwright.console.login.saml_signatures import _signed_octets
from certwright.core.errors import Malformed, Unauthenticated
from tests.console.saml_responses import (
    DS,
    WITH,
    A,
    Form,
    P,
    assertion,
    attribute,
    ec_signer,
    evil_copy,
    good,
    judged,
    octets,
    response,
    rsa_signer,
    sign,
    signer,
)

C = xmlsec.constants


@pytest.mark.parametrize("what", ["assertion", "response", "both"])
def test_what_the_provider_has_signed_is_read(what: str) -> None:
    found = judged(good(what, attributes=attribute("groups", "a", "b")))
    assert (found.identifier, found.name) == ("_a", "n-1")
    assert found.attributes == {"uid": ("alice",), "groups": ("a", "b")}


def test_other_keys_and_forms_of_signature_are_good_too() -> None:
    both = rsa_signer().certificate + ec_signer().certificate
    curve = response()
    sign(assertion(curve), ec_signer(), Form(C.TransformEcdsaSha256))
    assert judged(curve, both).name == "n-1"
    for form in (
        Form(C.TransformRsaSha512, C.TransformSha512),
        Form(C.TransformRsaSha384, C.TransformSha384),
        Form(prefixes="xs"),
    ):
        root = response()
        assert judged(sign(assertion(root), form=form), both).name == "n-1"
        root = response()
        assert judged(sign(root, form=form)).name == "n-1"


# -- signatures that are none --------------------------------------------------------------------


def by_form(form: Form, key: Any = None) -> Callable[[], Any]:
    return lambda: sign(assertion(response()), key, form)


def changed(what: str, path: str, text: str) -> Callable[[], Any]:
    def made() -> Any:
        root = good(what)
        root.find(path, WITH).text = text
        return root

    return made


def other_key_within() -> Any:
    """Its certificate comes along in KeyInfo."""
    return sign(assertion(response()), rsa_signer(1))


def one_of_two_is_anothers() -> Any:
    root = response()
    sign(assertion(root))
    return sign(root, rsa_signer(1))


def hmac_with(encoding: Encoding) -> Callable[[], Any]:
    """With what anybody knows, the public key."""
    known = rsa_signer().key.public_key().public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
    return by_form(Form(C.TransformHmacSha256), known)


def replaced(old: bytes, new: bytes, what: str = "assertion") -> Callable[[], Any]:
    def made() -> bytes:
        document = octets(good(what))
        assert old in document
        return document.replace(old, new, 1)

    return made


def another_reference() -> Any:
    root = good()
    reference = root.find(".//ds:Reference", WITH)
    reference.addnext(copy.deepcopy(reference))
    return root


FORGED: dict[str, Callable[[], Any]] = {
    "nothing signed": response,
    "another name": changed("assertion", ".//a:NameID", "evil"),
    "another attribute": changed("response", ".//a:AttributeValue", "evil"),
    "another name, both signed": changed("both", ".//a:NameID", "evil"),
    "another key": other_key_within,
    "another key of one": one_of_two_is_anothers,
    "SHA-1 signature": by_form(Form(C.TransformRsaSha1)),
    "SHA-1 digest": by_form(Form(digest=C.TransformSha1)),
    "HMAC with the key in PEM": hmac_with(Encoding.PEM),
    "HMAC with the key in DER": hmac_with(Encoding.DER),
    "canonical with comments": by_form(Form(canonical=C.TransformExclC14NWithComments)),
    "not exclusive": by_form(Form(canonical=C.TransformInclC14N)),
    "transform with comments": by_form(
        Form(transforms=(C.TransformEnveloped, C.TransformExclC14NWithComments))
    ),
    "one transform more": by_form(
        Form(transforms=(C.TransformEnveloped, C.TransformExclC14N, C.TransformExclC14N))
    ),
    "no transform": by_form(Form(transforms=(C.TransformEnveloped,))),
    "of all the document": lambda: sign(response(), form=Form(uri="")),
    "a reference more": another_reference,
    "XSLT": replaced(
        b"http://www.w3.org/2000/09/xmldsig#enveloped-signature",
        b"http://www.w3.org/TR/1999/REC-xslt-19991116",
    ),
    "XPath": replaced(
        b"http://www.w3.org/2000/09/xmldsig#enveloped-signature",
        b"http://www.w3.org/TR/1999/REC-xpath-19991116",
    ),
    "no algorithm": replaced(b"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", b"none"),
}


@pytest.mark.parametrize("case", FORGED)
def test_a_forged_signature_is_none(case: str) -> None:
    with pytest.raises(Unauthenticated):
        judged(FORGED[case]())


# -- what is moved around a signature ------------------------------------------------------------


def signature_of(element: Any) -> Any:
    return element.find("ds:Signature", WITH)


def xsw_1_and_2(inside: bool) -> Any:
    """A response of somebody else, with the signature of the true one, which is in it or beside it."""
    true = good("response")
    evil = evil_copy(true)
    signature = signature_of(true)
    true.remove(signature)
    evil.insert(1, signature)
    (signature.append if inside else signature.addprevious)(true)
    return evil


def xsw_3(what: str = "assertion") -> Any:
    root = good(what)
    assertion(root).addprevious(evil_copy(assertion(root)))
    return root


def xsw_4() -> Any:
    root = good()
    true = assertion(root)
    evil = evil_copy(true)
    root.replace(true, evil)
    evil.append(true)
    return root


def xsw_5_and_6(place: Callable[[Any, Any, Any], None], identifier: str | None = "_evil") -> Any:
    root = good()
    true = assertion(root)
    signature = signature_of(true)
    evil = evil_copy(true, identifier)
    true.remove(signature)
    root.replace(true, evil)
    evil.insert(1, signature)
    place(root, signature, true)
    return root


def xsw_7(evil_in_extensions: bool = True) -> Any:
    root = good()
    extensions = etree.Element(f"{{{P}}}Extensions")
    root.insert(1, extensions)
    true = assertion(root)
    if evil_in_extensions:
        extensions.append(evil_copy(true, None))
    else:
        root.append(evil_copy(true))
        extensions.append(true)
    return root


def in_object(_root: Any, signature: Any, true: Any) -> None:
    etree.SubElement(signature, f"{{{DS}}}Object").append(true)


def in_advice() -> Any:
    root = good()
    true = assertion(root)
    evil = evil_copy(true)
    root.replace(true, evil)
    advice = etree.Element(f"{{{A}}}Advice")
    evil.find("a:Conditions", WITH).addnext(advice)
    advice.append(true)
    return root


def evil_with_a_digest_elsewhere() -> Any:
    """CVE-2024-45409: the digest of what was put in stands where a search may find it first."""
    root = good()
    true = assertion(root)
    signature = signature_of(true)
    evil = evil_copy(true, None)
    root.replace(true, evil)
    unsigned = etree.tostring(evil, method="c14n", exclusive=True)
    detail = etree.SubElement(root.find("p:Status", WITH), f"{{{P}}}StatusDetail")
    fake = etree.SubElement(detail, f"{{{DS}}}DigestValue")
    fake.text = base64.b64encode(hashlib.sha256(unsigned).digest()).decode()
    evil.insert(1, signature)
    return root


def within(path: str, node: Any, split: int = 2) -> Callable[[], Any]:
    """A signed response with a comment or the like inside a text, whose signature is still good."""

    def made() -> Any:
        root = good("assertion", name="alice@us.example.evil", uid="alice.evil")
        element = root.find(path, WITH)
        text = element.text
        element.text, node.tail = text[:split], text[split:]
        element.append(copy.deepcopy(node))
        return root

    return made


def doctype(inside: bytes, use: bytes = b"") -> Callable[[], bytes]:
    def made() -> bytes:
        document = octets(good("assertion", name="n-1"))
        return b"<!DOCTYPE x [" + inside + b"]>" + document.replace(b">n-1<", b">" + (use or b"n-1") + b"<")

    return made


def with_object() -> Any:
    root = good()
    etree.SubElement(signature_of(assertion(root)), f"{{{DS}}}Object")
    return root


def signature_elsewhere() -> Any:
    root = good()
    detail = etree.SubElement(root.find("p:Status", WITH), f"{{{P}}}StatusDetail")
    detail.append(copy.deepcopy(signature_of(assertion(root))))
    return root


def without_an_instant() -> Any:
    root = good()
    del root.attrib["IssueInstant"]
    return root


def encrypted() -> Any:
    root = good()
    etree.SubElement(root, f"{{{A}}}EncryptedAssertion")
    return root


def same_identifier(attribute_name: str) -> Callable[[], Any]:
    def made() -> Any:
        root = good()
        status = root.find("p:Status", WITH)
        detail = etree.SubElement(status, f"{{{P}}}StatusDetail")
        etree.SubElement(detail, "other").set(attribute_name, "_a")
        return root

    return made


def another_root() -> bytes:
    return octets(good("response")).replace(b"samlp:Response", b"samlp:ArtifactResponse")


def beside(_root: Any, _signature: Any, true: Any) -> None:
    _root.append(true)


def inside(_root: Any, signature: Any, true: Any) -> None:
    signature.append(true)


COMMENT, INSTRUCTION = etree.Comment("x"), etree.ProcessingInstruction("x", "y")
WRAPPED: dict[str, Callable[[], Any]] = {
    "XSW 1": lambda: xsw_1_and_2(inside=True),
    "XSW 2": lambda: xsw_1_and_2(inside=False),
    "XSW 3": xsw_3,
    "XSW 3 before all that is signed": lambda: xsw_3("response"),
    "XSW 4": xsw_4,
    "XSW 5": lambda: xsw_5_and_6(beside),
    "XSW 5 with the same identifier": lambda: xsw_5_and_6(beside, None),
    "XSW 6": lambda: xsw_5_and_6(inside),
    "XSW 7": xsw_7,
    "XSW 7 the other way": lambda: xsw_7(evil_in_extensions=False),
    "XSW 8": lambda: xsw_5_and_6(in_object),
    "in an advice": in_advice,
    "a digest elsewhere": evil_with_a_digest_elsewhere,
    "a comment in the name": within(".//a:NameID", COMMENT, 16),
    "a comment in an attribute": within(".//a:AttributeValue", COMMENT, 5),
    "a comment in the digest": within(".//ds:DigestValue", COMMENT),
    "an instruction in the name": within(".//a:NameID", INSTRUCTION, 16),
    "a document type": doctype(b""),
    "an entity": doctype(b'<!ENTITY e "n-1">', b"&e;"),
    "an entity of a file": doctype(b'<!ENTITY e SYSTEM "file:///etc/passwd">', b"&e;"),
    "an attribute by default": doctype(b'<!ATTLIST x ID CDATA "_a">'),
    "the same ID": same_identifier("ID"),
    "the same Id": same_identifier("Id"),
    "the same xml:id": same_identifier("{http://www.w3.org/XML/1998/namespace}id"),
    "a namespace without a scheme": replaced(b"<saml:Conditions ", b'<saml:Conditions xmlns:x="x" '),
    "another root": another_root,
    "something in the signature": with_object,
    "a signature elsewhere": signature_elsewhere,
    "not built as SAML says": without_an_instant,
}


@pytest.mark.parametrize("case", WRAPPED)
def test_nothing_that_is_moved_around_a_signature_is_read(case: str) -> None:
    with pytest.raises(Unauthenticated, match="hold one assertion" if "XSW" in case else None):
        judged(WRAPPED[case]())


KINDS = st.sampled_from(["assertion", "response", "both"])


@lru_cache
def known(what: str) -> bytes:
    return octets(good(what, attributes=attribute("groups", "a")))


@given(KINDS, st.data())
def test_octets_that_are_changed_say_the_same_or_nothing(what: str, data: st.DataObject) -> None:
    document = bytearray(known(what))
    place = data.draw(st.integers(0, len(document) - 1))
    length = data.draw(st.integers(0, 3))
    document[place : place + length] = data.draw(
        st.binary(max_size=3) | st.sampled_from([b"<!---->", b"<?a?>", b"&#97;", b"]]>", b'" ID="_a'])
    )
    assert_same_or_refused(bytes(document))


@given(KINDS, st.data())
def test_elements_that_are_moved_say_the_same_or_nothing(what: str, data: st.DataObject) -> None:
    root = etree.fromstring(known(what))
    nodes = list(root.iter())
    for _ in range(data.draw(st.integers(1, 3))):
        node, parent = data.draw(st.sampled_from(nodes)), data.draw(st.sampled_from(nodes))
        moved = (
            evil_copy(node, data.draw(st.sampled_from([None, "_a", "_r"])))
            if data.draw(st.booleans())
            else node
        )
        if moved not in parent.iterancestors() and moved is not parent:
            parent.insert(data.draw(st.integers(0, 3)), moved)
    assert_same_or_refused(octets(root))


def assert_same_or_refused(document: bytes) -> None:
    try:
        found = judged(document)
    except Unauthenticated:
        return
    assert (found.identifier, found.name) == ("_a", "n-1")
    assert found.attributes == {"uid": ("alice",), "groups": ("a",)}


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_nothing_else_than_a_refusal_comes_of_rubbish(document: bytes) -> None:
    with pytest.raises(Unauthenticated):
        judged(document)


def test_what_is_read_is_what_the_digest_is_of() -> None:
    """Whatever whoever has checked the signature took for signed."""
    root = good()
    root.find(".//a:NameID", WITH).text = "evil"
    with pytest.raises(Unauthenticated, match="about something else"):
        _signed_octets(assertion(root))


def test_attributes_that_would_take_seconds_are_not_looked_at() -> None:
    many = b" ".join(b'a%d=""' % number for number in range(12_000))
    with pytest.raises(Unauthenticated, match="more attributes on an element"):
        judged(replaced(b"<saml:Conditions ", b"<saml:Conditions " + many + b" ")())


def test_what_is_encrypted_is_told() -> None:
    with pytest.raises(Unauthenticated, match="is encrypted; have it signed"):
        judged(encrypted())


def test_certificates_that_say_too_little_are_told() -> None:
    weak = signer(rsa.generate_private_key(65537, 1024)).certificate
    for text, told in (
        ("", "no certificates"),
        ("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", "no certificates"),
        (weak, "2048 bits"),
        (rsa_signer().certificate * 9, "more than 8"),
    ):
        with pytest.raises(Malformed, match=told):
            judged(good(), text)
