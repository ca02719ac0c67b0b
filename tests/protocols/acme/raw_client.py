"""An ACME client that does exactly what a test says, right or wrong. It shares no code with the server."""

import base64
import hashlib
import hmac
import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
Header = dict[str, Any]

PREFIX = "urn:ietf:params:acme:error:"
SECONDS = 30


def text64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def octets64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def jwk(key: Key) -> dict[str, str]:
    public = key.public_key()
    if isinstance(public, ec.EllipticCurvePublicKey):
        point = public.public_numbers()
        x, y = (text64(number.to_bytes(32, "big")) for number in (point.x, point.y))
        return {"crv": "P-256", "kty": "EC", "x": x, "y": y}
    if isinstance(public, rsa.RSAPublicKey):
        pair = public.public_numbers()
        e, n = (text64(v.to_bytes((v.bit_length() + 7) // 8, "big")) for v in (pair.e, pair.n))
        return {"e": e, "kty": "RSA", "n": n}
    return {"crv": "Ed25519", "kty": "OKP", "x": text64(public.public_bytes_raw())}


def thumbprint(key: Key) -> str:
    """RFC 7638."""
    return text64(
        hashlib.sha256(json.dumps(jwk(key), separators=(",", ":"), sort_keys=True).encode()).digest()
    )


def algorithm(key: Key) -> str:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return "ES256"
    return "RS256" if isinstance(key, rsa.RSAPrivateKey) else "EdDSA"


def signature(key: Key, octets: bytes) -> bytes:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        pair = decode_dss_signature(key.sign(octets, ec.ECDSA(hashes.SHA256())))
        return b"".join(number.to_bytes(32, "big") for number in pair)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(octets, padding.PKCS1v15(), hashes.SHA256())
    return key.sign(octets)


def flattened(key: Key | bytes, header: Header, payload: object) -> dict[str, str]:
    """A JWS. `payload` None is the empty one of POST-as-GET; a key in octets makes a MAC."""
    body = (
        ""
        if payload is None
        else text64(payload if isinstance(payload, bytes) else json.dumps(payload).encode())
    )
    protected = text64(json.dumps(header).encode())
    signed = f"{protected}.{body}".encode()
    proof = hmac.digest(key, signed, "sha256") if isinstance(key, bytes) else signature(key, signed)
    return {"protected": protected, "payload": body, "signature": text64(proof)}


@dataclass(frozen=True)
class Reply:
    """An answer of the server."""

    status: int
    headers: httpx.Headers
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def error(self) -> str:
        """The ACME error type without its prefix, and a check that it is a problem document in good form."""
        assert self.headers["content-type"] == "application/problem+json"
        assert self.json["status"] == self.status
        assert self.json["detail"]
        kind: str = self.json["type"]
        assert kind.startswith(PREFIX)
        return kind.removeprefix(PREFIX)

    @property
    def refusal(self) -> tuple[int, str]:
        """Status and error type."""
        return self.status, self.error

    @property
    def links(self) -> dict[str, str]:
        """Links by their relation."""
        pairs = (link.split(";rel=") for link in self.headers.get_list("link"))
        return {relation.strip('"'): target.strip("<>") for target, relation in pairs}


@dataclass
class RawClient:
    """`kid` is set once there is an account. `port`: connect there, whatever host the URLs name."""

    directory_url: str
    trust: ssl.SSLContext
    key: Key = field(default_factory=new_key)
    kid: str = ""
    port: int = 0
    last: Reply | None = None

    def __post_init__(self) -> None:
        self.http = httpx.Client(verify=self.trust, timeout=SECONDS)
        self.directory: dict[str, Any] = self.get(self.directory_url).json
        self._nonce = ""

    # -- the wire --------------------------------------------------------------------------------

    def send(
        self, method: str, url: str, content: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Reply:
        given = httpx.URL(url)
        named = {"host": given.netloc.decode()} if self.port else {}
        target = given.copy_with(port=self.port) if self.port else given
        answer = self.http.request(method, target, content=content, headers={**named, **(headers or {})})
        self.last = Reply(answer.status_code, answer.headers, answer.content)
        self._nonce = answer.headers.get("replay-nonce", "") if method == "POST" else ""
        return self.last

    def get(self, url: str) -> Reply:
        return self.send("GET", url)

    def nonce(self) -> str:
        """A fresh one: that of the last answer, or one asked for."""
        found, self._nonce = self._nonce, ""
        return found or self.send("HEAD", self.directory["newNonce"]).headers["replay-nonce"]

    def header(self, url: str, /, **changes: Any) -> Header:
        """A good protected header; a change to None takes a member out."""
        signer = {"kid": self.kid} if self.kid else {"jwk": jwk(self.key)}
        members = {"alg": algorithm(self.key), "url": url, **signer, **changes}
        members.setdefault("nonce", self.nonce() if "nonce" not in changes else None)
        return {name: value for name, value in members.items() if value is not None}

    def signed(self, url: str, payload: object, key: Key | None = None, /, **changes: Any) -> bytes:
        return json.dumps(flattened(key or self.key, self.header(url, **changes), payload)).encode()

    def post(self, url: str, payload: object = None, key: Key | None = None, /, **changes: Any) -> Reply:
        """A signed POST; without payload POST-as-GET. `changes` are to the protected header."""
        return self.post_body(url, self.signed(url, payload, key, **changes))

    def post_body(self, url: str, body: bytes, content_type: str = "application/jose+json") -> Reply:
        return self.send("POST", url, body, {"content-type": content_type})

    def post_by_key(self, url: str, payload: object, key: Key) -> Reply:
        """Signed by a key that comes along."""
        return self.post(url, payload, key, jwk=jwk(key), kid=None, alg=algorithm(key))

    # -- usual steps -----------------------------------------------------------------------------

    def register(self, **payload: Any) -> Reply:
        reply = self.post(self.directory["newAccount"], {"termsOfServiceAgreed": True, **payload})
        assert reply.status == 201, reply.content
        self.kid = reply.headers["location"]
        return reply

    def binding(self, identifier: str, mac_key: bytes, **changes: Any) -> dict[str, str]:
        """An external account binding of this client's key."""
        header = {"alg": "HS256", "kid": identifier, "url": self.directory["newAccount"], **changes}
        return flattened(mac_key, header, jwk(self.key))

    def order(self, *names: str, **more: Any) -> Reply:
        """newOrder for DNS names, or for addresses where they are such."""
        identifiers = [{"type": "ip" if _is_address(name) else "dns", "value": name} for name in names]
        return self.post(self.directory["newOrder"], {"identifiers": identifiers, **more})

    def poll(self, url: str, *while_status: str) -> Any:
        """Read until the status is another one."""
        deadline = time.monotonic() + SECONDS
        while True:
            found = self.post(url).json
            if found["status"] not in while_status:
                return found
            assert time.monotonic() < deadline, found
            time.sleep(0.03)

    def challenge(self, authorization: str, kind: str) -> dict[str, str]:
        found = self.post(authorization).json
        return next(one for one in found["challenges"] if one["type"] == kind)

    def key_authorization(self, token: str) -> str:
        return f"{token}.{thumbprint(self.key)}"

    def finalize(self, order: Mapping[str, Any], csr: bytes) -> Reply:
        return self.post(order["finalize"], {"csr": text64(csr)})

    def revoke(self, certificate: bytes, **more: Any) -> Reply:
        return self.post(self.directory["revokeCert"], {"certificate": text64(certificate), **more})


def _is_address(name: str) -> bool:
    return ":" in name or name.replace(".", "").isdigit()


def certificate_key_text(certificate: x509.Certificate) -> str:
    """How a certificate is named for renewal information (RFC 9773 section 4.1)."""
    issuer = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert issuer.key_identifier
    serial = certificate.serial_number
    return f"{text64(issuer.key_identifier)}.{text64(serial.to_bytes(serial.bit_length() // 8 + 1, 'big'))}"


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)
