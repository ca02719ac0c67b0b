"""OCSP answers produced ahead, in one memory-mapped file that all processes share.

Answers of one run share responder, times and issuer, so a record holds what differs: serial, status and
signature. The answer is spliced from template and record when it is asked for. Files are written under
another name, synced, renamed into place and never changed; a reader that has one mapped keeps it whole
however the folder changes.

    header    sizes, times, position in the status feed, issuer, responder, digests (see `_FIXED`)
    records   of one size, ascending by serial: 16 octets, status, signature length, signature
    index     where the records of each value of the serials' leading bits begin, 32 bits each

One file speaks of one authority generation and one form of CertID. A folder holds the files of consecutive
runs, named by run number.
"""

import hashlib
import mmap
import os
import struct
import sys
import tempfile
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from ..core import der, ocsp
from ..core.errors import Conflict, IntegrityError, Malformed, Unavailable
from ..core.keys import KeyAlgorithm
from ..core.revocation import Reason, RevocationFacts
from .feed import CHAIN_OCTETS, START, Place

SUFFIX = ".answers"
RECORDS_MAX = 1 << 30

# The longest signature of each algorithm; ECDSA's vary by a few octets.
SIGNATURE_OCTETS = {
    KeyAlgorithm.RSA_2048: 256,
    KeyAlgorithm.RSA_3072: 384,
    KeyAlgorithm.RSA_4096: 512,
    KeyAlgorithm.ECDSA_P256: 72,
    KeyAlgorithm.ECDSA_P384: 104,
    KeyAlgorithm.ECDSA_P521: 139,
    KeyAlgorithm.ED25519: 64,
    KeyAlgorithm.ED448: 114,
    KeyAlgorithm.ML_DSA_44: 2420,
    KeyAlgorithm.ML_DSA_65: 3309,
    KeyAlgorithm.ML_DSA_87: 4627,
}

# magic, header size, record size, leading bits in the index; run, records, position in the status feed;
# number and chain of the place there that it was read to;
# producedAt, thisUpdate, nextUpdate, archive cutoff (0 for none); file size, SHA-256 of all after the header
_FIXED = struct.Struct(f">8sIII QQQ Q{CHAIN_OCTETS}s QQQQ Q32s")
_MAGIC = b"cwOCSPa2"
_DIGEST_OCTETS = 32
_RECORD = struct.Struct(">16sQH")
_PAIR = struct.Struct(">II")
_INDEX_BITS_MAX = 24
_SCAN_MAX = 64
_CHUNK_OCTETS = 1 << 20
_GOOD = 0xFF
_NUMBER_DIGITS = 20


@dataclass(frozen=True, slots=True)
class Run:
    """What all answers of one file share.

    `number` rises from run to run; `feed_position` is the newest status change that all answers know of,
    `read_to` the newest that any may know of; `issuer` is one of `ocsp.issuer_forms`. `digest`, of a finished
    file, is the SHA-256 of its header, and through that of all answers: no other run has it.
    """

    number: int
    feed_position: int
    issuer: bytes
    signer: ocsp.Responder
    times: ocsp.Times
    read_to: Place = START
    digest: bytes = b""


