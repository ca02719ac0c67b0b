"""How accounts and teams may be called."""

import pytest

from certwright.core.errors import Malformed
from certwright.core.people_names import check_account_name, check_team_name


@pytest.mark.parametrize("check", [check_account_name, check_team_name])
@pytest.mark.parametrize("name", ["", "None", "-x", "a b", "é", "x" * 101, "a\n", "none", "any"])
def test_what_is_no_name(check, name: str) -> None:
    with pytest.raises(Malformed):
        check(name)


@pytest.mark.parametrize("check", [check_account_name, check_team_name])
@pytest.mark.parametrize("name", ["a", "none.of.us", "anybody", "9", "x" * 100])
def test_what_is_one(check, name: str) -> None:
    check(name)


def test_only_accounts_may_be_called_like_a_mailbox() -> None:
    check_account_name("ann@example.test")
    with pytest.raises(Malformed):
        check_team_name("pay@example.test")
