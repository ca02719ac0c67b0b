"""Who answers for how many certificates: counted as one would by hand, of what the reader may see."""

from collections import Counter
from datetime import timedelta
from itertools import product

import pytest

from certwright.core.access import Actor, Grant, Role, Verb, may
from certwright.core.errors import TooLarge
from certwright.operations import responsibility_matrix as module
from certwright.operations.context import Context
from certwright.operations.find_certificate import subject_of
from certwright.operations.responsibility_matrix import Line, responsibility_matrix
from certwright.store.ledger import Change
from certwright.store.rows import CertificateRow
from tests.operations.installed import row_of, with_installation
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR


async def filled(context: Context) -> list[CertificateRow]:
    now, found = context.clock(), []
    combined = product(("", "web"), ("", "bob"), ("p", "q"), (-1, 1, 40), (False, True), range(2))
    for place, (team, owner, profile, days, revoked, _) in enumerate(combined, 1):
        known = {"team": team, "owner": owner, "profile": profile, "not_after": now + timedelta(days=days)}
        known |= {"fingerprint": place.to_bytes(32, "big"), "serial": place.to_bytes(9, "big")}
        known |= {"revoked_at": now if revoked else None, "generation_id": None, "replaces": None}
        known |= {"revocation_reason": 6 if revoked else None, "invalidity_date": None}
        found.append(row_of(CertificateRow, now, id=place, authority="x", version=1, **known))
    await context.ledger.commit(Change(inserted=[*found]))
    return found


def test_it_counts_what_holds_and_what_may_be_seen(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(context: Context, _: object) -> None:
        rows, now = await filled(context), context.clock()
        everything = await responsibility_matrix(context.database, ADMINISTRATOR, now)
        assert Line("web", "bob", "p", "x", 4, 2) in everything
        for grants in (
            (),
            (Grant(Role.AUDITOR, "profile:p"),),
            (Grant(Role.AUDITOR, "team:web"), Grant(Role.OWNER, "owner:bob")),
        ):
            actor = Actor("token:x", grants)
            live = Counter[tuple[str, str, str]]()
            soon = Counter[tuple[str, str, str]]()
            for row in rows:
                if row.not_after > now and row.revoked_at is None and may(actor, Verb.VIEW, subject_of(row)):
                    live[row.team, row.owner, row.profile] += 1
                    soon[row.team, row.owner, row.profile] += row.not_after < now + timedelta(days=30)
            expected = [Line(*key, "x", number, soon[key]) for key, number in sorted(live.items())]
            assert await responsibility_matrix(context.database, actor, now) == expected
        monkeypatch.setattr(module, "LINES_MAX", 3)
        with pytest.raises(TooLarge):
            await responsibility_matrix(context.database, ADMINISTRATOR, now)

    with_installation(database, body)
