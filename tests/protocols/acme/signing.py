"""Makes signed requests as an ACME client does, and broken ones as an attacker does."""

import hmac
import json
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from certwright.protocols.acme.encoding import encode_base64url
from certwright.protocols.acme.jwk import Jwk, JwkKey, jwk_of

SigningKey = (
    ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey
)

URL = "https://pki.example.org/acme/default/new-order"
ACCOUNT_URL = "https://pki.example.org/acme/default/account/evOfKhNU60wg"
NONCE = "MYAuvOpaoIiywTezizk5vw"

_HASHES = {"ES256": hashes.SHA256(), "ES384": hashes.SHA384(), "ES512": hashes.SHA512()}
_SIZES = {"ES256": 32, "ES384": 48, "ES512": 66}

Members = dict[str, object]


@dataclass(frozen=True)
class Signer:
    """A client's key and the algorithm it signs with."""

    key: SigningKey
    algorithm: str

    @property
    def public(self) -> JwkKey:
        return self.key.public_key()

    @property
    def jwk(self) -> Jwk:
        jwk = jwk_of(self.public)
        assert jwk is not None
        return jwk

    def sign(self, octets: bytes) -> bytes:
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            numbers = decode_dss_signature(self.key.sign(octets, ec.ECDSA(_HASHES[self.algorithm])))
            return b"".join(number.to_bytes(_SIZES[self.algorithm], "big") for number in numbers)
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(octets, padding.PKCS1v15(), hashes.SHA256())
        return self.key.sign(octets)

    def header(self, **changes: object) -> Members:
        """A good header with `kid`; a change to None takes a member out."""
        members = {"alg": self.algorithm, "kid": ACCOUNT_URL, "nonce": NONCE, "url": URL} | changes
        return {name: value for name, value in members.items() if value is not None}

    def header_with_key(self, **changes: object) -> Members:
        return self.header(kid=None, jwk=json.loads(self.jwk.canonical), **changes)

    def flattened(self, payload: bytes, header: Members) -> Members:
        protected, text = encode_base64url(json.dumps(header).encode()), encode_base64url(payload)
        signature = self.sign(f"{protected}.{text}".encode())
        return {"protected": protected, "payload": text, "signature": encode_base64url(signature)}

    def body(self, payload: bytes, header: Members) -> bytes:
        return json.dumps(self.flattened(payload, header)).encode()


def make_signer(algorithm: str) -> Signer:
    match algorithm:
        case "ES256":
            return Signer(ec.generate_private_key(ec.SECP256R1()), algorithm)
        case "ES384":
            return Signer(ec.generate_private_key(ec.SECP384R1()), algorithm)
        case "ES512":
            return Signer(ec.generate_private_key(ec.SECP521R1()), algorithm)
        case "RS256":
            return Signer(rsa.generate_private_key(65537, 2048), algorithm)
        case "EdDSA":
            return Signer(ed25519.Ed25519PrivateKey.generate(), algorithm)
    raise ValueError(algorithm)


def mac(key: bytes, payload: bytes, header: Members, digest: str = "sha256") -> Members:
    """A flattened JWS under a MAC, as an external account binding is."""
    protected, text = encode_base64url(json.dumps(header).encode()), encode_base64url(payload)
    tag = hmac.digest(key, f"{protected}.{text}".encode(), digest)
    return {"protected": protected, "payload": text, "signature": encode_base64url(tag)}
