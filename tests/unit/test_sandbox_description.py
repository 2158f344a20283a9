"""The sandbox's OpenAPI document: valid, and of every call that there is."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
import schemathesis
from starlette.routing import Route

from picha.manual.operations import operations
from picha.sandbox.graph.roads import ROADS
from picha.sandbox.graph.signposts import SECTIONS
from picha.sandbox.manual.described import described
from picha.sandbox.manual.openapi import NotDescribed, document
from picha.testing import Sandbox, running


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running() as program:
        yield program


@pytest.fixture(scope="module")
def told(sandbox: Sandbox) -> Any:
    """The document; a route that is not described keeps the sandbox from writing one."""
    try:
        with urlopen(f"{sandbox.control_url}/openapi.json") as answer:
            return json.load(answer)
    except HTTPError as refused:
        with refused:
            pytest.fail(refused.read().decode())


def test_the_document_is_openapi_3_1(told: Any) -> None:
    assert told["openapi"] == "3.1.0"

    schemathesis.openapi.from_dict(told).validate()


def test_every_road_of_graph_is_described_and_no_other(told: Any) -> None:
    shown = sorted((call.method, call.item["x-road"]) for call in operations(told) if "x-road" in call.item)

    assert shown == sorted((method, name) for (method, _, _), name in ROADS.items())
    assert {name for section in SECTIONS.values() for name in section} == set(ROADS.values())


def test_operations_have_names_of_their_own_and_parameters_for_their_paths(told: Any) -> None:
    calls = operations(told)

    assert len({call.id for call in calls}) == len(calls)
    for call in calls:
        in_path = {parameter["name"] for parameter in call.item["parameters"] if parameter["in"] == "path"}
        assert in_path == set(re.findall(r"\{(\w+)\}", call.path)), call.id
        assert call.item["summary"], call.id


def test_a_route_without_a_description_is_told_of(sandbox: Sandbox) -> None:
    async def silent() -> None: ...

    with pytest.raises(NotDescribed, match="/_sandbox/silent"):
        document(sandbox._ready, [Route("/_sandbox/silent", silent)])


def test_a_route_without_a_docstring_is_told_of(sandbox: Sandbox) -> None:
    @described()
    async def silent() -> None: ...

    with pytest.raises(NotDescribed, match="/_sandbox/silent"):
        document(sandbox._ready, [Route("/_sandbox/silent", silent)])
