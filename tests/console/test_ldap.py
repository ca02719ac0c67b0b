"""A real directory asked for people: how, how safely, and what becomes of what it says."""

import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ldap3.utils.dn import parse_dn

from certwright.console.login.ldap import escape_name, source_of, vouch
from certwright.core.errors import Unavailable
from certwright.operations.manage_users import disable_user
from certwright.site.login_settings import LdapSource
from tests.conftest import RUN
from tests.console.browsing import PROXIED, alerts, browser, code, events, make_person
from tests.real import certwright as real_certwright
from tests.real import slapd
from tests.real.certwright import ADMINISTRATOR, Home, Site
from tests.real.slapd import BASE, PASSWORD, SEARCHER, SEARCHER_PASSWORD, Directory


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    with slapd.served(tmp_path_factory.mktemp("slapd")) as served:
        served.person("alice", "PKI-Admins", "others")
        served.person("bob")
        yield served


def asked(directory: Directory, **more: Any) -> LdapSource:
    """Settings by which a search finds people, over LDAPS."""
    plain: dict[str, Any] = {
        "servers": (directory.secure,),
        "ca_file": directory.authority,
        "base": BASE,
        "bind_dn": SEARCHER,
        "bind_password": SEARCHER_PASSWORD,
    }
    return LdapSource(**(plain | more))


def test_who_has_the_password_is_told_of(directory: Directory) -> None:
    found = vouch(asked(directory), "alice", PASSWORD)
    assert found
    assert (found.name, found.display_name, found.email) == ("alice", "Alice", "alice@example.test")
    assert {"pki-admins", "others", f"cn=pki-admins,ou=groups,{BASE}"} <= set(found.groups)
    again = vouch(asked(directory), "ALICE", PASSWORD)
    assert again == found
    bob = vouch(asked(directory), "bob", PASSWORD)
    assert bob
    assert bob.external_id != found.external_id
    assert bob.groups == ()


def test_there_are_several_ways_in(directory: Directory) -> None:
    template = {"bind_dn": "", "bind_password": None, "user_dn": f"uid={{name}},ou=people,{BASE}"}
    ways: list[dict[str, Any]] = [
        {"servers": (directory.plain,)},
        {"servers": (directory.plain,), "ca_file": None},
        {"servers": ("ldaps://127.0.0.1:9", directory.secure)},
        template,
        {"group_filter": "(&(cn=pki-admins)(member={dn}))", "user_filter": "(mail={name}@example.test)"},
    ]
    for way in ways:
        found = vouch(asked(directory, **way), "alice", PASSWORD)
        assert found
        assert found.name == "alice"
        assert "pki-admins" in found.groups


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("alice", "wrong"),
        ("alice", ""),
        ("alice", "\u00ad"),  # of which SASLprep leaves nothing
        ("", PASSWORD),
        ("", ""),
        ("nobody", PASSWORD),
        ("*", PASSWORD),
        ("alice)(uid=*", PASSWORD),
        ("alice\x00", PASSWORD),
        ("alice,ou=people", PASSWORD),
        ("searcher", SEARCHER_PASSWORD),
    ],
)
@pytest.mark.parametrize("template", ["", f"uid={{name}},ou=people,{BASE}"])
def test_nobody_else_is(directory: Directory, name: str, password: str, template: str) -> None:
    more = {"bind_dn": "", "bind_password": None, "user_dn": template} if template else {}
    assert vouch(asked(directory, **more), name, password) is None


def test_an_ambiguous_name_is_nobodys(directory: Directory) -> None:
    assert (
        vouch(asked(directory, user_filter="(|(uid={name})(objectClass=inetOrgPerson))"), "bob", PASSWORD)
        is None
    )


def test_a_server_with_another_certificate_gets_no_password(directory: Directory, tmp_path: Path) -> None:
    slapd.write_certificates(tmp_path)
    for servers, ca_file in (
        ((directory.secure,), tmp_path / "ca.pem"),
        ((directory.plain,), tmp_path / "ca.pem"),
        ((directory.secure,), tmp_path / "not-there.pem"),
    ):
        with pytest.raises(Unavailable, match="cannot be asked"):
            vouch(asked(directory, servers=servers, ca_file=ca_file), "alice", PASSWORD)


def test_a_certificate_for_another_address_is_refused(directory: Directory, tmp_path: Path) -> None:
    """By an authority that is trusted, yet not for whom we dialled."""
    slapd.write_certificates(tmp_path, "192.0.2.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server-key.pem")
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as other:

        def answer() -> None:
            with (
                other.accept()[0] as connection,
                suppress(OSError),
                context.wrap_socket(connection, server_side=True) as secure,
            ):
                seen.append(secure.recv(1024))

        thread = threading.Thread(target=answer)
        thread.start()
        url = f"ldaps://127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(Unavailable, match="cannot be asked"):
            vouch(asked(directory, servers=(url,), ca_file=tmp_path / "ca.pem"), "alice", PASSWORD)
        thread.join(10)
    assert seen in ([], [b""])


def test_what_is_set_wrong_is_told_and_is_nobodys_failure(directory: Directory) -> None:
    for more, told in (
        ({"bind_password": "wrong"}, "bind_dn"),
        ({"base": "dc=elsewhere"}, "noSuchObject"),
        ({"id_attribute": "employeeNumber"}, "no employeeNumber"),
    ):
        with pytest.raises(Unavailable, match=told):
            vouch(asked(directory, **more), "alice", PASSWORD)


