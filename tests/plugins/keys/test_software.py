"""Software keys keep the contract of KeyProvider, and open only with their key-encryption key."""

import os
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.envelope import decrypt
from certwright.core.errors import Conflict, IntegrityError, Malformed, NotFound, Refused
from certwright.core.keys import KeyAlgorithm, sign, spki, verify
from certwright.plugins.keys.software import SoftwareKeys
from certwright.ports import KeyReference, KeySpec
from certwright.testing.key_provider import KeyProviderContract
from tests.real.environments import ToolMissing, tool

KEK, NEXT = os.urandom(32), os.urandom(32)
P256 = KeySpec(KeyAlgorithm.ECDSA_P256, "signer")


def keys(kek: bytes = KEK) -> SoftwareKeys:
    return SoftwareKeys(SoftwareKeys.Settings(kek))


class TestContract(KeyProviderContract):
    algorithms = tuple(KeyAlgorithm)

    def provider(self) -> SoftwareKeys:
        return keys()


def test_the_reference_is_not_the_key() -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    secret = private.private_numbers().private_value.to_bytes(32, "big")
    assert secret not in keys().adopt(private, "adopted").reference


def test_an_adopted_key_signs() -> None:
    private = rsa.generate_private_key(65537, 2048)
    reference = keys().adopt(private, "adopted")
    assert reference.algorithm == KeyAlgorithm.RSA_2048
    opened = keys().open(reference)
    verify(private.public_key(), sign(opened, b"data"), b"data")


def test_a_key_of_no_known_algorithm_is_not_adopted() -> None:
    with pytest.raises(Refused, match="of 256 bits"):
        keys().adopt(ec.generate_private_key(ec.SECP256K1()), "koblitz")


def test_another_key_encryption_key_is_named() -> None:
    reference = keys().create(P256)
    with pytest.raises(Conflict, match="software key ecdsa-p256 signer is encrypted under another"):
        keys(NEXT).open(reference)


def test_label_and_algorithm_are_bound_to_the_key() -> None:
    reference = keys().create(P256)
    renamed = reference.reference.replace(b"signer", b"Signer", 1)
    with pytest.raises(IntegrityError):
        keys().open(KeyReference(reference.algorithm, renamed))
    with pytest.raises(IntegrityError):
        keys().open(KeyReference(KeyAlgorithm.ECDSA_P384, reference.reference))


def test_a_changed_reference_is_not_opened() -> None:
    reference = keys().create(P256)
    changed = reference.reference[:-1] + bytes((reference.reference[-1] ^ 1,))
    with pytest.raises(IntegrityError):
        keys().open(KeyReference(reference.algorithm, changed))


@given(st.binary(max_size=400), st.integers(0, 2))
def test_any_bytes_are_no_reference(nonsense: bytes, prefix: int) -> None:
    with pytest.raises((NotFound, IntegrityError, Conflict)):
        keys().open(KeyReference(KeyAlgorithm.ED25519, b"\x01\x03"[:prefix] + nonsense))


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=63))
def test_any_label_is_kept(label: str) -> None:
    reference = keys().create(KeySpec(KeyAlgorithm.ED25519, label))
    assert label.encode() in reference.reference
    keys().open(reference)


@pytest.mark.parametrize("label", ["", "x" * 256, "ä" * 128, "lone \ud800"])
def test_bounds_of_a_label(label: str) -> None:
    with pytest.raises(Malformed, match="the label of a key"):
        keys().create(KeySpec(KeyAlgorithm.ED25519, label))


@pytest.mark.parametrize("kek", [b"", bytes(16), bytes(33)])
def test_bounds_of_a_key_encryption_key(kek: bytes) -> None:
    with pytest.raises(Malformed, match="32 bytes"):
        keys(kek)


def test_settings_do_not_show_their_secrets() -> None:
    assert repr(SoftwareKeys.Settings(b"secret" * 5)) == "SoftwareKeys.Settings()"


def test_a_key_does_nothing_but_sign() -> None:
    opened = keys().open(keys().create(KeySpec(KeyAlgorithm.RSA_2048, "signer")))
    with pytest.raises(Refused, match="a private key of kind Rsa signs only: no decryption"):
        opened.decrypt(bytes(256), padding.PKCS1v15())
    elliptic = keys().open(keys().create(P256))
    with pytest.raises(Refused, match="signs only"):
        elliptic.exchange(ec.ECDH(), elliptic.public_key())
    lattice = keys().open(keys().create(KeySpec(KeyAlgorithm.ML_DSA_44, "signer")))
    with pytest.raises(Refused, match="signs only"):
        lattice.sign_mu(bytes(64))


NODE = """
const { createPrivateKey, createPublicKey, sign, verify } = require("node:crypto");
const given = require("node:fs").readFileSync(0, "utf8");
const [pkcs8, spki] = given.split(" ").map((text) => Buffer.from(text, "hex"));
const key = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
const signature = sign(null, Buffer.from("data"), key);
const whole = createPublicKey(key).export({ format: "der", type: "spki" });
console.log(key.asymmetricKeyType, whole.equals(spki), signature.toString("hex"));
"""


@pytest.mark.parametrize("algorithm", [name for name in KeyAlgorithm if name.value.startswith("ml-dsa")])
def test_openssl_reads_the_ml_dsa_key_we_store(algorithm: KeyAlgorithm) -> None:
    try:
        node = tool("node") / "node"
    except ToolMissing as error:
        pytest.skip(f"no OpenSSL 3.5 here: {error}")
    provider = keys()
    reference = provider.create(KeySpec(algorithm, "stored"))
    public_key = provider.open(reference).public_key()
    stored = reference.reference[2 + len("stored") :]
    pkcs8 = decrypt(KEK, stored, f"software key {algorithm} stored")
    done = subprocess.run(
        [node, "-e", NODE],
        input=f"{pkcs8.hex()} {spki(public_key).hex()}",
        capture_output=True,
        text=True,
        timeout=60,
    )
    kind, same, signature = done.stdout.split()
    assert (kind, same) == (algorithm.value, "true"), done.stderr
    verify(public_key, bytes.fromhex(signature), b"data")


def test_the_destroyed_are_remembered_to_a_bound() -> None:
    provider = keys()
    for number in range(5000):
        provider.destroy(KeyReference(KeyAlgorithm.ED25519, b"%d" % number))
    kept = provider.create(P256)
    provider.destroy(kept)
    with pytest.raises(NotFound):
        provider.open(kept)
    assert len(provider._destroyed) == 4096
