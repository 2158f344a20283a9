"""Every route refuses what is wrong in the shape of its family: the envelope, or `{detail}` where answers are bare.

The table of routes says which there are; a route that is added is walked without a word here.
"""

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from tests.journeys.running import Talk, Told
from tests.journeys.test_bad_input import NOWHERE, path_of

from picha.gateway.api.routes import ROUTES, Route
from picha.karibu.errors import STATUS, Code
from picha.manual.operations import operations

JSON = {"Content-Type": "application/json"}
NAMES = [f"{route.method} {route.path}" for route in ROUTES]
BROKEN = {
    "cut": b'{"a":',
    "no JSON": b"a=b",
    "NaN": b'{"a":NaN}',
    "a key twice": b'{"a":1,"a":2}',
    "nine levels": b'{"a":' * 8 + b"{}" + b"}" * 8,
    "half a surrogate": b'{"a":"\\ud83d"}',
    "Latin-1": b'{"a":"\xe9"}',
}
READING_JSON = [route for route in ROUTES if Code.MALFORMED_JSON in route.codes]
TAKING_TURNS = [route for route in ROUTES if Code.IDEMPOTENCY_KEY_REUSED in route.codes]


def named(routes: list[Route]) -> list[str]:
    return [f"{route.method} {route.path}" for route in routes]


def is_of_its_family(told: Told, route: Route, code: Code) -> None:
    """Check that an answer is this refusal, in the shape of the route's family."""
    assert told.status == STATUS[code], told.body
    assert told.headers["Content-Type"] == "application/json"
    UUID(told.headers["X-Request-Id"])
    if route.is_enveloped:
        assert list(told.document) == ["success", "data", "errors", "request_id"]
        (error,) = told.document["errors"]
        assert list(error) == ["code", "message", "field"]
        assert (told.document["success"], told.document["data"], error["code"]) == (False, None, code)
        message = error["message"]
    else:
        assert list(told.document) == ["detail"]
        message = told.document["detail"]
    assert len(message) >= 20
    assert message[-1] in ".})"


def test_the_walk_has_routes_of_both_families() -> None:
    for routes in (READING_JSON, TAKING_TURNS):
        assert {route.is_enveloped for route in routes} == {True, False}


@pytest.mark.parametrize("route", READING_JSON, ids=named(READING_JSON))
async def test_a_body_that_is_broken_is_refused(picha: Talk, route: Route) -> None:
    for body in BROKEN.values():
        told = await picha.api(route.method, path_of(route), data=body, headers=JSON)

        is_of_its_family(told, route, Code.MALFORMED_JSON)


@pytest.mark.parametrize("route", READING_JSON, ids=named(READING_JSON))
async def test_a_body_that_is_no_object_is_refused(picha: Talk, route: Route) -> None:
    for body in (b"[]", b"null", b'"x"', b"1"):
        told = await picha.api(route.method, path_of(route), data=body, headers=JSON)

        is_of_its_family(told, route, Code.VALIDATION_ERROR)


@pytest.mark.parametrize("route", READING_JSON, ids=named(READING_JSON))
async def test_a_body_of_another_type_is_refused(picha: Talk, route: Route) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "image/jpeg"):
        told = await picha.api(route.method, path_of(route), data=b"{}", headers={"Content-Type": kind})

        is_of_its_family(told, route, Code.UNSUPPORTED_MEDIA_TYPE)


@pytest.mark.parametrize("route", READING_JSON, ids=named(READING_JSON))
async def test_a_body_that_is_too_large_is_refused_before_it_is_there(picha: Talk, route: Route) -> None:
    told = await announced(picha, route, 10**12)

    is_of_its_family(told, route, Code.BODY_TOO_LARGE)


async def announced(picha: Talk, route: Route, size: int) -> Told:
    """Return the answer to a request that says how large its body will be, and never sends it."""
    url = urlsplit(picha.ready.api_url)
    head = (
        f"{route.method} {path_of(route)} HTTP/1.1\r\nHost: {url.netloc}\r\nX-API-Key: {picha.ready.api_key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(head.encode() + b'{"a":')
    said = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
    first, *lines = said.decode().strip().split("\r\n")
    headers = {name.title(): value for name, _, value in (line.partition(": ") for line in lines)}
    body = await reader.readexactly(int(headers["Content-Length"]))
    writer.close()
    return Told(int(first.split()[1]), headers, body, json.loads(body))


@pytest.mark.parametrize("route", TAKING_TURNS, ids=named(TAKING_TURNS))
async def test_an_idempotency_key_that_is_none_is_refused(picha: Talk, route: Route) -> None:
    body: dict[str, Any] = {"json": next(iter(route.examples.values()))} if route.body is not None else {}
    for key in ("two words", "é", "x" * 256, ""):
        told = await picha.api(route.method, path_of(route), headers={"Idempotency-Key": key}, **body)

        is_of_its_family(told, route, Code.VALIDATION_ERROR)
        if route.is_enveloped:
            assert told.error["field"] == "Idempotency-Key"


@pytest.mark.parametrize("route", ROUTES, ids=NAMES)
async def test_a_method_that_no_route_has_is_refused(picha: Talk, route: Route) -> None:
    told = await picha.api("LINK", path_of(route))

    is_of_its_family(told, route, Code.METHOD_NOT_ALLOWED)


def bounds(document: Any) -> Iterator[tuple[str, str, str, list[str], list[str]]]:
    """Yield every parameter of a query that has limits, with values at them and past them."""
    for call in operations(document):
        for parameter in call.item["parameters"]:
            schema = parameter["schema"]
            inside, outside = [], []
            for name, step in (("minimum", -1), ("maximum", 1)):
                if name in schema:
                    inside.append(str(schema[name]))
                    outside.append(str(schema[name] + step))
            for name, step in (("minLength", -1), ("maxLength", 1)):
                if name in schema:
                    inside.append("x" * schema[name])
                    outside.append("x" * (schema[name] + step))
            if parameter["in"] == "query" and inside:
                path = re.sub(r"\{\w+\}", NOWHERE, call.path)
                yield call.method, path, parameter["name"], inside, outside


async def test_every_limit_of_a_query_is_kept_at_it_and_not_past_it(picha: Talk) -> None:
    document = (await picha.api("GET", "/openapi.json")).document
    found = list(bounds(document))
    for method, path, name, inside, outside in found:
        for value in inside:
            told = await picha.api(method, path, params={name: value})
            assert told.status in {200, 404}, (path, name, value[:80], told.body)
        for value in outside:
            told = await picha.api(method, path, params={name: value})
            assert told.status == 422, (path, name, value[:80], told.body)

    assert {name for _, _, name, _, _ in found} >= {"limit", "offset", "search", "sender"}
