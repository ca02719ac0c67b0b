"""Tokens that are used before both lanes, and when that was, in the list."""

from certwright.operations.context import Context
from certwright.operations.manage_tokens import ListedToken, list_tokens
from tests.api.callers import Api
from tests.api.conftest import Prepared
from tests.real.certwright import ADMINISTRATOR


def test_the_list_says_when_a_token_was_used(prepared: Prepared) -> None:
    with prepared.home.served() as site, site.client() as client:
        client.base_url = site.url("https", "")
        api = Api(client, prepared.tokens)
        assert api.ask("GET", f"/certificates/{'00' * 32}", "auditor").status_code == 404  # the fast lane
        assert api.ask("GET", "/whoami", "operator").status_code == 200
        listed = api.gives("GET", "/tokens")["tokens"]
        assert {one["used_at"] for one in listed} == {None}, "it is written a little later"

    async def look(context: Context) -> list[ListedToken]:
        return await list_tokens(context.database, ADMINISTRATOR)

    used = {one.row.name for one in prepared.home.run(look) if one.used_at is not None}
    assert used == {"auditor", "operator", "administrator"}, "the end of a process writes what is left"
