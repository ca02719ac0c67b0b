"""The settings of mail: complete, or refused with one line; and what is made of them."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from certwright.core.errors import Malformed, NotFound
from certwright.plugins.notifiers.smtp import SmtpNotifier
from certwright.site.configuration import Configuration
from certwright.site.mail import post_of

GOOD = 'host = "mail.test"\nsender = "certwright@pki.test"\n'


def configuration(home: Path, mail: str) -> Configuration:
    (home / "certwright.toml").write_text(f'url = "http://pki.test"\n[mail]\n{mail}')
    return Configuration.load(home)


@pytest.mark.parametrize(
    ("mail", "said"),
    [
        ('host = "mail.test"', "sender"),
        (GOOD + 'user = "x"', "together"),
        (GOOD + 'password = "x"', "together"),
        (GOOD + 'user = "x"\npassword = "x"\npassword_file = "/x"', "keep one"),
        (GOOD + 'user = "x"\npassword = "x"\nsecurity = "none"', "under TLS only"),
        ('host = "mail.test"\nsender = "a b@c"', "no mail address"),
        ('host = "mail test"\nsender = "a@b.test"', "no host name"),
        (GOOD + "port = 0", "mail.port"),
    ],
)
def test_what_is_not_complete_is_refused(mail: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(Malformed, match=said):
        configuration(tmp_path, mail)


def test_without_a_server_nothing_is_mailed(tmp_path: Path) -> None:
    with capture_logs() as said:
        assert post_of(configuration(tmp_path, "")) is None
    assert "no mail server is set" in said[0]["event"]


def test_the_password_is_read_from_its_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    wanted = configuration(tmp_path, GOOD + f'user = "x"\npassword_file = "{secret}"')
    with pytest.raises(NotFound, match="password for the mail server"):
        post_of(wanted)
    secret.write_text("let me in\n")
    post = post_of(wanted)
    assert post is not None
    assert post.base == wanted.service_url
    assert isinstance(post.notifier, SmtpNotifier)
    assert "let me in" not in repr(post)
