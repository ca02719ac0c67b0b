"""Images of containers, made by Debian's umoci and skopeo out of folders, without any network."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.real.packages import need


class Layout:
    """An OCI layout with one image, `toy`, to which layers are added."""

    def __init__(self, folder: Path) -> None:
        need("umoci", "skopeo")
        self.folder = folder
        self.path = folder / "layout"
        self._umoci("init", "--layout", self.path)
        self._umoci("new", "--image", self._image)

    @property
    def _image(self) -> str:
        return f"{self.path}:toy"

    def add(self, target: str, files: Mapping[str, bytes], *, opaque: bool = False) -> None:
        """A layer with these files below a folder, in place of all that is there if it is opaque."""
        number = len(list(self.folder.glob("source*")))
        source = self.folder / f"source{number}"
        for name, content in files.items():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes(content)
            (source / name).chmod(0o640)
        self._umoci("insert", *(("--opaque",) if opaque else ()), "--image", self._image, source, target)

    def delete(self, target: str) -> None:
        self._umoci("insert", "--whiteout", "--image", self._image, target)

    def copied(self, to: str, *options: str) -> None:
        """Elsewhere and in another form, as skopeo names it: `docker-archive:/a.tar:toy:latest`."""
        _run("skopeo", "--insecure-policy", "copy", *options, f"oci:{self._image}", to)

    def _umoci(self, *arguments: str | Path) -> None:
        command, *others = arguments
        rootless = ("--rootless",) if command == "insert" else ()
        _run("umoci", str(command), *rootless, *map(str, others))


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
