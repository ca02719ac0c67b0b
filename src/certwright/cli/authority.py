"""`certwright authority`: found, import, have signed, sign, list, show, retire."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Home, Json, Recovery, Session, begin, read_file, read_secret
from .output import columns, facts

if TYPE_CHECKING:
    from ..core.access import Actor
    from ..core.request import AuthorityTerms
    from ..operations.context import Context
    from ..operations.found_authority import AuthorityOrder
    from ..store.snapshot import Generation, Snapshot
    from .wiring import Reading

Document = dict[str, Any]
app = typer.Typer(help="Certificate authorities.", no_args_is_help=True)

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
    typer.Option("--permit", metavar="KIND:BASE", help="Name constraint: permit dns:example.test and the like."),
]
Exclude = Annotated[list[str] | None, typer.Option("--exclude", metavar="KIND:BASE", help="Exclude such names.")]
Policy = Annotated[list[str] | None, typer.Option("--policy", metavar="OID", help="Certificate policy.")]
Shards = Annotated[
    int, typer.Option("--crl-shards", min=1, max=1024, help="Over how many lists its revocations are spread.")
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
            help="Which keeps the key: software, recovery, or a PKCS#11 module of the settings. Default: recovery for "
            "a root, else software.",
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
    from ..operations.found_authority import AuthorityOrder, authority_subject, found_authority
    from .requests import algorithm_named

    session = begin(context, home, as_json)
    chosen = algorithm_named(algorithm)
    keeper = provider or ("recovery" if kind == "root" else "software")
    terms = terms_of(path_length, permit, exclude, policy)

    async def act(context: Context, actor: Actor) -> Document:
        named = authority_subject(context.snapshot, name, subject)
        order = AuthorityOrder(name, kind, named, chosen, keeper, parent, profile, terms, crl_shards)
        return await _begun(context, actor, await found_authority(context, actor, order))

    document = session.run(act, recovery)
    session.output.show(document, _told(document))


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
def csr(context: typer.Context, name: Name, out: Out = None, home: Home = None, as_json: Json = False) -> None:
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
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="PEM: the certificate, then its issuers to the root.")
    ],
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Take the certificate that an outside authority has signed, and put the authority in service."""
    from ..operations.accept_certificate import accept_certificate

    session = begin(context, home, as_json)
    given = read_accepted(files)

    async def act(context: Context, actor: Actor) -> Document:
        return await _begun(context, actor, await accept_certificate(context, actor, name, given))

    document = session.run(act)
    session.output.show(document, _told(document))


@app.command("import")
def bring(
    context: typer.Context,
    name: Name,
    key: Annotated[Path, typer.Option("--key", metavar="FILE", help="Its private key in PEM.")],
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="PEM: its certificate, then its issuers to the root.")
    ],
    passphrase: Annotated[
        str, typer.Option("--key-passphrase-file", metavar="FILE", help="What the key is encrypted with.")
    ] = "",
    kind: Kind = "issuing",
    provider: Annotated[str, typer.Option("--provider", metavar="NAME", help="Who keeps the key.")] = "software",
    crl_shards: Shards = 1,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Take over an authority with its key."""
    from ..core.keys import algorithm_of
    from ..operations.accept_certificate import import_authority, subject_of_certificate
    from ..operations.found_authority import AuthorityOrder

    session = begin(context, home, as_json)
    given = read_accepted(files)
    private = _read_key(key, read_secret(passphrase))
    order = AuthorityOrder(
        name,
        kind,
        subject_of_certificate(given.certificate),
        algorithm_of(private.public_key()),
        provider,
        crl_shards=crl_shards,
    )

    async def act(context: Context, actor: Actor) -> Document:
        return await _begun(context, actor, await import_authority(context, actor, order, private, given))

    document = session.run(act)
    session.output.show(document, _told(document))
