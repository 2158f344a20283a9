"""Answers spoilt on purpose: errors, lost and cut answers, hangs and delays, by rule."""

import asyncio
import socket
from collections.abc import AsyncIterator
from http import HTTPStatus

import aiohttp
import pytest
import pytest_asyncio
from tests.journeys.sandbox_program import DOCUMENTED_MEDIA, SandboxProgram, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

PERSON = "255712345678"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def program() -> AsyncIterator[SandboxProgram]:
    async with running("--ladder", "0,0,0") as running_program:
        yield running_program


@pytest_asyncio.fixture(loop_scope="module")
async def sandbox(program: SandboxProgram) -> AsyncIterator[SandboxProgram]:
    """The one sandbox, with a person who has just written, and left as it was found."""
    await program.control("POST", "/inbound", json={"from": PERSON, "name": "Asha"})
    yield program
    await program.control("DELETE", "/faults")


async def faulty(sandbox: SandboxProgram, effect: dict[str, object], **rule: object) -> int:
    """Put a rule in force for messages, and return how many sends are in the ledger."""
    status, answer = await sandbox.control(
        "POST", "/faults", json={"match": {"route": "messages", "to": PERSON}, "effect": effect, **rule}
    )
    assert status == 201, answer
    return len(await sandbox.ledger())


async def test_an_error_on_purpose_is_graphs_and_processes_nothing(sandbox: SandboxProgram) -> None:
    before = await faulty(sandbox, {"error": 130429}, when={"mode": "next", "n": 1})

    first = await sandbox.send_image(to=PERSON, id=DOCUMENTED_MEDIA)
    second = await sandbox.send_image(to=PERSON, id=DOCUMENTED_MEDIA)

    assert (first[0], first[1]["error"]["message"]) == (429, "(#130429) Rate limit hit")
    assert second[0] == 200
    assert len(await sandbox.ledger()) == before + 1


async def test_a_rule_for_a_recipient_is_for_sends_by_form_too(sandbox: SandboxProgram) -> None:
    await faulty(sandbox, {"error": 130429})
    form = {"messaging_product": "whatsapp", "to": f"+{PERSON}", "text": '{"body": "Hello"}'}

    struck = await sandbox.graph("POST", f"/{sandbox.number}/messages", data=form)
    other = await sandbox.graph("POST", f"/{sandbox.number}/messages", data=form | {"to": "16505551234"})

    assert (struck[0], other[0]) == (429, 200)


@pytest.mark.parametrize(
    ("effect", "processed"),
    [
        ({"drop": "before"}, False),
        ({"drop": "after"}, True),
        ({"reset": True}, False),
        ({"reset": True, "at": "after"}, True),
        ({"cut_after_bytes": 0}, True),
        ({"cut_after_bytes": 20}, True),
    ],
)
async def test_an_answer_that_is_lost_tells_nothing_but_the_ledger_does(
    sandbox: SandboxProgram, effect: dict[str, object], *, processed: bool
) -> None:
    before = await faulty(sandbox, effect)

    with pytest.raises(aiohttp.ClientError):
        await sandbox.send_image(to=PERSON, id=DOCUMENTED_MEDIA)

    ledger = await sandbox.ledger()
    assert len(ledger) == before + processed
    if processed:
        await sandbox.wait("status", wamid=ledger[-1]["wamid"], status="read")


async def test_a_reset_is_a_reset_and_a_drop_is_an_orderly_end(sandbox: SandboxProgram) -> None:
    await faulty(sandbox, {"reset": True}, match={"route": "number"})
    assert await asyncio.to_thread(_raw_get, sandbox) == "reset"

    await sandbox.control("DELETE", "/faults")
    await faulty(sandbox, {"drop": "before"}, match={"route": "number"})
    assert await asyncio.to_thread(_raw_get, sandbox) == "end"


def _raw_get(sandbox: SandboxProgram) -> str:
    port = int(sandbox.ready.base_url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
        raw.sendall(f"GET /{sandbox.number} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        try:
            return "bytes" if raw.recv(1) else "end"
        except ConnectionResetError:
            return "reset"


@pytest.mark.parametrize(("at", "processed"), [("before", False), ("after", True)])
async def test_a_bad_gateway_speaks_no_graph(sandbox: SandboxProgram, at: str, *, processed: bool) -> None:
    before = await faulty(sandbox, {"status": 502, "at": at})

    url = f"{sandbox.ready.base_url}/{sandbox.number}/messages"
    body = {"messaging_product": "whatsapp", "to": PERSON, "type": "image", "image": {"id": DOCUMENTED_MEDIA}}
    headers = {"Authorization": f"Bearer {sandbox.ready.access_token}"}
    async with sandbox.session.post(url, json=body, headers=headers) as answer:
        text = await answer.text()

    assert (answer.status, text) == (HTTPStatus.BAD_GATEWAY, "trouble on purpose")
    assert len(await sandbox.ledger()) == before + processed


async def test_a_hang_lasts_until_the_client_gives_up(sandbox: SandboxProgram) -> None:
    before = await faulty(sandbox, {"hang": True, "at": "after"})

    with pytest.raises(TimeoutError):
        await sandbox.graph(
            "POST",
            f"/{sandbox.number}/messages",
            json={"messaging_product": "whatsapp", "to": PERSON, "type": "image", "image": {"id": DOCUMENTED_MEDIA}},
            timeout=aiohttp.ClientTimeout(total=0.3),
        )

    ledger = await sandbox.ledger()
    assert len(ledger) == before + 1
    await sandbox.wait("status", wamid=ledger[-1]["wamid"], status="read")


async def test_a_delay_delays_the_answer(sandbox: SandboxProgram) -> None:
    await faulty(sandbox, {"delay_ms": 300})
    loop = asyncio.get_running_loop()
    start = loop.time()

    status, _ = await sandbox.send_image(to=PERSON, id=DOCUMENTED_MEDIA)

    assert status == 200
    assert loop.time() - start >= 0.3


async def test_rules_match_by_recipient_and_are_listed_and_removed(sandbox: SandboxProgram) -> None:
    await faulty(sandbox, {"error": 131016}, when={"mode": "every", "n": 2})
    statuses = [(await sandbox.send_image(to=PERSON, id=DOCUMENTED_MEDIA))[0] for _ in range(4)]
    other, _ = await sandbox.send_image(id=DOCUMENTED_MEDIA)
    _, listed = await sandbox.control("GET", "/faults")
    (fault,) = listed["items"]
    removed = await sandbox.control("DELETE", f"/faults/{fault['id']}")
    again = await sandbox.control("DELETE", f"/faults/{fault['id']}")

    assert statuses == [200, 500, 200, 500]
    assert other == 200
    assert (fault["matched"], fault["struck"]) == (4, 2)
    assert (removed[0], again[0]) == (204, 404)


@pytest.mark.parametrize(
    "rule",
    [
        {}, {"effect": {}}, {"effect": {"error": 1, "drop": "before"}}, {"effect": {"drop": "later"}},
        {"effect": {"status": 200}}, {"effect": {"delay_ms": -1}}, {"effect": {"error": 1}, "when": {"n": 0}},
        {"effect": {"error": 1}, "when": {"mode": "probability", "p": 2}}, {"effect": {"hang": True, "x": 1}},
        {"effect": {"hang": True}, "match": {"route": "nowhere"}},
    ],
)  # fmt: skip
async def test_a_rule_that_makes_no_sense_is_refused(sandbox: SandboxProgram, rule: dict[str, object]) -> None:
    status, _ = await sandbox.control("POST", "/faults", json=rule)

    assert status == 400
