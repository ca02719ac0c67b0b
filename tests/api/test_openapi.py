"""The API held to its own OpenAPI document: inputs made of it, good and bad, and answers as it says."""

from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from tests.api.callers import Api
from tests.conftest import FULL
from tests.real.certwright import Site

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]
SECONDS = 60


@pytest.fixture(scope="module")
def described(api: Api) -> Any:
    return schemathesis.openapi.from_dict(api.client.get("/api/v1/openapi.json").json())


@pytest.fixture(scope="module")
def session(api: Api, served: Site) -> requests.Session:
    made = requests.Session()
    made.verify = str(served.home.root)
    made.headers["Authorization"] = f"Bearer {api.tokens['administrator']}"
    return made


schema = schemathesis.pytest.from_fixture("described")


@schema.parametrize()
@settings(
    max_examples=300 if FULL else 15,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_what_comes_of_the_document(case: Any, served: Site, session: requests.Session) -> None:
    answer = case.call(base_url=served.url("https", ""), session=session, timeout=SECONDS)
    case.validate_response(answer, checks=CHECKS, transport_kwargs={"session": session, "timeout": SECONDS})
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == ["application/problem+json"]
        assert answer.json()["detail"]
