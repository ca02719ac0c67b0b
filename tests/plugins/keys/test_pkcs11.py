"""Keys in a PKCS#11 token keep the contract of KeyProvider, and stay in the token."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import NoDigestInfo, Prehashed

from certwright.core.errors import IntegrityError, Malformed, NotFound, Refused, TooLarge
from certwright.core.keys import KeyAlgorithm, sign, verify
from certwright.plugins.keys.pkcs11 import Pkcs11Keys
from certwright.ports import KeyReference, KeySpec
from certwright.testing.key_provider import KeyProviderContract
from tests.lengths import mostly_full
from tests.plugins.keys.conftest import Opener
from tests.real import softhsm as real_softhsm
from tests.real.softhsm import SoftHsm

P256 = KeySpec(KeyAlgorithm.ECDSA_P256, "signer")
OFFERED = tuple(name for name in KeyAlgorithm if not name.value.startswith("ml-dsa"))


class TestContract(KeyProviderContract):
    algorithms = OFFERED

    @pytest.fixture(autouse=True)
    def _opener(self, softhsm: SoftHsm, keys_of: Opener) -> None:
        self._provider = lambda: keys_of(softhsm)

    def provider(self) -> Pkcs11Keys:
        return self._provider()


# -- the key stays in the token --


@pytest.mark.parametrize("algorithm", mostly_full(OFFERED, KeyAlgorithm.RSA_2048, KeyAlgorithm.ECDSA_P256))
def test_the_token_does_not_give_the_key_away(
    softhsm: SoftHsm, keys_of: Opener, algorithm: KeyAlgorithm, tmp_path: Path
) -> None:
    reference = keys_of(softhsm).create(KeySpec(algorithm, f"kept {algorithm}"))
    script = tmp_path / "extract.py"
    script.write_text(EXTRACT)
    done = subprocess.run(
        [sys.executable, script, softhsm.module, softhsm.token, softhsm.pin, reference.reference.hex()],
        env=softhsm.environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.splitlines() == [
        "token True, private True, sensitive True, always True, extractable False, never True",
        f"label kept {algorithm}",
        "value AttributeSensitive",
        "wrap KeyUnextractable",
    ], done.stderr


EXTRACT = """
import sys
import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass

module, label, pin, identifier = sys.argv[1:]
session = pkcs11.lib(module).get_token(token_label=label).open(rw=True, user_pin=pin)
wanted = {Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.ID: bytes.fromhex(identifier)}
[key] = session.get_objects(wanted)
names = dict(token="TOKEN", private="PRIVATE", sensitive="SENSITIVE", always="ALWAYS_SENSITIVE",
             extractable="EXTRACTABLE", never="NEVER_EXTRACTABLE")
print(", ".join(f"{word} {key[Attribute[name]]}" for word, name in names.items()))
print("label", key.label)
try:
    print("value", key[Attribute.PRIVATE_EXPONENT if key.key_type == KeyType.RSA else Attribute.VALUE])
except pkcs11.PKCS11Error as error:
    print("value", type(error).__name__)
try:
    wrapping = session.generate_key(KeyType.AES, 256, template={Attribute.WRAP: True})
    print("wrap", wrapping.wrap_key(key, mechanism=Mechanism.AES_KEY_WRAP))
except pkcs11.PKCS11Error as error:
    print("wrap", type(error).__name__)
