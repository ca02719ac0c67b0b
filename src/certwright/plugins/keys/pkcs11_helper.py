"""The process that holds one PKCS#11 session. `pkcs11_pool` starts it; standard input is their socket.

It does one thing at a time in one thread, knows nothing else of the product, and ends when the other
side does. A module that hangs ends it too: the alarm set for each request kills the process.
"""

import signal
import socket
import sys
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NoReturn

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass, TokenFlag

from .pkcs11_wire import GONE, MISSING, OK, PIN, UNSUPPORTED, pack, read_message

_KEYS_REMEMBERED = 256
_PIN_ERRORS = (
    pkcs11.PinIncorrect,
    pkcs11.PinInvalid,
    pkcs11.PinLenRange,
    pkcs11.PinLocked,
    pkcs11.PinExpired,
    pkcs11.UserPinNotInitialized,
)
_UNSUPPORTED_ERRORS = (
    pkcs11.MechanismInvalid,
    pkcs11.MechanismParamInvalid,
    pkcs11.KeySizeRange,
    pkcs11.KeyTypeInconsistent,
    pkcs11.DataInvalid,
    pkcs11.DataLenRange,
    pkcs11.DomainParamsInvalid,
    pkcs11.AttributeTypeInvalid,
    pkcs11.AttributeValueInvalid,
    pkcs11.TemplateIncomplete,
    pkcs11.TemplateInconsistent,
    pkcs11.FunctionNotSupported,
)
_STALE_HANDLE = (pkcs11.KeyHandleInvalid, pkcs11.ObjectHandleInvalid)


