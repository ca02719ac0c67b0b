from typing import Any

import pkcs11

from tests.real.softhsm import SoftHsm


def test_a_key_made_in_the_token_signs(softhsm: SoftHsm) -> None:
    token = pkcs11.lib(str(softhsm.module)).get_token(token_label=softhsm.token)
    with token.open(user_pin=softhsm.pin, rw=True) as session:
        pair: tuple[Any, Any] = session.generate_keypair(pkcs11.KeyType.RSA, 2048, label="house", store=True)
        public, private = pair
        signature = private.sign(b"data", mechanism=pkcs11.Mechanism.SHA256_RSA_PKCS)
        assert public.verify(b"data", signature, mechanism=pkcs11.Mechanism.SHA256_RSA_PKCS)


def test_another_process_sees_the_token(softhsm: SoftHsm) -> None:
    assert softhsm.token in softhsm.tool("--show-slots")


def test_one_store_takes_several_tokens(softhsm: SoftHsm) -> None:
    other = softhsm.add_token("second")
    assert other.token == "second"
    assert "second" in softhsm.tool("--show-slots")
