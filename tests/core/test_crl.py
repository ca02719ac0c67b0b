import dataclasses
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from certwright.core import crl, keys
from certwright.core.errors import IntegrityError, Malformed
from certwright.core.keys import SIGNATURES, KeyAlgorithm
from certwright.core.revocation import Reason, RevocationFacts, StatusChange
from tests.core.toy_issuer import NOW, SERIAL, ToyIssuer, private_key, toy_issuer
from tests.real.debian13 import Unobtainable, debian13
from tests.real.packages import need

ISSUER = toy_issuer()
URL = "http://pki.example/crl/toy/1/3.crl"
DELTA_URL = "http://pki.example/crl/toy/1/3-delta.crl"

serials = st.one_of(
    st.integers(1 << 120, (1 << 127) - 1), st.integers(1, (1 << 159) - 1), st.integers(1, 300)
)
moments = st.datetimes(datetime(1951, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=0)
)
facts = st.builds(RevocationFacts, moments, st.sampled_from(Reason), st.none() | moments)
listings = st.dictionaries(serials, facts, max_size=6)


def encoded(listing: dict[int, RevocationFacts]) -> bytes:
    return b"".join(crl.entry(one, f.revoked_at, f.reason, f.invalidity_date) for one, f in listing.items())


def decoded(entries: crl.Buffer) -> dict[int, RevocationFacts]:
    """What another decoder reads out of kept entries."""
    header = ISSUER.header()
    parts = crl.assemble(crl.tbs_parts(header, entries), header.signature_algorithm_identifier, b"\x00")
    found = {}
    for one in x509.load_der_x509_crl(b"".join(parts)):
        reason, date = Reason.UNSPECIFIED, None
        for extension in one.extensions:
            if isinstance(extension.value, x509.CRLReason):
                reason = Reason.labelled(extension.value.reason.value)
            else:
                date = extension.value.invalidity_date_utc
        assert one.serial_number not in found
        found[one.serial_number] = RevocationFacts(one.revocation_date_utc, reason, date)
    return found


def signed(issuer: ToyIssuer, header: crl.CrlHeader, entries: crl.Buffer, count: int) -> bytes:
    parts = crl.tbs_parts(header, entries)
    tbs = b"".join(parts)
    crl.check_crl(tbs, header, count)
    signature = keys.sign(issuer.key, tbs)
    return b"".join(crl.assemble(parts, header.signature_algorithm_identifier, signature))


# -- beside the builder --------------------------------------------------------------------------


