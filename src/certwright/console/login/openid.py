"""What an OpenID provider says, judged: its metadata, its keys, its tokens (OpenID Connect Core 1.0). No
socket.

django-allauth's own client believes a token for the connection it came by, takes the algorithm from the
token, sends no nonce and does not compare the issuer; here the token itself must prove everything. Which
algorithms count is a setting of public-key signatures alone, so that neither `none` nor an HMAC with the
provider's public key, which anybody knows, is a signature (RFC 8725 sections 2.1 and 3.1).
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from ...core.errors import Malformed, Unauthenticated
from ...operations.enter_from_source import Vouched

SUBJECT_MAX = 255
"""OpenID Connect Core section 2; `external_id` has room for it."""
GROUPS_MAX = 1000
LEEWAY_SECONDS = 60
KEY_TYPES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
RSA_BITS_MIN = 2048
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Provider:
    """Where a provider does what."""

    issuer: str
    authorization: str
    token: str
    keys: str
    userinfo: str
    names_itself: bool
    """Whether its answers carry `iss` (RFC 9207)."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token must say."""

    issuer: str
    client_id: str
    nonce: str
    algorithms: tuple[str, ...]
    proved_since: datetime | None = None
    """The provider must have asked for a proof since then."""


def metadata_url(issuer: str) -> str:
    """OpenID Connect Discovery 1.0 section 4.1."""
    return issuer.removesuffix("/") + "/.well-known/openid-configuration"


def read_metadata(issuer: str, document: Json) -> Provider:
    """Raises Malformed for metadata of another issuer (Discovery section 4.3), or with an address that is not
    HTTPS while the issuer's is."""
    if document.get("issuer") != issuer:
        raise Malformed(f"what is found below {issuer} is the metadata of another issuer")
    return Provider(
        issuer,
        _address(issuer, document, "authorization_endpoint"),
        _address(issuer, document, "token_endpoint"),
        _address(issuer, document, "jwks_uri"),
        _address(issuer, document, "userinfo_endpoint") if "userinfo_endpoint" in document else "",
        document.get("authorization_response_iss_parameter_supported") is True,
    )


def _address(issuer: str, document: Json, name: str) -> str:
    value = document.get(name)
    scheme = urlsplit(value).scheme if isinstance(value, str) else ""
    if not isinstance(value, str) or scheme not in {"https", urlsplit(issuer).scheme}:
        raise Malformed(f"the metadata of {issuer} has no {name} that can be used")
    return value


def authorization_url(provider: Provider, parameters: Mapping[str, str], verifier: str) -> str:
    """Where a person goes to log in there; PKCE with SHA-256 (RFC 7636)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    more = {"response_type": "code", "code_challenge": challenge, "code_challenge_method": "S256"}
    joint = "&" if "?" in provider.authorization else "?"
    return f"{provider.authorization}{joint}{urlencode({**parameters, **more})}"


def check_token(token: str, keys: Json, expected: Expected) -> dict[str, Any]:
    """The claims of an ID token (Core section 3.1.3.7). Raises Unauthenticated, saying what is wrong with it
    and nothing of what it holds."""
    header = _header(token, expected.algorithms)
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            _key(keys, header),
            algorithms=[header["alg"]],
            audience=expected.client_id,
            issuer=expected.issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": ["iss", "sub", "aud", "exp", "iat"]},
        )
    except jwt.PyJWTError as error:
        raise Unauthenticated(f"the provider's token is not good: {type(error).__name__}") from error
    _check_claims(claims, expected)
    return claims


def _header(token: str, algorithms: Sequence[str]) -> Json:
    try:
        header: Json = jwt.get_unverified_header(token)
    except jwt.PyJWTError as error:
        raise Unauthenticated("the provider's token is no signed token") from error
    if header.get("alg") not in algorithms:
        raise Unauthenticated("the provider's token has a signature of another kind than login.oidc says")
    if "crit" in header or "b64" in header:
        raise Unauthenticated("the provider's token has extensions that are not understood")
    return header


def _key(keys: Json, header: Json) -> Any:
    """The one key of the provider that may have signed with this header. Raises Unauthenticated."""
    algorithm: str = header["alg"]
    known = keys.get("keys")
    fitting = [
        key
        for key in (known if isinstance(known, list) else [])
        if isinstance(key, dict)
        and key.get("kty") == KEY_TYPES[algorithm[:2]]
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and ("kid" not in header or key.get("kid") == header["kid"])
    ]
    if len(fitting) != 1:
        raise Unauthenticated("the provider's token names no key of the provider, or not which")
    try:
        key = jwt.get_algorithm_by_name(algorithm).from_jwk(fitting[0])
    except (jwt.PyJWTError, ValueError, KeyError, TypeError) as error:
        raise Unauthenticated("the provider's key cannot be read") from error
    if isinstance(key, RSAPublicKey) and key.key_size < RSA_BITS_MIN:
        raise Unauthenticated(f"the provider's key has fewer than {RSA_BITS_MIN} bits")
    return key


def _check_claims(claims: Json, expected: Expected) -> None:
    """What PyJWT does not look at."""
    if claims.get("nonce") != expected.nonce:
        raise Unauthenticated("the provider's token answers another log-in than this")
    many = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", None if many else expected.client_id) != expected.client_id:
        raise Unauthenticated("the provider's token is for somebody else")
    if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= SUBJECT_MAX:
        raise Unauthenticated("the provider's token does not say who the person is")
    if (
        expected.proved_since is not None
        and proved_at(claims) < expected.proved_since.timestamp() - LEEWAY_SECONDS
    ):
        raise Unauthenticated("the provider did not ask for a proof anew, or does not say when it did")


def proved_at(claims: Json) -> float:
    """When the person proved to the provider who they are, in seconds since 1970; 0 where it does not say."""
    value = claims.get("auth_time")
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0


def join_claims(claims: Json, more: Json) -> Json:
    """With those of the userinfo endpoint, which must speak of the same person (Core section 5.3.2). Raises
    Unauthenticated."""
    if more.get("sub") != claims["sub"]:
        raise Unauthenticated("the provider's userinfo is about another person than its token")
    return {**more, **claims}


def person(claims: Json, name_claim: str, groups_claim: str) -> Vouched:
    """Raises Unauthenticated without a name, or with groups that are no list of text."""
    name = claims.get(name_claim)
    if not isinstance(name, str) or not name:
        raise Unauthenticated(f"the provider gives no {name_claim}, which login.oidc wants for a name")
    groups = claims.get(groups_claim, [])
    groups = [groups] if isinstance(groups, str) else groups
    if (
        not isinstance(groups, list)
        or len(groups) > GROUPS_MAX
        or not all(isinstance(one, str) for one in groups)
    ):
        raise Unauthenticated(f"the provider's {groups_claim} is no list of at most {GROUPS_MAX} names")
    display_name, email = (
        value if isinstance(value := claims.get(each), str) else "" for each in ("name", "email")
    )
    return Vouched(claims["sub"], name, display_name, email, tuple(groups))
