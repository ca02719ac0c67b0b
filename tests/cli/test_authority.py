"""`certwright authority` and `certwright crl`."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.cli.conftest import Shell
from tests.cli.outside import OutsideRoot, pem
from tests.core.toy_chain import outside, revocation_list

UNLOCK = "--recovery-passphrase-file"


def by_name(shell: Shell) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in shell.gives("authority", "list")["authorities"]}


def test_below_a_revoked_authority_none_is_in_force(shell: Shell, passphrase: Path) -> None:
    above = ("--parent", "root", UNLOCK, passphrase)
    shell.does("authority", "found", "middle", "--kind", "intermediate", *above)
    shell.does("authority", "found", "lower", "--parent", "middle")
    assert by_name(shell)["lower"]["status"] == "in force"
    certificate = x509.load_pem_x509_certificate(by_name(shell)["middle"]["certificate"].encode())
    order = ("revoke", f"{certificate.serial_number:032x}", "--reason", "caCompromise")
    said = shell(*order)
    assert said.status == 0
    assert "its list waits for `certwright crl publish root --recovery-passphrase-file FILE`" in said.err
    assert by_name(shell)["lower"]["status"] == "below a revoked certificate"
    assert by_name(shell)["issuing"]["status"] == "in force"


def test_a_subordinate_of_the_offline_root_is_founded_and_serves(shell: Shell, passphrase: Path) -> None:
    made = shell.gives(
        *("authority", "found", "team-a", "--parent", "root", "--permit", "dns:a.test", "--crl-shards", "2"),
        *("--policy", "1.3.6.1.4.1.99999.1", UNLOCK, passphrase),
    )
    assert made["status"] == "in force"
    certificate = x509.load_pem_x509_certificate(made["certificate"].encode())
    assert certificate.subject.rfc4514_string() == r"CN=Example\, Inc. Team A CA,O=Example\, Inc."
    constraints = certificate.extensions.get_extension_for_class(x509.NameConstraints).value
    assert [tree.value for tree in constraints.permitted_subtrees or ()] == ["a.test"]
    shell.does("issue", "--profile", "tls-server", "--dns", "www.a.test", "--authority", "team-a")
    said = shell.refuses("issue", "--profile", "tls-server", "--dns", "www.b.test", "--authority", "team-a")
    assert said.endswith("[policy.name.issuer-constraints]")
    published = shell.gives("crl", "publish", "team-a")["published"]
    assert [one["shard"] for one in published[0]["lists"]] == [0, 1]


def test_without_the_passphrase_nothing_is_begun(shell: Shell) -> None:
    before = by_name(shell)
    for order in (("found", "sub", "--parent", "root"), ("found", "other-root", "--kind", "root")):
        assert "give that with --recovery-passphrase-file" in shell.refuses("authority", *order)
    assert by_name(shell) == before


def test_a_wrong_passphrase_is_told_apart_from_a_misspelt_one(shell: Shell, tmp_path: Path) -> None:
    misspelt, wrong = tmp_path / "misspelt", tmp_path / "wrong"
    misspelt.write_text("00000-00000-00000-00000-00000-00000-00000")
    assert "typing error in group 1" in shell.refuses("crl", "publish", "root", UNLOCK, misspelt)
    from certwright.core.envelope import recovery_passphrase

    wrong.write_text(recovery_passphrase(bytes(16)))
    assert "another key-encryption key" in shell.refuses("crl", "publish", "root", UNLOCK, wrong)


def test_a_second_root_in_software_and_an_authority_below_it(shell: Shell) -> None:
    root = shell.gives(
        "authority", "found", "lab", "--kind", "root", "--provider", "software", "--algorithm", "ed25519"
    )
    assert root["key_provider"] == "software"
    shell.does(
        "authority",
        "found",
        "lab-issuing",
        "--parent",
        "lab",
        "--subject",
        "CN=Lab Issuing,O=Lab",
        "--path-length",
        "0",
    )
    issued = shell.gives("issue", "--profile", "tls-server", "--dns", "x.lab", "--authority", "lab-issuing")
    assert issued["issuer"] == "CN=Lab Issuing,O=Lab"
    assert "there is an authority lab already" in shell.refuses(
        "authority", "found", "lab", "--kind", "root", "--provider", "software", "--algorithm", "ed25519"
    )


def test_an_outside_root_signs_ours(shell: Shell, tmp_path: Path) -> None:
    pending = shell.gives("authority", "found", "partner", "--subject", "CN=Partner,O=Example")
    assert pending["status"] == "awaits its certificate"
    said = shell.refuses("issue", "--profile", "tls-server", "--dns", "x.test", "--authority", "partner")
    assert "no certificate to issue under yet" in said
    text = shell.does("authority", "csr", "partner", "--out", "deep/partner.csr")
    assert (shell.folder / "deep/partner.csr").read_text() == text == pending["csr"]
    request = x509.load_pem_x509_csr(text.encode())
    assert request.is_signature_valid
    outside = OutsideRoot()
    signed, bundle = outside.sign(request.subject, request.public_key()), tmp_path / "bundle.pem"
    bundle.write_bytes(pem(signed))
    refused = shell.refuses("authority", "accept", "partner", bundle)
    assert "is not signed by" in refused
    bundle.write_bytes(pem(signed) + pem(outside.certificate))
    assert shell.gives("authority", "accept", "partner", bundle)["status"] == "in force"
    issued = shell.gives("issue", "--profile", "tls-server", "--dns", "x.test", "--authority", "partner")
    leaf = x509.load_pem_x509_certificate(issued["certificate"].encode())
    leaf.verify_directly_issued_by(signed)
    assert x509.load_pem_x509_certificates(issued["chain"].encode()) == [signed]


def test_a_certificate_for_another_key_is_not_accepted(shell: Shell, tmp_path: Path) -> None:
    shell.does("authority", "found", "partner", "--subject", "CN=Partner")
    outside, path = OutsideRoot(), tmp_path / "wrong.pem"
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Partner")])
    path.write_bytes(
        pem(outside.sign(subject, ec.generate_private_key(ec.SECP256R1()).public_key()))
        + pem(outside.certificate)
    )
    assert shell.refuses("authority", "accept", "partner", path).endswith("[authority.key]")


@pytest.mark.parametrize("secret", ["", "a long passphrase"])
def test_an_authority_is_brought_with_its_key(secret: str, shell: Shell, tmp_path: Path) -> None:
    outside = OutsideRoot()
    encryption: Any = serialization.NoEncryption()
    if secret:
        encryption = serialization.BestAvailableEncryption(secret.encode())
    key, certificate, passphrase = tmp_path / "key.pem", tmp_path / "ca.pem", tmp_path / "secret"
    key.write_bytes(
        outside.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    )
    certificate.write_bytes(pem(outside.certificate))
    passphrase.write_text(secret)
    order = ["authority", "import", "legacy", certificate, "--key", key, "--kind", "root"]
    order.append("--no-revocations")
    if secret:
        assert "the private key cannot be read" in shell.refuses(*order)
        order += ["--key-passphrase-file", passphrase]
    made = shell.gives(*order)
    assert (made["key_algorithm"], made["status"]) == ("ecdsa-p384", "in force")
    issued = shell.gives("issue", "--profile", "tls-server", "--dns", "x.test", "--authority", "legacy")
    x509.load_pem_x509_certificate(issued["certificate"].encode()).verify_directly_issued_by(
        outside.certificate
    )


def test_an_authority_brought_along_says_what_it_has_revoked(shell: Shell, tmp_path: Path) -> None:
    one = outside("CN=Legacy")
    key, certificate = tmp_path / "key.pem", tmp_path / "ca.der"
    pkcs8 = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    key.write_bytes(one.key.private_bytes(serialization.Encoding.PEM, *pkcs8))
    certificate.write_bytes(one.der)
    last, named = tmp_path / "last.crl", tmp_path / "named.crl"
    last.write_bytes(revocation_list(one, 41))
    named.write_bytes(revocation_list(one, 41, revoked=(7,)))
    order = ("authority", "import", "legacy", certificate, "--key", key, "--kind", "root")
    for neither_or_both in ((), ("--crl", last, "--no-revocations")):
        said = shell.refuses(*order, *neither_or_both)
        assert "give its last list with --crl FILE, or --no-revocations" in said
    assert "cannot be carried on yet" in shell.refuses(*order, "--crl", named)
    assert "legacy" not in by_name(shell)
    shell.does(*order, "--crl", last)
    published = shell.gives("crl", "publish", "legacy")["published"]
    assert published[0]["lists"][0]["number"] > 41


def test_an_outside_subordinate_is_certified(shell: Shell, passphrase: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Their CA")])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    path = shell.folder / "theirs.csr"
    path.write_bytes(request.public_bytes(serialization.Encoding.DER))
    order = ("authority", "sign-csr", path, "--parent", "root", UNLOCK, passphrase)
    made = shell.gives(
        *order, "--path-length", "0", "--exclude", "dns:example.test", "--days", "30", "--out", "t.pem"
    )
    certificate, root = x509.load_pem_x509_certificates((shell.folder / "t.pem").read_bytes())
    certificate.verify_directly_issued_by(root)
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0
    assert made["profile"] == "intermediate-authority"
    assert "is not for authorities" in shell.refuses(*order, "--profile", "tls-server")


def test_retired_means_issuing_no_more_and_publishing_on(shell: Shell) -> None:
    issued = shell.gives("issue", "--profile", "tls-server", "--dns", "x.test")
    shell.does("authority", "retire", "issuing")
    assert by_name(shell)["issuing"]["status"].startswith("retired ")
    said = shell.refuses("issue", "--profile", "tls-server", "--dns", "y.test", "--out", "y")
    assert "is retired since" in said
    assert "is retired since" in shell.refuses("authority", "retire", "issuing")
    shell.does("revoke", issued["serial"])
    published = shell.gives("crl", "publish", "issuing")["published"]
    assert published[0]["lists"][0]["entries"] == 1


def test_an_order_that_was_a_mistake_is_withdrawn(shell: Shell) -> None:
    twice = ("--policy", "1.2.3", "--policy", "1.2.3")
    said = shell.refuses("authority", "found", "mistake", "--kind", "root", "--provider", "software", *twice)
    assert "rfc5280.policies.twice" in said
    assert "mistake" not in by_name(shell)
    shell.does("authority", "found", "mistake", "--subject", "CN=Partner")
    assert "was ordered otherwise" in shell.refuses("authority", "found", "mistake", "--subject", "CN=Other")
    shell.does("authority", "withdraw", "mistake")
    assert "mistake" not in by_name(shell)
    shell.does("authority", "found", "mistake", "--subject", "CN=Other")
    shell.does("authority", "found", "partner", "--subject", "CN=Partner")


POLICY = "1.3.6.1.4.1.99999.1"


def test_below_five_authorities_others_agree(shell: Shell, tmp_path: Path) -> None:
    """A root and four more, each with less room than the one above it, and a strict relying party."""
    shell.does("authority", "found", "a0", "--kind", "root", "--provider", "software", "--path-length", "4")
    for number, permitted in enumerate(("test", "corp.test", "lab.corp.test", "one.lab.corp.test"), 1):
        shell.does(
            *("authority", "found", f"a{number}", "--kind", "intermediate", "--parent", f"a{number - 1}"),
            *("--path-length", str(4 - number), "--permit", f"dns:{permitted}"),
            *("--exclude", f"dns:not.{permitted}", "--policy", POLICY),
        )
    last = x509.load_pem_x509_certificate(by_name(shell)["a4"]["certificate"].encode()).extensions
    limits = last.get_extension_for_class(x509.NameConstraints)
    assert limits.critical
    names = [x509.DNSName("one.lab.corp.test")], [x509.DNSName("not.one.lab.corp.test")]
    assert (limits.value.permitted_subtrees, limits.value.excluded_subtrees) == names
    [policy] = last.get_extension_for_class(x509.CertificatePolicies).value
    assert policy.policy_identifier.dotted_string == POLICY
    below = ("authority", "found", "a5", "--parent", "a4")
    assert shell.refuses(*below).endswith("[policy.issuer.path-length]")
    order = ("issue", "--profile", "tls-server", "--authority", "a4", "--dns")
    for name in ("www.lab.corp.test", "www.not.one.lab.corp.test"):
        assert shell.refuses(*order, name).endswith("[policy.name.issuer-constraints]")
    issued = shell.gives(*order, "www.one.lab.corp.test")
    files = {"root": by_name(shell)["a0"]["certificate"]} | {
        name: issued[name] for name in ("chain", "certificate")
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert issued["chain"].count("BEGIN") == 4
    strict = ("-x509_strict", "-purpose", "sslserver", "-verify_hostname", "www.one.lab.corp.test")
    said = subprocess.run(
        ["openssl", "verify", *strict, "-CAfile", "root", "-untrusted", "chain", "certificate"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert (said.returncode, said.stdout) == (0, b"certificate: OK\n")


def test_publishing_without_a_name_takes_whose_key_can_be_used(shell: Shell, passphrase: Path) -> None:
    usable = [one["authority"] for one in shell.gives("crl", "publish")["published"]]
    assert usable == ["issuing/1"]
    everything = shell.gives("crl", "publish", UNLOCK, passphrase)["published"]
    assert [one["authority"] for one in everything] == ["issuing/1", "root/1"]
    root = datetime.fromisoformat(everything[1]["lists"][0]["next_update"])
    assert root > datetime.now(UTC) + timedelta(days=300)
    kinds = shell.does("audit", "export", "log") and (shell.folder / "log").read_text()
    assert '\\"kind\\":\\"key.opened\\"' in kinds


def test_show_says_where_relying_parties_look(shell: Shell) -> None:
    said = shell.does("authority", "show", "issuing")
    assert "http://localhost:8080/ocsp/issuing/1" in said
    assert said.count("-----BEGIN CERTIFICATE-----") == 2
    assert "there is no authority 'nope'; known: issuing, root" in shell.refuses("authority", "show", "nope")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["found", "No Name", "--subject", "CN=x"], "is no authority name"),
        (["found", "x", "--kind", "queen"], "is no kind of authority"),
        (["found", "x", "--permit", "nonsense"], "name constraint 'nonsense'"),
        (["found", "x", "--policy", "1.x"], "is no object identifier"),
        (["found", "x", "--parent", "nope"], "there is no authority 'nope'"),
        (["found", "x", "--provider", "hsm", "--parent", "issuing"], "no key provider 'hsm' is configured"),
        (["csr", "issuing"], "awaits no certificate"),
        (["retire", "nope"], "there is no authority 'nope'"),
    ],
)
def test_what_cannot_be_says_why(arguments: list[str], line: str, shell: Shell) -> None:
    before = by_name(shell)
    assert line in shell.refuses("authority", *arguments)
    assert by_name(shell) == before
