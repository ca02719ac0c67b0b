"""Practice documents as REST and the command line show them."""

from dataclasses import asdict
from typing import Any

from ..core.practice.document import OwnText
from .publish_practice import Draft
from .serve_practice import ListedVersion


def version_document(version: ListedVersion) -> dict[str, Any]:
    times = {name: getattr(version, name).isoformat() for name in ("created_at", "effective_at")}
    return asdict(version) | times


def draft_document(draft: Draft) -> dict[str, Any]:
    return {
        "kind": draft.statement.kind.value,
        "newest": draft.before.number if draft.before else None,
        "changes": [asdict(one) for one in draft.changes],
        "sections": draft.document["sections"],
    }


def text_document(section: str, own: OwnText) -> dict[str, Any]:
    return {"section": section, "text": own.text, "replaces": own.replaces}