"""


def test_an_rsa_key_has_the_usual_exponent(softhsm: SoftHsm, keys_of: Opener) -> None:
    keys = keys_of(softhsm)
    key = keys.open(keys.create(KeySpec(KeyAlgorithm.RSA_2048, "exponent")))
    assert key.public_key().public_numbers().e == 65537


# -- several modules --


def test_two_modules_with_their_own_environment_work_in_one_process(
    softhsm: SoftHsm, keys_of: Opener, tmp_path: Path
) -> None:
    other = real_softhsm.make(tmp_path / "other", "elsewhere")
    here, there = keys_of(softhsm), keys_of(other)
    first, second = here.create(P256), there.create(P256)
    for keys, reference in ((here, first), (there, second), (here, first)):
        key = keys.open(reference)
        verify(key.public_key(), sign(key, b"data"), b"data")
    with pytest.raises(NotFound, match="token 'elsewhere'"):
        there.open(first)
    with pytest.raises(NotFound, match="token 'certwright'"):
        here.open(second)


def test_two_providers_of_one_token_see_each_others_keys(softhsm: SoftHsm, keys_of: Opener) -> None:
    first, second = keys_of(softhsm), keys_of(softhsm)
    before = second.open(second.create(P256))
    reference = first.create(P256)
    key = second.open(reference)
    first.destroy(reference)
    with pytest.raises(NotFound):
        sign(key, b"data")
    verify(before.public_key(), sign(before, b"data"), b"data")


# -- what is signed, and what is not --


@pytest.mark.parametrize("algorithm", [name for name in OFFERED if name.value.startswith("ecdsa")])
@pytest.mark.parametrize("digest", [hashes.SHA256(), hashes.SHA384(), hashes.SHA512()], ids=lambda d: d.name)
def test_ecdsa_with_every_digest(
    softhsm: SoftHsm, keys_of: Opener, algorithm: KeyAlgorithm, digest: hashes.HashAlgorithm
) -> None:
    keys = keys_of(softhsm)
    key = keys.open(keys.create(KeySpec(algorithm, "digests")))
    key.public_key().verify(key.sign(b"data", ec.ECDSA(digest)), b"data", ec.ECDSA(digest))
    hashed = _hashed(b"data", digest)
    signature = key.sign(hashed, ec.ECDSA(Prehashed(digest)))
    key.public_key().verify(signature, b"data", ec.ECDSA(digest))


def test_rsa_with_every_digest(softhsm: SoftHsm, keys_of: Opener) -> None:
    keys = keys_of(softhsm)
    key = keys.open(keys.create(KeySpec(KeyAlgorithm.RSA_2048, "digests")))
    scheme = padding.PKCS1v15()
    for digest in (hashes.SHA256(), hashes.SHA384(), hashes.SHA512()):
        key.public_key().verify(key.sign(b"data", scheme, digest), b"data", scheme, digest)
        signature = key.sign(_hashed(b"data", digest), scheme, Prehashed(digest))
        key.public_key().verify(signature, b"data", scheme, digest)
        with pytest.raises(Malformed, match="digest has"):
            key.sign(b"data", scheme, Prehashed(digest))


def _hashed(data: bytes, digest: hashes.HashAlgorithm) -> bytes:
    hashing = hashes.Hash(digest)
    hashing.update(data)
    return hashing.finalize()


def test_schemes_that_are_not_offered_are_refused(softhsm: SoftHsm, keys_of: Opener) -> None:
    keys = keys_of(softhsm)
    rsa_key = keys.open(keys.create(KeySpec(KeyAlgorithm.RSA_2048, "schemes")))
    ec_key = keys.open(keys.create(KeySpec(KeyAlgorithm.ECDSA_P256, "schemes")))
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    acts: list[Any] = [
        lambda: rsa_key.sign(b"data", pss, hashes.SHA256()),
        lambda: rsa_key.sign(b"data", padding.PKCS1v15(), hashes.SHA3_256()),
        lambda: rsa_key.sign(b"data", padding.PKCS1v15(), NoDigestInfo()),
        lambda: ec_key.sign(b"data", ec.ECDSA(hashes.SHA3_256())),
        lambda: ec_key.sign(b"data", ec.ECDSA(hashes.SHA256(), deterministic_signing=True)),
    ]
    for act in acts:
        with pytest.raises(Refused, match=r"do not sign .*\[key.not-offered\]"):
            act()


def test_a_message_past_the_bound_is_too_large_and_the_next_one_signs(
    softhsm: SoftHsm, keys_of: Opener
) -> None:
    keys = keys_of(softhsm)
    key = keys.open(keys.create(KeySpec(KeyAlgorithm.ED25519, "large")))
    with pytest.raises(TooLarge, match="at most 16 MiB"):
        key.sign(bytes(16 * 1024 * 1024))
    verify(key.public_key(), key.sign(bytes(1_000_000)), bytes(1_000_000))


def test_a_reference_of_another_algorithm_is_an_integrity_error(softhsm: SoftHsm, keys_of: Opener) -> None:
    keys = keys_of(softhsm)
    for made in (KeyAlgorithm.RSA_2048, KeyAlgorithm.ECDSA_P256, KeyAlgorithm.ED25519):
        reference = keys.create(KeySpec(made, "claims")).reference
        for claimed in OFFERED:
            if claimed != made:
                with pytest.raises(IntegrityError, match=f"is not {claimed}"):
                    keys.open(KeyReference(claimed, reference))


# -- settings --


@pytest.mark.parametrize(
    "changed",
    [
        {"module": "libsofthsm2.so"},
        {"token": ""},
        {"token": "x" * 33},
        {"sessions": 0},
        {"sessions": 65},
        {"timeout_seconds": 0},
        {"environment": ("NAME",)},
        {"environment": ("=value",)},
        {"pin": "\udc80"},
    ],
    ids=str,
)
def test_settings_out_of_bounds_are_malformed(softhsm: SoftHsm, keys_of: Opener, changed: Any) -> None:
    with pytest.raises(Malformed, match="PKCS#11"):
        keys_of(softhsm, **changed)


def test_settings_do_not_show_the_pin(softhsm: SoftHsm) -> None:
    settings = Pkcs11Keys.Settings(str(softhsm.module), softhsm.token, softhsm.pin)
    assert softhsm.pin not in repr(settings)
    assert softhsm.pin not in repr(Pkcs11Keys(settings)._opening)


@pytest.mark.parametrize("label", ["", "x" * 256, "lone \ud800"])
def test_bounds_of_a_label(softhsm: SoftHsm, keys_of: Opener, label: str) -> None:
    with pytest.raises(Malformed, match="the label of a key"):
        keys_of(softhsm).create(KeySpec(KeyAlgorithm.ECDSA_P256, label))
