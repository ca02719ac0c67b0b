"""A directory: OpenLDAP's slapd from Debian, with people and groups of its own, and a certificate."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.real import processes
from tests.real.packages import need

BASE = "dc=example,dc=test"
PASSWORD = "correct horse battery staple"
SEARCHER, SEARCHER_PASSWORD = f"cn=searcher,{BASE}", "only for searches"
CONFIGURATION = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
allow bind_anon_cred
pidfile {folder}/slapd.pid
TLSCACertificateFile {folder}/ca.pem
TLSCertificateFile {folder}/server.pem
TLSCertificateKeyFile {folder}/server-key.pem
database mdb
suffix "{base}"
rootdn "cn=root,{base}"
rootpw "root of {folder}"
directory {folder}/data
access to attrs=userPassword by anonymous auth by * none
access to * by users read by * none
"""
ENTRIES = f"""
dn: {BASE}
objectClass: dcObject
objectClass: organization
o: Example

dn: {SEARCHER}
objectClass: organizationalRole
objectClass: simpleSecurityObject
userPassword: {SEARCHER_PASSWORD}

dn: ou=people,{BASE}
objectClass: organizationalUnit

dn: ou=groups,{BASE}
objectClass: organizationalUnit
"""


@dataclass(frozen=True, slots=True)
class Directory:
    """A running slapd. `plain` takes StartTLS too; its certificate is for 127.0.0.1."""

    folder: Path
    port: int
    tls_port: int

    @property
    def plain(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def secure(self) -> str:
        return f"ldaps://127.0.0.1:{self.tls_port}"

    @property
    def authority(self) -> Path:
        return self.folder / "ca.pem"

    def person(self, name: str, *groups: str, mail: str = "") -> None:
        """Somebody with PASSWORD, put in these groups, which are made."""
        dn = f"uid={name},ou=people,{BASE}"
        self.change(
            f"dn: {dn}\nchangetype: add\nobjectClass: inetOrgPerson\ncn: {name}\nsn: {name}\n"
            f"displayName: {name.title()}\nmail: {mail or f'{name}@example.test'}\nuserPassword: {PASSWORD}\n"
        )
        for group in groups:
            self.change(
                f"dn: cn={group},ou=groups,{BASE}\nchangetype: add\nobjectClass: groupOfNames\nmember: {dn}\n"
            )

    def change(self, ldif: str) -> None:
        done = subprocess.run(
            ["ldapmodify", "-x", "-H", self.plain, "-D", f"cn=root,{BASE}", "-w", f"root of {self.folder}"],
            input=ldif,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr


@contextmanager
def served(folder: Path) -> Iterator[Directory]:
    """A new directory in `folder`, without people. Installs the packages it needs."""
    need("slapd", "ldap-utils")
    (folder / "data").mkdir(parents=True)
    write_certificates(folder)
    (folder / "slapd.conf").write_text(CONFIGURATION.format(folder=folder, base=BASE))
    subprocess.run(
        ["/usr/sbin/slapadd", "-q", "-f", folder / "slapd.conf"],
        input=ENTRIES,
        text=True,
        check=True,
        capture_output=True,
        timeout=60,
    )
    directory = Directory(folder, processes.free_port(), processes.free_port())
    listen = f"{directory.plain}/ {directory.secure}/"
    command = ["/usr/sbin/slapd", "-d", "0", "-f", str(folder / "slapd.conf"), "-h", listen]
    with processes.start(command, log=folder / "log", port=directory.tls_port):
        yield directory


def write_certificates(folder: Path, address: str = "127.0.0.1") -> None:
    """`ca.pem`, and `server.pem` with `server-key.pem` for this address and `localhost`."""
    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    names = [x509.IPAddress(ip_address(address)), x509.DNSName("localhost")]
    root = _certificate("Directory CA", authority, "Directory CA", authority, authority=True)
    leaf = _certificate("directory", key, "Directory CA", authority, names=names)
    (folder / "ca.pem").write_bytes(root.public_bytes(Encoding.PEM))
    (folder / "server.pem").write_bytes(leaf.public_bytes(Encoding.PEM))
    (folder / "server-key.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )


def _certificate(
    subject: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    names: list[x509.GeneralName] | None = None,
    authority: bool = False,
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        _name(issuer), _name(subject), key.public_key(), x509.random_serial_number()
    )
    builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=2))
    builder = builder.add_extension(x509.BasicConstraints(authority, None), critical=True)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    builder = builder.add_extension(identifier, False)
    if authority:
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        builder = builder.add_extension(usage, critical=True)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(issuer_key, SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])
