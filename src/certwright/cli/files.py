"""Files that commands leave: a key readable by its owner alone, and certificates beside it."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from ..core.errors import Conflict

KEY, CERTIFICATE, CHAIN, FULL_CHAIN = "key.pem", "certificate.pem", "chain.pem", "fullchain.pem"
PRIVATE, PUBLIC = 0o600, 0o644


class PendingKey:
    """A new key, on disk before a certificate is asked for, so that no certificate is without its key.

    Unless it was settled by the end of the block, nobody has a certificate for it and it is removed.
    """

    def __init__(self, folder: Path, content: bytes) -> None:
        self._path = folder / f".{KEY}.{token_hex(8)}"
        self._made = not folder.exists()
        write_file(self._path, content, PRIVATE)

    def settle(self) -> None:
        """Give it its own name."""
        os.replace(self._path, self._path.with_name(KEY))

    def __enter__(self) -> PendingKey:
        return self

    def __exit__(self, *error: object) -> None:
        self._path.unlink(missing_ok=True)
        if self._made:
            with suppress(OSError):  # there is a certificate in it
                self._path.parent.rmdir()


def require_free(folder: Path, overwrite: bool) -> None:
    """Raises Conflict when there is something already, before anything is made."""
    there = [name for name in (KEY, CERTIFICATE) if (folder / name).exists()]
    if there and not overwrite:
        raise Conflict(f"{folder / there[0]} exists; give another --out, or --overwrite")


def write_certificate(
    folder: Path, certificate: str, chain: str, key: PendingKey | None = None
) -> dict[str, str]:
    """Certificate, chain and both in one (PEM), each file whole or not at all; the places of all files."""
    written = settle_key(folder, key)
    for name, content in ((CERTIFICATE, certificate), (CHAIN, chain), (FULL_CHAIN, certificate + chain)):
        if content:
            write_file(folder / name, content.encode())
            written[name.removesuffix(".pem")] = str(folder / name)
    return written


def settle_key(folder: Path, key: PendingKey | None) -> dict[str, str]:
    """Keep a key that was made here, for a certificate or for a request that waits; its place, if there is
    one."""
    if key is None:
        return {}
    key.settle()
    return {"key": str(folder / KEY)}


def write_file(path: Path, content: bytes, mode: int = PUBLIC) -> None:
    """Durable, whole or not at all, in a folder made for it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{token_hex(8)}.new")
    # O_EXCL: in a folder that others write to, nothing they have made, and no link of theirs, is opened
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
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
