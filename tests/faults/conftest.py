"""Key modules that can go away."""

from collections.abc import Callable, Iterator

import pytest

from certwright.plugins.keys.pkcs11 import Pkcs11Keys
from tests.real import p11_kit
from tests.real.p11_kit import RemoteToken
from tests.real.softhsm import SoftHsm

Opener = Callable[[SoftHsm | RemoteToken], Pkcs11Keys]
SECONDS = 2
"""How long a signature may take here before the module counts as hanging."""


@pytest.fixture
def remote_token(softhsm: SoftHsm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RemoteToken]:
    """A token behind a server that can be killed, frozen and started again."""
    with p11_kit.running(softhsm, tmp_path_factory.mktemp("p11")) as remote:
        yield remote


@pytest.fixture
def keys_of() -> Iterator[Opener]:
    """Makes the provider for a token, and ends its helpers after the test."""
    made: list[Pkcs11Keys] = []

    def keys_of(wanted: SoftHsm | RemoteToken) -> Pkcs11Keys:
        hsm = wanted.hsm if isinstance(wanted, RemoteToken) else wanted
        environment = tuple(f"{name}={value}" for name, value in wanted.environment.items())
        settings = Pkcs11Keys.Settings(
            str(wanted.module), hsm.token, hsm.pin, timeout_seconds=SECONDS, environment=environment
        )
        made.append(Pkcs11Keys(settings))
        return made[-1]

    yield keys_of
    for keys in made:
        keys.close()
