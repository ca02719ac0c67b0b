"""Metrics of many processes, read from their files while those come and go."""

from pathlib import Path

from certwright.site.metrics import metrics_text


def test_a_file_that_is_being_made_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "gauge_livemostrecent_7.db").touch()
    assert metrics_text(tmp_path) == b""
