"""Whose certificate is it that is to be revoked?"""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from certwright.protocols.acme.certificate_keys import require_key_of
from certwright.protocols.acme.jwk import jwk_of
from certwright.protocols.acme.problems import AcmeProblem, ProblemType
from tests.changed import changed
from tests.core.toy_chain import outside

OWNER = outside("CN=owner")
KEY = jwk_of(OWNER.key.public_key())
OTHER = jwk_of(ec.generate_private_key(ec.SECP256R1()).public_key())


def test_only_the_certificates_own_key_may_revoke_it() -> None:
    require_key_of(OWNER.der, KEY)
    for key in (OTHER, None):
        with pytest.raises(AcmeProblem) as refused:
            require_key_of(OWNER.der, key)
        assert refused.value.type is ProblemType.UNAUTHORIZED


@given(st.binary(max_size=300) | changed(OWNER.der))
def test_any_octets_are_a_certificate_of_the_key_or_a_problem(certificate: bytes) -> None:
    with pytest.raises(AcmeProblem) as refused:
        require_key_of(certificate, OTHER)
    assert refused.value.type in {ProblemType.MALFORMED, ProblemType.UNAUTHORIZED}
