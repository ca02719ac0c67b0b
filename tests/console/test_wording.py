"""Everything that a person reads in the console goes through gettext."""

from pathlib import Path

import pytest

from tests.console.wording import files, of_import, of_module, of_template

SOURCE = Path(__file__).parents[2] / "src/certwright"
FOLDERS = (SOURCE / "console", SOURCE / "site/pages")
NAMES = frozenset(
    "Certwright UTC SHA PEM DER PKCS CSV JSON CRL OCSP CAA OV EV REST API Ctrl".split()  # noqa: SIM905
)
"""Of things, the same in every language."""
NO_PAGES = ("login/saml", "login/openid", "endpoints/setups.py")
"""Messages to providers, why an answer of theirs is refused, and texts for programs."""
NOT_READ_THERE = frozenset(
    {
        *('attachment; filename="', 'attachment; filename="certificates-', 'attachment; filename="policy-'),
        *("sandbox; default-src 'none'; frame-ancestors 'none'", "text/csv; charset=utf-8", "Location"),
        *("SHOW server_version", "CERTIFICATE REQUEST", "Unknown OID"),
        "status:live (key:rsa<2048 or signature:sha1 or signature:md5)",
        *("login factor", "logged out", "its longest time is over", "nothing was asked for"),
        *("Certwright", "Python", "Django", "Classifier", "License", "Example"),
        *("the list", "the start page cannot read the database"),
    }
)
"""Headers, searches, labels of PEM, what goes on record, logs, errors, names of products."""


def test_no_template_has_words_of_its_own() -> None:
    found = [
        f"{path.relative_to(SOURCE)}: {text!r}"
        for path in files(FOLDERS, "html")
        for text in of_template(path.read_text(), NAMES)
    ]
    assert found == []


def test_no_module_has_words_of_its_own() -> None:
    found = [
        f"{path.relative_to(SOURCE)}:{line}: {text!r}"
        for path in files(FOLDERS, "py")
        if not any(name in str(path) for name in NO_PAGES)
        for line, text in of_module(path.read_text())
        if text not in NOT_READ_THERE
    ]
    assert found == []


def test_nothing_is_put_into_words_before_the_reader_is_known() -> None:
    found = [
        f"{path.relative_to(SOURCE)}:{line}"
        for path in files(FOLDERS, "py")
        for line in of_import(path.read_text())
    ]
    assert found == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("<h1>People</h1>", ["People"]),
        ("{% block title %}People{% endblock %}", ["People"]),
        ('<p title="Who is here">{% translate "People" %}</p>', ["Who is here"]),
        ("<p>{% blocktranslate %}{{ n }} of us{% endblocktranslate %} and them</p>", ["and them"]),
        ('{% include "a.html" with act="end" label="End all" %}', ["End all"]),
        ('{{ moment|date:"Y-m-d"|default:"never" }}', ["never"]),
        ('{{ moment|date:"Y-m-d"|default:_("never") }}{# a remark #}', []),
        ('<code>certwright up</code><p class="some words">{{ names }} · UTC</p>', []),
    ],
)
def test_words_in_a_template_are_found(source: str, found: list[str]) -> None:
    assert of_template(source, frozenset({"UTC"})) == found


MODULE = '''"""A module of pages."""
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

TITLE = gettext_lazy("All people")
EAGER = _("All people")
STATES = {"new": "Just made"}


class PersonForm(forms.Form):
    """Who it is."""

    name = forms.CharField(label="name", help_text=gettext_lazy("It stays."))
    kind = forms.ChoiceField(choices=[("x", "Service")])

    def clean_name(self):
        if not self.name:
            raise Malformed("errors speak English")
        raise forms.ValidationError("Choose another one")


def page(request, done):
    messages.success(request, f"{done} people were changed")
    return _("Done it")
'''


def test_words_in_a_module_are_found() -> None:
    texts = [text for _line, text in of_module(MODULE)]
    assert texts == ["Just made", "name", "Service", "Choose another one", " people were changed"]
    assert of_import(MODULE) == [6]
