"""`certwright issue` and `certwright renew`: here, or over REST; a key that is made stays on this machine."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Home, Json, Reference, Root, Session, Token, Url, begin
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
    from .remote import Remote

Document = dict[str, Any]
Profile = Annotated[str, typer.Option("--profile", metavar="NAME", help="What kind of certificate.")]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Folder for the files. Default: named like the certificate."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the files of an earlier certificate.")]


def issue(
    context: typer.Context,
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
    preview: Annotated[
        bool, typer.Option("--preview", help="Show the certificate that this would become; issue nothing.")
    ] = False,
    home: Home = None,
    as_json: Json = False,
    url: Url = "",
    token: Token = "",
    root: Root = None,
) -> None:
    """Issue a certificate.

    Its key is made here, unless there is a request.
    """
    from .remote import remote_of
    from .wishes import read_wish

    session = begin(context, home, as_json)
    names = (dns, ip, email, uri, upn, guid, kerberos)
    wish = read_wish(profile, authority, names, subject, csr, algorithm, days)
    remote = remote_of(session, url, token, root)
    if preview:
        show_preview(session, wish, remote)
        return
    folder = out or _folder_for(wish.label)
    document = _into(
        folder,
        overwrite,
        wish.key,
        lambda: _issue_there(remote, wish) if remote else _issue_here(session, wish),
    )
    document |= {"replaced": list(wish.replaced)}
    session.output.show(document, told(f"Issued a {profile} certificate", document))


def _issue_here(session: Session, wish: Wish) -> Document:
    from ..operations.certificate_documents import issued_document
    from ..operations.issue import issue as issue_certificate

    async def act(context: Context, actor: Actor) -> Document:
        return issued_document(await issue_certificate(context, wish.order(actor, context.clock())))

    return session.run(act)


def _issue_there(remote: Remote, wish: Wish) -> Document:
    return remote.post("/certificates", wish.document())


def show_preview(session: Session, wish: Wish, remote: Remote | None) -> None:
    from ..core.errors import Malformed
    from ..operations.preview import preview

    if remote is not None:
        raise Malformed("a preview is made on the installation's own machine; leave --url and --token out")

    async def act(context: Context, actor: Actor) -> Document:
        return await preview(context, wish.order(actor, context.clock()))

    document = session.run(act) | {"replaced": list(wish.replaced)}
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
    pairs += [
        (finding["severity"], f"{finding['text']} [{finding['code']}]") for finding in document["findings"]
    ]
    return facts(pairs)


# -- renew ---------------------------------------------------------------------------------------


def renew(
    context: typer.Context,
    certificate: Reference,
    csr: Annotated[str, typer.Option("--csr", metavar="FILE", help=REQUEST)] = "",
    same_key: Annotated[
        bool, typer.Option("--same-key", help="Certify the same key again, instead of one made here.")
    ] = False,
    out: Out = None,
    overwrite: Overwrite = False,
    home: Home = None,
    as_json: Json = False,
    url: Url = "",
    token: Token = "",
    root: Root = None,
) -> None:
    """Issue the successor of a certificate.

    It has the same names and profile, and a new key unless told otherwise.
    """
    from ..core.errors import Malformed
    from .remote import remote_of
    from .requests import algorithm_named, key_pem, make_csr, make_key, read_csr

    session = begin(context, home, as_json)
    remote = remote_of(session, url, token, root)
    if csr and same_key:
        raise Malformed("--csr and --same-key exclude each other; the request has a key")
    before = _look(session, certificate, remote)
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
        lambda: (
            _renew_there(remote, reference, request) if remote else _renew_here(session, reference, request)
        ),
    )
    session.output.show(document, told(f"Renewed {reference}", document))


def _look(session: Session, certificate: str, remote: Remote | None) -> Document:
    """The certificate as it is, before anything is made."""
    from .certificates import read_here

    return remote.get(f"/certificates/{certificate}") if remote else read_here(session, certificate)


def _renew_here(session: Session, reference: str, request: bytes) -> Document:
    from ..core.request import parse_csr
    from ..operations.certificate_documents import issued_document
    from ..operations.renew import renew_certificate

    async def act(context: Context, actor: Actor) -> Document:
        wanted = parse_csr(request) if request else None
        return issued_document(await renew_certificate(context, actor, reference, wanted))

    return session.run(act)


def _renew_there(remote: Remote, reference: str, request: bytes) -> Document:
    from .wishes import csr_text

    return remote.post(f"/certificates/{reference}/renew", {"csr": csr_text(request)} if request else {})


# -- files ---------------------------------------------------------------------------------------


def _into(folder: Path, overwrite: bool, key: bytes | None, get: Callable[[], Document]) -> Document:
    """Get a certificate and leave its files in a folder; its document, with where they are."""
    from .files import PendingKey, require_free, write_certificate

    require_free(folder, overwrite)
    with PendingKey(folder, key) if key else nullcontext() as pending:
        document = get()
        files = write_certificate(folder, document["certificate"], document["chain"], pending)
    return document | {"files": files}


def _folder_for(label: str) -> Path:
    from .files import folder_name

    return Path(folder_name(label))


def _common_name(document: Document) -> str:
    from ..core.distinguished_name import COMMON_NAME, parse_name

    return next(iter(parse_name(document["subject"]).values(COMMON_NAME)), "")


def told(title: str, document: Document) -> str:
    """A new certificate for people."""
    shown = [
        ("subject", document["subject"]),
        ("fingerprint", document["fingerprint"]),
        ("serial", document["serial"]),
        ("valid", f"{document['not_before'][:19]} to {document['not_after'][:19]} UTC"),
        ("not as in the CSR", ", ".join(document.get("replaced", ()))),
        *document["files"].items(),
    ]
    return f"{title}\n{facts(shown)}"
