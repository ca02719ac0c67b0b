"""Which languages there are: English, and those with a catalogue."""

from pathlib import Path

from certwright.site.languages import CATALOGUE, languages


def test_a_catalogue_makes_a_language(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for folder, locale in ((ours, "pt_BR"), (ours, "de"), (theirs, "de"), (theirs, "en"), (ours, "qaa")):
        catalogue = folder / locale / CATALOGUE
        catalogue.parent.mkdir(parents=True)
        catalogue.write_bytes(b"")
    (ours / "fr" / "LC_MESSAGES").mkdir(parents=True)
    assert languages([ours, theirs, tmp_path / "missing"]) == [
        ("en", "English"),
        ("de", "Deutsch"),
        ("pt-br", "Português Brasileiro"),
        ("qaa", "qaa"),
    ]
    assert languages([]) == [("en", "English")]
