"""The key schedule by the numbers of RFC 8448, and key shares against another party."""

import pytest
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from certwright.protocols.tls.keys import SUITES_1_3, Decrypter, expand_label, server_handshake_secret
from certwright.protocols.tls.registry import Group
from certwright.protocols.tls.wire import TlsFault
from tests.protocols.tls.servers import shares

SHARED = bytes.fromhex("8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d")
TRANSCRIPT = bytes.fromhex("860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8")
SECRET = "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38"


def test_the_numbers_of_rfc_8448_section_3() -> None:
    secret = server_handshake_secret(SUITES_1_3[0x1301], SHARED, TRANSCRIPT)
    assert secret.hex() == SECRET
    assert expand_label(secret, b"key", b"", 16, "sha256").hex() == "3fce516009c21727d0f2e4e86ee403bc"
    assert expand_label(secret, b"iv", b"", 12, "sha256").hex() == "5d313eb2671276ee13000b30"


def test_a_hybrid_has_the_secrets_of_both() -> None:
    group = Group.X25519MLKEM768
    public = shares().share(group).public
    assert len(public) == 1184 + 32
    key = x25519.X25519PrivateKey.generate()
    secret, ciphertext = mlkem.MLKEM768PublicKey.from_public_bytes(public[:1184]).encapsulate()
    classical = key.exchange(x25519.X25519PublicKey.from_public_bytes(public[1184:]))
    server = ciphertext + key.public_key().public_bytes_raw()
    assert shares().secret(group, server) == secret + classical


def test_a_hybrid_with_a_curve_has_the_curve_first() -> None:
    group = Group.SecP256r1MLKEM768
    public = shares().share(group).public
    assert len(public) == 65 + 1184
    key = generate_private_key(SECP256R1())
    secret, ciphertext = mlkem.MLKEM768PublicKey.from_public_bytes(public[65:]).encapsulate()
    ours = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), public[:65])
    server = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint) + ciphertext
    assert shares().secret(group, server) == key.exchange(ECDH(), ours) + secret


@pytest.mark.parametrize("group", list(Group))
@pytest.mark.parametrize(
    "share", [b"", b"\x00", bytes(32), bytes(65), bytes(97), bytes(1120), b"\x04" + bytes(64)]
)
def test_a_share_of_nothing_is_a_fault(group: Group, share: bytes) -> None:
    with pytest.raises(TlsFault):
        shares().secret(group, share)


@pytest.mark.parametrize("fragment", [b"", bytes(16), bytes(400)])
def test_what_is_not_encrypted_is_a_fault(fragment: bytes) -> None:
    decrypter = Decrypter(SUITES_1_3[0x1303], bytes.fromhex(SECRET))
    with pytest.raises(TlsFault):
        decrypter.decrypt(b"\x17\x03\x03\x00\x10", fragment)
