"""Settings as people are shown them: where each comes from, and no secret, wherever it stands."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from certwright.site.configuration import Configuration
from certwright.site.shown_settings import ShownSetting, _text, shown_settings

AWKWARD = st.text(st.sampled_from("s3@:/?#%& ="), max_size=12)
FILE = """
metrics_token = "s3cret-token"
https = "127.0.0.1:9443"
[limits]
headers = 77
[[pkcs11]]
name = "hsm"
module = "/usr/lib/module.so"
token = "ours"
pin = "s3cret-pin"
"""


def shown(home: Path) -> dict[str, ShownSetting]:
    return {one.name: one for one in shown_settings(Configuration.load(home))}


def test_each_says_where_it_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "certwright.toml").write_text(FILE)
    monkeypatch.setenv("CERTWRIGHT_LOGIN__FAILURES", "9")
    monkeypatch.setenv("CERTWRIGHT_KEY_ENCRYPTION_PASSPHRASE", "s3cret-passphrase")
    found = shown(tmp_path)
    sources = {
        name: found[name].source for name in ("limits.headers", "login.failures", "log_level", "https")
    }
    assert sources == {
        "limits.headers": "file",
        "login.failures": "environment",
        "log_level": "default",
        "https": "file",
    }
    assert found["login.failures"].value == "9"
    assert found["https"].value == "127.0.0.1:9443"
    assert found["pkcs11"].value == "hsm: /usr/lib/module.so, token ours"
    assert found["metrics_token"].value == found["key_encryption_passphrase"].value == "set, not shown"
    assert found["key_encryption_key"].value == "not set"
    assert "s3cret" not in repr(list(found.values()))


def test_what_a_supervisor_hands_down_keeps_its_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "certwright.toml").write_text(FILE)
    handed = Configuration.load(tmp_path, {"http": "127.0.0.1:9080"})
    for name, value in handed.environment().items():
        monkeypatch.setenv(name, value)
    found = shown(tmp_path)
    assert found["https"].source == "file"
    assert found["http"].source == "environment"
    assert {found[name].source for name in ("mtls", "url", "service_url", "workers", "open_enrolment")} == {
        "default"
    }


@given(AWKWARD, AWKWARD)
def test_no_password_is_shown(before: str, after: str) -> None:
    url = f"postgresql://us:{before}hidden{after}@db.example/name?password=hidden"
    text = _text(("database",), SecretStr(url))
    assert "hidden" not in text
    assert text.startswith("postgresql://us")


def test_a_file_is_shown_whole() -> None:
    url = "sqlite:////srv/pki.sqlite3"
    assert _text(("database",), SecretStr(url)) == url
