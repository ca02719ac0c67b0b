"""`certwright audit`: list events, verify the log, lint what is on record, export it, sign a checkpoint."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from .options import Discrepancies, Home, Json, Session, anywhere, begin, group, parse_moment, read_file
from .output import Progress, columns, facts

if TYPE_CHECKING:
    from ..core.access import Actor
    from ..core.audit_records import Report
    from ..core.checkpoint import VerifierKey
    from ..operations.check_issuance import Contradiction, FoundCertificate
    from ..operations.context import Context
    from ..store.rows import IssuanceIntentRow
    from .remote import Remote
    from .wiring import Reading

Document = dict[str, Any]
app = group("The audit log.")
KEY_CHARACTERS_MAX = 1024
CONTRADICTIONS_SHOWN = 1000

Key = Annotated[
    list[Path] | None,
    typer.Option(
        "--key", metavar="FILE", help="The log's public key. Default: audit/checkpoint-key.pub at home."
    ),
]
Checkpoint = Annotated[
    list[Path] | None,
    typer.Option(
        "--checkpoint", metavar="FILE", help="A checkpoint kept elsewhere, that the log must agree with."
    ),
]


@app.command("list")
@anywhere
def list_all(
    session: Session,
    kind: Annotated[
        str | None, typer.Option("--kind", metavar="KIND", help="Of this kind: certificate.issued.")
    ] = None,
    subject: Annotated[
        str | None, typer.Option("--subject", metavar="SUBJECT", help="About this: authority:issuing.")
    ] = None,
    actor: Annotated[
        str | None, typer.Option("--actor", metavar="ACTOR", help="Done by: token:deploy.")
    ] = None,
    since: Annotated[
        str, typer.Option("--since", metavar="TIME", help="From then on: a day, or 2026-01-31T12:00:00Z.")
    ] = "",
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=1000, help="How many of the newest at the most.")
    ] = 100,
) -> None:
    """List what was done, by whom and when, the newest last."""
    from ..operations.list_events import EventFilter, event_document, list_events

    wanted = EventFilter(kind, actor, subject, parse_moment("since", since) if since else None)

    async def look(reading: Reading) -> list[Document]:
        rows = await list_events(reading.database, reading.actor, wanted, limit)
        return [event_document(row) for row in reversed(rows)]

    def there(remote: Remote) -> list[Document]:
        query = {"limit": str(limit)} | ({"since": wanted.since.isoformat()} if wanted.since else {})
        given = {"kind": kind, "actor": actor, "subject": subject}
        query |= {name: value for name, value in given.items() if value is not None}
        return list(reversed(remote.get("/audit/events", query)["events"]))

    found = session.read(look, there)
    rows = [
        (one["at"][:19].replace("T", " "), one["kind"], one["actor"], one["source"], one["subject"])
        for one in found
    ]
    session.output.show({"events": found}, columns(("TIME", "KIND", "ACTOR", "SOURCE", "SUBJECT"), rows))


@app.command()
def verify(
    context: typer.Context,
    export: Annotated[
        Path | None, typer.Option("--export", metavar="FILE", help="Check this export, not the database.")
    ] = None,
    key: Key = None,
    checkpoint: Checkpoint = None,
    certificates: Annotated[
        Path | None,
        typer.Option(
            "--certificates",
            metavar="DIR",
            help="Also: is every certificate below this folder that our keys have signed on record, and "
            "does every record say what its certificate says? What cannot be judged counts as found.",
        ),
    ] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Check that nothing in the log was changed, dropped or moved; print the newest checkpoint that holds."""
    from ..core.errors import Malformed

    session = begin(context, home, as_json)
    keys = [_read_key(path) for path in key or ()]
    held = [_read_checkpoint(path) for path in checkpoint or ()]
    if export is not None and certificates is not None:
        raise Malformed("--certificates compares with the database; leave --export out")
    if export is not None:
        report = _verify_export(session, export, keys, held)
    else:
        report = _verify_database(session, keys, held)
    document, text, wrong = _report_document(report), _report_text(report), report.found
    if certificates is not None:
        compared = _compare(session, certificates)
        document["certificates"] = compared
        wrong += compared["found"] + compared["not_judged_count"]
        text += "\n\n" + _compared_text(compared)
    session.output.show(document, text)
    if wrong:
        raise Discrepancies(wrong)


def _verify_export(session: Session, export: Path, keys: list[VerifierKey], held: list[str]) -> Report:
    from ..core.audit_export import LINE_CHARACTERS_MAX, verify_export

    if not keys and (kept := session.wiring.folder(session.home) / "audit" / "checkpoint-key.pub").exists():
        keys = [_read_key(kept)]
    size = export.stat().st_size
    with (
        export.open(encoding="ascii", errors="replace") as file,
        session.output.progress("verifying") as progress,
    ):

        def lines() -> Iterator[str]:
            read = 0
            while line := file.readline(LINE_CHARACTERS_MAX + 1):
                read += len(line)
                progress(read, size)
                yield line

        return verify_export(lines(), keys, held)


