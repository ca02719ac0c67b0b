"""JWS inside a JWS: external account binding (RFC 8555 section 7.3.4) and key change (section 7.3.5)."""

import hmac
from dataclasses import dataclass

from ...core.errors import Malformed
from .encoding import JsonObject, decode_object, shown, text_member
from .jwk import Jwk, JwkKey, parse_jwk, public_key
from .jws import URL_MAX, ParsedJws, ProtectedHeader, bad_algorithm, open_flattened, signer_of, verify
from .problems import AcmeProblem, unauthorized

MAC_ALGORITHMS = ("HS256", "HS384", "HS512")
KEY_IDENTIFIER_MAX = 128

_DIGESTS = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}


@dataclass(frozen=True, slots=True)
class Binding:
    """An external account binding whose MAC is not verified yet.

    `key_identifier` says which MAC key to look up; `account_key` is the key it binds; `document` is what the
    account object gives back to the client, unchanged.
    """

    key_identifier: str
    account_key: Jwk
    algorithm: str
    signing_input: bytes
    mac: bytes
    document: JsonObject


def parse_binding(members: object, url: str) -> Binding:
    """Read the `externalAccountBinding` of a newAccount request sent to `url` (steps 1 and 2).

    Raises Malformed, AcmeProblem badSignatureAlgorithm, badPublicKey, or unauthorized for another URL.
    """
    if not isinstance(members, dict):
        raise Malformed('"externalAccountBinding" is not a JSON object')
    header, payload, mac, signing_input = open_flattened(members)
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in MAC_ALGORITHMS:
        raise bad_algorithm(f"a binding is made with a MAC, not with {shown(str(algorithm))}", MAC_ALGORITHMS)
    key_identifier = text_member(header, "kid", "the binding's protected header", KEY_IDENTIFIER_MAX)
    if not key_identifier.isascii() or "nonce" in header or "jwk" in header:
        raise Malformed(
            'the binding\'s protected header needs an ASCII "kid", and has no "nonce" and no "jwk"'
        )
    if header.get("url") != url:
        raise unauthorized('the external account binding has another "url" than the request')
    account_key = parse_jwk(decode_object(payload, "the payload of the binding"))
    return Binding(key_identifier, account_key, algorithm, signing_input, mac, members)


def verify_binding(binding: Binding, mac_key: bytes, account_key: Jwk) -> None:
    """Steps 4 and 5: the MAC, and the bound key is the one that signed. Raises AcmeProblem unauthorized."""
    expected = hmac.digest(mac_key, binding.signing_input, _DIGESTS[binding.algorithm])
    if not hmac.compare_digest(expected, binding.mac):
        raise unknown_binding()
    if binding.account_key != account_key:
        raise unauthorized("the external account binding is for another account key")


def unknown_binding() -> AcmeProblem:
    """For a MAC that does not match and for a key identifier nobody was given: the same words for both."""
    return unauthorized(
        "the external account binding does not match any key identifier and key given out here"
    )


@dataclass(frozen=True, slots=True)
class KeyChange:
    """A verified key change: the account's new key. That no account has it yet is for the caller to check."""

    jwk: Jwk
    key: JwkKey


def read_key_change(outer: ParsedJws, account_key: Jwk) -> KeyChange:
    """Read and verify the inner JWS of a keyChange request (RFC 8555 section 7.3.5, steps 2 to 8).

    `outer` is verified with `account_key` already. Raises Malformed, AcmeProblem badSignatureAlgorithm,
    badPublicKey or unauthorized.
    """
    members, payload, signature, signing_input = open_flattened(decode_object(outer.payload, "the inner JWS"))
    algorithm, url, jwk, _ = signer_of(members)
    if jwk is None or "nonce" in members:
        raise Malformed('the inner JWS needs "jwk", the new key, and has no "nonce"')
    if url != outer.header.url:
        raise unauthorized('the inner JWS has another "url" than the outer one')
    key = public_key(jwk)
    verify(ParsedJws(ProtectedHeader(algorithm, "", url, jwk, ""), payload, signing_input, signature), key)
    change = decode_object(payload, "the keyChange object")
    if text_member(change, "account", "the keyChange object", URL_MAX) != outer.header.kid:
        raise unauthorized("the keyChange object names another account than the one that signed")
    if parse_jwk(change.get("oldKey")) != account_key:
        raise unauthorized('"oldKey" of the keyChange object is not the account\'s key')
    return KeyChange(jwk, key)
