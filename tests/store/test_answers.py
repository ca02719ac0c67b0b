import multiprocessing
import os
import resource
import signal
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

import pytest
from cryptography.x509 import ocsp as pyca
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from certwright.core import keys, ocsp
from certwright.core.errors import Conflict, IntegrityError, Malformed, Unavailable
from certwright.core.keys import SIGNATURES, KeyAlgorithm
from certwright.core.revocation import Reason, RevocationFacts
from certwright.store import answers
from certwright.store.answers import AnswerFile, AnswerWriter, Run
from certwright.store.feed import Place
from tests.core.toy_issuer import NOW, SERIAL, private_key, toy_issuer

ISSUER = toy_issuer()
FORMS = ocsp.issuer_forms(ISSUER.name_der, ISSUER.spki)
P256 = KeyAlgorithm.ECDSA_P256
SIGNER = ocsp.Responder(b"k" * 20, SIGNATURES[P256].identifier, (ISSUER.der,))
TIMES = ocsp.Times(NOW, NOW - timedelta(minutes=1), NOW + timedelta(days=4))
READ_TO = Place(78, b"chain of the audit".ljust(32, b"."))
REVOKED = RevocationFacts(NOW, Reason.KEY_COMPROMISE)

Records = dict[int, tuple[RevocationFacts | None, bytes]]


def run(number: int = 1, signer: ocsp.Responder = SIGNER, times: ocsp.Times = TIMES) -> Run:
    return Run(number, 77, FORMS[0], signer, times, READ_TO)


def write(folder: Path, records: Records, what: Run | None = None, algorithm: KeyAlgorithm = P256) -> Path:
    with AnswerWriter(folder, what or run(), algorithm) as writer:
        for serial, (revocation, signature) in sorted(records.items()):
            writer.add(serial, revocation, signature)
        writer.finish(READ_TO)
        return writer.publish()


def expected(serial: int, revocation: RevocationFacts | None, signature: bytes, what: Run) -> bytes:
    """The same answer, encoded the long way."""
    status = ocsp.revoked(revocation) if revocation else ocsp.GOOD
    single = ocsp.SingleResponse(ocsp.CertId(what.issuer, octets(serial)), status)
    return ocsp.assemble(what.signer, ocsp.tbs_response(what.signer, what.times, (single,)), signature)


def octets(serial: int) -> bytes:
    return serial.to_bytes(16, "big")


def simple(*serials: int) -> Records:
    return dict.fromkeys(serials, (None, b"signature"))


# -- what is written is what is answered ---------------------------------------------------------

random_serials = st.integers(1 << 120, (1 << 127) - 1)
neighbours = st.integers(0, 4000).map(lambda offset: SERIAL + offset)  # as an imported authority counts
moments = st.integers(0, 5 * 10**9).map(lambda seconds: NOW.fromtimestamp(seconds, NOW.tzinfo))
revocations = st.none() | st.builds(RevocationFacts, moments, st.sampled_from(Reason))
values = st.tuples(revocations, st.binary(min_size=1, max_size=72))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(random_serials | neighbours, values, max_size=200), st.sets(random_serials | neighbours)
)
def test_every_record_is_found_and_nothing_else(tmp_path: Path, records: Records, others: set[int]) -> None:
    file = AnswerFile(write(tmp_path, records), FORMS[0])
    assert file.count == len(records)
    for serial, (revocation, signature) in records.items():
        assert file.answer(octets(serial)) == expected(serial, revocation, signature, run())
    for serial in others - records.keys():
        assert file.answer(octets(serial)) is None
    file.verify()


def test_serials_that_share_their_leading_bits_are_found(tmp_path: Path) -> None:
    """An imported authority may have counted: then all records are in one bucket, and it is searched."""
    file = AnswerFile(write(tmp_path, simple(*range(SERIAL, SERIAL + 6000, 2))), FORMS[0])
    for serial in range(SERIAL - 2, SERIAL + 6003):
        inside = serial in range(SERIAL, SERIAL + 6000, 2)
        assert (file.answer(octets(serial)) is not None) == inside


