"""`certwright authority`: found, import, have signed, sign, list, show, retire, withdraw."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Home, Json, Recovery, begin, group, read_file, read_secret
from .output import columns, facts

if TYPE_CHECKING:
    from ..core.access import Actor
    from ..core.distinguished_name import DistinguishedName
    from ..core.request import AuthorityTerms
    from ..operations.context import Context
    from ..store.snapshot import Generation, Snapshot
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


# -- found ---------------------------------------------------------------------------------------


@app.command()
def found(
    context: typer.Context,
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
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Found an authority and put it in service; without a parent, make its CSR for an outside one."""
    from ..operations.found_authority import AuthorityOrder, found_authority
    from .requests import algorithm_named

    session = begin(context, home, as_json)
    chosen = algorithm_named(algorithm)
    keeper = provider or ("recovery" if kind == "root" else "software")
    terms = terms_of(path_length, permit, exclude, policy)

    async def act(context: Context, actor: Actor) -> Document:
        named = _subject(context.snapshot, name, subject)
        if parent:  # before a key is made: can the parent's be used?
            context.keyring.provider(context.snapshot.issuing(parent).row.key_provider)
        order = AuthorityOrder(name, kind, named, chosen, keeper, parent, profile, terms, crl_shards)
        return await _begun(context, actor, await found_authority(context, actor, order))

    document = session.run(act, recovery)
    session.output.show(document, _told(document))


def _subject(snapshot: Snapshot, name: str, subject: str) -> DistinguishedName:
    from ..core.distinguished_name import name_of, parse_name

    if subject:
        return parse_name(subject)
    organization = snapshot.installation.organization
    words = " ".join(word.capitalize() for word in name.split("-"))
    return name_of((("O", organization), ("CN", f"{organization} {words} CA")))


async def _begun(context: Context, actor: Actor, generation: Generation) -> Document:
    """Put a new authority in service, or make the CSR that it needs first."""
    from ..core.pem import pem
    from ..operations.accept_certificate import authority_csr
    from ..operations.publish_status import put_in_service

    if generation.certificate is None:
        csr = await authority_csr(context, actor, generation.authority.name)
        return _document(generation) | {"csr": pem(csr, "CERTIFICATE REQUEST").decode()}
    await put_in_service(context, actor, generation)
    return _document(generation)


@app.command()
def csr(
    context: typer.Context, name: Name, out: Out = None, home: Home = None, as_json: Json = False
) -> None:
    """Give out the CSR of an authority that an outside one shall sign."""
    from ..core.pem import pem
    from ..operations.accept_certificate import authority_csr

    session = begin(context, home, as_json)

    async def act(context: Context, actor: Actor) -> bytes:
        return await authority_csr(context, actor, name)

    text = pem(session.run(act), "CERTIFICATE REQUEST").decode()
    _keep(out, text)
    session.output.show({"csr": text}, text.rstrip())


