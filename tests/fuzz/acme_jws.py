"""Feeds what atheris invents to everything that reads an ACME request.

    python -m tests.fuzz.acme_jws [-runs=N | -max_total_time=SECONDS] [CORPUS]

One input is raw octets for one reader, or a recipe for a JSON object of members the reader knows. It ends
with a crash when anything but Malformed, NotFound or AcmeProblem is raised, or a problem is not short and
printable.
"""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import atheris

with atheris.instrument_imports(include=["certwright.core.names", "certwright.protocols.acme"]):
    from certwright.core.errors import Malformed, NotFound
    from certwright.protocols.acme import (
        jwk,
        jws,
        messages,
        nested,
        nonces,
        problems,
        renewal,
        resources,
        rules,
    )
    from certwright.protocols.acme.encoding import encode_base64url

NOW = datetime(2026, 7, 1, tzinfo=UTC)
URL = "https://pki.example/acme/default/new-order"
ED25519 = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
KEY = jwk.parse_jwk(ED25519)
NONCES = nonces.NonceMaker(bytes(32))
RULES = rules.EndpointRules(profiles=(("classic", ""),))

Members = dict[str, object]


def _jws(header: bytes, payload: bytes) -> Members:
    return {
        "protected": encode_base64url(header),
        "payload": encode_base64url(payload),
        "signature": encode_base64url(bytes(64)),
    }


def read_body(octets: bytes) -> None:
    parsed = jws.parse_request(octets, URL)
    jws.verify(parsed, jwk.public_key(parsed.header.jwk or KEY))


def read_header(octets: bytes) -> None:
    read_body(json.dumps(_jws(octets, b"{}")).encode())


def read_key(octets: bytes) -> None:
    jwk.public_key(jwk.parse_jwk(json.loads(octets)))


def read_binding(octets: bytes) -> None:
    nested.verify_binding(
        nested.parse_binding(_jws(octets, json.dumps(ED25519).encode()), URL), bytes(32), KEY
    )


def read_key_change(octets: bytes) -> None:
    inner = json.dumps(_jws(octets, json.dumps({"account": URL, "oldKey": ED25519}).encode())).encode()
    nested.read_key_change(
        jws.ParsedJws(jws.ProtectedHeader("EdDSA", "AAAA", URL, None, URL), inner, b"", b""), KEY
    )


def read_account(octets: bytes) -> None:
    message = messages.parse_new_account(octets)
    rules.check_new_account(message, RULES)
    nested.parse_binding(message.binding, URL)


def read_account_update(octets: bytes) -> None:
    rules.check_contacts(messages.parse_account_update(octets).contacts)


def read_order(octets: bytes) -> None:
    rules.check_new_order(messages.parse_new_order(octets), RULES, NOW)


def read_revocation(octets: bytes) -> None:
    rules.check_revocation_reason(messages.parse_revocation(octets))