def test_a_serial_within_a_signature_is_not_a_record(tmp_path: Path) -> None:
    signature = octets(SERIAL + 1) * 4
    records = {SERIAL: (None, signature), SERIAL + 2: (None, signature)}
    file = AnswerFile(write(tmp_path, records), FORMS[0])
    assert file.answer(octets(SERIAL + 1)) is None
    with_it = AnswerFile(write(tmp_path, {**records, SERIAL + 1: (None, b"own")}, run(2)), FORMS[0])
    assert with_it.answer(octets(SERIAL + 1)) == expected(SERIAL + 1, None, b"own", run(2))


@pytest.mark.parametrize("serial", [b"", b"\x05", b"\x41" * 15, b"\x41" * 17, b"\x00" * 16, b"\xff" * 16])
def test_serials_of_other_lengths_are_not_here(tmp_path: Path, serial: bytes) -> None:
    assert AnswerFile(write(tmp_path, simple(SERIAL)), FORMS[0]).answer(serial) is None


def test_no_record_is_a_file_too(tmp_path: Path) -> None:
    assert AnswerFile(write(tmp_path, {}), FORMS[0]).answer(octets(SERIAL)) is None


@pytest.mark.parametrize("algorithm", KeyAlgorithm)
def test_signatures_of_every_algorithm_come_back_valid(tmp_path: Path, algorithm: KeyAlgorithm) -> None:
    key = private_key(algorithm)
    spki = keys.spki(key.public_key())
    signer = ocsp.responder(spki, SIGNATURES[algorithm].identifier, (ISSUER.ocsp_signer(key),))
    what = run(signer=signer)
    template = ocsp.Template(signer, TIMES, FORMS[0])
    records: Records = {}
    for serial in range(SERIAL, SERIAL + 5):
        revocation = REVOKED if serial % 2 else None
        status = ocsp.revoked(REVOKED) if serial % 2 else ocsp.GOOD
        records[serial] = (revocation, keys.sign(key, template.tbs(octets(serial), status)))
    file = AnswerFile(write(tmp_path, records, what, algorithm), FORMS[0])
    for serial in records:
        found = pyca.load_der_ocsp_response(file.answer(octets(serial)))
        assert found.serial_number == serial
        keys.verify(key.public_key(), found.signature, found.tbs_response_bytes)


@pytest.mark.parametrize("algorithm", KeyAlgorithm)
def test_no_signature_is_longer_than_its_slot(algorithm: KeyAlgorithm) -> None:
    key = private_key(algorithm)
    longest = max(len(keys.sign(key, bytes((number,)))) for number in range(20))
    assert longest <= answers.SIGNATURE_OCTETS[algorithm] < longest + 8


def test_a_file_says_what_all_its_answers_share(tmp_path: Path) -> None:
    times = ocsp.Times(NOW, NOW, NOW + timedelta(days=1), archive_cutoff=NOW - timedelta(days=900))
    what = run(5, ocsp.Responder(b"h" * 20, SIGNATURES[P256].identifier, ()), times)
    found = AnswerFile(write(tmp_path, simple(SERIAL), what), FORMS[0]).run
    assert replace(found, digest=b"") == what
    again = AnswerFile(write(tmp_path / "again", simple(SERIAL + 1), what), FORMS[0]).run
    assert len({found.digest, again.digest, b""}) == 3


# -- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize("serial", [0, 5, -1, (1 << 120) - 1, 1 << 127, 1 << 200])
def test_serials_of_another_length_are_not_written(tmp_path: Path, serial: int) -> None:
    with AnswerWriter(tmp_path, run(), P256) as writer, pytest.raises(Malformed, match="16 octets"):
        writer.add(serial, None, b"signature")


@pytest.mark.parametrize("second", [SERIAL, SERIAL - 1])
def test_serials_must_rise(tmp_path: Path, second: int) -> None:
    with AnswerWriter(tmp_path, run(), P256) as writer:
        writer.add(SERIAL, None, b"signature")
        with pytest.raises(Conflict, match="ascending"):
            writer.add(second, None, b"signature")


@pytest.mark.parametrize("signature", [b"", b"s" * 73])
def test_signatures_must_fit(tmp_path: Path, signature: bytes) -> None:
    with AnswerWriter(tmp_path, run(), P256) as writer, pytest.raises(Malformed, match="octets"):
        writer.add(SERIAL, None, signature)


