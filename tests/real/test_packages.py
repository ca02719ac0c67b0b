import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.real import packages
from tests.real.packages import PackagesMissing, need


def test_an_installed_package_is_left_alone() -> None:
    assert need("dpkg", "coreutils") == ()


def test_who_is_not_root_is_told_the_names() -> None:
    program = (
        "import os; from tests.real.packages import *\n"
        "if os.geteuid() == 0: os.setuid(65534)\n"
        "try: need('dpkg', 'no-such-package-one', 'no-such-package-two')\n"
        "except PackagesMissing as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "as root: apt-get install --yes no-such-package-one no-such-package-two\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can install packages")
def test_root_installs_what_is_missing_and_is_told_what_cannot_be_had() -> None:
    need("softhsm2")
    assert subprocess.run(["softhsm2-util", "--version"], capture_output=True).returncode == 0
    with pytest.raises(PackagesMissing, match=r"could not install no-such-package: .*no-such-package"):
        need("no-such-package")


def test_no_service_starts_while_packages_are_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tmp_path / "policy-rc.d"
    monkeypatch.setattr(packages, "POLICY", policy)
    with packages.no_service_starts():
        assert subprocess.run([policy, "postgresql", "start"]).returncode == 101
    assert not policy.exists()


def test_a_policy_that_was_there_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("of the machine's owner")
    monkeypatch.setattr(packages, "POLICY", policy)
    with packages.no_service_starts():
        pass
    assert policy.read_text() == "of the machine's owner"
