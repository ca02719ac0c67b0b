import json

import pytest

from tests.real.certificates import self_signed_pem
from tests.real.debian13 import Debian13, Unobtainable, debian13


@pytest.fixture(scope="module")
def trixie() -> Debian13:
    try:
        return debian13("zlint")
    except Unobtainable as reason:
        pytest.skip(f"no Debian 13 folder: {reason}")


def test_zlint_judges_a_certificate(trixie: Debian13) -> None:
    done = trixie.run("zlint", "house.pem", files={"house.pem": self_signed_pem("house")})
    assert done.returncode == 0, done.stderr
    verdicts = json.loads(done.stdout)
    assert verdicts["e_rsa_exp_negative"]["result"] in {"NA", "pass"}
    assert len(verdicts) > 100


def test_what_runs_inside_is_not_root_and_leaves_nothing(trixie: Debian13) -> None:
    done = trixie.run("sh", "-c", "id -u; cat one; touch two", files={"one": b"1\n"})
    assert done.stdout == "65534\n1\n"
    assert not list((trixie.folder / "tmp").iterdir())


def test_a_package_that_does_not_exist_is_a_reason_to_skip(trixie: Debian13) -> None:
    with pytest.raises(Unobtainable, match="no-such-package"):
        trixie.need("no-such-package")