def built(header: crl.CrlHeader, listing: dict[int, RevocationFacts]) -> bytes:
    """The to-be-signed octets as pyca's builder makes them from the same facts."""
    builder = x509.CertificateRevocationListBuilder(
        ISSUER.certificate.subject, header.this_update, header.next_update
    )
    for serial, one in listing.items():
        entry = x509.RevokedCertificateBuilder(serial, one.revoked_at)
        if one.reason is not Reason.UNSPECIFIED:
            entry = entry.add_extension(x509.CRLReason(x509.ReasonFlags(one.reason.label)), critical=False)
        if one.invalidity_date is not None:
            naive = one.invalidity_date.replace(tzinfo=None)
            entry = entry.add_extension(x509.InvalidityDate(naive), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    for extension, critical in extensions(header):
        builder = builder.add_extension(extension, critical)
    return builder.sign(ISSUER.key, SIGNATURES[ISSUER.algorithm].digest).tbs_certlist_bytes


def extensions(header: crl.CrlHeader) -> Iterator[tuple[x509.ExtensionType, bool]]:
    yield x509.AuthorityKeyIdentifier(header.authority_key_identifier, None, None), False
    yield x509.CRLNumber(header.crl_number), False
    if header.base_crl_number is not None:
        yield x509.DeltaCRLIndicator(header.base_crl_number), True
    if header.issuing_distribution_point:
        names = [x509.UniformResourceIdentifier(url) for url in header.issuing_distribution_point]
        yield x509.IssuingDistributionPoint(names, None, False, False, None, False, False), True
    if header.freshest_crl:
        names = [x509.UniformResourceIdentifier(url) for url in header.freshest_crl]
        yield x509.FreshestCRL([x509.DistributionPoint(names, None, None, None)]), False


urls = st.lists(
    st.sampled_from([URL, DELTA_URL, "http://a.example/" + "x" * 300]), max_size=3, unique=True
).map(tuple)


@st.composite
def headers(draw: st.DrawFn) -> crl.CrlHeader:
    this_update = draw(moments)
    number = draw(st.one_of(st.integers(1, 300), st.integers(1, (1 << 159) - 1)))
    base = draw(st.none() | st.integers(0, number - 1))
    return crl.CrlHeader(
        ISSUER.name_der,
        ISSUER.signature_algorithm_identifier,
        this_update,
        this_update + timedelta(seconds=draw(st.integers(1, 10**9))),
        number,
        draw(st.binary(min_size=20, max_size=32)),
        base,
        draw(urls),
        draw(urls) if base is None else (),
    )


@given(headers(), listings)
def test_same_octets_as_the_builder(header: crl.CrlHeader, listing: dict[int, RevocationFacts]) -> None:
    tbs = b"".join(crl.tbs_parts(header, encoded(listing)))
    assert tbs == built(header, listing)
    crl.check_crl(tbs, header, len(listing), listing.items(), [(1 << 158) + 12345])


@given(listings)
def test_entries_come_back_out_of_a_crl(listing: dict[int, RevocationFacts]) -> None:
    entries = encoded(listing)
    found = crl.entries_of(signed(ISSUER, ISSUER.header(), entries, len(listing)))
    assert found == entries
    assert crl.count_of(found) == len(listing)
    assert decoded(found) == listing


def test_a_serial_in_octets_is_the_same_serial() -> None:
    assert crl.entry(SERIAL.to_bytes(16, "big"), NOW) == crl.entry(SERIAL, NOW)


@pytest.mark.parametrize(
    "serial", [b"", b"\x41" * 15, b"\x41" * 17, b"\x00" + b"\x41" * 15, b"\x80" * 16, -1, 1 << 159]
)
def test_impossible_serials_are_refused(serial: int | bytes) -> None:
    with pytest.raises(Malformed, match="serial"):
        crl.entry(serial, NOW)


def test_times_from_2050_on_are_generalized() -> None:
    last, first = datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2050, 1, 1, tzinfo=UTC)
    assert b"\x17\x0d491231235959Z" in crl.entry(SERIAL, last)
    assert b"\x18\x0f20500101000000Z" in crl.entry(SERIAL, first)
    header = dataclasses.replace(ISSUER.header(), this_update=last, next_update=first)
    assert x509.load_der_x509_crl(signed(ISSUER, header, b"", 0)).next_update_utc == first


def test_parts_are_hashed_as_if_joined() -> None:
    parts = crl.tbs_parts(ISSUER.header(), encoded({SERIAL: RevocationFacts(NOW, Reason.SUPERSEDED)}))
    assert crl.digest(parts, "sha384") == crl.digest([b"".join(parts)], "sha384")


# -- changes -------------------------------------------------------------------------------------

few_serials = st.sampled_from([1, 2, 255, 256, SERIAL, SERIAL + 1, SERIAL + 2, (1 << 158) + 5])
changes = st.lists(st.builds(StatusChange, few_serials, moments, st.none() | facts), max_size=30)


@given(st.lists(st.tuples(changes, st.sets(few_serials, max_size=3)), max_size=4))
def test_a_list_kept_by_changes_says_what_a_table_would(
    runs: list[tuple[list[StatusChange], set[int]]],
) -> None:
    entries: crl.Buffer = b""
    table: dict[int, RevocationFacts] = {}
    for happened, ended in runs:
        entries = crl.with_changes(entries, happened, ended)
        for change in happened:
            table.pop(change.serial, None)
            if change.facts is not None:
                table[change.serial] = change.facts
        table = {serial: one for serial, one in table.items() if serial not in ended}
        assert decoded(entries) == table
        assert crl.with_changes(entries, happened, ended) == entries or len(happened) > 1
        assert decoded(crl.with_changes(entries, happened, ended)) == table


