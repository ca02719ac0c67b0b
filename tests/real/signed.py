"""What a test run has signed, one of each shape, kept where linters find it once the run is over.

A test's database is looked through when it closes: certificates and lists on record, as far as the key of an
authority there has signed them (tests plant others), and OCSP answers produced ahead.
"""

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.ocsp import load_der_ocsp_response

from certwright.core import keys, ocsp
from certwright.store.answers import AnswerFile, runs_in

FOLDER = "CERTWRIGHT_TEST_SIGNED"
"""Names the folder; without it nothing is kept."""
RULES = {"cabf-tls": "tls", "cabf-smime": "mail"}
GENERATIONS = (
    'SELECT g."id", g."certificate", a."kind" FROM "authority_generation" g '
    'JOIN "authority" a ON a."id" = g."authority_id" WHERE g."certificate" IS NOT NULL'
)
CERTIFICATES = (
    'SELECT c."generation_id", c."profile", c."profile_number", c."serial", b."der" FROM "certificate" c '
    'JOIN "certificate_body" b ON b."certificate_id" = c."id" WHERE c."generation_id" IS NOT NULL'
)


@dataclass(frozen=True)
class Signed:
    """Something we signed: `kind` is certificate, crl, arl or ocsp; `rules` of the Forum, if any."""

    name: str
    kind: str
    der: bytes
    rules: str = ""


def keep(url: str, answers: Path | None = None) -> None:
    """Lay what this database holds into the run's folder, unless something of its shape is there already.
    `answers` is the folder of OCSP answers that goes with it."""
    if FOLDER not in os.environ:
        return
    folder = Path(os.environ[FOLDER])
    folder.mkdir(parents=True, exist_ok=True)
    with suppress(sqlite3.DatabaseError, psycopg.Error):  # of a database that its own test has broken
        for shape, one in _Found(url, answers).all():
            name = hashlib.sha256(f"{one.kind} {one.rules} {shape}".encode()).hexdigest()
            with suppress(FileExistsError), (folder / f"{name}.json").open("x") as file:
                json.dump({**vars(one), "der": one.der.hex()}, file)


def kept(folder: Path) -> list[Signed]:
    documents = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    return [Signed(**{**one, "der": bytes.fromhex(one["der"])}) for one in documents]


class _Found:
    def __init__(self, url: str, answers: Path | None) -> None:
        self._url = url
        self._answers = answers
        self._issuers: dict[int, tuple[x509.Certificate, str]] = {}
        for number, der, kind in self._rows(GENERATIONS):
            with suppress(ValueError):  # what a test has put there in place of one
                self._issuers[number] = x509.load_der_x509_certificate(bytes(der)), kind

    def all(self) -> Iterator[tuple[str, Signed]]:
        """With what distinguishes one shape from another."""
        profiles = self._rows('SELECT "name", "number", "document" FROM "profile"')
        lints = {(name, number): json.loads(text).get("lint", []) for name, number, text in profiles}
        serials: dict[int, set[bytes]] = {}
        for generation, profile, number, serial, der in self._rows(CERTIFICATES):
            serials.setdefault(generation, set()).add(bytes(serial))
            yield from self._certificate(generation, profile, lints.get((profile, number), []), bytes(der))
        for generation, der in self._rows('SELECT "generation_id", "der" FROM "crl"'):
            yield from self._list(generation, bytes(der))
        for generation, asked in serials.items():
            yield from self._produced(generation, asked)

    def _rows(self, sql: str) -> list[Any]:
        if self._url.startswith("sqlite"):
            with closing(sqlite3.connect(self._url.removeprefix("sqlite:///"))) as connection:
                return connection.execute(sql).fetchall()
        with psycopg.connect(self._url, connect_timeout=10) as server:
            return server.execute(sql.encode()).fetchall()

    def _certificate(
        self, generation: int, profile: str, lints: list[str], der: bytes
    ) -> Iterator[tuple[str, Signed]]:
        if generation not in self._issuers:
            return
        try:
            certificate = x509.load_der_x509_certificate(der)
            certificate.verify_directly_issued_by(self._issuers[generation][0])
        except (ValueError, TypeError, InvalidSignature):
            return
        rules = next((RULES[one] for one in lints if one in RULES), "")
        shape = f"{self._signer(generation)} {_key(certificate)} {_said(certificate)}"
        yield shape, Signed(f"{profile}: {certificate.subject}", "certificate", der, rules)

    def _list(self, generation: int, der: bytes) -> Iterator[tuple[str, Signed]]:
        if generation not in self._issuers:
            return
        issuer, kind = self._issuers[generation]
        try:
            found = x509.load_der_x509_crl(der)
            if not found.is_signature_valid(issuer.public_key()):  # type: ignore[arg-type]
                return
        except (ValueError, TypeError):
            return
        entries = {_extensions(entry.extensions) for entry in found}
        shape = f"{self._signer(generation)} {_extensions(found.extensions)} {sorted(entries)}"
        yield shape, Signed(f"list of {issuer.subject}", "arl" if kind == "root" else "crl", der)

    def _produced(self, generation: int, serials: set[bytes]) -> Iterator[tuple[str, Signed]]:
        runs = runs_in(self._answers / str(generation)) if self._answers else []
        if not runs or generation not in self._issuers:
            return
        issuer = self._issuers[generation][0]
        spki = issuer.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        file = AnswerFile(runs[-1][1], ocsp.issuer_forms(issuer.subject.public_bytes(), spki)[0])
        for der in filter(None, map(file.answer, serials)):
            answer = load_der_ocsp_response(der)
            shape = f"{self._signer(generation)} {answer.certificate_status} {answer.revocation_reason}"
            yield shape, Signed(f"answer about a certificate of {issuer.subject}", "ocsp", der)

    def _signer(self, generation: int) -> str:
        return _key(self._issuers[generation][0])


def _extensions(extensions: x509.Extensions) -> str:
    return " ".join(sorted(f"{one.oid.dotted_string}{'!' if one.critical else ''}" for one in extensions))


def _key(certificate: x509.Certificate) -> str:
    return keys.algorithm_of(certificate.public_key())  # type: ignore[arg-type]


def _said(certificate: x509.Certificate) -> str:
    """Extensions, kinds of names, how the key may be used, and attributes of the subject."""
    said = [attribute.oid.dotted_string for attribute in certificate.subject]
    said.append(_extensions(certificate.extensions))
    for one in certificate.extensions:
        if isinstance(one.value, x509.SubjectAlternativeName):
            said += [f"{type(name).__name__}{'*' if '*' in str(name.value) else ''}" for name in one.value]
        elif isinstance(one.value, (x509.KeyUsage, x509.ExtendedKeyUsage)):
            said.append(repr(one.value))
    return " ".join(sorted(set(said)))
