"""`certwright authority`: found, import, have signed, sign, list, show, retire, withdraw."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .authority_documents import generation_document, generations_there, listed, told
from .options import Home, Json, Recovery, Session, anywhere, begin, group, read_file, read_secret
from .output import columns

if TYPE_CHECKING:
    from ..core.access import Actor
    from ..core.request import AuthorityTerms
    from ..operations.context import Context
    from ..store.snapshot import Generation
    from .remote import Remote
    from .wiring import Reading

Document = dict[str, Any]
app = group("Certificate authorities.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the authority.")]
Kind = Annotated[str, typer.Option("--kind", metavar="KIND", help="root, intermediate or issuing.")]
Subject = Annotated[
    str, typer.Option("--subject", metavar="DN", help="Default: made of the organization and the name.")
]
Profile = Annotated[
    str, typer.Option("--profile", metavar="NAME", help="Profile of its certificate. Default: by its kind.")
]
PathLength = Annotated[
    int | None, typer.Option("--path-length", min=0, max=32, help="How many authorities may follow below.")
]
Permit = Annotated[
    list[str] | None,
    typer.Option(
        "--permit", metavar="KIND:BASE", help="Name constraint: permit dns:example.test and the like."
    ),
]
Exclude = Annotated[
    list[str] | None, typer.Option("--exclude", metavar="KIND:BASE", help="Exclude such names.")
]
Policy = Annotated[list[str] | None, typer.Option("--policy", metavar="OID", help="Certificate policy.")]
Shards = Annotated[
    int, typer.Option("--crl-shards", min=1, max=1024, help="Over how many lists its revocations are spread.")
]
Files = Annotated[
    list[Path],
    typer.Argument(metavar="FILE...", help="PEM or DER: its certificate, then its issuers up to the root."),
]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Write the PEM there too; the folder is made.")
]


def terms_of(
    path_length: int | None, permit: list[str] | None, exclude: list[str] | None, policies: list[str] | None
) -> AuthorityTerms | None:
    """What an authority certificate shall say beyond its profile. Raises Malformed."""
    from ..core.documents import is_oid
    from ..core.errors import Malformed
    from ..core.extensions import CertificatePolicy, NameConstraints
    from ..core.profile_document import parse_subtree
    from ..core.request import AuthorityTerms

    if wrong := [oid for oid in policies or () if not is_oid(oid)]:
        raise Malformed(f"--policy {wrong[0][:80]!r} is no object identifier in dotted form")
    trees = [tuple(map(parse_subtree, given or ())) for given in (permit, exclude)]
    constraints = NameConstraints(trees[0], trees[1]) if permit or exclude else None
    chosen = tuple(CertificatePolicy(oid) for oid in policies or ())
    if path_length is None and constraints is None and not chosen:
        return None
    return AuthorityTerms(path_length, constraints, chosen)


def _terms_body(
    terms: AuthorityTerms | None, permit: list[str] | None, exclude: list[str] | None
) -> Document:
    """The same for REST, to be added to a body."""
    if terms is None:
        return {}
    policies = [one.oid for one in terms.policies]
    body = {"path_length": terms.path_length, "policies": policies}
    return {"terms": body | {"permitted": permit or [], "excluded": exclude or []}}


# -- found ---------------------------------------------------------------------------------------


@app.command()
@anywhere
def found(
    session: Session,
    name: Name,
    kind: Kind = "issuing",
    parent: Annotated[
        str,
        typer.Option("--parent", metavar="NAME", help="Who signs it. None: itself, or an outside authority."),
    ] = "",
    subject: Subject = "",
    algorithm: Annotated[str, typer.Option("--algorithm", metavar="NAME", help="Of its key.")] = "ecdsa-p256",
    provider: Annotated[
        str,
        typer.Option(
            "--provider",
            metavar="NAME",
            help="Which keeps the key: software, recovery, or a PKCS#11 module of the settings. "
            "Default: recovery for a root, else software.",
        ),
    ] = "",
    profile: Profile = "",
    path_length: PathLength = None,
    permit: Permit = None,
    exclude: Exclude = None,
    policy: Policy = None,
    crl_shards: Shards = 1,
    recovery: Recovery = "",
) -> None:
    """Found an authority and put it in service; without a parent, make its CSR for an outside one."""
    from ..core.distinguished_name import parse_name
    from ..operations.found_authority import AuthorityOrder, default_subject, found_authority
    from .remote import path_of
    from .requests import algorithm_named

    chosen = algorithm_named(algorithm)
    keeper = provider or ("recovery" if kind == "root" else "software")
    terms = terms_of(path_length, permit, exclude, policy)

    async def act(context: Context, actor: Actor) -> Document:
        named = parse_name(subject) if subject else default_subject(context.snapshot, name)
        if parent:  # before a key is made: can the parent's be used?
            context.keyring.provider(context.snapshot.issuing(parent).row.key_provider)
        order = AuthorityOrder(name, kind, named, chosen, keeper, parent, profile, terms, crl_shards)
        return await _begun(context, actor, await found_authority(context, actor, order))

    def there(remote: Remote) -> Document:
        texts = {"subject": subject, "parent": parent, "profile": profile}
        body: Document = {field: text for field, text in texts.items() if text}
        body |= {"name": name, "kind": kind, "algorithm": chosen.value, "key_provider": keeper}
        body |= {"crl_shards": crl_shards} | _terms_body(terms, permit, exclude)
        made = generations_there(remote.post("/authorities", body))[0]
        csr = {} if made["certificate"] else remote.post(path_of("authorities", name, "csr"))
        return made | csr

    document = session.run(act, there, recovery)
    session.output.show(document, told(document))


async def _begun(context: Context, actor: Actor, generation: Generation) -> Document:
    """Put a new authority in service, or make the CSR that it needs first."""
    from ..core.pem import pem
    from ..operations.accept_certificate import authority_csr
    from ..operations.publish_status import put_in_service

    if generation.certificate is None:
        csr = await authority_csr(context, actor, generation.authority.name)
        return generation_document(generation) | {"csr": pem(csr, "CERTIFICATE REQUEST").decode()}
    await put_in_service(context, actor, generation)
    return generation_document(generation)


@app.command()
@anywhere
def csr(session: Session, name: Name, out: Out = None) -> None:
    """Give out the CSR of an authority that an outside one shall sign."""
    from ..core.pem import pem
    from ..operations.accept_certificate import authority_csr
    from .remote import path_of

    async def act(context: Context, actor: Actor) -> Document:
        return {"csr": pem(await authority_csr(context, actor, name), "CERTIFICATE REQUEST").decode()}

    document = session.run(act, lambda remote: remote.post(path_of("authorities", name, "csr")))
    _keep(out, document["csr"])
    session.output.show(document, document["csr"].rstrip())


@app.command()
@anywhere
def accept(session: Session, name: Name, files: Files) -> None:
    """Take the certificate that an outside authority has signed, and put the authority in service."""
    from ..core.pem import pem
    from ..operations.accept_certificate import Accepted, accept_certificate
    from .pem_files import read_chain
    from .remote import path_of

    certificate, *chain = read_chain(files)

    async def act(context: Context, actor: Actor) -> Document:
        given = Accepted(certificate, tuple(chain))
        return await _begun(context, actor, await accept_certificate(context, actor, name, given))

    def there(remote: Remote) -> Document:
        texts = {"certificate": pem(certificate).decode(), "chain": b"".join(map(pem, chain)).decode()}
        return generations_there(remote.post(path_of("authorities", name, "certificate"), texts))[0]

    document = session.run(act, there)
    session.output.show(document, told(document))


@app.command("import")
def bring(
    context: typer.Context,
    name: Name,
    files: Files,
    key: Annotated[Path, typer.Option("--key", metavar="FILE", help="Its private key in PEM.")],
    passphrase: Annotated[
        str, typer.Option("--key-passphrase-file", metavar="FILE", help="With what the key is encrypted.")
    ] = "",
    kind: Kind = "issuing",
    provider: Annotated[
        str, typer.Option("--provider", metavar="NAME", help="Who keeps the key.")
    ] = "software",
    crl_shards: Shards = 1,
    crl: Annotated[
        Path | None,
        typer.Option(
            "--crl",
            metavar="FILE",
            help="The last revocation list it has signed, PEM or DER: ours go on from its number. "
            "It may name no certificates, since those cannot be carried on yet.",
        ),
    ] = None,
    no_revocations: Annotated[
        bool,
        typer.Option("--no-revocations", help="It has no list, and has revoked nothing. This or --crl."),
    ] = False,
    recovery: Recovery = "",
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Take over an authority with its key."""
    from ..core.errors import Malformed
    from ..core.keys import algorithm_of
    from ..operations.accept_certificate import Accepted, import_authority
    from ..operations.found_authority import AuthorityOrder
    from .pem_files import read_chain
    from .requests import load_key, subject_of

    session = begin(context, home, as_json)
    if (crl is None) is not no_revocations:
        raise Malformed("what has it revoked? give its last list with --crl FILE, or --no-revocations")
    last_list = read_file(crl) if crl else None
    certificate, *chain = read_chain(files)
    private = load_key(read_file(key), read_secret(passphrase))
    algorithm = algorithm_of(private.public_key())
    order = AuthorityOrder(name, kind, subject_of(certificate), algorithm, provider, crl_shards=crl_shards)

    async def act(context: Context, actor: Actor) -> Document:
        given = Accepted(certificate, tuple(chain))
        generation = await import_authority(context, actor, order, private, given, last_list)
        return await _begun(context, actor, generation)

    document = session.run(act, recovery_passphrase_file=recovery)
    session.output.show(document, told(document))


