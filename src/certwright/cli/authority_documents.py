"""An authority's generations as the commands show them, from here or over REST."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .output import facts

if TYPE_CHECKING:
    from ..store.snapshot import Generation
    from .wiring import Reading

Document = dict[str, Any]


def listed(reading: Reading, generation: Generation) -> Document:
    document = generation_document(generation)
    if document["status"] == "in force" and generation.id in reading.snapshot.revoked_above:
        document["status"] = "below a revoked certificate"
    return document


def generation_document(generation: Generation) -> Document:
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


_STATUS_THERE = {
    "awaits-certificate": "awaits its certificate",
    "in-force": "in force",
    "below-revoked": "below a revoked certificate",
}


def generations_there(authority: Document) -> list[Document]:
    """The generations of an authority that REST has shown, the newest first, as `generation_document` makes
    them."""
    retired = f"retired {(authority['retired_at'] or '')[:10]}".rstrip()
    shared = {name: authority[name] for name in ("name", "kind", "crl_shards")}
    same = ("subject", "key_algorithm", "key_provider", "profile", "not_after", "certificate", "chain")
    return [
        shared
        | {name: one[name] for name in same}
        | {
            "generation": one["number"],
            "status": _STATUS_THERE.get(one["status"], retired),
            "ocsp": one["ocsp"] or "",
            "crl": (one["crl"] or "").format(shard=0),
            "ca_issuers": one["ca_issuers"] or "",
        }
        for one in authority["generations"]
    ]


def told(document: Document) -> str:
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
