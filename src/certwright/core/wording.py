"""Texts of the core that pages show in the reader's language."""


def gettext_noop(text: str) -> str:
    """The same text. Its name is what xgettext looks for: so translators get it, and a page that shows it
    gives it to gettext."""
    return text
