"""PEM in programs: certificates and keys that somebody has written into them."""

import base64
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.stores.pem_text import unwrapped
from certwright.core.stores.reading import read_store
from certwright.core.stores.values import Entry, StoredKey
from tests.core.stores.made import PASSWORD, PrivateFormat, chain, key_pem, pem

CHAIN = chain()
KEY = CHAIN.server.key
TRADITIONAL = key_pem(KEY, PASSWORD, PrivateFormat.TraditionalOpenSSL)
PLAIN = {
    "certificate": (pem(CHAIN.server.der), Entry(chain=(CHAIN.server.der,))),
    "key": (key_pem(KEY), Entry(key=StoredKey(CHAIN.digest))),
    "OpenSSH": (key_pem(KEY, form=PrivateFormat.OpenSSH), Entry(key=StoredKey(CHAIN.digest))),
    "headers": (TRADITIONAL, Entry(key=StoredKey(CHAIN.digest, True))),
}


def quoted(between: str, quote: str = '"', end: str = r"\n") -> Callable[[str], str]:
    return lambda text: (
        "x = (" + between.join(f"{quote}{one}{end}{quote}" for one in text.splitlines()) + ");"
    )


def before_each(sign: str) -> Callable[[str], str]:
    return lambda text: "\n".join(f"{sign}{one}" for one in ("about it", *text.splitlines(), "and so on"))


def net(text: str) -> str:
    """As System.Text.Json writes it."""
    return text.replace("+", r"\u002B").replace("=", r"\u003D").replace("\n", r"\r\n")


FORMS: dict[str, Callable[[str], str]] = {
    "JSON": json.dumps,
    "JSON in JSON": lambda text: json.dumps({"inner": json.dumps({"a": text})}),
    "JSON of PHP": lambda text: json.dumps(text).replace("/", r"\/"),
    "JSON of .NET": lambda text: f'{{"a": "{net(text)}"}}',
    "XML": lambda text: f"<a>{text}</a>".replace("\n", "&#xD;&#xA;"),
    "Python": quoted("\n    "),
    "Python's octets": quoted("\n    b", "'"),
    "Java": quoted(" +\n        ", end=r"\r\n"),
    "JavaScript": quoted(",\n  ", "'", ""),
    "C": quoted(" \\\n"),
    "C without a sign": quoted("\n"),
    "Perl": quoted(" .\n", end='" . "\\n'),
    "Go": lambda text: f"const x = `{text}`",
    "shell": lambda text: f"KEY=$(cat <<END\n{text}\nEND\n)",
    "indented": before_each("        "),
    **{
        f"comment {sign}": before_each(f"  {sign} ")
        for sign in ("#", "//", "///", "--", ";;", "%%", "*", "|")
    },
    "comment /*": lambda text: "/* " + "\n * ".join(text.splitlines()) + "\n */",
    "mail": before_each("> > "),
    "difference, new": before_each("+"),
    "difference, old": before_each("-"),
    "Windows": lambda text: before_each("// ")(text).replace("\n", "\r\n"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", PLAIN)
def test_what_is_written_into_a_program_is_read(form: str, kind: str) -> None:
    octets, expected = PLAIN[kind]
    store = read_store(FORMS[form](octets.decode()).encode(), (PASSWORD,))
    assert store is not None
    assert store.entries == (expected,)


SECRET = """
apiVersion: v1
kind: Secret
type: kubernetes.io/tls
data:
  tls.crt: {}
  tls.key: "{}"
  other: LS0tLS1CRUdJTi{}
"""


def test_base64_of_pem_is_read_as_manifests_have_it() -> None:
    parts = (pem(*CHAIN.ders), key_pem(KEY), b"no end")
    store = read_store(SECRET.format(*(base64.b64encode(one).decode() for one in parts)).encode())
    assert store is not None
    assert store.entries == (Entry(chain=CHAIN.ders, key=StoredKey(CHAIN.digest)),)


@pytest.mark.parametrize("text", [b"LS0tLS1CRUdJTi", b"LS0tLS1CRUdJTi=", b"LS0tLS1CRUdJTiA" * 50_000])
def test_base64_that_begins_as_pem_and_goes_on_as_nothing_is_none(text: bytes) -> None:
    store = read_store(text)
    assert store is None or not store.entries


SPEAKING = r"""
if text.startswith("-----BEGIN PRIVATE KEY-----") and text.endswith("-----END PRIVATE KEY-----"): pass
key = "-----BEGIN RSA PRIVATE KEY-----\n" + body + "\n-----END RSA PRIVATE KEY-----\n"
'''
-----BEGIN OPENSSH PRIVATE KEY-----
<your key here>
-----END OPENSSH PRIVATE KEY-----
-----BEGIN EC PRIVATE KEY-----
AAAA
-----END EC PRIVATE KEY-----
'''
"""


def test_a_program_that_speaks_of_keys_has_none() -> None:
    store = read_store(SPEAKING.encode())
    assert store is not None
    assert [(one.key, bool(one.problem)) for one in store.entries] == [(None, True)] * 4


def test_a_key_that_cannot_be_read_is_there_all_the_same() -> None:
    text = key_pem(KEY).decode().splitlines()
    store = read_store("\n".join((text[0], text[1], text[-1])).encode())
    assert store is not None
    assert store.entries == (Entry(key=StoredKey()),)


@pytest.mark.parametrize(
    "piece", ["\\", '"', "'\n", "\\n", "// ", "\\u00", " ,", "a: ", "&#", "\\x4", "\n# "]
)
def test_long_hostile_text_is_gone_through_once(piece: str) -> None:
    """Doubling the text doubles the work; a quadratic step would take hours here."""
    text = piece.encode() * (900_000 // len(piece))
    for begin in (b"", b"// ", b'"'):
        for label in (b"CERTIFICATE", b"RSA PRIVATE KEY"):
            octets = b"%b-----BEGIN %b-----%b-----END %b-----" % (begin, label, text, label)
            assert read_store(octets) is not None


@given(
    st.binary(max_size=20),
    st.lists(st.sampled_from([b"AAAA", b"\\n", b'"', b"'", b"//", b"\n", b"&#10;", b":"])),
)
def test_any_text_is_unwrapped(before: bytes, parts: list[bytes]) -> None:
    inside = b"".join(parts)
    assert unwrapped(before, inside).count(b"AAAA") <= inside.count(b"AAAA")
    assert unwrapped(b"", b"AAAA\n+/==") == b"AAAA\n+/=="
