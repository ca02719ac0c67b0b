import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core import errors
from certwright.core.orders import Problem
from certwright.protocols.acme.problems import (
    AcmeProblem,
    ProblemType,
    Subproblem,
    document,
    encode,
    problem_of,
    stored_document,
)

REASON = errors.Reason("name.forbidden", "example.net is not permitted here", "RFC 5280 4.2.1.10")
OTHER = errors.Reason("key.small", "the key has 1024 bits")

CASES: list[tuple[Exception, str, int]] = [
    (errors.Malformed("x"), "malformed", 400),
    (errors.Unauthenticated("x"), "unauthorized", 401),
    (errors.Forbidden("x"), "unauthorized", 403),
    (errors.NotFound("x"), "malformed", 404),
    (errors.Conflict("x"), "malformed", 409),
    (errors.Moved("x"), "malformed", 409),
    (errors.TooLarge("x"), "malformed", 413),
    (errors.Refused((REASON,)), "rejectedIdentifier", 403),
    (errors.Unavailable("x", 7), "serverInternal", 503),
    (errors.IntegrityError("x"), "serverInternal", 500),
    (errors.CertwrightError("x"), "serverInternal", 500),
    (KeyError("secret"), "serverInternal", 500),
]


@pytest.mark.parametrize(("error", "name", "status"), CASES, ids=[type(case[0]).__name__ for case in CASES])
def test_every_error_has_its_problem(error: Exception, name: str, status: int) -> None:
    problem = problem_of(error)
    assert (problem.type, problem.status) == (name, status)
    assert "secret" not in problem.detail


NONE_OF_ACME = (errors.SecondPersonNeeded, errors.BadQuery)


def test_every_core_error_keeps_its_status() -> None:
    def below(kind: type[errors.CertwrightError]) -> list[type[errors.CertwrightError]]:
        return [kind, *(each for child in kind.__subclasses__() for each in below(child))]

    for kind in below(errors.CertwrightError):
        if kind.__module__ == errors.__name__ and kind not in NONE_OF_ACME:
            error = errors.Refused((REASON,)) if issubclass(kind, errors.Refused) else kind("x")
            assert problem_of(error).status == kind.status


def test_a_refusal_keeps_every_reason() -> None:
    problem = problem_of(errors.Refused((REASON, OTHER)), ProblemType.BAD_CSR)
    assert (problem.type, problem.status) == ("badCSR", 400)
    assert [part.detail for part in problem.subproblems] == [
        "example.net is not permitted here [name.forbidden]",
        "the key has 1024 bits [key.small]",
    ]
    assert problem_of(errors.Refused((REASON,))).subproblems == ()
    assert problem_of(problem) is problem
    assert problem_of(errors.Unavailable("x", 7)).retry_after == 7


def test_the_document_of_rfc_8555_section_6_7_1() -> None:
    problem = AcmeProblem(
        ProblemType.MALFORMED,
        "Some of the identifiers requested were rejected",
        status=403,
        subproblems=(
            Subproblem(
                ProblemType.MALFORMED,
                'Invalid underscore in DNS name "_example.org"',
                ("dns", "_example.org"),
            ),
            Subproblem(ProblemType.REJECTED_IDENTIFIER, "This CA will not issue", ("dns", "example.net")),
            Subproblem(ProblemType.CAA, "no"),
        ),
    )
    assert json.loads(encode(problem)) == {
        "type": "urn:ietf:params:acme:error:malformed",
        "detail": "Some of the identifiers requested were rejected",
        "status": 403,
        "subproblems": [
            {
                "type": "urn:ietf:params:acme:error:malformed",
                "detail": 'Invalid underscore in DNS name "_example.org"',
                "identifier": {"type": "dns", "value": "_example.org"},
            },
            {
                "type": "urn:ietf:params:acme:error:rejectedIdentifier",
                "detail": "This CA will not issue",
                "identifier": {"type": "dns", "value": "example.net"},
            },
            {"type": "urn:ietf:params:acme:error:caa", "detail": "no"},
        ],
    }


def test_further_members() -> None:
    problem = AcmeProblem(ProblemType.USER_ACTION_REQUIRED, "x", instance="https://pki.example/terms")
    assert document(problem)["instance"] == "https://pki.example/terms"
    problem = AcmeProblem(ProblemType.BAD_SIGNATURE_ALGORITHM, "x", algorithms=("ES256",))
    assert document(problem)["algorithms"] == ["ES256"]


def test_what_was_recorded_becomes_a_document() -> None:
    assert stored_document(Problem("connection", "refused")) == {
        "type": "urn:ietf:params:acme:error:connection",
        "detail": "refused",
        "status": 400,
    }
    assert (
        stored_document(Problem("no such type", "x"))["type"] == "urn:ietf:params:acme:error:serverInternal"
    )


@given(st.text(max_size=3000))
def test_details_are_bounded_and_printable(text: str) -> None:
    problem = AcmeProblem(ProblemType.MALFORMED, text, subproblems=(Subproblem(ProblemType.DNS, text),))
    told = json.loads(encode(problem))
    for detail in (told["detail"], told["subproblems"][0]["detail"]):
        assert detail.isprintable()
        assert len(detail) <= 1024


def test_subproblems_are_bounded() -> None:
    problem = AcmeProblem(ProblemType.COMPOUND, "x", subproblems=(Subproblem(ProblemType.DNS, "x"),) * 1000)
    assert len(json.loads(encode(problem))["subproblems"]) == 100
