"""The REST API as Django mounts it: every route, its OpenAPI document, and a page made of that.

What the fast lane answers is declared here too (`certificates.py`), so that the document knows all routes.
"""

from functools import cache

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, include, path, re_path
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.operation import Operation
from pydantic.json_schema import models_json_schema

from .. import __version__
from ..core.errors import CertwrightError
from ..protocols.asgi import PROBLEM_JSON
from . import (
    accounts,
    acme,
    attestation,
    audit,
    authorities,
    certificates,
    configuration,
    discovery,
    fields,
    health,
    organizations,
    people,
    policy,
    practice,
    proposals,
    requests,
    schemas,
)
from .docs_page import docs_page
from .web import (
    BearerToken,
    Document,
    answer_error,
    answer_http_error,
    answer_invalid,
    guarded,
    no_such_resource,
)

BASE = "/api/v1/"
DESCRIPTION = (
    "Authorities, certificates and their status, and who may do what. Every route takes a bearer token; "
    "every error is a problem document (RFC 9457) that says what was wrong, where, and what to do."
)


DANGEROUS = {
    "found_authority",
    "sign_subordinate",
    "retire_authority",
    "revoke_certificate",
    "save_policy",
    "grant_role",
    "withdraw_role",
    "add_team_member",
    "remove_team_member",
    "reset_password",
    "save_second_person",
    "carry_out_proposal",
}
"""What may be held for a second person, each answered by 202 then."""


class _Api(NinjaAPI):
    def get_openapi_operation_id(self, operation: Operation) -> str:
        return operation.view_func.__name__


def _make_api() -> NinjaAPI:
    api = _Api(
        title="Certwright",
        version=__version__,
        description=DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        urls_namespace="api",
        auth=BearerToken(),
    )
    api.exception_handler(CertwrightError)(answer_error)
    api.exception_handler(HttpError)(answer_http_error)
    api.exception_handler(ValidationError)(answer_invalid)
    for room in (
        certificates,
        fields,
        discovery,
        health,
        requests,
        authorities,
        configuration,
        policy,
        acme,
        people,
        accounts,
        organizations,
        attestation,
        practice,
        proposals,
        audit,
    ):
        api.add_router("", room.router)
    return api


api = _make_api()


@cache
def openapi() -> Document:
    """The OpenAPI 3.1 document."""
    document: Document = dict(api.get_openapi_schema(path_prefix=BASE))
    document.pop("servers")
    _, definitions = models_json_schema(
        [(schemas.Problem, "serialization"), *((body, "validation") for body in certificates.BODIES)],
        ref_template=certificates.SCHEMA,
    )
    document["components"]["schemas"].update(definitions["$defs"])
    document["components"]["responses"] = {"Problem": _PROBLEM}
    for methods in document["paths"].values():
        for operation in methods.values():
            _settle(operation)
    return document


_PROBLEM = {
    "description": "What was wrong, where, and what to do.",
    "content": {PROBLEM_JSON.decode(): {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def _settle(operation: Document) -> None:
    """What it does as its summary, and the errors that any route may answer."""
    operation["summary"] = operation.pop("description")
    for parameter in operation["parameters"]:
        parameter["schema"] = _of_parameter(parameter["schema"])
    problem = {"$ref": "#/components/responses/Problem"}
    if operation["operationId"] in DANGEROUS:
        operation["responses"][202] = {**_PROBLEM, "description": "It waits for a second person."}
    operation["responses"] = {
        **{str(status): response for status, response in operation["responses"].items()},
        "4XX": problem,
        "5XX": problem,
    }


def _of_parameter(schema: Document) -> Document:
    """A parameter is left out or has a value; there is no null in an address."""
    left = {name: value for name, value in schema.items() if name not in ("anyOf", "title", "description")}
    for choice in schema.get("anyOf", ()):
        if choice != {"type": "null"}:
            left |= choice
    return {name: value for name, value in left.items() if value is not None}


def openapi_view(request: HttpRequest) -> HttpResponse:
    return JsonResponse(openapi())


@cache
def _page() -> str:
    return docs_page(openapi())


def docs_view(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_page())


def _routes() -> list[URLPattern]:
    named = [one for one in api.urls[0] if isinstance(one, URLPattern) and one.name != "api-root"]
    return [path(str(one.pattern), guarded(one.callback), name=one.name) for one in named]


urlpatterns = [
    path("v1/openapi.json", openapi_view),
    path("v1/", include(_routes())),
    path("docs", docs_view, name="api-docs"),
    re_path("", guarded(no_such_resource)),
]
