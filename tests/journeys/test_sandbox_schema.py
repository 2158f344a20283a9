"""Requests made from the sandbox's own OpenAPI document, good and bad ones, against the running program.

`make soak` sends many more of them than `make test`.
"""

import json
from collections.abc import Iterator
from typing import Any
from urllib.request import Request, urlopen

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from picha.testing import Sandbox, running

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
# A call that waits would wait for as long as it is told to, and each has a name of its own for that.
WAITING = {"/_sandbox/wait": "timeout_s", "/_sandbox/live": "for_s"}
PATIENCE_S = 20
EXAMPLES = 500 if settings.get_current_profile_name() == "soak" else 10


@pytest.fixture(scope="module")
def program() -> Iterator[Sandbox]:
    with running() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def document(program: Sandbox) -> Any:
    with urlopen(f"{program.control_url}/openapi.json") as answer:
        return json.load(answer)


def cases(document: Any, method: str, path: str) -> st.SearchStrategy[Case[Any]]:
    """Return requests for one operation, as the document describes and as it does not, for objects that are there."""
    found = schemathesis.openapi.from_dict(document)[path][method]
    known = {
        parameter["name"]: parameter["example"]
        for parameter in document["paths"][path][method]["parameters"]
        if "example" in parameter
    }
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    made = [found.as_strategy(generation_mode=mode, path_parameters=known or None) for mode in modes]
    return st.one_of(*made, found.as_strategy(generation_mode=GenerationMode.NEGATIVE))


def operations_of(document: Any) -> list[tuple[str, str]]:
    methods = ("get", "post", "put", "delete")
    return [(method, path) for path, item in document["paths"].items() for method in methods if method in item]


def test_no_request_breaks_the_sandbox_and_every_answer_is_as_described(program: Sandbox, document: Any) -> None:
    for method, path in operations_of(document):
        check(program, document, method, path)


def check(program: Sandbox, document: Any, method: str, path: str) -> None:
    security = document["paths"][path][method]["security"]
    tokens = {
        "access_token": program.access_token,
        "app_token": f"{program.app_id}|{program.app_secret}",
    }
    headers = {"Authorization": f"Bearer {tokens[next(iter(security[0]))]}"} if security else {}

    @settings(
        max_examples=EXAMPLES,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases(document, method, path))
    def run(case: Case[Any]) -> None:
        if path in WAITING:
            case.query[WAITING[path]] = 0
        answer = case.call(base_url=program.base_url, headers=headers, timeout=PATIENCE_S)
        forget_faults(program)
        # What is in each event of a stream OpenAPI 3.1 cannot say; the tests of the stream hold it to that.
        unfit = (
            [response_schema_conformance] if "text/event-stream" in answer.headers.get("content-type", [""])[0] else []
        )
        case.validate_response(answer, checks=CHECKS, excluded_checks=unfit)

    run()


def forget_faults(program: Sandbox) -> None:
    """Let no fault that a request made spoil the next answer."""
    for path in ("/faults", "/trouble"):
        with urlopen(Request(program.control_url + path, method="DELETE")):
            pass
