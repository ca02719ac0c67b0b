"""The readers, by the names of their software."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from ..errors import CertwrightError, Malformed
from .apache import read_apache
from .caddy import read_caddy
from .haproxy import read_haproxy
from .loading import Files, Loader, Served
from .mail import read_dovecot, read_postfix
from .nginx import read_nginx
from .postgresql import read_postgresql
from .tomcat import read_tomcat

SERVED_MAX = 10_000

READERS: Mapping[str, Callable[[str, Loader], Iterator[Served]]] = MappingProxyType(
    {
        "nginx": read_nginx,
        "apache": read_apache,
        "haproxy": read_haproxy,
        "postfix": read_postfix,
        "dovecot": read_dovecot,
        "postgresql": read_postgresql,
        "tomcat": read_tomcat,
        "caddy": read_caddy,
    }
)


def check_software(name: str) -> None:
    """Raises Malformed for software whose configuration is not read."""
    if name not in READERS:
        raise Malformed(f"configurations of {name[:40]!r} are not read; known are {', '.join(READERS)}")


def read_configuration(software: str, root: str, files: Files) -> tuple[list[Served], dict[str, str]]:
    """Which files a configuration serves with, and by path what could not be read of it.

    `root` is its first file, absolute. Raises Malformed for software that is not known.
    """
    check_software(software)
    loader, found = Loader(files), list[Served]()
    try:
        for served in READERS[software](root, loader):
            if len(found) >= SERVED_MAX:
                loader.problem(root, f"configuration: more than {SERVED_MAX} certificates")
                break
            found.append(served)
    except CertwrightError as error:
        loader.problem(root, f"configuration: {error.detail}")
    return found, loader.problems
