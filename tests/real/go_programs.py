"""Servers that are written in Go: built once from the source that the Go module proxy has, and kept in the
checkout's .cache. A build takes long, half an hour on a slow machine; tests that need one are `full`."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.real.environments import ToolMissing, tool
from tests.real.locks import CACHE, lock

SECONDS = 6000
PASSED_ON = ("GOPROXY", "GOSUMDB", "GONOSUMDB", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy")


class Unbuildable(Exception):
    """It cannot be built here. A test may skip with this as its reason."""


@dataclass(frozen=True, slots=True)
class Program:
    """`packages` are commands of one set of modules, by the name of what is built. `modules` say at which
    versions. What a module takes from folders of its own repository, which the proxy does not have in it, is
    taken from the proxy at the version in `beside`, by prefixes of paths. `changed` are lines of a module's
    files, and what stands in their place: where no version of its own folders is to be had that fits."""

    name: str
    packages: Mapping[str, str]
    modules: Mapping[str, str]
    beside: Mapping[str, str] = field(default_factory=dict)
    changed: Mapping[str, Mapping[str, tuple[str, str]]] = field(default_factory=dict)
    tags: str = ""


def built(program: Program) -> Path:
    """The folder with what was built. Raises Unbuildable."""
    digest = hashlib.sha256(json.dumps(asdict(program)).encode()).hexdigest()[:12]
    folder = CACHE / "go" / f"{program.name}-{digest}"
    made = folder / "made"
    if not made.exists():
        with _alone():
            if not made.exists():  # another worker may have been here while we waited
                _build(program, folder)
                made.touch()
    return folder


@contextmanager
def _alone() -> Iterator[None]:
    """One build at a time. Raises Unbuildable."""
    try:
        with lock(CACHE / "go.lock", SECONDS):
            yield
    except TimeoutError as error:
        raise Unbuildable(str(error)) from error


def source_of(module: str, version: str) -> Path:
    """The folder of a module as the proxy has it: there are more files than programs in some. Raises
    Unbuildable."""
    folder = CACHE / "go" / f"{module.replace('/', '-')}-{version}"
    with _alone():
        if not folder.exists():
            go = _go(CACHE / "go" / "source")
            at = json.loads(go.run("mod", "download", "-json", f"{module}@{version}"))
            shutil.copytree(at["Dir"], folder)
            shutil.rmtree(go.work)
    return folder


def _build(program: Program, folder: Path) -> None:
    """What was compiled is kept until all of it is there: a build that was cut short goes on."""
    go = _go(folder / "work")
    (go.work / "go.mod").write_text("module tests\n")
    for module, version in program.modules.items():
        at = json.loads(go.run("mod", "download", "-json", f"{module}@{version}"))
        replaced = json.loads(go.run("mod", "edit", "-json", at["GoMod"])).get("Replace") or []
        for path in (one["Old"]["Path"] for one in replaced):
            prefix = next((one for one in program.beside if path.startswith(one)), None)
            if prefix is not None:
                go.run("mod", "edit", f"-replace={path}={path}@{program.beside[prefix]}")
        if changes := program.changed.get(module):
            copy = _changed(Path(at["Dir"]), changes, go.work / "changed" / module)
            go.run("mod", "edit", f"-require={module}@{version}", f"-replace={module}={copy}")
    go.run("get", *(f"{package}@{_version(program, package)}" for package in program.packages.values()))
    for name, package in program.packages.items():
        go.run("build", "-p=1", f"-tags={program.tags}", "-ldflags=-w", "-o", str(folder / name), package)
    shutil.rmtree(go.work)


def _changed(module: Path, changes: Mapping[str, tuple[str, str]], copy: Path) -> Path:
    if not copy.exists():
        shutil.copytree(module, copy, copy_function=shutil.copyfile)
    for name, (old, new) in changes.items():
        text = (module / name).read_text()
        if text.count(old) != 1:
            raise Unbuildable(f"{name} of {module.name} is not what was changed")
        (copy / name).write_text(text.replace(old, new))
    return copy


def _go(work: Path) -> "_Go":
    try:
        made = _Go(tool("go") / "go", work)
    except ToolMissing as error:
        raise Unbuildable(f"no Go from the package index: {error}") from error
    work.mkdir(parents=True, exist_ok=True)
    return made


def _version(program: Program, package: str) -> str:
    return next(version for module, version in program.modules.items() if package.startswith(module))


@dataclass(frozen=True, slots=True)
class _Go:
    """The toolchain, all of whose files are in one folder."""

    program: Path
    work: Path

    def run(self, *arguments: str) -> str:
        """What it prints. Raises Unbuildable."""
        environment = {
            "HOME": str(self.work),
            "PATH": "/usr/bin:/bin",
            "GOTOOLCHAIN": "local",
            "GOMODCACHE": str(self.work / "modules"),
            "GOCACHE": str(self.work / "cache"),
            "GOFLAGS": "-mod=mod -buildvcs=false -modcacherw",
            "CGO_ENABLED": "0",
        } | {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        command = ["nice", "-n", "19", str(self.program), *arguments]
        try:
            done = subprocess.run(
                command,
                cwd=self.work,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise Unbuildable(f"go {arguments[0]}: not done within {SECONDS} s") from None
        if done.returncode != 0:
            raise Unbuildable(f"go {' '.join(arguments)}: {(done.stderr or done.stdout)[-1000:]}")
        return done.stdout
