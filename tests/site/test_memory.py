"""Small when idle: a promise of the whole tree, held with a toy application."""

from pathlib import Path

from tests.site.running import command_line, descendants, proportional_memory, running

MEGABYTE = 1024 * 1024


def test_the_idle_tree_is_small(tmp_path: Path) -> None:
    """With Django loaded by a first visit to the console."""
    with running(tmp_path / "home") as site:
        site.get("https", "/")
        tree = [site.pid, *descendants(site.pid)]
        sizes = {command_line(pid): proportional_memory(pid) // MEGABYTE for pid in tree}
        print(sizes)
        assert proportional_memory(site.pid) < 20 * MEGABYTE
        assert sum(sizes.values()) < 200
