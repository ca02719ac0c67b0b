"""Certificates in files, and what else stands in files."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.cli.options import FILE_OCTETS_MAX
from certwright.cli.pem_files import CERTIFICATES_MAX, certificates_in, read_chain
from certwright.core.errors import Malformed
from certwright.core.pem import pem
from tests.core.toy_chain import outside

ONE, OTHER = outside("CN=One").der, outside("CN=Other").der
BEGIN, END = b"-----BEGIN CERTIFICATE-----\n", b"-----END CERTIFICATE-----\n"
between = st.binary(max_size=60).filter(lambda octets: b"-----" not in octets and octets[:1] != b"0")


@given(between, st.lists(st.tuples(st.sampled_from([ONE, OTHER]), between), max_size=4), st.booleans())
def test_certificates_are_found_among_other_words(
    before: bytes, parts: list[tuple[bytes, bytes]], x509: bool
) -> None:
    label = "X509 CERTIFICATE" if x509 else "CERTIFICATE"
    content = before + b"".join(b"\n" + pem(der, label) + after for der, after in parts)
    assert certificates_in(content) == [der for der, _ in parts]


def test_a_file_may_be_one_certificate_and_no_other_value() -> None:
    assert certificates_in(ONE) == [ONE]
    assert certificates_in(ONE[:-1]) == []


@given(st.lists(st.sampled_from([BEGIN, END, b"AAAA\n", b"A", b"----", pem(ONE)]), max_size=8).map(b"".join))
def test_any_blocks_are_certificates_or_malformed(content: bytes) -> None:
    try:
        found = certificates_in(content)
    except Malformed:
        return
    assert len(found) == content.count(BEGIN)


@pytest.mark.parametrize("content", [BEGIN, pem(ONE)[:-30], BEGIN + pem(ONE)])
def test_a_block_without_end_is_told(content: bytes) -> None:
    with pytest.raises(Malformed, match="has no end"):
        certificates_in(content)


def test_a_file_of_beginnings_is_read_in_one_pass() -> None:
    """The largest that is read: for every beginning the rest of the file was looked through."""
    with pytest.raises(Malformed):
        certificates_in(BEGIN * (FILE_OCTETS_MAX // len(BEGIN)))


def test_a_chain_is_of_several_files_in_order(tmp_path: Path) -> None:
    (tmp_path / "leaf.der").write_bytes(ONE)
    (tmp_path / "rest.pem").write_bytes(pem(OTHER) + pem(ONE))
    assert read_chain([tmp_path / "leaf.der", tmp_path / "rest.pem"]) == [ONE, OTHER, ONE]
    (tmp_path / "many.pem").write_bytes(pem(ONE) * (CERTIFICATES_MAX + 1))
    (tmp_path / "none.pem").write_bytes(b"nothing")
    with pytest.raises(Malformed, match="21 certificates; 20 are the most"):
        read_chain([tmp_path / "many.pem"])
    with pytest.raises(Malformed, match=r"none\.pem holds no certificate"):
        read_chain([tmp_path / "leaf.der", tmp_path / "none.pem"])
