"""Every port, setting, audit event and finding code stands in docs/reference."""

import re
from pathlib import Path

import pytest

from certwright.core.audit import EventKind
from tests.architecture.made_up import made_up
from tests.architecture.reference import SUBJECTS, Subject, reference, undocumented
from tests.architecture.source import CHECKOUT, modules, told

SOURCES = {
    "ports.py": """
        class Record: ...
        class Validator(Protocol): ...
    """,
    "site/configuration.py": """
        class Limits(Table):
            headers: int = Field(100)
        class Module(Table):
            pin: SecretStr
        class Configuration(BaseSettings):
            model_config = None
            home: Path = Field(".")
            limits: Limits = Limits()
            modules: tuple[Module, ...] = ()
    """,
    "core/audit.py": """
        class EventKind(Enum):
            KEY_CREATED = "key.created", "A key was made."
            KEY_DESTROYED = "key.destroyed"
    """,
    "core/lint/rules.py": """
        SERIAL = error("rfc5280.serial", clause="4.1.2.2")
        def act():
            yield Finding(code="rfc5280.key-usage")
            raise Refused((Reason("key.unsupported", "no"), other("not.this-one")))
    """,
}
NAMES = {
    "ports": ["Validator"],
    "settings": ["home", "limits.headers", "modules.pin"],
    "audit events": ["key.created", "key.destroyed"],
    "finding codes": ["key.unsupported", "rfc5280.key-usage", "rfc5280.serial"],
}


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.title)
def test_the_reference_names_every_one(subject: Subject) -> None:
    text, names = reference(CHECKOUT), subject.names(modules())
    if not text or not names:
        pytest.skip(f"docs/reference has no page yet, or the source no {subject.title}")
    found = [f"`{name}`" for name in undocumented(names, text)]
    assert not found, told(found, f"Add these {subject.title} to a page of docs/reference:")


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.title)
def test_a_missing_one_is_found(subject: Subject, tmp_path: Path) -> None:
    names = subject.names(made_up(tmp_path, SOURCES))
    assert names == NAMES[subject.title]
    (tmp_path / "docs/reference").mkdir(parents=True)
    (tmp_path / "docs/reference/all.md").write_text(" ".join(f"| `{name}` |" for name in names[:-1]))
    assert undocumented(names, reference(tmp_path)) == names[-1:]


def test_every_audit_event_happens() -> None:
    """The reference tells of nothing that no code puts on record."""
    written = "".join(path.read_text() for path in (CHECKOUT / "src").rglob("*.py"))
    never = [
        f"EventKind.{kind.name}" for kind in EventKind if not re.search(rf"EventKind\.{kind.name}\b", written)
    ]
    assert not never, told(never, "Put these on record where they happen, or take them away:")
