"""From the settings to what mails notices."""

from urllib.parse import urlsplit

import structlog

from ..operations.registry import plugin
from ..operations.send_notices import Post
from ..ports import NOTIFIERS
from .configuration import Configuration
from .mail_settings import Mail
from .secret_files import read_secret_file

log = structlog.get_logger(__name__)


def post_of(configuration: Configuration) -> Post | None:
    """None where no mail server is set, which is said in the log. Raises NotFound, Malformed for a file that
    cannot be read."""
    mail = configuration.mail
    if not mail.host:
        log.info("no mail server is set (mail.host): notices stand in the console only")
        return None
    smtp = plugin(NOTIFIERS, "smtp")
    settings = smtp.Settings(
        mail.host,
        mail.port,
        mail.security,
        mail.sender,
        urlsplit(configuration.service_url).hostname,
        mail.user,
        _password(mail),
        str(mail.ca_file or ""),
        mail.timeout_seconds,
    )
    return Post(smtp(settings), configuration.service_url)


def _password(mail: Mail) -> str:
    if mail.password_file is not None:
        return read_secret_file(mail.password_file, "the password for the mail server")
    return mail.password.get_secret_value() if mail.password else ""