@app.command("sign-csr")
@anywhere
def sign_csr(
    session: Session,
    csr: Annotated[str, typer.Argument(metavar="FILE", help="The CSR, PEM or DER; - is standard input.")],
    parent: Annotated[str, typer.Option("--parent", metavar="NAME", help="Who signs.")],
    profile: Annotated[
        str, typer.Option("--profile", metavar="NAME", help="Profile of an authority.")
    ] = "intermediate-authority",
    subject: Annotated[str, typer.Option("--subject", metavar="DN", help="In place of the CSR's.")] = "",
    days: Annotated[int | None, typer.Option("--days", min=1, max=20_000, help="How long.")] = None,
    path_length: PathLength = None,
    permit: Permit = None,
    exclude: Exclude = None,
    policy: Policy = None,
    out: Out = None,
    recovery: Recovery = "",
) -> None:
    """Certify an outside subordinate authority from its CSR."""
    from ..core.distinguished_name import parse_name
    from ..core.errors import Malformed
    from ..operations.certificate_documents import certificate_document
    from ..operations.found_authority import sign_subordinate
    from .remote import path_of
    from .requests import read_csr
    from .wishes import csr_text

    content, asked = read_csr(csr)
    request = replace(asked, terms=terms_of(path_length, permit, exclude, policy))
    if subject:
        request = replace(request, subject=parse_name(subject))

    async def act(context: Context, actor: Actor) -> Document:
        wanted = request
        if days:
            wanted = replace(request, not_after=context.clock() + timedelta(days=days))
        row, der = await sign_subordinate(context, actor, parent, wanted, profile)
        return certificate_document(row) | _texts(der, context.snapshot.issuing(parent))

    def there(remote: Remote) -> Document:
        if subject:
            raise Malformed("over REST the subject in the CSR counts; leave --subject out")
        body: Document = {"csr": csr_text(content), "profile": profile} | ({"days": days} if days else {})
        body |= _terms_body(request.terms, permit, exclude)
        chain = _chain_of(remote.get(path_of("authorities", parent)))
        return remote.post(path_of("authorities", parent, "subordinates"), body) | {"chain": chain}

    document = session.run(act, there, recovery)
    _keep(out, document["certificate"] + document["chain"])
    session.output.show(document, document["certificate"] + document["chain"].rstrip())


