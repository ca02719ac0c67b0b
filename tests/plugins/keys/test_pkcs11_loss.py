"""A PKCS#11 module that goes away, hangs, crashes or is set up wrongly; and is back without a restart."""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from certwright.core.errors import Unavailable
from certwright.core.keys import KeyAlgorithm, PrivateKey, sign, verify
from certwright.ports import KeySpec
from tests.plugins.keys.conftest import Opener
from tests.real import softhsm as real_softhsm
from tests.real.p11_kit import RemoteToken
from tests.real.softhsm import SoftHsm

P256 = KeySpec(KeyAlgorithm.ECDSA_P256, "signer")


def signs(key: PrivateKey) -> None:
    verify(key.public_key(), sign(key, b"data"), b"data")


def signs_again(key: PrivateKey) -> None:
    """Within bounds: after a failed start the next one waits a second."""
    until = time.monotonic() + 60
    while True:
        try:
            return signs(key)
        except Unavailable:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def helpers() -> list[int]:
    """The helper processes of this process."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = status.read_text().rpartition(")")[2].split()
            command = (status.parent / "cmdline").read_bytes()
            if int(fields[1]) == os.getpid() and b"pkcs11_helper" in command and fields[0] != "Z":
                found.append(int(status.parent.name))
    return found


def test_a_token_that_goes_away_is_unavailable_and_works_again_when_it_is_back(
    remote_token: RemoteToken, keys_of: Opener
) -> None:
    keys = keys_of(remote_token)
    reference = keys.create(P256)
    key = keys.open(reference)
    signs(key)
    remote_token.kill()
    acts: list[Callable[[], object]] = [
        lambda: sign(key, b"data"),
        lambda: keys.open(reference),
        lambda: keys.create(P256),
        lambda: keys.destroy(reference),
    ]
    for act in acts:
        with pytest.raises(Unavailable, match=r"PKCS#11 token 'certwright' \(p11-kit-client.so\)") as raised:
            act()
        assert "\n" not in raised.value.detail
    remote_token.start()
    signs_again(key)
    signs(keys.open(reference))


def test_a_token_that_was_away_between_two_signatures_is_not_noticed(
    remote_token: RemoteToken, keys_of: Opener
) -> None:
    keys = keys_of(remote_token)
    key = keys.open(keys.create(P256))
    signs(key)
    remote_token.kill()
    remote_token.start()
    signs(key)
    remote_token.kill()
    remote_token.start()
    keys.open(keys.create(P256))


def test_the_token_goes_away_while_threads_sign(remote_token: RemoteToken, keys_of: Opener) -> None:
    keys = keys_of(remote_token)
    key = keys.open(keys.create(P256))
    stop = threading.Event()
    outcomes: list[str] = []

    def work() -> None:
        while not stop.is_set():
            try:
                signs(key)
                outcomes.append("signed")
            except Unavailable:
                outcomes.append("unavailable")
                time.sleep(0.01)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            _wait_for(lambda: outcomes[-20:].count("signed") == 20)
            remote_token.kill()
            _wait_for(lambda: outcomes[-20:].count("unavailable") == 20)
            remote_token.start()
        _wait_for(lambda: outcomes[-20:].count("signed") == 20)
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
    assert set(outcomes) == {"signed", "unavailable"}


def _wait_for(seen: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not seen():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_token_that_hangs_is_unavailable_in_bounded_time(
    remote_token: RemoteToken, keys_of: Opener
) -> None:
    keys = keys_of(remote_token, timeout_seconds=1)
    key = keys.open(keys.create(P256))
    remote_token.freeze()
    try:
        with pytest.raises(Unavailable, match="no answer within 1 seconds"):
            sign(key, b"data")
    finally:
        remote_token.thaw()
    signs_again(key)


def test_a_token_that_goes_away_in_the_middle_of_a_signature(
    remote_token: RemoteToken, keys_of: Opener
) -> None:
    keys = keys_of(remote_token)
    key = keys.open(keys.create(P256))
    remote_token.freeze()
    with ThreadPoolExecutor(1) as executor:
        signature = executor.submit(sign, key, b"data")
        time.sleep(0.5)
        assert not signature.done()
        remote_token.kill()
        with pytest.raises(Unavailable, match="cannot be used"):
            signature.result(60)
    remote_token.start()
    signs_again(key)


def test_a_module_that_crashes_takes_only_its_helper_with_it(softhsm: SoftHsm, keys_of: Opener) -> None:
    keys = keys_of(softhsm)
    key = keys.open(keys.create(P256))
    [helper] = helpers()
    os.kill(helper, signal.SIGSEGV)
    _wait_for(lambda: not helpers())
    signs(key)
    assert helpers() not in ([], [helper])


def test_a_service_manager_that_signals_the_group_does_not_end_signatures(
    softhsm: SoftHsm, keys_of: Opener
) -> None:
    keys = keys_of(softhsm)
    key = keys.open(keys.create(P256))
    before = helpers()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(before[0], number)
    signs(key)
    assert helpers() == before


# -- processes --


def test_nothing_is_opened_before_the_first_use(softhsm: SoftHsm, keys_of: Opener) -> None:
    keys = keys_of(softhsm)
    assert helpers() == []
    keys.create(P256)
    assert len(helpers()) == 1


def test_helpers_are_as_many_as_signatures_at_once_and_no_more_than_sessions(
    remote_token: RemoteToken, keys_of: Opener
) -> None:
    keys = keys_of(remote_token, sessions=3)
    key = keys.open(keys.create(P256))
    for _ in range(10):
        signs(key)
    assert len(helpers()) == 1
    threads = [threading.Thread(target=lambda: [signs(key) for _ in range(100)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert 1 < len(helpers()) <= 3


def test_a_forked_process_opens_its_own(softhsm: SoftHsm, keys_of: Opener) -> None:
    keys = keys_of(softhsm)
    key = keys.open(keys.create(P256))
    signs(key)
    before = helpers()
    with _forked() as (child, send):
        if child == 0:
            assert helpers() == []
            signs(key)
            send(len(helpers()))
    assert send.value == 1
    signs(key)
    assert helpers() == before


class _Sender:
    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        self.value = -1

    def __call__(self, value: int) -> None:
        os.write(self.writing, b"%d" % value)


@contextlib.contextmanager
def _forked() -> Iterator[tuple[int, _Sender]]:
    """Runs the block in both processes; the child ends there, its exit status is checked."""
    send = _Sender()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            yield child, send
            status = 0
        finally:
            os._exit(status)
    yield child, send
    os.close(send.writing)
    _, status = os.waitpid(child, 0)
    assert status == 0
    with os.fdopen(send.reading) as reading:
        send.value = int(reading.read())


def test_helpers_end_with_their_owner(softhsm: SoftHsm, keys_of: Opener) -> None:
    keys = keys_of(softhsm)
    key = keys.open(keys.create(P256))
    with _forked() as (child, send):
        if child == 0:
            signs(key)
            send(helpers()[0])
    _wait_for(lambda: not Path(f"/proc/{send.value}").exists())


def test_a_module_sees_its_environment_and_none_of_our_settings(
    softhsm: SoftHsm, keys_of: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CERTWRIGHT_KEY_ENCRYPTION_KEY", "secret")
    monkeypatch.setenv("SOFTHSM2_CONF", "/nonexistent")
    keys = keys_of(softhsm)
    keys.create(P256)
    environment = Path(f"/proc/{helpers()[0]}/environ").read_bytes()
    assert b"CERTWRIGHT_" not in environment
    assert f"SOFTHSM2_CONF={softhsm.configuration}".encode() in environment
    assert softhsm.pin.encode() not in environment + Path(f"/proc/{helpers()[0]}/cmdline").read_bytes()


# -- set up wrongly --


@pytest.fixture
def starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many helper processes were started, and so how often a PIN was tried."""
    count, program = tmp_path / "count", tmp_path / "python"
    count.touch()
    program.write_text(f'#!/bin/sh\necho >> {count}\nexec {sys.executable} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    return lambda: len(count.read_text())


def test_a_wrong_pin_is_tried_once(softhsm: SoftHsm, keys_of: Opener, starts: Callable[[], int]) -> None:
    keys = keys_of(softhsm, pin="000000")
    for _ in range(5):
        with pytest.raises(Unavailable, match=r"refuses the PIN .*it is not tried again") as raised:
            keys.create(P256)
        assert "000000" not in raised.value.detail
    assert starts() == 1
    assert helpers() == []
    keys_of(softhsm).create(P256)


def test_many_threads_try_a_wrong_pin_once(
    softhsm: SoftHsm, keys_of: Opener, starts: Callable[[], int]
) -> None:
    keys = keys_of(softhsm, pin="000000")

    def attempt() -> Unavailable:
        with pytest.raises(Unavailable, match="refuses the PIN") as raised:
            keys.create(P256)
        return raised.value

    with ThreadPoolExecutor(8) as executor:
        attempts = [executor.submit(attempt) for _ in range(8)]
    assert len({attempt.result().detail for attempt in attempts}) == 1
    assert starts() == 1


def test_the_last_attempt_before_a_token_locks_is_left_to_a_person(tmp_path: Path, keys_of: Opener) -> None:
    hsm = real_softhsm.make(tmp_path)
    [stored] = (tmp_path / "tokens").glob("*/token.object")
    # The token's flags in SoftHSM's own file, and CKF_USER_PIN_FINAL_TRY, which it keeps as it finds it.
    before = bytes.fromhex("000000008000534b0000000000000002000000000000042d")
    after = bytes.fromhex("000000008000534b0000000000000002000000000002042d")
    assert stored.read_bytes().count(before) == 1
    stored.write_bytes(stored.read_bytes().replace(before, after))
    with pytest.raises(Unavailable, match="one more wrong PIN would lock the token, so none is tried"):
        keys_of(hsm).create(P256)


def test_a_token_that_is_away_is_not_asked_for_by_every_request(
    remote_token: RemoteToken, keys_of: Opener, starts: Callable[[], int]
) -> None:
    keys = keys_of(remote_token)
    remote_token.kill()
    texts = set()
    for _ in range(100):
        with pytest.raises(Unavailable) as raised:
            keys.create(P256)
        texts.add(raised.value.detail)
    name = "PKCS#11 token 'certwright' (p11-kit-client.so)"
    assert texts == {f"{name} cannot be used: the module has no token with this label"}
    assert starts() < 10


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"token": "no such token"}, "no token with this label"),
        ({"module": "/nonexistent/module.so"}, "module.so"),
        ({"module": "/etc/passwd"}, "passwd"),
    ],
)
def test_what_is_set_up_wrongly_is_named(
    softhsm: SoftHsm, keys_of: Opener, changed: dict[str, str], text: str
) -> None:
    with pytest.raises(Unavailable, match=text) as raised:
        keys_of(softhsm, **changed).create(P256)
    assert "\n" not in raised.value.detail


def test_without_the_library_the_extra_is_named(
    softhsm: SoftHsm, keys_of: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    with pytest.raises(Unavailable, match=r"python-pkcs11 is not installed; install certwright\[hsm\]"):
        keys_of(softhsm).create(P256)