class AnswerWriter:
    """Writes one file, record by record. Leaving the block without `publish` leaves nothing behind."""

    def __init__(self, folder: Path, run: Run, algorithm: KeyAlgorithm) -> None:
        """`algorithm` is the signer's key's: it says how long signatures get."""
        self._path = folder / f"{run.number:0{_NUMBER_DIGITS}d}{SUFFIX}"
        self._run = run
        self._slot = SIGNATURE_OCTETS[algorithm]
        self._leading = array("I")
        self._last = b""
        self._digest = hashlib.sha256()
        self._buffer = bytearray()
        with _disk(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(".tmp", self._path.stem + "-", folder)
        self._temporary = Path(name)
        self._file = os.fdopen(handle, "w+b")
        self._file.write(bytes(len(_header(run, 0, 0, 0, 0, bytes(_DIGEST_OCTETS)))))

    def __enter__(self) -> "AnswerWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # what a full disk did not take is thrown away anyhow
            self._file.close()
        self._temporary.unlink(missing_ok=True)

    def add(self, serial: int, revocation: RevocationFacts | None, signature: bytes) -> None:
        """One answer: good, or revoked with these facts. Serials must rise, and have 16 octets.

        Raises Conflict and Malformed when they do not, Unavailable when the disk fails.
        """
        if serial >> 120 == 0 or serial >> 127:
            raise Malformed(f"serial {serial:x} has not 16 octets; answers about it are signed live")
        octets = serial.to_bytes(16, "big")
        if octets <= self._last:
            raise Conflict(f"answers must be added in ascending order of serials; {serial:x} comes too late")
        if not 1 <= len(signature) <= self._slot:
            raise Malformed(f"a signature of {len(signature)} octets; the signer's have at most {self._slot}")
        if len(self._leading) == RECORDS_MAX:
            raise Conflict(f"a file holds at most {RECORDS_MAX} answers")
        self._last = octets
        self._leading.append(serial >> 96)
        self._buffer += _RECORD.pack(octets, _packed(revocation), len(signature))
        self._buffer += signature.ljust(self._slot, b"\x00")
        if len(self._buffer) >= _CHUNK_OCTETS:
            self._flush()

    def finish(self, read_to: Place) -> Path:
        """Write index and header, and sync; gives the path of the whole file, which nobody looks at yet."""
        bits = min(_INDEX_BITS_MAX, max(0, len(self._leading).bit_length() - 2))
        self._buffer += _index(self._leading, bits)
        self._flush()
        size = self._file.tell()
        run = replace(self._run, read_to=read_to)
        header = _header(
            run, _RECORD.size + self._slot, bits, len(self._leading), size, self._digest.digest()
        )
        with _disk(self._path):
            self._file.seek(0)
            self._file.write(header)
            self._file.flush()
            os.fsync(self._file.fileno())
        return self._temporary

    def publish(self) -> Path:
        """Rename the finished file into place; gives its path."""
        with _disk(self._path):
            self._temporary.rename(self._path)
            _sync_folder(self._path.parent)
        return self._path

    def _flush(self) -> None:
        self._digest.update(self._buffer)
        with _disk(self._path):
            self._file.write(self._buffer)
        self._buffer.clear()


@contextmanager
def _disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror}; OCSP answers are signed live until it works") from error


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _packed(revocation: RevocationFacts | None) -> int:
    if revocation is None:
        return _GOOD
    return int(revocation.revoked_at.timestamp()) << 8 | revocation.reason


def _index(leading: "array[int]", bits: int) -> bytes:
    """Positions of the first record of each bucket, and the count of records at the end."""
    shift = 31 - bits
    positions = array("I", bytes(4 * ((1 << bits) + 1)))
    for value in leading:
        positions[(value >> shift) + 1] += 1
    for bucket in range(1, len(positions)):
        positions[bucket] += positions[bucket - 1]
    if sys.byteorder == "little":
        positions.byteswap()
    return positions.tobytes()


def _header(run: Run, record_size: int, bits: int, count: int, file_size: int, digest: bytes) -> bytes:
    """The header, always of the same size for one run."""
    names = der.sequence(
        der.octet_string(run.issuer),
        der.octet_string(run.signer.key_hash),
        run.signer.signature_algorithm_identifier,
        der.sequence(*run.signer.certificates),
    )
    times = run.times
    cutoff = int(times.archive_cutoff.timestamp()) if times.archive_cutoff else 0
    fixed = _FIXED.pack(
        _MAGIC,
        _FIXED.size + len(names) + _DIGEST_OCTETS,
        record_size,
        bits,
        run.number,
        count,
        run.feed_position,
        run.read_to.seq,
        run.read_to.chain,
        int(times.produced_at.timestamp()),
        int(times.this_update.timestamp()),
        int(times.next_update.timestamp()),
        cutoff,
        file_size,
        digest,
    )
    return fixed + names + hashlib.sha256(fixed + names).digest()