def _texts(der: bytes, parent: Generation) -> Document:
    from ..core.pem import pem

    chain = b"".join(map(pem, (parent.der, *parent.chain)))
    return {"certificate": pem(der).decode(), "chain": chain.decode()}


def _chain_of(authority: Document) -> str:
    """The newest certificate under which an authority issues, and those above it. Raises Conflict."""
    from ..core.errors import Conflict

    for one in generations_there(authority):
        if one["status"] == "in force":
            return str(one["certificate"] + one["chain"])
    raise Conflict(f"authority {authority['name']} has no certificate in force to sign with")


# -- look and retire -----------------------------------------------------------------------------


@app.command("list")
@anywhere
def list_all(session: Session) -> None:
    """List the authorities."""
    found = session.read(_visible, _visible_there)
    heads = ("NAME", "KIND", "GENERATION", "STATUS", "KEY", "UNTIL", "SUBJECT")
    rows = [
        (
            one["name"],
            one["kind"],
            str(one["generation"]),
            one["status"],
            f"{one['key_algorithm']} in {one['key_provider']}",
            (one["not_after"] or "")[:10],
            one["subject"],
        )
        for one in found
    ]
    session.output.show({"authorities": found}, columns(heads, rows))


async def _visible(reading: Reading) -> list[Document]:
    from ..operations.view_configuration import list_authorities

    seen = list_authorities(reading.snapshot, reading.actor)
    return [listed(reading, one) for row in seen for one in reading.snapshot.of_authority(row.name)]