@given(st.sets(st.integers(1 << 120, (1 << 127) - 1), min_size=30, max_size=60), st.data())
def test_many_or_few_entries_leave(listed: set[int], data: st.DataObject) -> None:
    everything = {serial: RevocationFacts(NOW, Reason.SUPERSEDED) for serial in listed}
    gone = data.draw(st.sets(st.sampled_from(sorted(listed))))
    kept = crl.without(encoded(everything), gone | {5})
    assert decoded(kept) == {serial: one for serial, one in everything.items() if serial not in gone}


def test_a_serial_within_another_entrys_octets_is_not_its_entry() -> None:
    entries = crl.entry(int.from_bytes(b"\x41" * 10 + b"\x02\x01\x05" + b"\x41" * 3, "big"), NOW)
    assert crl.without(entries, {5}) == entries


@given(changes)
def test_a_delta_says_the_last_state_of_all_that_changed(happened: list[StatusChange]) -> None:
    expected = {}
    for change in happened:
        expected[change.serial] = change.facts or RevocationFacts(change.at, Reason.REMOVE_FROM_CRL)
    assert decoded(crl.delta_entries(happened)) == expected


@given(changes, changes)
def test_base_and_delta_together_are_the_complete_list(
    before: list[StatusChange], since: list[StatusChange]
) -> None:
    ordinary = [
        one for one in before + since if not one.facts or one.facts.reason is not Reason.REMOVE_FROM_CRL
    ]
    before, since = ordinary[: len(before)], ordinary[len(before) :]
    combined = decoded(crl.with_changes(b"", before))
    for serial, one in decoded(crl.delta_entries(since)).items():
        combined.pop(serial, None)
        if one.reason is not Reason.REMOVE_FROM_CRL:
            combined[serial] = one
    assert combined == decoded(crl.with_changes(b"", before + since))


def test_every_serial_has_one_shard_for_good() -> None:
    assert [crl.shard_of(serial, 128) for serial in (0, 127, 128, SERIAL, 1 << 127)] == [0, 127, 0, 0x34, 0]
    assert crl.shard_of(SERIAL, 1) == 0
    for shards in (0, -1, crl.SHARDS_MAX + 1):
        with pytest.raises(Malformed):
            crl.shard_of(SERIAL, shards)


# -- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"next_update": NOW - timedelta(days=1)}, "nextUpdate"),
        ({"crl_number": -1}, "number"),
        ({"crl_number": 1 << 159}, "20 octets"),
        ({"base_crl_number": 7}, "smaller number"),
        ({"base_crl_number": -1}, "smaller number"),
        ({"base_crl_number": 3, "freshest_crl": (DELTA_URL,)}, "5.2.6"),
        ({"issuing_distribution_point": ("http://bücher.example/",)}, "URL"),
        ({"issuing_distribution_point": ("",)}, "URL"),
        ({"issuing_distribution_point": ("http://a/" + "b" * 2048,)}, "URL"),
        ({"freshest_crl": (URL,) * 17}, "16 URLs"),
    ],
)
def test_contradictions_in_the_header_are_refused(fields: dict[str, object], why: str) -> None:
    with pytest.raises(Malformed, match=why):
        dataclasses.replace(ISSUER.header(), **fields)


LISTING = {
    SERIAL: RevocationFacts(NOW, Reason.KEY_COMPROMISE, NOW - timedelta(days=2)),
    SERIAL + 1: RevocationFacts(NOW, Reason.CERTIFICATE_HOLD),
    SERIAL + 2: RevocationFacts(NOW, Reason.UNSPECIFIED),
}
FULL = ISSUER.header(issuing_distribution_point=(URL,), freshest_crl=(DELTA_URL,))
DELTA = ISSUER.header(issuing_distribution_point=(URL,), base_crl_number=5)


