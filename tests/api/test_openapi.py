"""The API held to its own OpenAPI document: inputs made of it, good and bad, and answers as it says."""

from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from certwright.core.access import GIVEN_ROLES, Role
from tests.api.callers import Api
from tests.api.test_permissions import ROUTES
from tests.real.certwright import Site

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
HTTP_OWN = {"content-length", "transfer-encoding", "connection", "host", "expect", "upgrade"}
"""Made up, these break the message itself, and that is answered below the API."""
SECONDS = 60
OTHERS = [role.value for role in GIVEN_ROLES if role is not Role.ADMINISTRATOR]


@pytest.fixture(scope="module")
def described(api: Api) -> Any:
    return schemathesis.openapi.from_dict(api.client.get("/api/v1/openapi.json").json())


@pytest.fixture(scope="module")
def sessions(api: Api) -> dict[str, requests.Session]:
    """By role, each with a token that has it everywhere."""
    made = {role.value: requests.Session() for role in GIVEN_ROLES}
    for role, session in made.items():
        session.headers["Authorization"] = f"Bearer {api.tokens[role]}"
    return made


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("mode", GenerationMode, ids=lambda mode: mode.value)
def test_what_comes_of_the_document(
    route: str,
    mode: GenerationMode,
    described: Any,
    served: Site,
    sessions: dict[str, requests.Session],
    full: bool,
) -> None:
    """Asked by the administrator, who may do everything, and by somebody of another role."""
    method, _, path = route.partition(" ")
    operation = described[f"/api/v1{path}"][method]
    # a wrong parameter may come to nothing in an address, and then nothing was wrong with what was sent
    checks = [*CHECKS, negative_data_rejection] if operation.body else CHECKS

    @settings(
        max_examples=50 if full else 4,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode), st.sampled_from(OTHERS))
    def ask(case: Any, other: str) -> None:
        for name in [one for one in case.headers or () if one.lower() in HTTP_OWN]:
            del case.headers[name]
        for role in (Role.ADMINISTRATOR.value, other):
            how = {"session": sessions[role], "verify": str(served.home.root), "timeout": SECONDS}
            answer = case.call(base_url=served.url("https", ""), **how)
            # others may be refused before what they send is read, and so is what is too large; the check
            # knows nothing of 413
            read = role == Role.ADMINISTRATOR.value and answer.status_code != 413
            case.validate_response(answer, checks=checks if read else CHECKS)
            if answer.status_code >= 400:
                assert answer.headers["content-type"] == ["application/problem+json"]
                assert answer.json()["detail"]

    ask()
