"""The gateway's OpenAPI document: valid, of every route that there is, and the same that is checked in."""

import json
import re
from collections import Counter
from typing import Any

import msgspec
import pytest
import schemathesis

from picha.gateway.api.manual.openapi import document
from picha.gateway.api.routes import ROUTES, Route
from picha.karibu.errors import RETRYABLE, STATUS, WORDS, Code
from picha.manual.operations import operations

TOLD: Any = json.loads(msgspec.json.encode(document(ROUTES)))
NAMES = [f"{route.method} {route.path}" for route in ROUTES]


def test_the_document_is_openapi_3_1() -> None:
    assert TOLD["openapi"] == "3.1.0"

    schemathesis.openapi.from_dict(TOLD).validate()


def test_every_route_is_described_and_no_other() -> None:
    assert [f"{call.method} {call.path}" for call in operations(TOLD)] == sorted(
        NAMES, key=[f"{call.method} {call.path}" for call in operations(TOLD)].index
    )


def test_operations_have_names_of_their_own() -> None:
    counted = Counter(call.id for call in operations(TOLD))

    assert [name for name, count in counted.items() if count > 1] == [], "give the handler another name"


@pytest.mark.parametrize("route", ROUTES, ids=NAMES)
def test_a_route_says_what_it_takes_and_answers(route: Route) -> None:
    call = next(call for call in operations(TOLD) if (call.method, call.path) == (route.method, route.path))

    assert call.item["summary"]
    in_path = {parameter["name"] for parameter in call.item["parameters"] if parameter["in"] == "path"}
    assert in_path == set(re.findall(r"\{(\w+)\}", route.path))
    assert ("requestBody" in call.item) == (route.body is not None or route.form is not None)
    has_body = [status for status in route.statuses if "content" in call.item["responses"][str(status)]]
    assert has_body or route.statuses == (204,), "say in `answer` what it answers"
    for title, example in route.examples.items():
        assert title[0].isupper(), title
        assert msgspec.json.encode(example), title


@pytest.mark.parametrize("route", ROUTES, ids=NAMES)
def test_every_code_of_a_route_stands_by_its_status(route: Route) -> None:
    call = next(call for call in operations(TOLD) if (call.method, call.path) == (route.method, route.path))

    told = {
        (code, int(status))
        for status, answer in call.item["responses"].items()
        for code in followed(answer).get("x-codes", ())
    }

    assert told == {(str(code), STATUS[code]) for code in route.refusals}


def followed(answer: Any) -> Any:
    """Return the response that a reference stands for, or the response itself."""
    return TOLD["components"]["responses"][answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer


def test_every_code_has_its_words() -> None:
    assert set(WORDS) == set(Code) == set(STATUS)
    assert set(RETRYABLE) < set(Code)
    for words in WORDS.values():
        assert words.meaning[-1] == words.remedy[-1] == "."


def test_a_client_that_reads_the_document_finds_every_limit_of_a_send() -> None:
    (call,) = [call for call in operations(TOLD) if call.id == "send_image"]
    schema = call.item["requestBody"]["content"]["application/json"]["schema"]
    fields = TOLD["components"]["schemas"]["SendImage"]["properties"]

    assert schema["$ref"].endswith("/SendImage")
    assert [set(choice) for choice in schema["allOf"]] == [{"oneOf"}, {"anyOf"}]
    assert fields["caption"]["anyOf"][0]["maxLength"] == 1024
    assert {"type": "null"} in fields["on_unknown"]["anyOf"], "null is the same as absent"