def test_an_unfinished_file_leaves_nothing(tmp_path: Path) -> None:
    with AnswerWriter(tmp_path, run(), P256) as writer:
        writer.add(SERIAL, None, b"signature")
    assert list(tmp_path.iterdir()) == []


RECORDS: Records = {**simple(*range(SERIAL, SERIAL + 50)), SERIAL + 60: (REVOKED, b"s" * 72)}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 0.9999))
def test_a_file_cut_short_is_refused(tmp_path: Path, share: float) -> None:
    path = write(tmp_path, RECORDS)
    os.truncate(path, int(share * path.stat().st_size))
    with pytest.raises(IntegrityError, match="produce it anew"):
        AnswerFile(path, FORMS[0])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_changed_octet_is_noticed(tmp_path: Path, data: st.DataObject) -> None:
    path = write(tmp_path, RECORDS)
    content = bytearray(path.read_bytes())
    header_size = int.from_bytes(content[8:12], "big")
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    if position < header_size:
        with pytest.raises(IntegrityError):
            AnswerFile(path, FORMS[0])
    else:
        with pytest.raises(IntegrityError):
            AnswerFile(path, FORMS[0]).verify()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=400), magic=st.booleans())
def test_any_other_file_is_refused(tmp_path: Path, content: bytes, magic: bool) -> None:
    path = tmp_path / "1.answers"
    path.write_bytes(b"cwOCSPa2" + content if magic else content)
    with pytest.raises(IntegrityError):
        AnswerFile(path, FORMS[0])


def test_another_issuers_answers_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, RECORDS)
    with pytest.raises(IntegrityError, match="another issuer"):
        AnswerFile(path, FORMS[2])


def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable, match="signed live"):
        AnswerWriter(tmp_path / "file", run(), P256)


def fill(folder: Path) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    try:
        write(folder, simple(*range(SERIAL, SERIAL + 30_000)))
    except Unavailable:
        os._exit(17)


def test_a_disk_that_is_full_is_unavailable_and_leaves_nothing(tmp_path: Path) -> None:
    child = multiprocessing.get_context("fork").Process(target=fill, args=(tmp_path,))
    child.start()
    child.join(60)
    assert child.exitcode == 17
    assert list(tmp_path.iterdir()) == []


# -- one run after the other ---------------------------------------------------------------------


def test_older_files_and_leftovers_go(tmp_path: Path) -> None:
    for number in (1, 2, 3, 11):
        write(tmp_path, RECORDS, run(number))
    stale, busy = tmp_path / f"{2:020d}-left.tmp", tmp_path / f"{12:020d}-busy.tmp"
    for path in (stale, busy, tmp_path / "somebody-elses.tmp", tmp_path / "readme.answers"):
        path.write_bytes(b"")
    here = AnswerFile(answers.runs_in(tmp_path)[0][1], FORMS[0])
    answers.remove_older(tmp_path, keep=2)
    assert [number for number, _ in answers.runs_in(tmp_path)] == [3, 11]
    assert not stale.exists()
    assert busy.exists()
    assert here.answer(octets(SERIAL)) is not None
    with pytest.raises(Unavailable):
        here.verify()


def newest(folder: Path) -> AnswerFile | None:
    """The newest file, unless it was removed between the look and the opening."""
    for _, path in reversed(answers.runs_in(folder)):
        with suppress(FileNotFoundError):
            return AnswerFile(path, FORMS[0])
    return None


def read_on(folder: Path, seen: "Synchronized[int]", last: int) -> None:
    """Answer until run `last` is there; exit with 1 at the first request that gets no answer."""
    file = newest(folder)
    while seen.value < last:
        file = newest(folder) or file
        if file is None or file.answer(octets(SERIAL)) is None or file.count != len(RECORDS):
            os._exit(1)
        seen.value = file.run.number
    os._exit(0)


def test_another_process_reads_on_while_files_come_and_go(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    seen = context.Value("i", 0)
    write(tmp_path, RECORDS, run(1))
    child = context.Process(target=read_on, args=(tmp_path, seen, 100))
    child.start()
    for number in range(2, 101):
        write(tmp_path, RECORDS, run(number))
        answers.remove_older(tmp_path, keep=1)
    child.join(60)
    assert child.exitcode == 0