class AnswerFile:
    """One file, mapped. `answer` may be called from several threads."""

    def __init__(self, path: Path, issuer: bytes) -> None:
        """Raises IntegrityError for a file that is cut short, of another format or issuer, or whose header
        is damaged; OSError when it cannot be opened. What is after the header is left to `verify`.
        """
        self.path = path
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < _FIXED.size:
                raise IntegrityError(f"{path}: too short to be a file of OCSP answers; produce it anew")
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        fields = _FIXED.unpack_from(self._map)
        magic, self._records, self._record_size, bits, number, self.count, feed_position = fields[:7]
        read_to, (*moments, file_size, self._digest) = Place(*fields[7:9]), fields[9:]
        if magic != _MAGIC:
            raise IntegrityError(f"{path}: not a file of OCSP answers of this version; produce it anew")
        self._index = self._records + self.count * self._record_size
        if size != file_size or bits > _INDEX_BITS_MAX or size != self._index + 4 * ((1 << bits) + 1):
            raise IntegrityError(f"{path}: {size} octets where {file_size} were written; produce it anew")
        self._shift = 31 - bits
        names = self._checked_names()
        run_digest = self._map[self._records - _DIGEST_OCTETS : self._records]
        self.run = replace(_run(number, feed_position, names, moments), read_to=read_to, digest=run_digest)
        if self.run.issuer != issuer:
            raise IntegrityError(f"{path}: holds answers about another issuer's certificates")
        self._template = ocsp.Template(self.run.signer, self.run.times, issuer)

    def _checked_names(self) -> bytes:
        end = self._records - _DIGEST_OCTETS
        if hashlib.sha256(self._map[:end]).digest() != self._map[end : self._records]:
            raise IntegrityError(f"{self.path}: the header is damaged; produce the file anew")
        return self._map[_FIXED.size : end]

    def status(self, serial: bytes) -> ocsp.CertStatus | None:
        """What this file says of a serial's content octets; None when it says nothing."""
        start = self._find(serial)
        if start < 0:
            return None
        _, packed, _ = _RECORD.unpack_from(self._map, start)
        return ocsp.GOOD if packed == _GOOD else _revoked(packed)

    def answer(self, serial: bytes) -> bytes | None:
        """OCSPResponse for a serial's content octets, or None when there is none in this file."""
        start = self._find(serial)
        if start < 0:
            return None
        _, packed, size = _RECORD.unpack_from(self._map, start)
        first = start + _RECORD.size
        status = ocsp.GOOD if packed == _GOOD else _revoked(packed)
        return self._template.answer(self._template.tbs(serial, status), self._map[first : first + size])

    def _find(self, serial: bytes) -> int:
        """Where the record of this serial begins, or -1. Serials are random: a bucket holds a few."""
        if len(serial) != 16 or not 0 < serial[0] < 0x80:
            return -1
        bucket = int.from_bytes(serial[:4], "big") >> self._shift
        first, after = _PAIR.unpack_from(self._map, self._index + 4 * bucket)
        if after - first > _SCAN_MAX:
            return self._bisect(serial, first, after)
        end = self._records + after * self._record_size
        position = self._map.find(serial, self._records + first * self._record_size, end)
        while position >= 0 and (position - self._records) % self._record_size:
            position = self._map.find(serial, position + 1, end)  # it was part of a signature
        return position

    def _bisect(self, serial: bytes, first: int, after: int) -> int:
        """For imported serials that are not random, and so share their leading bits."""
        size, records, mapped = self._record_size, self._records, self._map

        def at(record: int) -> bytes:
            position = records + record * size
            return mapped[position : position + 16]

        record = first + bisect_left(range(first, after), serial, key=at)
        return records + record * size if record < after and at(record) == serial else -1

    def verify(self) -> None:
        """Read the whole file and check its digest, without adding to what this process has mapped.

        About 0.1 s for 100 MB, outside the interpreter's lock. Raises IntegrityError, Unavailable.
        """
        digest = hashlib.sha256()
        with _disk(self.path), self.path.open("rb") as file:
            file.seek(self._records)
            while chunk := file.read(_CHUNK_OCTETS):
                digest.update(chunk)
        if digest.digest() != self._digest:
            raise IntegrityError(f"{self.path}: the answers are damaged; produce the file anew")


def _run(number: int, feed_position: int, names: bytes, moments: list[int]) -> Run:
    fields = der.Reader(names, "header of OCSP answers").inside()
    issuer, key_hash = fields.content(der.OCTET_STRING), fields.content(der.OCTET_STRING)
    algorithm, certificates = fields.whole(), fields.inside()
    found: list[bytes] = []
    while not certificates.at_end():
        found.append(certificates.whole())
    produced_at, this_update, next_update, cutoff = (datetime.fromtimestamp(one, UTC) for one in moments)
    times = ocsp.Times(produced_at, this_update, next_update, cutoff if moments[3] else None)
    return Run(number, feed_position, issuer, ocsp.Responder(key_hash, algorithm, tuple(found)), times)


def _revoked(packed: int) -> ocsp.CertStatus:
    at = datetime.fromtimestamp(packed >> 8, UTC)
    return ocsp.revoked(RevocationFacts(at, Reason(packed & 0xFF)))


def runs_in(folder: Path) -> list[tuple[int, Path]]:
    """Run numbers and paths of the files there, ascending; empty for a folder that does not exist."""
    found = (path for path in folder.glob("*" + SUFFIX) if path.stem.isdecimal())
    return sorted((int(path.stem), path) for path in found)


def newest_number(folder: Path) -> int:
    """The highest run number there, 0 for none. The next one is higher, whatever the database has counted:
    it may have been put back."""
    return max((number for number, _ in runs_in(folder)), default=0)


def remove_older(folder: Path, keep: int = 2) -> None:
    """Remove all but the newest `keep` files, and what writers that died have left before those.

    Processes that have a removed file mapped go on with it.
    """
    runs = runs_in(folder)
    if len(runs) < keep:
        return
    oldest_kept = runs[-keep][0]
    leftovers = ((path.stem.partition("-")[0], path) for path in folder.glob("*-*.tmp"))
    runs += [(int(number), path) for number, path in leftovers if number.isdecimal()]
    with _disk(folder):
        for number, path in runs:
            if number < oldest_kept:
                path.unlink(missing_ok=True)
