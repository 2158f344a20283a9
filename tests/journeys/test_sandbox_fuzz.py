"""Any bytes at any route of the sandbox: never a 500, always an answer in the words of that side, and life goes on.

`make test` tries a few, `make soak` many.
"""

import http.client
import json
import re
import socket
from collections.abc import Iterator
from http import HTTPStatus

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from tests.journeys import nonsense
from tests.journeys.good_calls import CALLS
from tests.journeys.nonsense import Asked

from picha.sandbox.switches import described
from picha.testing import Sandbox, SandboxOptions, running

PATIENCE_S = 20.0
JSON = "application/json"
METHODS = ("get", "post", "delete", "put", "patch")


@pytest.fixture(scope="module")
def lively() -> Iterator[Sandbox]:
    """One sandbox for all: each example begins by making it new."""
    with running(SandboxOptions(ladder=(0, 0, 0), seed="fuzz")) as sandbox:
        yield sandbox


class Heard:
    """An answer as it came off the wire."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status = answer.status
        self.type = answer.headers.get("Content-Type", "")
        # A stream goes on for as long as somebody reads it.
        self.body = b"" if self.type.startswith("text/event-stream") else answer.read()


def say(sandbox: Sandbox, asked: Asked) -> Heard | None:
    """Write a request to the sandbox and return its answer; only one that was not written to its end may have none."""
    port = int(sandbox.base_url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as wire:
        try:
            wire.sendall(asked.raw)
            if not asked.is_whole:
                wire.shutdown(socket.SHUT_WR)
        except OSError:
            # It was refused before its end; the answer is there nevertheless.
            pass
        answer = http.client.HTTPResponse(wire, method=asked.method)
        try:
            answer.begin()
            return Heard(answer)
        except (ConnectionError, http.client.HTTPException):
            if asked.is_whole:
                raise
            return None


def check(asked: Asked, heard: Heard) -> None:
    """Hold an answer to what every answer of its side must be."""
    told = (asked.start, heard.status, heard.body[:300])
    assert 200 <= heard.status < HTTPStatus.INTERNAL_SERVER_ERROR, told
    if heard.status < HTTPStatus.BAD_REQUEST or heard.status == HTTPStatus.REQUEST_TIMEOUT or asked.method == "HEAD":
        return
    assert heard.type == JSON, told
    error = json.loads(heard.body)["error"]
    if isinstance(error, str):
        assert asked.is_control, told
        assert error, told
        return
    assert {"message", "type", "code", "fbtrace_id"} <= set(error), told
    assert isinstance(error["code"], int), told


def check_life(sandbox: Sandbox, ground: nonsense.Ground) -> None:
    """A person still writes, a picture is taken and a send accepted, once trouble and switches are taken back."""
    sandbox.control("DELETE", "/trouble")
    sandbox.switch(**{switch.name: switch.values[0] for switch in described()})
    sandbox.receive_image("255700000001")
    image = {"image": {"link": sandbox.photo_url}}
    body = {"messaging_product": "whatsapp", "to": "255700000001", "type": "image", **image}
    uploaded = say(sandbox, nonsense.upload(ground, f"/{sandbox.phone_number_id}/media"))
    sent = say(sandbox, nonsense.plain(ground, f"/{sandbox.phone_number_id}/messages", body))
    assert uploaded is not None
    assert sent is not None
    assert (uploaded.status, sent.status) == (HTTPStatus.OK, HTTPStatus.OK), (uploaded.body, sent.body)
    assert json.loads(sent.body)["messages"][0]["id"] in {line.wamid for line in sandbox.sent}


@given(data=st.data())
def test_no_request_makes_it_fail_or_lose_its_words(lively: Sandbox, data: st.DataObject) -> None:
    lively.control("POST", "/reset")
    ground = nonsense.Ground(token=lively.access_token, app_token=f"{lively.app_id}|{lively.app_secret}")

    for asked in data.draw(st.lists(nonsense.requests(ground), min_size=1, max_size=8), label="requests"):
        heard = say(lively, asked)
        event(f"{asked.route} {heard and heard.status}")
        if heard is not None:
            check(asked, heard)
        # A rule may reset or hang what comes next: it was taken, that is enough.
        lively.control("DELETE", "/faults")

    check_life(lively, ground)


def test_the_fuzz_knows_every_call_that_the_sandbox_describes(lively: Sandbox) -> None:
    paths = lively.control("GET", "/openapi.json")["paths"]
    described = {(method.upper(), path) for path, item in paths.items() for method in item if method in METHODS}

    known = {(call.method, call.path) for call in CALLS}
    missing = [one for one in described if not any(one[0] == method and fits(one[1], path) for method, path in known)]

    assert missing == []


def fits(template: str, path: str) -> bool:
    """Tell whether a path, with a version or none and with a slash at its end or none, is one of the template's."""
    pattern = re.sub(r"\\{[^}]+\\}", "[^/]+", re.escape(template))
    return re.fullmatch(rf"(/v[0-9.]+)?{pattern}/?", path) is not None
