"""What the files are called that people take away."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from certwright.console.downloads import STEM_MAX, file_stem


def test_a_file_has_the_name_of_what_is_in_it() -> None:
    assert file_stem("shop.pay.example") == "shop.pay.example"
    assert file_stem("*.pay.example") == "_.pay.example"
    assert file_stem("CN=Build robot,O=Example") == "CN_Build_robot_O_Example"


@given(st.text())
@example("../../etc/passwd")
@example('a"; filename="b.exe')
@example("name\r\nSet-Cookie: a=b")
def test_no_name_breaks_out_of_its_place(name: str) -> None:
    stem = file_stem(name)
    assert re.fullmatch(r"[A-Za-z0-9_@-][A-Za-z0-9._@-]*", stem)
    assert len(stem) <= STEM_MAX