def test_a_server_that_never_answers_is_left(directory: Directory) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        silence = asked(directory, servers=(f"ldaps://127.0.0.1:{port}",), seconds=1)
        began = time.monotonic()
        with pytest.raises(Unavailable):
            vouch(silence, "alice", PASSWORD)
        assert time.monotonic() - began < 10


def test_groups_know_no_case(directory: Directory) -> None:
    rules = {"Admins": ("auditor",), "ADMINS": ("team:pay",)}
    assert source_of(asked(directory, groups=rules)).groups == {"admins": ("auditor", "team:pay")}


@given(st.text(min_size=1))
@settings(max_examples=200)
def test_no_name_leaves_its_place_in_the_template(name: str) -> None:
    parts = parse_dn(f"uid={escape_name(name)},ou=people,{BASE}")
    assert len(parts) == 4
    assert parts[0][0] == "uid"
    value = re.sub(
        r"(?:\\[0-9a-f]{2})+", lambda found: bytes.fromhex(found[0].replace("\\", "")).decode(), parts[0][1]
    )
    assert value == name


# -- log-in --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site(founded: Home, directory: Directory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("ldap") / "home"
    secret = tmp_path_factory.mktemp("secret") / "password"
    secret.write_text(SEARCHER_PASSWORD + "\n")
    ldap = {
        "servers": [directory.secure],
        "ca_file": str(directory.authority),
        "base": BASE,
        "user_filter": "(|(uid={name})(mail={name}))",
        "bind_dn": SEARCHER,
        "bind_password_file": str(secret),
        "create": True,
        "groups": {"pki-admins": ["administrator"]},
    }
    with real_certwright.copy(founded, folder, Path(os.environ[RUN])) as home:
        home.configure(PROXIED | {"login": {"failures": 3, "ldap": ldap}})
        with home.served() as served:
            yield served


def test_a_first_log_in_makes_an_account_with_the_roles_of_its_groups(
    site: Site, directory: Directory
) -> None:
    directory.person("dora", "dora-only")
    with browser(site) as dora:
        assert dora.log_in("dora", PASSWORD).headers["location"] == "/console/"
        assert dora.get("/console/people/").status_code == 403
        assert "You log in by ldap" in dora.get("/console/account/").text
        assert dora.get("/login/password/").status_code == 409
        assert dora.get("/login/again/").status_code == 200
        assert dora.send("/login/again/", password="wrong").status_code == 200
        assert dora.send("/login/again/", password=PASSWORD).status_code == 302
    (made,) = events(site.home, "user.created", "user:dora")
    assert made["detail"] == {"service": False, "origin": "ldap", "email": "dora@example.test"}
    assert made["actor"] == "source:ldap"
    group = f"dn: cn=pki-admins,ou=groups,{BASE}\nchangetype: modify\n{{}}: member\n"
    group += f"member: uid=dora,ou=people,{BASE}\n"
    for change, status in (("add", 200), ("delete", 403)):
        directory.change(group.format(change))
        with browser(site) as dora:
            dora.log_in("dora", PASSWORD)
            assert dora.get("/console/people/").status_code == status
    assert events(site.home, "grant.withdrawn", "user:dora")[0]["detail"]["origin"] == "ldap"


def test_a_second_factor_comes_after_the_directorys_password(site: Site, directory: Directory) -> None:
    directory.person("erik")
    with browser(site) as erik:
        erik.log_in("erik", PASSWORD)
        secret = erik.add_authenticator()
        erik.send("/login/out/")
        assert erik.log_in("erik", PASSWORD).headers["location"] == "/login/factor/"
        assert not erik.logged_in()
        assert erik.send("/login/factor/", code=code(secret, 1)).headers["location"] == "/console/"


def test_guesses_are_counted_as_for_other_passwords(site: Site, directory: Directory) -> None:
    directory.person("fred")
    with browser(site) as thief:
        for _ in range(3):
            assert "wrong" in thief.log_in("fred", "guess").text
        assert "Too many log-ins have failed" in thief.log_in("fred", PASSWORD).text
    with browser(site) as fred:
        assert fred.log_in("fred", PASSWORD).headers["location"] == "/console/"


def test_an_account_here_with_the_same_name_is_not_taken_over(site: Site, directory: Directory) -> None:
    make_person(site.home, "gina")
    directory.person("gina", mail="g@example.test")
    directory.change(
        f"dn: uid=gina,ou=people,{BASE}\nchangetype: modify\nreplace: userPassword\n"
        "userPassword: of the directory\n"
    )
    with browser(site) as someone:
        assert "wrong" in someone.log_in("gina", "of the directory").text
        told = alerts(someone.log_in("g@example.test", "of the directory")) or [""]
        assert "there is an account gina already" in " ".join(told)
        assert not someone.logged_in()
        assert someone.log_in("gina").headers["location"] == "/console/"


def test_who_is_disabled_here_stays_out(site: Site, directory: Directory) -> None:
    directory.person("hugo")
    with browser(site) as hugo:
        assert hugo.log_in("hugo", PASSWORD).status_code == 302
        site.home.run(lambda context: disable_user(context, ADMINISTRATOR, "hugo"))
        assert not hugo.logged_in()
        assert "disabled" in hugo.log_in("hugo", PASSWORD).text
