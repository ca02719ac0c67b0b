"""One running site for the tests that only ask it something."""

from collections.abc import Iterator

import pytest

from tests.site.certificates import issue
from tests.site.running import Site, running

IMPATIENT = {
    "CERTWRIGHT_LIMITS__HEAD_SECONDS": "0.5",
    "CERTWRIGHT_LIMITS__BODY_SECONDS": "1",
    "CERTWRIGHT_LIMITS__STALL_SECONDS": "1",
    "CERTWRIGHT_LIMITS__IDLE_SECONDS": "1",
    "CERTWRIGHT_LIMITS__HANDSHAKE_SECONDS": "0.5",
    "CERTWRIGHT_LIMITS__CONNECTIONS": "40",
    "CERTWRIGHT_LIMITS__HEADERS": "20",
    "CERTWRIGHT_LIMITS__HEAD_OCTETS": "4096",
    "CERTWRIGHT_METRICS_TOKEN": "let-me-count",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Client identities `client`, `expired` and `stranger` lie in its home folder. Its patience is short."""
    with running(tmp_path_factory.mktemp("site") / "home", environment=IMPATIENT) as running_site:
        home, root = running_site.home, running_site.root
        between = issue("toy intermediate", root, authority=True)
        issue("client", between).write(home, "client", between)
        issue("expired", root, expired=True).write(home, "expired")
        issue("stranger").write(home, "stranger")
        yield running_site
