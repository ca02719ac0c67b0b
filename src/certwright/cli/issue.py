"""`certwright issue` and `certwright renew`: here, or over REST; a key that is made stays on this machine."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Reference, Session, anywhere
from .output import facts
from .wishes import (
    REQUEST,
    Algorithm,
    Authority,
    Csr,
    Days,
    Dns,
    Email,
    Guid,
    Ip,
    Kerberos,
    Subject,
    Upn,
    Uri,
    Wish,
)

if TYPE_CHECKING:
    from ..core.access import Actor
    from ..operations.context import Context

Document = dict[str, Any]
Profile = Annotated[str, typer.Option("--profile", metavar="NAME", help="What kind of certificate.")]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Folder for the files. Default: named like the certificate."),
]
Comment = Annotated[
    str, typer.Option("--comment", metavar="TEXT", help="To those who approve it, if anybody has to.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the files of an earlier certificate.")]


@anywhere
def issue(
    session: Session,
    profile: Profile,
    dns: Dns = None,
    ip: Ip = None,
    email: Email = None,
    uri: Uri = None,
    upn: Upn = None,
    guid: Guid = None,
    kerberos: Kerberos = None,
    subject: Subject = "",
    csr: Csr = "",
    authority: Authority = "issuing",
    algorithm: Algorithm = "",
    days: Days = None,
    out: Out = None,
    overwrite: Overwrite = False,
    comment: Comment = "",
    preview: Annotated[
        bool, typer.Option("--preview", help="Show the certificate that this would become; issue nothing.")
    ] = False,
) -> None:
    """Issue a certificate.

    Its key is made here, unless there is a request. Where the rules want approval a request is made that
    waits; the key stays in the folder.
    """
    from .wishes import read_wish

    names = (dns, ip, email, uri, upn, guid, kerberos)
    wish = read_wish(profile, authority, names, subject, csr, algorithm, days)
    if preview:
        show_preview(session, wish)
        return
    document = _into(
        out or _folder_for(wish.label), overwrite, wish.key, lambda: _issue(session, wish, comment)
    )
    document |= {"replaced": list(wish.replaced)}
    session.output.show(document, told(f"Issued a {profile} certificate", document))


def _issue(session: Session, wish: Wish, comment: str) -> Document:
    from ..operations.request_certificate import Words, request_certificate
    from .approval import made_document

    async def act(context: Context, actor: Actor) -> Document:
        order = wish.order(actor, context.clock())
        return await made_document(context, await request_certificate(context, order, Words(comment)))

    return session.run(act, lambda remote: remote.post("/certificates", wish.document() | _said(comment)))


def _said(comment: str) -> Document:
    return {"comment": comment} if comment else {}


def show_preview(session: Session, wish: Wish) -> None:
    from ..operations.preview import preview

    async def act(context: Context, actor: Actor) -> Document:
        return await preview(context, wish.order(actor, context.clock()))

    document = session.run(act, lambda remote: remote.post("/preview", wish.document()))
    document |= {"replaced": list(wish.replaced)}
    session.output.show(document, _previewed(document))


def _previewed(document: Document) -> str:
    pairs = [
        (name.replace("_", " "), str(document[name]))
        for name in ("profile", "issuer", "subject", "not_before", "not_after", "serial", "key_algorithm")
    ]
    pairs.append(("signature", document["signature_algorithm"]))
    for extension in document["extensions"]:
        critical = " (critical)" if extension["critical"] else ""
        pairs.append((f"{extension['name']}{critical}", ", ".join(extension["value"])))
    pairs.append(("not as in the CSR", ", ".join(document["replaced"])))
    pairs.append(("approval", _steps(document["approval"])))
    pairs += [
        (finding["severity"], f"{finding['text']} [{finding['code']}]") for finding in document["findings"]
    ]
    return facts(pairs)


def _steps(approval: Document | None) -> str:
    steps = approval["steps"] if approval else []
    return ", ".join(f"{one['step']} ({one['quorum']} of {' or '.join(one['from'])})" for one in steps)


# -- renew ---------------------------------------------------------------------------------------


@anywhere
def renew(
    session: Session,
    certificate: Reference,
    csr: Annotated[str, typer.Option("--csr", metavar="FILE", help=REQUEST)] = "",
    same_key: Annotated[
        bool, typer.Option("--same-key", help="Certify the same key again, instead of one made here.")
    ] = False,
    out: Out = None,
    overwrite: Overwrite = False,
    comment: Comment = "",
) -> None:
    """Issue the successor of a certificate.

    It has the same names and profile, and a new key unless told otherwise.
    """
    from ..core.errors import Malformed
    from .certificates import look_at
    from .requests import algorithm_named, key_pem, make_csr, make_key, read_csr

    if csr and same_key:
        raise Malformed("--csr and --same-key exclude each other; the request has a key")
    before = look_at(session, certificate)
    key, request = None, read_csr(csr)[0] if csr else b""
    if not csr and not same_key:
        algorithm = algorithm_named(before["key_algorithm"])
        made = make_key(algorithm)
        key, request = key_pem(made), make_csr(made, algorithm)
    reference = before["fingerprint"]
    document = _into(
        out or _folder_for(_common_name(before) or before["serial"]),
        overwrite,
        key,
        lambda: _renew(session, reference, request, comment),
    )
    session.output.show(document, told(f"Renewed {reference}", document))


def _renew(session: Session, reference: str, request: bytes, comment: str) -> Document:
    from ..core.request import parse_csr
    from ..operations.renew import renewal_of
    from ..operations.request_certificate import Words, request_certificate
    from .approval import made_document
    from .remote import path_of
    from .wishes import csr_text

    async def act(context: Context, actor: Actor) -> Document:
        wanted = parse_csr(request) if request else None
        order = await renewal_of(context, actor, reference, wanted)
        return await made_document(context, await request_certificate(context, order, Words(comment)))

    body = ({"csr": csr_text(request)} if request else {}) | _said(comment)
    return session.run(act, lambda remote: remote.post(path_of("certificates", reference, "renew"), body))


# -- files ---------------------------------------------------------------------------------------


def _into(folder: Path, overwrite: bool, key: bytes | None, get: Callable[[], Document]) -> Document:
    """Get a certificate and leave its files in a folder; its document, with where they are. Of a request that
    waits the key alone is left."""
    from .approval import waits
    from .files import PendingKey, require_free, settle_key, write_certificate

    require_free(folder, overwrite)
    with PendingKey(folder, key) if key else nullcontext() as pending:
        document = get()
        if waits(document):
            return document | {"files": settle_key(folder, pending)}
        files = write_certificate(folder, document["certificate"], document["chain"], pending)
    return document | {"files": files}


def _folder_for(label: str) -> Path:
    from .files import folder_name

    return Path(folder_name(label))


def _common_name(document: Document) -> str:
    from ..core.distinguished_name import COMMON_NAME, parse_name

    return next(iter(parse_name(document["subject"]).values(COMMON_NAME)), "")


def told(title: str, document: Document) -> str:
    """A new certificate for people, or the request that waits instead."""
    from .approval import told as told_request
    from .approval import waits

    if waits(document):
        return told_request(document)
    shown = [
        ("subject", document["subject"]),
        ("fingerprint", document["fingerprint"]),
        ("serial", document["serial"]),
        ("valid", f"{document['not_before'][:19]} to {document['not_after'][:19]} UTC"),
        ("not as in the CSR", ", ".join(document.get("replaced", ()))),
        *document["files"].items(),
    ]
    return f"{title}\n{facts(shown)}"