def _verify_database(session: Session, keys: list[VerifierKey], held: list[str]) -> Report:
    from ..operations.verify_audit import verify_audit

    kept = session.wiring.audit_trust(session.home)
    with session.output.progress("verifying") as progress:

        async def look(reading: Reading) -> Report:
            trusted, notes = keys or kept.keys, [*kept.held, *held]
            return await verify_audit(reading.database, reading.actor, trusted, notes, progress)

        report = session.read(look)
    if report.found:
        _put_on_record(session, report)
    return report


def _put_on_record(session: Session, report: Report) -> None:
    """What was found is told whether this succeeds or not: the store is what is in doubt."""
    from ..core.errors import CertwrightError
    from ..operations.verify_audit import record_discrepancies

    async def act(context: Context, actor: Actor) -> None:
        await record_discrepancies(context, actor, report.found, report.discrepancies[0].text)

    try:
        session.run(act)
    except CertwrightError as error:
        session.output.warn(f"this finding could not be put on record: {error.detail}")


def _read_key(path: Path) -> VerifierKey:
    from ..core.checkpoint import parse_verifier_key
    from ..core.errors import Malformed

    try:
        return parse_verifier_key(read_file(path)[:KEY_CHARACTERS_MAX].decode("ascii", "replace").strip())
    except Malformed as error:
        raise Malformed(
            f"{path} is no public key of an audit log, as audit/checkpoint-key.pub at home is: {error.detail}"
        ) from error


def _read_checkpoint(path: Path) -> str:
    """The signed note in a file. Who has signed it is looked at when the log is verified."""
    from ..core.checkpoint import parse
    from ..core.errors import Malformed, TooLarge

    note = read_file(path).decode("utf-8", "replace")
    try:
        parse(note)
    except (Malformed, TooLarge) as error:
        raise Malformed(
            f"{path} is no checkpoint, as `certwright audit checkpoint` prints one: {error.detail}"
        ) from error
    return note


# -- what was found ------------------------------------------------------------------------------


def _report_document(report: Report) -> Document:
    newest = report.newest
    return {
        "sound": report.sound,
        "origin": report.origin,
        "events": report.events,
        "leaves": report.leaves,
        "trusted": report.trusted,
        "checkpoint": newest.text() if newest else None,
        "found": report.found,
        "discrepancies": [
            {
                "kind": one.kind.value,
                "text": one.text,
                "writer": one.writer,
                "number": one.number,
                "leaf": one.leaf,
            }
            for one in report.discrepancies
        ],
    }


def _report_text(report: Report) -> str:
    lines = [f"{one.kind}: {one.text}" for one in report.discrepancies]
    if report.found > len(lines):
        lines.append(f"and {report.found - len(lines)} more")
    newest = report.newest
    if newest is not None:
        trust = (
            "by the log's trusted key"
            if report.trusted
            else "by a key that the log itself names: not trusted"
        )
        later = report.events - newest.size
        lines += [
            f"Verified checkpoint, signed {trust}",
            facts(
                [
                    ("origin", newest.origin),
                    ("size", str(newest.size)),
                    ("root", newest.root.hex()),
                    (
                        "events",
                        f"{report.events}, of which {later} after it" if later > 0 else str(report.events),
                    ),
                ]
            ),
        ]
    else:
        lines.append("no checkpoint holds")
    return "\n".join(lines)


# -- certificates against records ----------------------------------------------------------------


def _compare(session: Session, folder: Path) -> Document:
    """Files against records, records against their certificates, and intents without a certificate."""
    from ..core.errors import NotFound
    from ..operations.check_issuance import check_found, unresolved_intents
    from ..operations.check_records import check_records

    if not folder.is_dir():
        raise NotFound(f"{folder} is no folder")
    seen = _Seen()

    async def look(reading: Reading) -> Document:
        with session.output.progress("files") as progress:
            files = _certificates_below(folder, seen, progress)
            async for one in check_found(reading.database, reading.snapshot, reading.actor, files):
                seen.add(one)
        with session.output.progress("records") as progress:
            async for one in check_records(reading.database, reading.snapshot, reading.actor, progress):
                seen.add(one)
        count, first = await unresolved_intents(reading.database, reading.actor)
        intents = {
            "unresolved_intents": [_intent(one, reading) for one in first],
            "unresolved_intents_count": count,
        }
        return seen.document() | intents

    return session.read(look)


@dataclass(slots=True)
class _Seen:
    """What has been looked at, and the first of what was wrong with it, and of what could not be judged."""

    files: int = 0
    certificates: int = 0
    wrong: int = 0
    not_judged: int = 0
    contradictions: list[Contradiction] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)

    def pass_over(self, text: str) -> None:
        self.not_judged += 1
        if len(self.passed) < CONTRADICTIONS_SHOWN:
            self.passed.append(text)

    def add(self, one: Contradiction) -> None:
        if one.kind == "unreadable":
            self.pass_over(f"{one.subject}: {one.text}")
            return
        self.wrong += 1
        if len(self.contradictions) < CONTRADICTIONS_SHOWN:
            self.contradictions.append(one)

    def document(self) -> Document:
        return {
            "files": self.files,
            "certificates": self.certificates,
            "found": self.wrong,
            "contradictions": [
                {"kind": one.kind, "subject": one.subject, "text": one.text} for one in self.contradictions
            ],
            "not_judged": self.passed,
            "not_judged_count": self.not_judged,
        }


