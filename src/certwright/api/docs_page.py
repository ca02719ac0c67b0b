"""`/api/docs`: the OpenAPI document as a plain page, rendered here: no script, nothing from elsewhere."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.template import Context, Engine
from django.templatetags.static import static
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

Document = dict[str, Any]
TEMPLATES = Path(__file__).parent / "templates"
DEPTH_MAX = 4
_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, slots=True)
class Field:
    """One parameter, or one field of a document; `place` is the path to the object it is in."""

    name: str
    type: str
    required: bool
    text: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    identifier: str
    method: str
    path: str
    summary: str
    parameters: tuple[Field, ...]
    body: tuple[Field, ...]
    answers: tuple[tuple[str, tuple[Field, ...]], ...]


def docs_page(document: Document) -> str:
    """HTML for an OpenAPI document."""
    engine = Engine(dirs=[str(TEMPLATES)])
    values = {
        "info": document["info"],
        "groups": groups(document),
        "icon": static("certwright/icon.svg"),
        "style": static("certwright/plain.css"),
    }
    return engine.get_template("api.html").render(Context(values))


def groups(document: Document) -> dict[str, list[Route]]:
    """The routes by their tag, in the document's order."""
    found: dict[str, list[Route]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            found.setdefault(operation["tags"][0], []).append(_route(document, path, method, operation))
    return found


def _route(document: Document, path: str, method: str, operation: Document) -> Route:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    answers = [
        (status, tuple(fields(document, _schema(response))))
        for status, response in operation["responses"].items()
        if status.isdigit()
    ]
    return Route(
        operation["operationId"],
        method.upper(),
        path,
        _marked(operation["summary"]),
        tuple(_parameter(document, one) for one in operation["parameters"]),
        tuple(fields(document, body)),
        tuple(answers),
    )


def _marked(text: str) -> SafeString:
    """HTML for text with `code` in it."""
    return mark_safe(_CODE.sub(r"<code>\1</code>", escape(text)))  # noqa: S308 - escaped before


def _schema(response: Document) -> Document:
    schema: Document = response.get("content", {}).get("application/json", {}).get("schema", {})
    return schema


def _parameter(document: Document, parameter: Document) -> Field:
    kind = f"{type_name(document, parameter['schema'])} in the {parameter['in']}"
    return Field(parameter["name"], kind, parameter["required"], _marked(parameter.get("description", "")))


def fields(document: Document, schema: Document, place: str = "") -> Iterator[Field]:
    """The fields of an object, each followed by those inside it."""
    schema = _resolved(document, schema)
    required = schema.get("required", ())
    for name, inner in schema.get("properties", {}).items():
        text = _marked(inner.get("description", ""))
        yield Field(name, type_name(document, inner), name in required, text, place)
        if place.count(".") < DEPTH_MAX:
            yield from fields(document, _inside(inner), f"{place}{name}.")


def _inside(schema: Document) -> Document:
    """What the items of a list are, or the one choice beside null."""
    if "items" in schema:
        items: Document = schema["items"]
        return items
    choices = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    return _inside(choices[0]) if len(choices) == 1 else schema


def _resolved(document: Document, schema: Document) -> Document:
    if "$ref" not in schema:
        return schema
    found: Document = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def type_name(document: Document, schema: Document) -> str:
    """`text`, `time`, `list of Certificate`: a type as a person says it."""
    if "$ref" in schema:
        inner = _resolved(document, schema)
        return type_name(document, inner) if "enum" in inner else schema["$ref"].rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(type_name(document, one) for one in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        return f"list of {type_name(document, schema['items'])}"
    if schema.get("format") == "date-time":
        return "time"
    names = {"string": "text", "integer": "number", "boolean": "true or false", "null": "null"}
    return names.get(schema.get("type", ""), "object")