@pytest.mark.parametrize(
    ("header", "other"),
    [
        (FULL, {"issuer_name_der": toy_issuer(KeyAlgorithm.ECDSA_P384).name_der}),
        (FULL, {"signature_algorithm_identifier": SIGNATURES[KeyAlgorithm.ECDSA_P384].identifier}),
        (FULL, {"this_update": NOW - timedelta(minutes=2)}),
        (FULL, {"next_update": NOW + timedelta(days=2)}),
        (FULL, {"crl_number": 8}),
        (FULL, {"authority_key_identifier": b"k" * 20}),
        (FULL, {"issuing_distribution_point": ()}),
        (FULL, {"issuing_distribution_point": (DELTA_URL,)}),
        (FULL, {"freshest_crl": ()}),
        (FULL, {"freshest_crl": (URL,)}),
        (DELTA, {"base_crl_number": None}),
        (DELTA, {"base_crl_number": 6}),
    ],
)
def test_a_list_that_is_not_what_was_meant_is_not_signed(
    header: crl.CrlHeader, other: dict[str, object]
) -> None:
    tbs = b"".join(crl.tbs_parts(header, encoded(LISTING)))
    crl.check_crl(tbs, header, 3)
    with pytest.raises(IntegrityError, match=r"was meant|do not match"):
        crl.check_crl(tbs, dataclasses.replace(header, **other), 3)


def test_entries_that_are_not_what_was_meant_are_not_signed() -> None:
    tbs = b"".join(crl.tbs_parts(FULL, encoded(LISTING)))
    crl.check_crl(tbs, FULL, 3, LISTING.items(), [SERIAL + 3])
    with pytest.raises(IntegrityError, match="number of entries"):
        crl.check_crl(tbs, FULL, 4)
    with pytest.raises(IntegrityError, match="entry 41"):
        crl.check_crl(tbs, FULL, 3, absent=[SERIAL])
    for serial, one in LISTING.items():
        with pytest.raises(IntegrityError, match=f"entry {serial:x}"):
            crl.check_crl(tbs, FULL, 3, [(serial, dataclasses.replace(one, reason=Reason.SUPERSEDED))])
        with pytest.raises(IntegrityError, match=f"entry {serial:x}"):
            crl.check_crl(
                tbs, FULL, 3, [(serial, dataclasses.replace(one, revoked_at=NOW + timedelta(days=1)))]
            )
    with pytest.raises(IntegrityError, match="entry 5 "):
        crl.check_crl(tbs, FULL, 3, [(5, LISTING[SERIAL])])


TBS = b"".join(crl.tbs_parts(FULL, encoded(LISTING)))


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
@given(st.integers(0, len(TBS) - 1), st.integers(1, 255))
def test_a_damaged_octet_does_not_pass_for_what_was_meant(position: int, flip: int) -> None:
    damaged = bytearray(TBS)
    damaged[position] ^= flip
    with pytest.raises(IntegrityError):
        crl.check_crl(bytes(damaged), FULL, 3, LISTING.items())


# -- any octets ----------------------------------------------------------------------------------


@given(st.binary(max_size=400))
def test_any_octets_are_entries_or_refused(data: bytes) -> None:
    try:
        entries = crl.entries_of(data)
    except Malformed:
        return
    assert bytes(entries) in data


SIGNED = signed(ISSUER, FULL, encoded(LISTING), 3)


@given(st.integers(0, len(SIGNED) - 1), st.integers(1, 255))
def test_a_crl_with_a_changed_octet_is_read_or_refused(position: int, flip: int) -> None:
    damaged = bytearray(SIGNED)
    damaged[position] ^= flip
    try:
        entries = crl.entries_of(bytes(damaged))
        crl.count_of(entries)
        crl.without(entries, range(1, 100))
    except (Malformed, IntegrityError):
        pass


