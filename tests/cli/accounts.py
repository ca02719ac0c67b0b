"""Accounts of ACME clients, made without the protocol."""

import hashlib
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from certwright.core.access import Actor
from certwright.operations.acme_accounts import AccountKey, Applicant, create_account
from certwright.operations.acme_request import Signed
from certwright.operations.context import Context
from certwright.site.command import SiteWiring
from certwright.store.ledger import Change


def make_accounts(home: Path, *contacts: str) -> list[str]:
    """As clients make them; their identifiers."""

    async def make(context: Context, actor: Actor) -> list[str]:
        endpoint, made = context.snapshot.endpoint("acme", "default"), []
        for contact in contacts:
            public_key = ec.generate_private_key(ec.SECP256R1()).public_key()
            key = AccountKey("{}", hashlib.sha256(contact.encode()).hexdigest()[:43], public_key)
            applicant = Applicant(key, (contact,), True, None, "")
            signed = Signed("", Change(), context.clock(), context.snapshot.revision)
            made.append(str((await create_account(context, endpoint, applicant, signed)).id))
        return made

    return SiteWiring().run(home, make)
