"""`certwright practice`: from a draft to a published version."""

from tests.cli.conftest import Shell


def test_own_text_is_drafted_and_published_once(shell: Shell) -> None:
    assert shell.does("practice", "show") == "none\n"
    first = shell.gives("practice", "publish", "cps")
    assert (first["kind"], first["number"]) == ("cps", 1)
    assert shell.does("practice", "draft", "cps") == "nothing is new\n"
    assert "there is nothing new" in shell.refuses("practice", "publish", "cps")
    (shell.folder / "law").write_text("Law of the land.\n")
    shell.does("practice", "text", "cps", "9.14", shell.folder / "law")
    told = shell.does("practice", "draft", "cps")
    assert told == "9.14 Governing law\n  - No stipulation.\n  + Law of the land.\n"
    assert shell.does("practice", "publish", "cps") == "Published version 2 of the cps\n"
    assert [one["number"] for one in shell.gives("practice", "show")["versions"]] == [2, 1]


def test_what_cannot_be_is_told_in_one_line(shell: Shell) -> None:
    (shell.folder / "bad").write_bytes(b"\xff")
    assert "no text in UTF-8" in shell.refuses("practice", "text", "cps", "9.14", shell.folder / "bad")
    (shell.folder / "bad").write_bytes(b"a\x1bb")
    assert "cannot be seen" in shell.refuses("practice", "text", "cps", "9.14", shell.folder / "bad")
    assert "no section of the outline" in shell.refuses("practice", "text", "cps", "10", shell.folder / "bad")
    assert "known are cp and cps" in shell.refuses("practice", "publish", "cpx")
