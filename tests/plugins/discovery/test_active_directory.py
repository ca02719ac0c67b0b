"""The source `ldap` against Active Directory, as Samba has it."""

import asyncio
import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from certwright.core.egress import EgressPolicy
from certwright.plugins.discovery.ldap import LdapSettings, LdapSource
from certwright.ports import Scope, Sighting
from tests.core.stores.made import chain
from tests.real import samba
from tests.real.samba import ADMINISTRATOR, BASE, CONFIGURATION, PASSWORD, Domain, Unobtainable
from tests.real.toy_chains import ToyAuthority

SERVER, ISSUING, ROOT = chain().ders
LIST = ToyAuthority("Corp").list()
SERVICES = f"CN=Public Key Services,CN=Services,{CONFIGURATION}"


def authority(name: str, above: str, certificate: bytes) -> str:
    lists = "authorityRevocationList:: AA==\ncertificateRevocationList:: AA==\n"
    encoded = base64.b64encode(certificate).decode()
    kind = "objectClass: certificationAuthority"
    return f"dn: CN={name},{above}\nchangetype: add\n{kind}\ncACertificate:: {encoded}\n{lists}\n"


def published(name: str, octets: bytes) -> str:
    """As a Windows CA has its list, in a container of its machine."""
    encoded = base64.b64encode(octets).decode()
    folder = f"dn: CN=host,CN=CDP,{SERVICES}\nchangetype: add\nobjectClass: container\n\n"
    point = f"dn: CN={name},CN=host,CN=CDP,{SERVICES}\nchangetype: add\nobjectClass: cRLDistributionPoint\n"
    return f"{folder}{point}certificateRevocationList:: {encoded}\n\n"


@pytest.fixture(scope="module")
def domain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Domain]:
    try:
        with samba.served(Path(tmp_path_factory.mktemp("samba")) / "domain") as running:
            encoded = base64.b64encode(SERVER).decode()
            user = f"dn: CN=Guest,CN=Users,{BASE}\nchangetype: modify\nadd: userCertificate\n"
            running.change(
                f"{user}userCertificate:: {encoded}\n-\n\n"
                + authority("NTAuthCertificates", SERVICES, ISSUING)
                + authority("Root", f"CN=Certification Authorities,{SERVICES}", ROOT)
                + published("Corp", LIST)
            )
            yield running
    except Unobtainable as error:
        pytest.skip(str(error))


@pytest.mark.full
def test_what_a_domain_has(domain: Domain) -> None:
    """By the whole of it: the configuration is a tree of its own."""
    settings = LdapSettings(
        ADMINISTRATOR, PASSWORD, domain.authority.read_text(), policy=EgressPolicy(allow_loopback=True)
    )

    async def run(target: str) -> list[Sighting]:
        events = LdapSource(settings).look(Scope((target,)))
        return [event async for event in events if isinstance(event, Sighting)]

    expected = {
        f"CN=Guest,CN=Users,{BASE}#userCertificate": (SERVER,),
        f"CN=NTAuthCertificates,{SERVICES}#cACertificate": (ISSUING,),
        f"CN=Root,CN=Certification Authorities,{SERVICES}#cACertificate": (ROOT,),
    }
    for target in (domain.secure, f"ldap://{samba.ADDRESS}"):
        found = asyncio.run(run(target))
        lists = {one.place.name: one.revocation_list for one in found if one.revocation_list}
        assert lists == {f"CN=Corp,CN=host,CN=CDP,{SERVICES}#certificateRevocationList": LIST}
        chains = {one.place.name.rpartition(":")[0]: one.chain for one in found if not one.revocation_list}
        assert chains == expected
