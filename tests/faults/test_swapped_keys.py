"""Somebody who can write the database moves a key's reference to another row: that key signs nothing
there.
"""

import asyncio

import pytest

from certwright.core.errors import IntegrityError
from certwright.core.request import parse_csr
from certwright.operations.context import Context
from certwright.operations.issue import IssueOrder, issue
from certwright.operations.publish_crl import ListTimes, publish_crl
from tests.real.pki import ADMINISTRATOR, MovableClock, Secrets, found, make_csr, opened


async def swap(context: Context, table: str, columns: tuple[str, ...], first: str, second: str) -> None:
    """Exchange columns of two rows, picked by conditions."""
    names = ", ".join(f'"{column}"' for column in columns)
    rows = [
        (await context.database.query(f'SELECT {names} FROM "{table}" WHERE {condition}'))[0]
        for condition in (first, second)
    ]
    aside = tuple(b"aside" for _ in columns)  # no two rows may have one digest, not even in between
    async with context.database.transaction(0) as transaction:
        for condition, values in ((first, aside), (second, rows[0]), (first, rows[1])):
            settings = ", ".join(f'"{column}" = ?' for column in columns)
            await transaction.execute(f'UPDATE "{table}" SET {settings} WHERE {condition}', values)


def generation_of(authority: str) -> str:
    return f'"authority_id" = (SELECT "id" FROM "authority" WHERE "name" = \'{authority}\')'


@pytest.mark.parametrize(
    "columns", [("key_reference",), ("key_reference", "spki_sha256")], ids=["reference", "and-digest"]
)
def test_an_authority_does_not_sign_with_the_key_of_another(database, columns: tuple[str, ...]) -> None:
    async def main() -> None:
        kept, clock = Secrets(), MovableClock()
        async with opened(database.url, kept, clock) as context:
            await found(context)
            swapped = "authority_generation", columns, generation_of("root"), generation_of("issuing")
            await swap(context, *swapped)
        order = IssueOrder(ADMINISTRATOR, parse_csr(make_csr("a.example.test")), "issuing", "tls-server")
        async with opened(database.url, kept, clock) as context:
            before = await context.database.query('SELECT count(*) FROM "certificate"')
            with pytest.raises(IntegrityError, match="is not the one its certificate is for"):
                await issue(context, order)
            with pytest.raises(IntegrityError, match="is not the one its certificate is for"):
                await publish_crl(context, context.snapshot.issuing("issuing"), 0, True, ListTimes())
            assert await context.database.query('SELECT count(*) FROM "certificate"') == before
            await swap(context, *swapped)
        async with opened(database.url, kept, clock) as context:
            await issue(context, order)

    asyncio.run(main())


def test_an_ocsp_signer_does_not_sign_with_the_key_of_another(database) -> None:
    async def main() -> None:
        kept, clock = Secrets(), MovableClock()
        async with opened(database.url, kept, clock) as context:
            await found(context)
            [first, second] = await context.database.query('SELECT "id" FROM "ocsp_signer"')
            await swap(
                context, "ocsp_signer", ("key_reference",), f'"id" = {first[0]}', f'"id" = {second[0]}'
            )
        async with opened(database.url, kept, clock) as context:
            for row in context.snapshot.signers.values():
                with pytest.raises(IntegrityError, match="is not the one its certificate is for"):
                    context.keyring.ocsp_signer(row)

    asyncio.run(main())
