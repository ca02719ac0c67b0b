"""docs/reference/cli.md says what the commands say of themselves."""

from tests.cli.reference import MARK, PAGE, generated


def test_the_page_is_up_to_date() -> None:
    _, _, rest = PAGE.read_text().partition(MARK)
    assert rest.strip() == generated().strip(), "renew it: .venv/bin/python -m tests.cli.reference"
