"""Keys that are made for whoever asks: handed over once with a certificate, or not made at all."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from certwright.core.access import Actor, Grant, Role
from certwright.core.distinguished_name import parse_name
from certwright.core.errors import CertwrightError, Conflict, Forbidden, Malformed, Refused
from certwright.core.keys import KeyAlgorithm, algorithm_of, spki
from certwright.core.name_lines import read_names
from certwright.core.names import IdentifierKind
from certwright.core.profiles_builtin import built_in_profiles
from certwright.core.request import parse_csr, request_for
from certwright.operations.context import Context
from certwright.operations.make_key_for import ALGORITHMS, make_key_for, make_password
from certwright.operations.wish import Wish, choice_of, choices, teams_to_name
from certwright.store.rows import AuditEventRow, CertificateRow
from tests.operations.approving import CAROL, ONE_STEP, person, rules
from tests.operations.installed import with_installation
from tests.real.databases import Database
from tests.real.pki import MovableClock, make_csr

ANN = person("ann", Role.REQUESTER)
NAMES = read_names("robot@example.test", frozenset({IdentifierKind.EMAIL}))
WISH = Wish("issuing", "tls-client", NAMES, parse_name("CN=Robot"), days=7)


async def on_record(context: Context) -> tuple[int, str]:
    """How many certificates there are, and all that the audit log says."""
    certificates = await context.database.select(CertificateRow, "1 = 1")
    events = await context.database.select(AuditEventRow, "1 = 1")
    return len(certificates), " ".join(row.body for row in events)


def test_a_key_and_its_certificate_are_handed_over(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        for algorithm in ALGORITHMS:
            made = await make_key_for(context, ANN, WISH, algorithm)
            key, certificate, chain = pkcs12.load_key_and_certificates(made.pkcs12, made.password.encode())
            assert certificate
            assert key
            assert algorithm_of(key.public_key()) is algorithm
            assert key.public_key() == certificate.public_key()
            assert (certificate.not_valid_after_utc - clock()).days in (6, 7)
            assert [one.subject for one in chain] == [certificate.issuer]
            assert made.password not in repr(made)
            assert repr(made.pkcs12) not in repr(made)
            _count, log = await on_record(context)
            assert f"key:{made.issued.row.spki_sha256.hex()}" in log
            assert made.password not in log
        with pytest.raises(ValueError, match=r"password|PKCS12"):
            pkcs12.load_key_and_certificates(made.pkcs12, b"wrong")

    with_installation(database, body)


def test_nothing_is_made_where_it_is_not_permitted(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await rules(context, ONE_STEP)
        count, _log = await on_record(context)
        server = replace(WISH, profile="tls-server", names=read_names("a.test", frozenset()))
        held = replace(WISH, names=read_names("a.pay.test", frozenset()))
        wrong: list[tuple[Actor, Wish, KeyAlgorithm, type[CertwrightError], str]] = [
            (ANN, server, KeyAlgorithm.ECDSA_P256, Refused, "policy.key.server-made"),
            (ANN, held, KeyAlgorithm.ECDSA_P256, Conflict, "waits for approval: pki"),
            (ANN, WISH, KeyAlgorithm.ED448, Malformed, "no ed448 key is made here"),
            (ANN, replace(WISH, team="web"), KeyAlgorithm.ECDSA_P256, Forbidden, "manage-owners"),
            (CAROL, WISH, KeyAlgorithm.ECDSA_P256, Forbidden, "permits 'issue'"),
            (ANN, replace(WISH, profile="ocsp-signer"), KeyAlgorithm.ECDSA_P256, Conflict, "of authorities"),
        ]
        for actor, wish, algorithm, kind, text in wrong:
            with pytest.raises(kind) as caught:
                await make_key_for(context, actor, wish, algorithm)
            assert text in caught.value.detail
        now, log = await on_record(context)
        assert now == count
        assert "key.handed-over" not in log
        assert "policy.key.server-made" in log

    with_installation(database, body)


def test_what_somebody_can_ask_for(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        snapshot = context.snapshot
        offered = choices(snapshot, ANN)
        assert [one.profile.name for one in offered[:2]] == ["tls-server", "tls-client"]
        assert {one.authorities for one in offered} == {("issuing",)}
        assert "root-authority" not in {one.profile.name for one in offered}
        assert choices(snapshot, CAROL) == []
        narrow = Actor("user:x", (Grant(Role.REQUESTER, "profile:device"),), "", "x")
        assert [one.profile.name for one in choices(snapshot, narrow)] == ["device"]
        member = Actor("user:y", (Grant(Role.REQUESTER, "team:web"),), "", "y", ("web",))
        assert len(choices(snapshot, member)) == len(offered)
        assert teams_to_name(snapshot, member) == ("web",)
        with pytest.raises(Forbidden):
            choice_of(snapshot, narrow, "tls-server")

    with_installation(database, body)


def test_what_was_written_goes_over_the_request() -> None:
    profile = built_in_profiles()["tls-server"]
    request = parse_csr(make_csr("www.example.test"))
    with_name = replace(request, subject=parse_name("CN=www.example.test,O=Example"))
    kinds = profile.names.kinds
    now = MovableClock()()
    wish = Wish("issuing", "tls-server", read_names("other.example.test", kinds))
    order = wish.order(ANN, profile, with_name, now)
    assert [name.value for name in order.request.identifiers] == ["other.example.test"]
    assert str(order.request.subject) == "O=Example"
    same = replace(wish, names=read_names("www.example.test\nother.example.test", kinds))
    assert same.order(ANN, profile, with_name, now).request.subject == with_name.subject
    assert Wish("issuing", "tls-server").order(ANN, profile, request, now).request == request
    plain = request_for(request.public_key, parse_name("CN=Some Server"))
    assert wish.order(ANN, profile, plain, now).request.subject == parse_name("CN=Some Server")
    assert spki(request.public_key) == order.request.spki


def test_a_password_is_made_of_all_its_octets() -> None:
    assert make_password(bytes(15)) == "aaaa-aaaa-aaaa-aaaa-aaaa-aaaa"
    assert make_password(b"\xff" * 15) == "7777-7777-7777-7777-7777-7777"
    assert len({make_password(bytes([number] * 15)) for number in range(256)}) == 256