HEADER: Members = {"alg": "EdDSA", "nonce": "AAAA", "url": URL, "jwk": ED25519}
NAME: Members = {"type": "dns", "value": "www.example.org"}
CONTACTS: Members = {"contact": ["mailto:admin@example.org"], "termsOfServiceAgreed": True}
# Each reader, and members it takes.
READERS: list[tuple[Callable[[bytes], object], Members]] = [
    (read_body, _jws(json.dumps(HEADER).encode(), b"{}")),
    (read_header, HEADER),
    (read_key, ED25519),
    (read_binding, {"alg": "HS256", "kid": "customer-17", "url": URL}),
    (read_key_change, {"alg": "EdDSA", "url": URL, "jwk": ED25519}),
    (read_account, CONTACTS | {"externalAccountBinding": _jws(b"{}", b"{}")}),
    (read_account_update, CONTACTS),
    (read_order, {"identifiers": [NAME], "notAfter": "2026-08-01T00:00:00Z", "replaces": "AQ.AQ"}),
    (messages.parse_challenge_response, {}),
    (messages.parse_authorization_update, {"status": "deactivated"}),
    (messages.parse_finalize, {"csr": "AAAA"}),
    (read_revocation, {"certificate": "AAAA", "reason": 1}),
]
TEXT_READERS: tuple[Callable[[str], object], ...] = (
    lambda text: NONCES.check(text, NOW),
    renewal.parse_certificate_key,
    resources.parse_path,
    resources.Urls("").account_key,
)
NAMES = [
    *(
        "protected",
        "payload",
        "signature",
        "alg",
        "nonce",
        "url",
        "kid",
        "jwk",
        "crit",
        "kty",
        "crv",
        "x",
        "y",
        "n",
    ),
    *(
        "e",
        "d",
        "contact",
        "termsOfServiceAgreed",
        "onlyReturnExisting",
        "externalAccountBinding",
        "identifiers",
    ),
    *(
        "type",
        "value",
        "notBefore",
        "notAfter",
        "profile",
        "replaces",
        "csr",
        "certificate",
        "reason",
        "status",
    ),
]
TEXTS = [
    *(
        "ES256",
        "EdDSA",
        "RS256",
        "HS256",
        "none",
        "EC",
        "RSA",
        "OKP",
        "P-256",
        "P-521",
        "Ed25519",
        "Ed448",
        URL,
    ),
    *(
        "AAAA",
        "AQAB",
        "AQ.AQ",
        "A" * 43,
        "A" * 342,
        ED25519["x"],
        "dns",
        "ip",
        "example.org",
        "*.example.org",
    ),
    *(
        "xn--bcher-kva.example",
        "xn--a",
        "192.0.2.1",
        "2001:db8::1",
        "classic",
        "deactivated",
        "mailto:a@b.example",
    ),
    *("2026-08-01T00:00:00Z", "2026-08-01T00:00:00.5+23:59", "account/a", "certificate/a/1"),
]


def _text(data: atheris.FuzzedDataProvider) -> str:
    known = data.PickValueInList(TEXTS)
    kind = data.ConsumeIntInRange(0, 3)
    if kind == 0:
        return data.ConsumeUnicode(40)
    return known if kind < 3 else known + data.ConsumeUnicodeNoSurrogates(4)


def _value(data: atheris.FuzzedDataProvider, depth: int) -> object:
    match data.ConsumeIntInRange(0, 9 if depth else 5):
        case 0:
            return None
        case 1:
            return data.ConsumeBool()
        case 2:
            return data.ConsumeInt(9)
        case 3 | 4 | 5:
            return _text(data)
        case 6 | 7:
            return [_value(data, depth - 1) for _ in range(data.ConsumeIntInRange(0, 3))]
    return _members(data, depth - 1)


def _members(data: atheris.FuzzedDataProvider, depth: int) -> Members:
    count = data.ConsumeIntInRange(0, 6)
    return {data.PickValueInList(NAMES): _value(data, depth) for _ in range(count)}


def _tolerant(read: Callable[[], object]) -> None:
    try:
        read()
    except (Malformed, NotFound, problems.AcmeProblem) as error:
        told = problems.problem_of(error)
        document = problems.encode(told)
        assert document.isascii()
        assert told.detail.isprintable()
        assert len(document) < 100_000


def test_one_input(octets: bytes) -> None:
    data = atheris.FuzzedDataProvider(octets)
    kind = data.ConsumeIntInRange(0, 7)
    if kind == 0:
        text = _text(data)
        for read_text in TEXT_READERS:
            _tolerant(lambda read=read_text: read(text))
        return
    reader, good = data.PickValueInList(READERS)
    if kind == 1 and reader is not read_key:
        body = data.ConsumeBytes(len(octets))
    else:
        members = _members(data, 3) if kind < 4 else good | _members(data, 3)
        body = json.dumps(members, ensure_ascii=data.ConsumeBool()).encode("utf-8", "surrogatepass")
    _tolerant(lambda: reader(body))


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
