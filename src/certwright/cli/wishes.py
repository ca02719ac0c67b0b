"""A wish for a certificate, from a command's options to an order or to what REST takes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from datetime import datetime

    from ..core.access import Actor
    from ..core.distinguished_name import DistinguishedName
    from ..core.names import Identifier
    from ..core.request import CertificateRequest
    from ..operations.issue import IssueOrder

REQUEST = "Request (PEM or DER), - for standard input. Else a key is made."
DEFAULT_ALGORITHM = "ecdsa-p256"
Names = list[str] | None
Dns = Annotated[Names, typer.Option("--dns", metavar="NAME", help="DNS name; give it again for more.")]
Ip = Annotated[Names, typer.Option("--ip", metavar="ADDRESS", help="IP address.")]
Email = Annotated[Names, typer.Option("--email", metavar="ADDRESS", help="Mail address.")]
Uri = Annotated[Names, typer.Option("--uri", metavar="URI", help="URI.")]
Upn = Annotated[Names, typer.Option("--upn", metavar="USER@REALM", help="User principal name.")]
Guid = Annotated[Names, typer.Option("--guid", metavar="GUID", help="GUID of a directory object.")]
Kerberos = Annotated[
    Names, typer.Option("--kerberos", metavar="NAME@REALM", help="Kerberos principal, RFC 4556.")
]
Subject = Annotated[
    str, typer.Option("--subject", metavar="DN", help="Subject, as in RFC 4514: CN=www,O=Example.")
]
Csr = Annotated[
    str,
    typer.Option(
        "--csr",
        metavar="FILE",
        help=f"{REQUEST} Names and a subject that are given besides stand in place of its own.",
    ),
]
Authority = Annotated[str, typer.Option("--authority", metavar="NAME", help="Which authority issues.")]
Algorithm = Annotated[
    str,
    typer.Option(
        "--algorithm", metavar="NAME", help=f"Of the key that is made. Default: {DEFAULT_ALGORITHM}."
    ),
]
Days = Annotated[
    int | None, typer.Option("--days", min=1, max=20_000, help="How long. Default: as the profile says.")
]


@dataclass(frozen=True, slots=True)
class Wish:
    """`csr` is PEM or DER; `key` its private key in PEM where that was made here. Names and subject that were
    given go over those of a request that was brought, which are then in `replaced`; `label` names the files.
    """

    profile: str
    authority: str
    csr: bytes
    key: bytes | None
    names: tuple[Identifier, ...]
    subject: DistinguishedName
    days: int | None
    label: str
    replaced: tuple[str, ...] = ()

    def order(self, actor: Actor, now: datetime) -> IssueOrder:
        """For this machine's installation. Raises what `parse_csr` raises."""
        from ..core.request import parse_csr
        from ..operations.issue import IssueOrder

        request = parse_csr(self.csr)
        if self.names:
            request = replace(request, identifiers=self.names)
        if self.subject:
            request = replace(request, subject=self.subject)
        if self.days:
            request = replace(request, not_after=now + timedelta(days=self.days))
        return IssueOrder(actor, request, self.authority, self.profile)

    def document(self) -> dict[str, object]:
        """For REST. Raises Malformed when a request was brought and its names are to be others."""
        from ..core.errors import Malformed

        if self.key is None and (self.names or self.subject):
            raise Malformed("over REST the names and subject in the CSR count; leave the options out")
        document = {"csr": csr_text(self.csr), "profile": self.profile, "authority": self.authority}
        return document | ({"days": self.days} if self.days else {})


def read_wish(
    profile: str,
    authority: str,
    names: tuple[Names, Names, Names, Names, Names, Names, Names],
    subject: str,
    csr: str,
    algorithm: str,
    days: int | None,
) -> Wish:
    """`names` are those of --dns, --ip, --email, --uri, --upn, --guid and --kerberos. Raises Malformed,
    OSError."""
    from ..core.distinguished_name import COMMON_NAME, parse_name
    from ..core.errors import Malformed
    from .requests import algorithm_named, identifiers_of, key_pem, make_csr, make_key, read_csr

    identifiers, name = identifiers_of(names), parse_name(subject)
    key: bytes | None = None
    replaced: tuple[str, ...] = ()
    if csr and algorithm:
        raise Malformed(
            "--algorithm is of a key that is made, and a request has its own: give --csr or --algorithm"
        )
    if csr:
        request, parsed = read_csr(csr)
        found, called = parsed.identifiers, parsed.subject
        replaced = _replaced(parsed, identifiers, name)
    else:
        kind = algorithm_named(algorithm or DEFAULT_ALGORITHM)
        made = make_key(kind)
        key, request = key_pem(made), make_csr(made, kind, name, identifiers)
        found, called = identifiers, name
    labels = [identifier.value for identifier in identifiers or found]
    labels += [*(name or called).values(COMMON_NAME), profile]
    return Wish(profile, authority, request, key, identifiers, name, days, labels[0], replaced)


def _replaced(
    request: CertificateRequest, names: tuple[Identifier, ...], subject: DistinguishedName
) -> tuple[str, ...]:
    """What a request asks for, and does not get because of names and subject that were given."""
    lost = [str(one) for one in request.identifiers if names and one not in names]
    if subject and request.subject and subject != request.subject:
        lost.append(str(request.subject))
    return tuple(lost)


def csr_text(csr: bytes) -> str:
    """A request, PEM or DER, in PEM."""
    from ..core.pem import pem

    return (csr if csr.lstrip().startswith(b"-----BEGIN") else pem(csr, "CERTIFICATE REQUEST")).decode(
        "ascii"
    )
