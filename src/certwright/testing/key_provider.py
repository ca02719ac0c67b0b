"""The contract of KeyProvider, as tests to run against any implementation.

    class TestMyKeys(KeyProviderContract):
        algorithms = (KeyAlgorithm.ECDSA_P256, KeyAlgorithm.RSA_3072)

        def provider(self) -> KeyProvider:
            return MyKeys(MyKeys.Settings(...))

pytest finds the class and runs every test, once for each algorithm where it matters. `provider` is called
anew for each test and must reach the same keys each time.
"""

import copy
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID

from ..core.errors import CertwrightError, NotFound, Refused
from ..core.keys import SIGNATURES, KeyAlgorithm, PrivateKey, algorithm_of, sign, spki, verify
from ..ports import KeyProvider, KeyReference, KeySpec

THREADS = 8
SIGNATURES_EACH = 5
_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Key provider contract")])
_THEN = datetime(2030, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)


def expect(kind: type[CertwrightError], act: Callable[[], object]) -> CertwrightError:
    """Run `act` and give the error of this kind back. Raises AssertionError when it does not raise it, or
    when its text is not one line."""
    try:
        result = act()
    except kind as error:
        raised = error
    else:
        raise AssertionError(f"{kind.__name__} was not raised; the result was {result!r}")
    assert raised.detail, f"{kind.__name__} was raised without a text"
    assert "\n" not in raised.detail, f"the text has more than one line: {raised.detail}"
    return raised


class KeyProviderContract:
    """Inherit, set `algorithms`, define `provider`."""

    algorithms: ClassVar[tuple[KeyAlgorithm, ...]] = ()
    # Keys are made once for each class and algorithm: RSA takes its time.
    _made: ClassVar[dict[tuple[type, KeyAlgorithm], KeyReference]] = {}

    def provider(self) -> KeyProvider:
        """A new object for the provider under test."""
        raise NotImplementedError

    def pytest_generate_tests(self, metafunc: Any) -> None:
        if "algorithm" in metafunc.fixturenames:
            metafunc.parametrize("algorithm", self.algorithms, ids=str)

    def reference(self, provider: KeyProvider, algorithm: KeyAlgorithm) -> KeyReference:
        """A key of this algorithm, made by the first test that asks."""
        place = (type(self), algorithm)
        if place not in self._made:
            self._made[place] = provider.create(KeySpec(algorithm, f"contract {algorithm}"))
        return self._made[place]

    def key(self, algorithm: KeyAlgorithm) -> PrivateKey:
        provider = self.provider()
        return provider.open(self.reference(provider, algorithm))

    # -- making and signing --

    def test_a_key_signs_and_its_signature_verifies(self, algorithm: KeyAlgorithm) -> None:
        key = self.key(algorithm)
        assert algorithm_of(key.public_key()) == algorithm
        for data in (b"", b"to be signed", bytes(100_000)):
            verify(key.public_key(), sign(key, data), data)

    def test_a_reference_opens_the_same_key_after_a_restart(self, algorithm: KeyAlgorithm) -> None:
        first = self.provider()
        reference = self.reference(first, algorithm)
        again = KeyReference(KeyAlgorithm(str(reference.algorithm)), bytes(reference.reference))
        reopened = self.provider().open(again)
        assert spki(reopened.public_key()) == spki(first.open(reference).public_key())
        verify(first.open(reference).public_key(), sign(reopened, b"after"), b"after")

    def test_two_keys_with_one_label_are_two_keys(self) -> None:
        provider = self.provider()
        spec = KeySpec(self.algorithms[0], "contract, twice")
        first, second = provider.create(spec), provider.create(spec)
        assert spki(provider.open(first).public_key()) != spki(provider.open(second).public_key())
        provider.destroy(first)
        provider.open(second)
        provider.destroy(second)

    def test_many_threads_sign_at_once(self, algorithm: KeyAlgorithm) -> None:
        provider = self.provider()
        key = provider.open(self.reference(provider, algorithm))
        messages = [b"message %d" % number for number in range(THREADS * SIGNATURES_EACH)]
        with ThreadPoolExecutor(THREADS) as executor:
            signatures = list(executor.map(lambda message: sign(key, message), messages))
        for message, signature in zip(messages, signatures, strict=True):
            verify(key.public_key(), signature, message)

    # -- what the builders of cryptography make of the key --

    def test_it_signs_a_certificate(self, algorithm: KeyAlgorithm) -> None:
        key = self.key(algorithm)
        certificate = _certificate(key, algorithm)
        certificate.verify_directly_issued_by(certificate)

    def test_it_signs_a_request(self, algorithm: KeyAlgorithm) -> None:
        builder = x509.CertificateSigningRequestBuilder(_NAME)
        request = builder.sign(self.key(algorithm), _hash(algorithm))
        assert request.is_signature_valid

    def test_it_signs_a_crl(self, algorithm: KeyAlgorithm) -> None:
        key = self.key(algorithm)
        builder = x509.CertificateRevocationListBuilder(_NAME, _THEN, _THEN + _DAY)
        assert builder.sign(key, _hash(algorithm)).is_signature_valid(key.public_key())

    def test_it_signs_an_ocsp_response(self, algorithm: KeyAlgorithm) -> None:
        key = self.key(algorithm)
        certificate = _certificate(key, algorithm)
        builder = ocsp.OCSPResponseBuilder().add_response(
            certificate,
            certificate,
            hashes.SHA256(),
            ocsp.OCSPCertStatus.GOOD,
            _THEN,
            _THEN + _DAY,
            None,
            None,
        )
        response = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, certificate).sign(
            key, _hash(algorithm)
        )
        verify(key.public_key(), response.signature, response.tbs_response_bytes)

    # -- what it must not do --

    def test_the_key_cannot_be_exported(self, algorithm: KeyAlgorithm) -> None:
        key = cast(Any, self.key(algorithm))
        ways = [
            lambda: key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
            lambda: key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()),
            lambda: copy.deepcopy(key).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
            lambda: pickle.dumps(key),
        ]
        ways += [
            getattr(key, name) for name in ("private_numbers", "private_bytes_raw") if hasattr(key, name)
        ]
        for way in ways:
            expect(Refused, way)

    def test_a_destroyed_key_is_gone(self, algorithm: KeyAlgorithm) -> None:
        provider = self.provider()
        reference = self.reference(provider, algorithm)
        provider.open(reference)
        provider.destroy(reference)
        del self._made[type(self), algorithm]
        expect(NotFound, lambda: provider.open(reference))
        provider.destroy(reference)

    def test_an_unknown_reference_is_not_found(self, algorithm: KeyAlgorithm) -> None:
        provider = self.provider()
        for unknown in (b"", b"\x00", b"no such key", bytes(10_000)):
            expect(NotFound, partial(provider.open, KeyReference(algorithm, unknown)))

    def test_an_algorithm_it_has_not_is_refused(self) -> None:
        for absent in set(KeyAlgorithm) - set(self.algorithms):
            spec = KeySpec(absent, "contract")
            refused = expect(Refused, partial(self.provider().create, spec))
            assert absent in refused.detail, f"the text does not name {absent}: {refused.detail}"


def _hash(algorithm: KeyAlgorithm) -> Any:
    return SIGNATURES[algorithm].digest


def _certificate(key: PrivateKey, algorithm: KeyAlgorithm) -> x509.Certificate:
    builder = x509.CertificateBuilder(_NAME, _NAME, key.public_key(), 1, _THEN, _THEN + _DAY)
    return builder.sign(key, _hash(algorithm))
