"""The README's first certificate, its own lines run as a user would: founded and served by `certwright up` on
its usual ports, in a network namespace, where these are free. What the pages say is read from them here."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509

from tests.peers.acme_site import run
from tests.real.certwright import CHECKOUT
from tests.real.namespaces import Unobtainable, inside, namespace
from tests.real.packages import need
from tests.real.processes import start

SECONDS = 90
CERTBOT_KEEPS = "var/demo/live/demo.localhost"
LEGO_KEEPS = "var/lego"
REVOKED_SOON = (
    "for attempt in {1..450}; do status 2>/dev/null | grep -q ': revoked' && break; sleep 0.2; done\n"
)


def blocks(page: str, heading: str) -> list[str]:
    """The shell lines below a heading of a page, one text for each block."""
    section = (CHECKOUT / page).read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"```sh\n(.*?)```", section, re.DOTALL)


@dataclass(frozen=True)
class User:
    """Somebody with a shell in the checkout's folder; `var` is in there, and the environment that the README
    asks for is set."""

    namespace: str
    folder: Path

    def does(self, lines: str) -> str:
        """What the lines, each of which must succeed, say."""
        [_, environment] = blocks("README.md", "Two commands")
        return run(
            inside(self.namespace, ["bash", "-euo", "pipefail", "-c", environment + lines]),
            folder=self.folder,
        )

    def list_of(self, certificate: x509.Certificate) -> x509.CertificateRevocationList:
        """The list that the certificate names, as it is now; in PEM in the file list.pem."""
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
        [name] = points[0].full_name or []
        self.does(f"openssl crl -in {name.value} -out list.pem")
        return x509.load_pem_x509_crl((self.folder / "list.pem").read_bytes())

    def judges(self, kept: str) -> subprocess.CompletedProcess[str]:
        """`openssl verify` with list.pem."""
        given = ["-crl_check", "-CRLfile", "list.pem", "-CAfile", "var/root.pem"]
        files = ["-untrusted", f"{kept}/chain.pem", f"{kept}/cert.pem"]
        return subprocess.run(
            ["openssl", "verify", *given, *files],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    """What `make up` does after its installation: .venv/bin/certwright up."""
    folder = tmp_path_factory.mktemp("checkout")
    (folder / ".venv").symlink_to(sys.prefix)
    try:
        with namespace() as place:
            command = inside(place, [".venv/bin/certwright", "up"])
            with start(
                command, log=folder / "log", ready="Certwright serves.", seconds=SECONDS, folder=folder
            ):
                yield User(place, folder)
    except Unobtainable as error:
        pytest.skip(str(error))


def number(revocations: x509.CertificateRevocationList) -> int:
    return revocations.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def in_order(said: str, *wanted: str) -> None:
    """Each is said after the one before."""
    position = 0
    for one in wanted:
        position = said.find(one, position)
        assert position >= 0, f"{one!r} is not there, or not there yet:\n{said}"


def check_revoke_and_see(user: User, kept: str) -> None:
    """The README's second block, and the list before and after it."""
    [_, lines] = blocks("README.md", "A first certificate")
    assert f"got={CERTBOT_KEEPS}\n" in lines
    assert "\nsleep 1\n" in lines
    lines = lines.replace(CERTBOT_KEEPS, kept).replace("sleep 1\n", REVOKED_SOON)
    certificate = x509.load_pem_x509_certificate((user.folder / kept / "cert.pem").read_bytes())
    before = user.list_of(certificate)
    assert before.get_revoked_certificate_by_serial_number(certificate.serial_number) is None
    assert user.judges(kept).returncode == 0

    file = f"{kept}/cert.pem"
    said = user.does(lines)
    in_order(
        said,
        f"{file}: OK",
        f"{file}: good",
        "evoked",
        f"{file}: revoked",
        "superseded",
        "Verified checkpoint",
    )
    assert said.count("Response verify OK") == 2

    deadline = time.monotonic() + SECONDS
    while not (
        entry := user.list_of(certificate).get_revoked_certificate_by_serial_number(certificate.serial_number)
    ):
        assert time.monotonic() < deadline, "no list has it"
        time.sleep(0.2)
    assert (
        entry.extensions.get_extension_for_class(x509.CRLReason).value.reason is x509.ReasonFlags.superseded
    )
    after = x509.load_pem_x509_crl((user.folder / "list.pem").read_bytes())
    assert number(after) > number(before)
    assert "certificate revoked" in user.judges(kept).stderr


def test_with_certbot(user: User) -> None:
    [obtain, _] = blocks("README.md", "A first certificate")
    user.does(obtain)
    check_revoke_and_see(user, CERTBOT_KEEPS)


def test_with_lego(user: User) -> None:
    """As docs/how-to/acme-clients.md has it; lego's files then lie where the README's lines look."""
    need("lego")
    page = "docs/how-to/acme-clients.md"
    given = blocks(page, "What all of them need")[0]
    obtain = blocks(page, "lego")[0].partition(" run\n")
    files = {".crt": "cert.pem", ".issuer.crt": "chain.pem"}
    keep = [f"cp .lego/certificates/demo.localhost{kind} {LEGO_KEEPS}/{name}" for kind, name in files.items()]
    user.does("".join([given, *obtain[:2], "\n".join([f"mkdir {LEGO_KEEPS}", *keep])]))
    check_revoke_and_see(user, LEGO_KEEPS)