@given(st.binary(max_size=200))
def test_any_octets_are_counted_or_refused(data: bytes) -> None:
    for walk in (crl.count_of, lambda entries: crl.without(entries, range(1, 100))):
        with suppress(IntegrityError):
            walk(data)


# -- relying parties -----------------------------------------------------------------------------

KNOWN_TO_OPENSSL_3_0 = [one for one in KeyAlgorithm if not one.startswith("ml-dsa")]


def run(*arguments: str | Path) -> str:
    done = subprocess.run([str(one) for one in arguments], capture_output=True, text=True, timeout=60)
    return f"{done.returncode}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("algorithm", KNOWN_TO_OPENSSL_3_0)
def test_openssl_reads_and_verifies(algorithm: KeyAlgorithm, tmp_path: Path) -> None:
    issuer = toy_issuer(algorithm)
    (tmp_path / "ca.pem").write_bytes(issuer.certificate.public_bytes(Encoding.PEM))
    header = issuer.header(issuing_distribution_point=(URL,), freshest_crl=(DELTA_URL,))
    (tmp_path / "list.crl").write_bytes(signed(issuer, header, encoded(LISTING), 3))
    told = run(
        "openssl",
        "crl",
        "-inform",
        "DER",
        "-in",
        tmp_path / "list.crl",
        "-CAfile",
        tmp_path / "ca.pem",
        "-text",
    )
    assert "verify OK" in told
    for words in (
        "X509v3 CRL Number",
        f"URI:{URL}",
        f"URI:{DELTA_URL}",
        "Key Compromise",
        "Certificate Hold",
    ):
        assert words in told
    assert told.count("Serial Number:") == 3


def crl_point(*urls: str) -> list[x509.DistributionPoint]:
    return [x509.DistributionPoint([x509.UniformResourceIdentifier(url) for url in urls], None, None, None)]


