"""Orders of authorities, and what is asked of them."""

from collections.abc import Awaitable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from certwright.core import keys
from certwright.core.distinguished_name import parse_name
from certwright.core.errors import Refused
from certwright.core.keys import KeyAlgorithm
from certwright.core.request import parse_csr
from certwright.operations.accept_certificate import (
    Accepted,
    import_authority,
)
from certwright.operations.context import Context
from certwright.operations.found_authority import (
    AuthorityOrder,
)
from certwright.operations.issue import IssueOrder, issue
from certwright.store.snapshot import Generation
from tests.core.toy_chain import Outside
from tests.real.pki import ADMINISTRATOR, make_csr

DER = Encoding.DER


def order(name: str, subject: str = "", parent: str = "root", **more: Any) -> AuthorityOrder:
    kind = more.pop("kind", "issuing")
    subject = subject or f"CN={name}"
    return AuthorityOrder(
        name, kind, parse_name(subject), KeyAlgorithm.ECDSA_P256, "software", parent, **more
    )


async def bring(
    context: Context, name: str, one: Outside, last_list: bytes | None = None, **more: Any
) -> Generation:
    algorithm = keys.algorithm_of(one.key.public_key())
    wanted = replace(order(name, one.name.rfc4514_string(), "", **more), algorithm=algorithm)
    given = Accepted(one.der, one.path[1:])
    return await import_authority(context, ADMINISTRATOR, wanted, one.key, given, last_list)


async def ask(context: Context, authority: str, *names: str) -> bytes:
    wanted = IssueOrder(ADMINISTRATOR, parse_csr(make_csr(*names)), authority, "tls-server")
    return (await issue(context, wanted)).der


async def refused(code: str, act: Awaitable[object]) -> None:
    with pytest.raises(Refused) as found:
        await act
    assert [reason.code for reason in found.value.reasons] == [code]
