"""Private keys in files."""

import contextlib

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from certwright.cli.requests import load_key, make_key
from certwright.core.errors import Malformed
from certwright.core.keys import KeyAlgorithm, algorithm_of, spki
from tests.changed import changed

EVERY = [algorithm for algorithm in KeyAlgorithm if algorithm not in {"rsa-3072", "rsa-4096"}]
KEY = make_key(KeyAlgorithm.ED25519)
RSA = rsa.generate_private_key(65537, 2048)
FORMS = [
    KEY.private_bytes(encoding, PrivateFormat.PKCS8, NoEncryption())
    for encoding in (Encoding.PEM, Encoding.DER)
] + [
    RSA.private_bytes(encoding, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    for encoding in (Encoding.PEM, Encoding.DER)
]


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
@pytest.mark.parametrize("algorithm", EVERY)
def test_a_key_is_read_as_it_was_written(algorithm: KeyAlgorithm, encoding: Encoding) -> None:
    made = make_key(algorithm)
    plain = made.private_bytes(encoding, PrivateFormat.PKCS8, NoEncryption())
    closed = made.private_bytes(encoding, PrivateFormat.PKCS8, BestAvailableEncryption(b"swordfish"))
    for read in (load_key(plain, ""), load_key(closed, "swordfish")):
        assert algorithm_of(read.public_key()) is algorithm
        assert spki(read.public_key()) == spki(made.public_key())
    for content, passphrase in ((closed, ""), (closed, "wrong"), (plain, "swordfish")):
        with pytest.raises(Malformed, match="the private key cannot be read"):
            load_key(content, passphrase)


@given(st.binary(max_size=300) | st.sampled_from(FORMS).flatmap(changed))
def test_any_octets_are_a_key_or_malformed(content: bytes) -> None:
    with contextlib.suppress(Malformed):
        assert load_key(content, "").public_key()