class Failure(Exception):
    """An answer that is not OK: its kind, and a line for a person."""

    def __init__(self, kind: bytes, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class Token:
    """One session with one token, logged in. Its verbs take and give bytes."""

    def __init__(self, module: bytes, label: bytes, pin: bytes) -> None:
        self._session = _log_in(module.decode(), label.decode(), pin.decode())
        self._slot = self._session.token.slot
        self._private: dict[bytes, Any] = {}
        self.verbs: dict[bytes, Callable[..., list[bytes]]] = {
            b"ready": self.ready,
            b"generate": self.generate,
            b"public": self.public,
            b"sign": self.sign,
            b"destroy": self.destroy,
        }

    def ready(self, mechanism: bytes) -> list[bytes]:
        """Fails unless the token has `mechanism`; asks through the session, so that a lost one shows."""
        self._find(ObjectClass.PRIVATE_KEY, b"\x00")
        wanted = Mechanism(int(mechanism))
        if wanted not in self._slot.get_mechanisms():
            raise Failure(UNSUPPORTED, f"the token has no mechanism CKM_{wanted.name}")
        return []

    def generate(self, mechanism: bytes, shape: bytes, identifier: bytes, label: bytes) -> list[bytes]:
        """A key pair in the token: `shape` is the number of bits for RSA, else CKA_EC_PARAMS."""
        public, private = self._maker(Mechanism(int(mechanism)), shape)(
            id=identifier,
            label=label.decode(),
            store=True,
            capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
            private_template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
        )
        if private[Attribute.EXTRACTABLE] or not private[Attribute.SENSITIVE]:
            self.destroy(identifier)
            raise Failure(UNSUPPORTED, "the token makes keys that can be taken out of it")
        return _public_values(public)

    def _maker(self, mechanism: Mechanism, shape: bytes) -> Callable[..., tuple[Any, Any]]:
        if mechanism is Mechanism.RSA_PKCS_KEY_PAIR_GEN:
            return partial(self._session.generate_keypair, KeyType.RSA, int(shape))
        kind = KeyType.EC_EDWARDS if mechanism is Mechanism.EC_EDWARDS_KEY_PAIR_GEN else KeyType.EC
        curve = self._session.create_domain_parameters(kind, {Attribute.EC_PARAMS: shape}, local=True)
        return partial(curve.generate_keypair, mechanism=mechanism)

    def public(self, identifier: bytes) -> list[bytes]:
        """Of a key whose private half is there: modulus and exponent, or CKA_EC_POINT."""
        self._private.pop(identifier, None)
        self._private_key(identifier)
        found = self._find(ObjectClass.PUBLIC_KEY, identifier)
        if not found:
            raise Failure(MISSING, f"the token has no public key object with CKA_ID {identifier.hex()}")
        return _public_values(found[0])

    def sign(self, identifier: bytes, mechanism: bytes, data: bytes) -> list[bytes]:
        """The signature as the mechanism gives it, over `data` as the mechanism wants it."""
        wanted = Mechanism(int(mechanism))
        try:
            return [self._private_key(identifier).sign(data, mechanism=wanted)]
        except _STALE_HANDLE:
            self._private.pop(identifier, None)
            return [self._private_key(identifier).sign(data, mechanism=wanted)]

    def destroy(self, identifier: bytes) -> list[bytes]:
        """Remove both halves; to find none is well too."""
        self._private.pop(identifier, None)
        for kind in (ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY):
            for found in self._find(kind, identifier):
                found.destroy()
        return []

    def _private_key(self, identifier: bytes) -> Any:
        if identifier not in self._private:
            found = self._find(ObjectClass.PRIVATE_KEY, identifier)
            if len(found) != 1:
                count = f"{len(found)} private keys" if found else "no private key"
                raise Failure(MISSING, f"the token has {count} with CKA_ID {identifier.hex()}")
            if len(self._private) >= _KEYS_REMEMBERED:
                self._private.clear()
            self._private[identifier] = found[0]
        return self._private[identifier]

    def _find(self, kind: ObjectClass, identifier: bytes) -> list[Any]:
        objects: Iterable[Any] = self._session.get_objects({Attribute.CLASS: kind, Attribute.ID: identifier})
        return list(objects)


def _log_in(module: str, label: str, pin: str) -> Any:
    tokens = [token for token in pkcs11.lib(module).get_tokens() if token.label == label]
    if len(tokens) != 1:
        count = f"{len(tokens)} tokens" if tokens else "no token"
        raise Failure(GONE, f"the module has {count} with this label")
    if tokens[0].flags & TokenFlag.USER_PIN_FINAL_TRY:
        raise Failure(PIN, "one more wrong PIN would lock the token, so none is tried")
    try:
        return tokens[0].open(rw=True, user_pin=pin)
    except _PIN_ERRORS as error:
        raise Failure(PIN, f"the token refuses the PIN ({_words(error)})") from error


def _public_values(key: Any) -> list[bytes]:
    if key.key_type == KeyType.RSA:
        return [key[Attribute.MODULUS], key[Attribute.PUBLIC_EXPONENT]]
    return [key[Attribute.EC_POINT]]


def _words(error: BaseException) -> str:
    return f"{type(error).__name__} {error}".strip()


def answer(verb: Callable[..., list[bytes]], arguments: list[bytes]) -> list[bytes]:
    """The fields to answer with: what the verb gives, or how it failed."""
    try:
        return [OK, *verb(*arguments)]
    except Failure as failure:
        return [failure.kind, str(failure).encode()]
    except _UNSUPPORTED_ERRORS as error:
        return [UNSUPPORTED, f"the token refuses it ({_words(error)})".encode()]
    except pkcs11.PKCS11Error as error:
        # Which error a lost token gives is the module's whim, so whatever is not understood means lost.
        return [GONE, _words(error).encode()]


def serve(connection: socket.socket) -> NoReturn:
    """Answer requests until the other side ends, by EOFError. The first one opens the token."""
    verbs: dict[bytes, Callable[..., list[bytes]]] = {}

    def opened(*arguments: bytes) -> list[bytes]:
        verbs.update(Token(*arguments).verbs)
        return []

    verbs[b"open"] = opened
    while True:
        seconds, verb, *arguments = read_message(connection)
        signal.alarm(int(seconds))
        fields = answer(verbs[verb], arguments)
        signal.alarm(0)
        connection.sendall(pack(fields))


def main() -> None:
    # A terminal's control-C and a service manager's SIGTERM reach the whole group; we end with our owner,
    # who may have signatures to finish.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    try:
        serve(socket.socket(fileno=sys.stdin.fileno()))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


if __name__ == "__main__":
    main()