@pytest.fixture
def sharded(tmp_path: Path) -> Path:
    """A certificate of a shard, one of another, the issuer, and a complete list of the first shard."""
    key = private_key(KeyAlgorithm.ECDSA_P256).public_key()
    ours = ISSUER.issue(SERIAL, "ours", key, x509.CRLDistributionPoints(crl_point(URL)))
    freshest = x509.FreshestCRL(crl_point(DELTA_URL))
    held = ISSUER.issue(SERIAL + 1, "held", key, x509.CRLDistributionPoints(crl_point(URL)), freshest)
    other = ISSUER.issue(SERIAL + 4, "other", key, x509.CRLDistributionPoints(crl_point(URL + "?other")))
    for name, certificate in {"ca": ISSUER.certificate, "ours": ours, "held": held, "other": other}.items():
        (tmp_path / f"{name}.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    return tmp_path


def verify(folder: Path, name: str, *lists: bytes) -> str:
    paths: list[str | Path] = []
    for number, one in enumerate(lists):
        path = folder / f"{number}.crl"
        path.write_bytes(x509.load_der_x509_crl(one).public_bytes(Encoding.PEM))
        paths += ["-CRLfile", path]
    options = ("-x509_strict", "-crl_check", "-extended_crl", "-use_deltas")
    return run("openssl", "verify", *options, "-CAfile", folder / "ca.pem", *paths, folder / f"{name}.pem")


def test_openssl_follows_a_certificate_to_its_shard_only(sharded: Path) -> None:
    header = ISSUER.header(issuing_distribution_point=(URL,))
    empty = signed(ISSUER, header, b"", 0)
    full = signed(ISSUER, header, encoded({SERIAL: LISTING[SERIAL]}), 1)
    assert verify(sharded, "ours", empty).startswith("0")
    assert "certificate revoked" in verify(sharded, "ours", full)
    assert "different CRL scope" in verify(sharded, "other", full)


def test_openssl_applies_deltas_holds_and_releases(sharded: Path) -> None:
    held = {SERIAL + 1: LISTING[SERIAL + 1]}
    points = {"issuing_distribution_point": (URL,)}
    before = signed(ISSUER, ISSUER.header(5, **points, freshest_crl=(DELTA_URL,)), b"", 0)
    base = signed(ISSUER, ISSUER.header(6, **points, freshest_crl=(DELTA_URL,)), encoded(held), 1)

    on_hold = crl.delta_entries([StatusChange(SERIAL + 1, NOW, LISTING[SERIAL + 1])])
    revoking = signed(ISSUER, ISSUER.header(6, **points, base_crl_number=5), on_hold, 1)
    released = crl.delta_entries([StatusChange(SERIAL + 1, NOW, None)])
    releasing = signed(ISSUER, ISSUER.header(7, **points, base_crl_number=6), released, 1)

    assert verify(sharded, "held", before).startswith("0")
    assert "certificate revoked" in verify(sharded, "held", before, revoking)
    assert "certificate revoked" in verify(sharded, "held", base)
    assert verify(sharded, "held", base, releasing).startswith("0")


@pytest.mark.parametrize("algorithm", [KeyAlgorithm.RSA_2048, KeyAlgorithm.ECDSA_P256, KeyAlgorithm.ED25519])
def test_gnutls_reads_and_verifies(algorithm: KeyAlgorithm, tmp_path: Path) -> None:
    need("gnutls-bin")
    issuer = toy_issuer(algorithm)
    (tmp_path / "ca.pem").write_bytes(issuer.certificate.public_bytes(Encoding.PEM))
    der = signed(issuer, issuer.header(), encoded(LISTING), 3)
    (tmp_path / "list.crl").write_bytes(der)
    (tmp_path / "list.pem").write_bytes(x509.load_der_x509_crl(der).public_bytes(Encoding.PEM))
    told = run("certtool", "--crl-info", "--inder", "--infile", tmp_path / "list.crl")
    assert "Revoked certificates (3):" in told
    assert "CRL Number" in told
    told = run(
        "certtool",
        "--verify-crl",
        "--load-ca-certificate",
        tmp_path / "ca.pem",
        "--infile",
        tmp_path / "list.pem",
    )
    assert told.startswith("0")
    assert "Verified" in told


def test_nss_imports_and_lists(tmp_path: Path) -> None:
    need("libnss3-tools")
    database = f"sql:{tmp_path}"
    (tmp_path / "ca.der").write_bytes(ISSUER.der)
    (tmp_path / "list.crl").write_bytes(signed(ISSUER, ISSUER.header(), encoded(LISTING), 3))
    assert run("certutil", "-N", "-d", database, "--empty-password").startswith("0")
    assert run(
        "certutil", "-A", "-d", database, "-n", "toy", "-t", "CT,,", "-i", tmp_path / "ca.der"
    ).startswith("0")
    assert run("crlutil", "-I", "-d", database, "-i", tmp_path / "list.crl").startswith("0")
    assert run("crlutil", "-L", "-d", database, "-n", "toy").count("Serial Number:") == 3


@pytest.mark.full
@pytest.mark.parametrize("algorithm", ["ml-dsa-44", "ml-dsa-65", "ml-dsa-87"])
def test_openssl_of_debian_13_verifies_ml_dsa(algorithm: str) -> None:
    try:
        there = debian13("openssl")
    except Unobtainable as error:
        pytest.skip(str(error))
    issuer = toy_issuer(KeyAlgorithm(algorithm))
    files = {
        "ca.pem": issuer.certificate.public_bytes(Encoding.PEM),
        "list.crl": signed(issuer, issuer.header(), encoded(LISTING), 3),
    }
    told = there.run(
        "openssl", "crl", "-inform", "DER", "-in", "list.crl", "-CAfile", "ca.pem", "-noout", files=files
    )
    assert "verify OK" in told.stderr