def _visible_there(remote: Remote) -> list[Document]:
    return [each for one in remote.rows("/authorities", "authorities") for each in generations_there(one)]


@app.command()
@anywhere
def show(session: Session, name: Name) -> None:
    """Show an authority: its generations, where its status data is, its certificate and chain."""
    from .remote import path_of

    async def act(reading: Reading) -> list[Document]:
        from ..operations.view_configuration import view_authority

        row = view_authority(reading.snapshot, reading.actor, name)
        return [listed(reading, one) for one in reading.snapshot.of_authority(row.name)]

    found = session.read(act, lambda remote: generations_there(remote.get(path_of("authorities", name))))
    session.output.show({"generations": found}, "\n\n".join(map(told, found)))


@app.command()
@anywhere
def retire(session: Session, name: Name) -> None:
    """Issue no more under an authority, for good: this cannot be taken back.

    Its revocation lists and OCSP answers go on, and what it has issued can still be revoked.
    """
    from ..operations.found_authority import retire_authority
    from .remote import path_of

    async def act(context: Context, actor: Actor) -> Document:
        row = await retire_authority(context, actor, name)
        assert row.retired_at is not None
        return {"name": row.name, "retired_at": row.retired_at.isoformat()}

    def there(remote: Remote) -> Document:
        gone = remote.post(path_of("authorities", name, "retire"))
        return {field: gone[field] for field in ("name", "retired_at")}

    session.output.show(session.run(act, there), f"Retired {name} for good; its lists and answers go on")


@app.command()
@anywhere
def withdraw(session: Session, name: Name, recovery: Recovery = "") -> None:
    """Take back an authority that awaits its certificate.

    Its key is destroyed; its name and subject are free for another order.
    """
    from ..operations.withdraw_authority import withdraw_authority
    from .remote import path_of

    async def act(context: Context, actor: Actor) -> Document:
        return generation_document(await withdraw_authority(context, actor, name)) | {"status": "withdrawn"}

    def there(remote: Remote) -> Document:
        (gone,) = generations_there(remote.delete(path_of("authorities", name)))
        return gone | {"status": "withdrawn"}

    session.output.show(session.run(act, there, recovery), f"Withdrew {name}; its key is destroyed")


def _keep(out: Path | None, text: str) -> None:
    from .files import write_file

    if out is not None:
        write_file(out, text.encode())