def _certificates_below(folder: Path, seen: _Seen, progress: Progress) -> Iterator[FoundCertificate]:
    """Certificates in the files of a folder; what else lies there does not matter."""
    from ..operations.check_issuance import FoundCertificate
    from .certificate_search import NotJudged, certificates_of
    from .pem_files import walk

    paths = list(walk(folder))
    for path in paths:
        seen.files += 1
        progress(seen.files, len(paths))
        number = 0
        for one in certificates_of(path):
            if isinstance(one, NotJudged):
                seen.pass_over(f"{path}: {one.text}")
                continue
            number += 1
            seen.certificates += 1
            yield FoundCertificate(str(path) if number == 1 else f"{path} ({number})", one)


def _intent(row: IssuanceIntentRow, reading: Reading) -> Document:
    generation = reading.snapshot.generations.get(row.generation_id)
    return {
        "serial": row.serial.hex(),
        "authority": generation.path if generation else "",
        "profile": row.profile,
        "requester": row.requester,
        "at": row.at.isoformat(),
        "tbs_sha256": row.tbs_sha256.hex(),
    }


def _compared_text(document: Document) -> str:
    lines = [f"{one['kind']}: {one['subject']}: {one['text']}" for one in document["contradictions"]]
    if more := document["found"] - len(document["contradictions"]):
        lines.append(f"and {more} more")
    lines += [f"not judged: {one}" for one in document["not_judged"]]
    if more := document["not_judged_count"] - len(document["not_judged"]):
        lines.append(f"not judged: {more} more")
    lines += [
        f"intent without a certificate: serial {one['serial']} under {one['authority']},"
        f" by {one['requester']}, {one['at'][:19]} UTC"
        for one in document["unresolved_intents"]
    ]
    if more := document["unresolved_intents_count"] - len(document["unresolved_intents"]):
        lines.append(f"intents without a certificate: {more} more")
    looked = f"{document['certificates']} certificates in {document['files']} files, and every record"
    not_judged = f", {document['not_judged_count']} not judged" if document["not_judged_count"] else ""
    lines.append(f"{looked}: {document['found'] or 'no'} contradictions{not_judged}")
    return "\n".join(lines)


# -- certificates against their profiles ---------------------------------------------------------


@app.command()
def lint(context: typer.Context, home: Home = None, as_json: Json = False) -> None:
    """Lint every certificate on record again, by the version of the profile it was issued for."""
    from ..operations.lint_records import lint_records

    session = begin(context, home, as_json)
    seen = _Seen()

    async def look(reading: Reading) -> None:
        with session.output.progress("linting") as progress:

            def count(done: int, total: int) -> None:
                seen.certificates = done
                progress(done, total)

            async for one in lint_records(reading.database, reading.actor, count):
                seen.add(one)

    session.read(look)
    lines = [f"{one.subject}: {one.text}" for one in seen.contradictions]
    if seen.wrong > len(lines):
        lines.append(f"and {seen.wrong - len(lines)} more")
    lines.append(f"{seen.certificates} certificates linted; findings: {seen.wrong or 'none'}")
    findings = [{"subject": one.subject, "text": one.text} for one in seen.contradictions]
    document = {"certificates": seen.certificates, "found": seen.wrong, "findings": findings}
    session.output.show(document, "\n".join(lines))
    if seen.wrong:
        raise Discrepancies(seen.wrong)


# -- export and checkpoint -----------------------------------------------------------------------


@app.command()
def export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to; it must not exist.")],
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Write the whole log to a file that can be checked elsewhere, without this installation."""
    from ..core.audit_export import encode
    from ..core.errors import Conflict
    from ..operations.export_audit import export_audit
    from ..operations.verify_audit import record_export

    session = begin(context, home, as_json)
    keys = session.wiring.audit_trust(session.home).keys
    if file.exists():
        raise Conflict(f"{file} exists; give another name")

    async def act(context: Context, actor: Actor) -> int:
        await record_export(context, actor)
        records = 0
        with session.output.progress("exporting") as progress, _new_file(file) as sink:
            async for record in export_audit(context.database, keys, progress):
                sink.write(encode(record))
                records += 1
        return records

    records = session.run(act)
    session.output.show({"file": str(file), "records": records}, f"Wrote {records} records to {file}")


@contextmanager
def _new_file(path: Path) -> Iterator[TextIO]:
    """Whole at the end of the block, or not there."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@app.command()
@anywhere
def checkpoint(session: Session) -> None:
    """Sign where the log stands now, and print the signed note: keep it where nobody here can write.

    Over REST nothing is signed: the newest note is printed.
    """
    remote = session.remote
    note = remote.get("/audit/checkpoint")["note"] if remote else session.wiring.sign_checkpoint(session.home)
    session.output.show({"checkpoint": note}, note.rstrip("\n"))
