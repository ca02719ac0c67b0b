"""Whatever an authority from outside is called, it gets an OCSP signer, within what is permitted to it."""

import pytest
from cryptography import x509

from certwright.core.distinguished_name import name_from_x509
from certwright.operations.context import Context
from certwright.operations.publish_status import put_in_service
from tests.core.toy_chain import Wish, constraints, outside
from tests.operations.authorities import bring
from tests.operations.installed import with_installation
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock

LONG = "a" * 64


def signer_of(database: Database, name: str, subject: str, within: str = "") -> str:
    """The name of the signer that an authority brought along gets; `within` is permitted above it."""
    found = ""

    async def body(context: Context, _clock: MovableClock) -> None:
        nonlocal found
        permitted = (x509.DirectoryName(x509.Name.from_rfc4514_string(within)),)
        wish = Wish(constraints=constraints(permitted)) if within else Wish()
        brought = await bring(context, name, outside(subject, outside("CN=Out Root", wish=wish)))
        signer = (await put_in_service(context, ADMINISTRATOR, brought)).signer
        assert signer is not None
        found = str(name_from_x509(x509.load_der_x509_certificate(signer.certificate).subject))

    with_installation(database, body)
    return found


@pytest.mark.parametrize(
    ("subject", "signer"),
    [
        ("CN=Lab CA,O=Lab,C=DE", "CN=OCSP lab 1,O=Lab"),
        ("CN=Lab CA,O=Two,O=One", "CN=OCSP lab 1,O=One"),
        ("CN=Lab CA,OU=5,OU=4,OU=3,OU=2,OU=1,O=Lab", "CN=OCSP lab 1,O=Lab"),
        ("CN=Lab CA,DC=lab,DC=test", "CN=OCSP lab 1"),
    ],
)
def test_under_no_constraint_it_has_the_organization(subject: str, signer: str, database: Database) -> None:
    assert signer_of(database, "lab", subject) == signer


@pytest.mark.parametrize(
    ("subject", "within", "signer"),
    [
        ("CN=Lab CA,OU=Lab,O=Test,C=DE", "O=Test,C=DE", "CN=OCSP lab 1,OU=Lab,O=Test,C=DE"),
        ("CN=Lab CA,C=DE,O=Test", "C=DE,O=Test", "CN=OCSP lab 1,C=DE,O=Test"),
        (
            "CN=Lab CA,2.5.4.97=VATDE-1,O=Test,C=DE",
            "2.5.4.97=VATDE-1,O=Test,C=DE",
            "CN=OCSP lab 1,organizationIdentifier=VATDE-1,O=Test,C=DE",
        ),
    ],
)
def test_under_directory_names_it_has_its_authoritys(
    subject: str, within: str, signer: str, database: Database
) -> None:
    assert signer_of(database, "lab", subject, within) == signer


def test_a_long_name_is_cut(database: Database) -> None:
    assert signer_of(database, LONG, "CN=Lab CA,O=Lab") == f"CN=OCSP {LONG[:57]} 1,O=Lab"
