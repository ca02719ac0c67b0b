"""An OpenID provider: panva's oidc-provider, which is certified, run by Node with packages pinned here."""

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from tests.real import processes
from tests.real.environments import tool
from tests.real.locks import CACHE, lock

HERE = Path(__file__).resolve().parent / "openid_provider"
CLIENT, SECRET = "certwright", "a secret: with/odd characters & 40 of them"
NODE_MIN = 20
SECONDS = 600


@dataclass(frozen=True, slots=True)
class OpenIdProvider:
    """A running provider."""

    issuer: str
    people: Path

    def person(self, subject: str, **claims: object) -> None:
        """Who logs in as `subject` is this from now on."""
        known = json.loads(self.people.read_text())
        self.people.write_text(json.dumps(known | {subject: claims}))

    def log_in(self, url: str, subject: str) -> str:
        """Go there as a browser does, log in as `subject`, and consent: where the provider sends one then."""
        with httpx.Client(timeout=30) as client:
            answer = client.get(url)
            for _ in range(12):
                if answer.status_code in (302, 303):
                    where = answer.headers["location"]
                    if not where.startswith((self.issuer, "/")):
                        return str(where)
                    answer = client.get(where if where.startswith("http") else self.issuer + where)
                    continue
                action = re.search(r'action="([^"]+)"', answer.text)
                assert action, answer.text[:2000]
                prompt = re.search(r'name="prompt" value="(\w+)"', answer.text)
                assert prompt, answer.text[:2000]
                form = {"prompt": prompt[1], "login": subject, "password": "any"}
                answer = client.post(
                    urlsplit(action[1])._replace(scheme="http", netloc=urlsplit(self.issuer).netloc).geturl(),
                    data=form,
                )
            raise AssertionError("the provider goes round in circles")


@contextmanager
def served(
    folder: Path, port: int, redirect: str, auth: str = "client_secret_basic", claims: str = "userinfo"
) -> Iterator[OpenIdProvider]:
    """A provider at a loopback port. `claims` says whether it tells of people in `userinfo` or in `token`."""
    folder.mkdir(parents=True, exist_ok=True)
    people, settings = folder / "people.json", folder / "settings.json"
    people.write_text("{}")
    provider = OpenIdProvider(f"http://127.0.0.1:{port}", people)
    given = {
        "issuer": provider.issuer,
        "redirect": redirect,
        "secret": SECRET,
        "auth": auth,
        "claims": claims,
    }
    settings.write_text(json.dumps(given | {"people": str(people)}))
    command = [_node(), _installed() / "provider.mjs", settings]
    with processes.start(command, log=folder / "log", port=port, ready="the provider listens", seconds=90):
        yield provider


def _node() -> Path:
    """The machine's, if it is new enough; else the one that is pinned."""
    found = shutil.which("node")
    if found:
        version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
        if int(version.lstrip("v").split(".")[0]) >= NODE_MIN:
            return Path(found)
    return tool("node") / "node"


def _installed() -> Path:
    """The folder with the provider and its packages, made at first use and kept in the checkout's .cache."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(HERE.iterdir()))).hexdigest()[:12]
    folder = CACHE / f"openid-provider-{digest}"
    with lock(CACHE / "openid-provider.lock", SECONDS):
        if not (folder / "made").exists():
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(HERE, folder)
            node = _node().parent
            subprocess.run(
                [node / "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"],
                cwd=folder,
                check=True,
                timeout=SECONDS,
            )
            (folder / "made").touch()
    return folder
