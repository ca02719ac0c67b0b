"""Tokens for the tests of PKCS#11 keys."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from certwright.plugins.keys.pkcs11 import Pkcs11Keys
from tests.real import p11_kit
from tests.real.p11_kit import RemoteToken
from tests.real.softhsm import SoftHsm

Opener = Callable[..., Pkcs11Keys]


@pytest.fixture
def keys_of() -> Iterator[Opener]:
    """Makes Pkcs11Keys for a SoftHsm or a RemoteToken, and ends their helpers after the test."""
    opened: list[Pkcs11Keys] = []

    def keys_of(wanted: SoftHsm | RemoteToken, **changed: int | str) -> Pkcs11Keys:
        hsm = wanted.hsm if isinstance(wanted, RemoteToken) else wanted
        values = {
            "module": str(wanted.module),
            "token": hsm.token,
            "pin": hsm.pin,
            "environment": tuple(f"{name}={value}" for name, value in wanted.environment.items()),
        }
        opened.append(Pkcs11Keys(Pkcs11Keys.Settings(**{**values, **changed})))
        return opened[-1]

    yield keys_of
    for keys in opened:
        keys.close()


@pytest.fixture
def remote_token(softhsm: SoftHsm, tmp_path: Path) -> Iterator[RemoteToken]:
    """The SoftHsm behind a server that can be killed, frozen and started again."""
    with p11_kit.running(softhsm, tmp_path) as remote:
        yield remote