@app.command()
def accept(
    context: typer.Context,
    name: Name,
    files: Files,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Take the certificate that an outside authority has signed, and put the authority in service."""
    from ..operations.accept_certificate import Accepted, accept_certificate
    from .pem_files import read_chain

    session = begin(context, home, as_json)
    certificate, *chain = read_chain(files)

    async def act(context: Context, actor: Actor) -> Document:
        given = Accepted(certificate, tuple(chain))
        return await _begun(context, actor, await accept_certificate(context, actor, name, given))

    document = session.run(act)
    session.output.show(document, _told(document))


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

    document = session.run(act, recovery)
    session.output.show(document, _told(document))


@app.command("sign-csr")
def sign_csr(
    context: typer.Context,
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
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Certify an outside subordinate authority from its CSR."""
    from ..core.distinguished_name import parse_name
    from ..operations.certificate_documents import certificate_document
    from ..operations.found_authority import sign_subordinate
    from .requests import read_csr

    session = begin(context, home, as_json)
    request = replace(read_csr(csr)[1], terms=terms_of(path_length, permit, exclude, policy))
    if subject:
        request = replace(request, subject=parse_name(subject))

    async def act(context: Context, actor: Actor) -> Document:
        wanted = request
        if days:
            wanted = replace(request, not_after=context.clock() + timedelta(days=days))
        row, der = await sign_subordinate(context, actor, parent, wanted, profile)
        return certificate_document(row) | _texts(der, context.snapshot.issuing(parent))

    document = session.run(act, recovery)
    _keep(out, document["certificate"] + document["chain"])
    session.output.show(document, document["certificate"] + document["chain"].rstrip())


def _texts(der: bytes, parent: Generation) -> Document:
    from ..core.pem import pem

    chain = b"".join(map(pem, (parent.der, *parent.chain)))
    return {"certificate": pem(der).decode(), "chain": chain.decode()}


# -- look and retire -----------------------------------------------------------------------------


@app.command("list")
def list_all(context: typer.Context, home: Home = None, as_json: Json = False) -> None:
    """List the authorities."""
    session = begin(context, home, as_json)
    found = session.read(_visible)
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
    from ..core.access import Subject, Verb, may

    names = [
        name
        for name in sorted(reading.snapshot.authorities)
        if may(reading.actor, Verb.VIEW, Subject(authority=name))
    ]
    return [_listed(reading, one) for name in names for one in reading.snapshot.of_authority(name)]


@app.command()
def show(context: typer.Context, name: Name, home: Home = None, as_json: Json = False) -> None:
    """Show an authority: its generations, where its status data is, its certificate and chain."""
    session = begin(context, home, as_json)

    async def act(reading: Reading) -> list[Document]:
        from ..core.access import Subject, Verb, require

        reading.snapshot.authority(name)
        require(reading.actor, Verb.VIEW, Subject(authority=name))
        return [_listed(reading, one) for one in reading.snapshot.of_authority(name)]

    found = session.read(act)
    session.output.show({"generations": found}, "\n\n".join(map(_told, found)))


@app.command()
def retire(context: typer.Context, name: Name, home: Home = None, as_json: Json = False) -> None:
    """Issue no more under an authority, for good: this cannot be taken back.

    Its revocation lists and OCSP answers go on, and what it has issued can still be revoked.
    """
    from ..operations.found_authority import retire_authority

    session = begin(context, home, as_json)

    async def act(context: Context, actor: Actor) -> Document:
        row = await retire_authority(context, actor, name)
        assert row.retired_at is not None
        return {"name": row.name, "retired_at": row.retired_at.isoformat()}

    session.output.show(session.run(act), f"Retired {name} for good; its lists and answers go on")


@app.command()
def withdraw(
    context: typer.Context, name: Name, recovery: Recovery = "", home: Home = None, as_json: Json = False
) -> None:
    """Take back an authority that awaits its certificate.

    Its key is destroyed; its name and subject are free for another order.
    """
    from ..operations.withdraw_authority import withdraw_authority

    session = begin(context, home, as_json)

    async def act(context: Context, actor: Actor) -> Document:
        return _document(await withdraw_authority(context, actor, name)) | {"status": "withdrawn"}

    session.output.show(session.run(act, recovery), f"Withdrew {name}; its key is destroyed")


def _listed(reading: Reading, generation: Generation) -> Document:
    document = _document(generation)
    if document["status"] == "in force" and generation.id in reading.snapshot.revoked_above:
        document["status"] = "below a revoked certificate"
    return document


def _document(generation: Generation) -> Document:
    from ..core.pem import pem

    row, issuer = generation.row, generation.issuer
    return {
        "name": generation.authority.name,
        "kind": generation.authority.kind,
        "generation": row.number,
        "status": _status(generation),
        "subject": row.subject,
        "key_algorithm": row.key_algorithm,
        "key_provider": row.key_provider,
        "profile": row.profile,
        "crl_shards": generation.authority.crl_shards,
        "not_after": row.not_after.isoformat() if row.not_after else None,
        "ocsp": issuer.pointers.ocsp if issuer else "",
        "crl": issuer.pointers.crl.format(shard=0) if issuer else "",
        "ca_issuers": issuer.pointers.ca_issuers if issuer else "",
        "certificate": pem(row.certificate).decode() if row.certificate else None,
        "chain": b"".join(map(pem, generation.chain)).decode(),
    }


def _status(generation: Generation) -> str:
    if generation.certificate is None:
        return "awaits its certificate"
    retired = generation.authority.retired_at or generation.row.retired_at
    return f"retired {retired:%Y-%m-%d}" if retired else "in force"


def _told(document: Document) -> str:
    names = (
        "status",
        "kind",
        "subject",
        "key_algorithm",
        "key_provider",
        "profile",
        "not_after",
        "ocsp",
        "crl",
    )
    pairs = [("authority", f"{document['name']}/{document['generation']}")]
    pairs += [(name.replace("_", " "), str(document[name] or "")) for name in (*names, "ca_issuers")]
    text = facts(pairs)
    for name in ("csr", "certificate", "chain"):
        if document.get(name):
            text += f"\n\n{document[name]}".rstrip()
    return text


def _keep(out: Path | None, text: str) -> None:
    from .files import write_file

    if out is not None:
        write_file(out, text.encode())
