"""Small files that hold one secret each."""

from pathlib import Path

from ..core.errors import Malformed, NotFound


def read_secret_file(path: Path, what: str, characters: int = 4096) -> str:
    """The one line of a small file, or all of it. Raises NotFound, Malformed."""
    try:
        with path.open() as file:
            text = file.read(characters).strip()
    except OSError as error:
        raise NotFound(f"{what} cannot be read from {path}: {error.strerror}") from error
    except ValueError as error:  # no UTF-8 in it, or a zero octet in its name
        raise Malformed(f"{str(path)!r} is no text file that could hold {what}") from error
    if not text:
        raise Malformed(f"{path} is empty; it must hold {what}")
    return text
