"""Files that commands leave: a key readable by its owner alone, and certificates beside it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import Conflict

KEY, CERTIFICATE, CHAIN, FULL_CHAIN = "key.pem", "certificate.pem", "chain.pem", "fullchain.pem"
PRIVATE, PUBLIC = 0o600, 0o644


@dataclass(frozen=True, slots=True)
class Bundle:
    """Where a certificate and what belongs to it go."""

    folder: Path

    def require_free(self, overwrite: bool) -> None:
        """Raises Conflict when there is something already, before anything is made."""
        there = [name for name in (KEY, CERTIFICATE) if (self.folder / name).exists()]
        if there and not overwrite:
            raise Conflict(f"{self.folder / there[0]} exists; give another --out, or --overwrite")

    def write(self, certificate: str, chain: str, key: bytes | None) -> dict[str, str]:
        """Each file whole or not at all, the key first; their places by name."""
        contents = {
            KEY: key,
            CERTIFICATE: certificate.encode(),
            CHAIN: chain.encode() or None,
            FULL_CHAIN: (certificate + chain).encode(),
        }
        written = {}
        for name, content in contents.items():
            if content is not None:
                path = self.folder / name
                write_file(path, content, PRIVATE if name == KEY else PUBLIC)
                written[name.removesuffix(".pem")] = str(path)
        return written


class PendingKey:
    """A new key, on disk before a certificate is asked for, so that no certificate is without its key."""

    def __init__(self, bundle: Bundle, content: bytes) -> None:
        self._path = bundle.folder / f".{KEY}.{os.getpid()}"
        bundle.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_file(self._path, content, PRIVATE)

    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: object) -> None:
        """The bundle has it under its own name now, or nobody has a certificate for it."""
        self._path.unlink(missing_ok=True)


def write_file(path: Path, content: bytes, mode: int = PUBLIC) -> None:
    """Durable, whole or not at all, in a folder made for it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def folder_name(text: str) -> str:
    """A name as one part of a path: what could mean something else there becomes an underscore."""
    return re.sub(r"[^A-Za-z0-9._@-]|^\.+", "_", text)[:200] or "certificate"
