"""One-time passwords: made here, shown once to who asked for them, kept hashed, and dead after a day."""

import asyncio
import base64
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ..core.access import Actor, Subject, Verb, require
from ..core.passwords import SALT_OCTETS, hash_password
from ..store.people_rows import LOCAL, UserAccountRow
from .context import Context
from .manage_users import NewUser, create_user, set_password

PASSWORD_OCTETS = 15
PASSWORD_LIFE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class FirstPassword:
    """An account, and the password that its person must replace before `expires_at`; empty for an account
    that has none here."""

    row: UserAccountRow
    password: str = field(repr=False)
    expires_at: datetime | None


async def create_with_password(context: Context, actor: Actor, new: NewUser) -> FirstPassword:
    """An account, with a one-time password where it logs in here. Raises as `create_user`."""
    require(actor, Verb.MANAGE_ACCESS, Subject())
    if new.service or new.origin != LOCAL:
        return FirstPassword(await create_user(context, actor, new), "", None)
    (password, kept), end = await make_password(context), context.clock() + PASSWORD_LIFE
    row = await create_user(context, actor, replace(new, password=kept, password_expires_at=end))
    return FirstPassword(row, password, end)


async def reset_password(context: Context, actor: Actor, name: str) -> FirstPassword:
    """Another one-time password. Nobody gets one for themselves without `manage-access`: a token would become
    a log-in by it.

    Raises Forbidden, NotFound, Conflict for accounts without a password, Moved, SecondPersonNeeded.
    """
    require(actor, Verb.MANAGE_ACCESS, Subject())
    (password, kept), end = await make_password(context), context.clock() + PASSWORD_LIFE
    return FirstPassword(await set_password(context, actor, name, kept, end), password, end)


async def make_password(context: Context) -> tuple[str, str]:
    """A password, and the same hashed. Hashing takes its time, so it is done in a thread."""
    password = base64.urlsafe_b64encode(context.random(PASSWORD_OCTETS)).decode()
    kept = await asyncio.to_thread(hash_password, password, context.random(SALT_OCTETS))
    return password, kept
