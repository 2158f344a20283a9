import asyncio
import base64
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from tests.journeys.sandbox_program import SandboxProgram, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

DOCUMENTED_MEDIA = "1479537139650973"
PERSON = "255712345678"
# The smallest PNG of one black pixel.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNgYGAAAAAEAAH2FzhVAAAAAElFTkSuQmCC"


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
    await program.control("POST", "/clock", json={"resume": True})


async def outcome(sandbox: SandboxProgram, **image: str) -> tuple[str, int | None, str | None]:
    """Send an image to the person and return its last status with the code and details of a failure."""
    status, answer = await sandbox.send_image(to=PERSON, **image)
    assert status == 200, answer
    wamid = answer["messages"][0]["id"]
    (item,) = await sandbox.wait("status", wamid=wamid)
    if item["status"] != "failed":
        (item,) = await sandbox.wait("status", wamid=wamid, status="read")
    return item["status"], item["code"], item["details"]


async def test_the_window_is_open_for_24_hours_and_not_a_second_longer(sandbox: SandboxProgram) -> None:
    await sandbox.control("POST", "/clock", json={"freeze": True})
    await sandbox.control("POST", "/inbound", json={"from": PERSON})

    await sandbox.control("POST", "/clock", json={"advance_s": 86399})
    inside = await outcome(sandbox, id=DOCUMENTED_MEDIA)
    await sandbox.control("POST", "/clock", json={"advance_s": 1})
    outside = await outcome(sandbox, id=DOCUMENTED_MEDIA)
    await sandbox.control("POST", "/inbound", json={"from": PERSON, "type": "text", "text": "Hello again"})
    again = await outcome(sandbox, id=DOCUMENTED_MEDIA)

    assert inside[0] == "read"
    assert outside[:2] == ("failed", 131047)
    assert again[0] == "read"


async def test_a_stranger_is_outside_every_window(sandbox: SandboxProgram) -> None:
    _, answer = await sandbox.send_image(to="255799999999", id=DOCUMENTED_MEDIA)

    (failed,) = await sandbox.wait("status", wamid=answer["messages"][0]["id"])
    assert (failed["status"], failed["code"]) == ("failed", 131047)


async def test_the_clock_is_set_frozen_moved_and_resumed(sandbox: SandboxProgram) -> None:
    wanted = datetime(2031, 5, 4, 3, 2, 1, tzinfo=UTC)

    _, before = await sandbox.control("GET", "/clock")
    await sandbox.control("POST", "/clock", json={"set": wanted.isoformat()})
    _, frozen = await sandbox.control("POST", "/clock", json={"freeze": True})
    _, moved = await sandbox.control("POST", "/clock", json={"advance_s": 60})
    _, still = await sandbox.control("GET", "/clock")
    _, resumed = await sandbox.control("POST", "/clock", json={"resume": True})
    await sandbox.control("POST", "/clock", json={"set": before["now"]})

    assert before["frozen"] is False
    assert timedelta(0) <= datetime.fromisoformat(frozen["now"]) - wanted < timedelta(seconds=10)
    assert frozen["frozen"] is True
    assert datetime.fromisoformat(moved["now"]) - datetime.fromisoformat(frozen["now"]) == timedelta(seconds=60)
    assert still == moved
    assert resumed["frozen"] is False


@pytest.mark.parametrize(
    "wish",
    [
        {}, {"advance_s": 1, "freeze": True}, {"set": "2031-01-01T00:00:00"}, {"set": "soon"}, {"advance_s": 1e300},
        {"advance_s": "x"}, {"unknown": 1}, [],
    ],
)  # fmt: skip
async def test_a_wish_that_makes_no_sense_does_not_move_the_clock(sandbox: SandboxProgram, wish: object) -> None:
    status, answer = await sandbox.control("POST", "/clock", json=wish)

    assert status == 400
    assert answer["error"]


async def test_a_media_url_lives_five_minutes_and_media_thirty_days(sandbox: SandboxProgram) -> None:
    media_id = await sandbox.upload(base64.b64decode(PIXEL), "image/png")
    bearer = {"Authorization": f"Bearer {sandbox.ready.access_token}"}
    _, told = await sandbox.graph("GET", f"/{media_id}")

    async with sandbox.session.get(told["url"], headers=bearer) as answer:
        young = answer.status
    await sandbox.control("POST", "/clock", json={"advance_s": 301})
    async with sandbox.session.get(told["url"], headers=bearer) as answer:
        old = answer.status
    alive, _ = await sandbox.graph("GET", f"/{media_id}")
    await sandbox.control("POST", "/clock", json={"advance_s": 30 * 86400})
    dead, _ = await sandbox.graph("GET", f"/{media_id}")
    sent, refused = await sandbox.send_image(to=PERSON, id=media_id)
    await sandbox.control("POST", "/clock", json={"advance_s": -30 * 86400 - 301})

    assert (young, old, alive, dead, sent) == (200, 404, 200, 400, 400)
    assert refused["error"]["message"].endswith("media attachment ID")


async def test_received_media_lives_seven_days(sandbox: SandboxProgram) -> None:
    _, heard = await sandbox.control("POST", "/inbound", json={"from": PERSON, "image_base64": PIXEL})
    (item,) = await sandbox.wait("inbound", wamid=heard["message_id"])

    alive, described = await sandbox.graph("GET", f"/{item['media_id']}")
    await sandbox.control("POST", "/clock", json={"advance_s": 7 * 86400})
    dead, _ = await sandbox.graph("GET", f"/{item['media_id']}")
    await sandbox.control("POST", "/clock", json={"advance_s": -7 * 86400})

    assert (alive, dead) == (200, 400)
    assert described["mime_type"] == "image/png"


async def test_waiting_ends_when_the_thing_happens(sandbox: SandboxProgram) -> None:
    async def later() -> str:
        _, answer = await sandbox.send_image(to=PERSON, id=DOCUMENTED_MEDIA, caption="now")
        wamid = answer["messages"][0]["id"]
        assert isinstance(wamid, str)
        return wamid

    before = len(await sandbox.ledger())
    waiting = asyncio.create_task(
        sandbox.control("GET", "/wait", params={"event": "send", "count": str(before + 1), "timeout_s": "20"})
    )
    wamid = await later()
    status, answer = await waiting

    assert status == 200
    assert answer["items"][-1]["wamid"] == wamid


async def test_waiting_in_vain_says_408_and_what_there_was(sandbox: SandboxProgram) -> None:
    query = {"event": "inbound", "to": PERSON, "count": "100000", "timeout_s": "0.1"}

    status, answer = await sandbox.control("GET", "/wait", params=query)

    assert status == 408
    assert answer["items"][0]["from"] == PERSON


@pytest.mark.parametrize(
    "query", [{}, {"event": "party"}, {"event": "send", "count": "0"}, {"event": "send", "timeout_s": "x"}]
)
async def test_a_wait_that_makes_no_sense_is_refused(sandbox: SandboxProgram, query: dict[str, str]) -> None:
    status, _ = await sandbox.control("GET", "/wait", params=query)

    assert status == 400


async def test_the_ledger_is_read_page_by_page(sandbox: SandboxProgram) -> None:
    for number in range(3):
        await sandbox.send_image(to=PERSON, id=DOCUMENTED_MEDIA, caption=str(number))
    everything = await sandbox.ledger()

    _, page = await sandbox.control("GET", "/ledger", params={"after": everything[-3]["wamid"], "limit": "1"})
    unknown = await sandbox.control("GET", "/ledger", params={"after": "wamid.x"})

    assert page["items"] == [everything[-2]]
    assert unknown[0] == 400
    assert len(everything[-1]["sha256"]) == 64


@pytest.mark.parametrize(
    "asked",
    [
        {}, {"from": "x"}, {"from": "15550783881"}, {"from": PERSON, "type": "hologram"},
        {"from": PERSON, "type": "text"}, {"from": PERSON, "image_base64": "*"},
        {"from": PERSON, "image_base64": ""}, {"from": PERSON, "image_url": "http://10.0.0.1/a.png"},
        {"from": PERSON, "image_url": "http://127.0.0.1:1/a.png"}, {"from": PERSON, "user_id": "x"},
        {"from": PERSON, "phone_number_id": "1"}, {"from": PERSON, "forwarded": True, "frequently_forwarded": True},
        {"from": PERSON, "surprise": 1},
    ],
)  # fmt: skip
async def test_a_message_that_cannot_be_is_not_written(sandbox: SandboxProgram, asked: dict[str, object]) -> None:
    status, answer = await sandbox.control("POST", "/inbound", json=asked)

    assert status == 400
    assert answer["error"]


class PictureHost:
    """A web server with one picture, which counts how often it is fetched."""

    def __init__(self) -> None:
        self.fetched = 0
        self.url = ""

    async def _give(self, request: web.Request) -> web.Response:
        self.fetched += 1
        match request.match_info["name"]:
            case "good.png":
                return web.Response(body=base64.b64decode(PIXEL), content_type="image/png")
            case "page.html":
                return web.Response(text="<html>", content_type="text/html")
            case "lie.png":
                return web.Response(text="<html>", content_type="image/png")
            case "big.png":
                return web.Response(body=bytes(5_242_881), content_type="image/png")
            case _:
                return web.Response(status=404)

    async def start(self) -> web.AppRunner:
        app = web.Application()
        app.add_routes([web.get("/{name}", self._give)])
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner


@pytest_asyncio.fixture(loop_scope="module")
async def host() -> AsyncIterator[PictureHost]:
    pictures = PictureHost()
    runner = await pictures.start()
    yield pictures
    await runner.cleanup()


async def test_a_link_is_fetched_once_in_ten_minutes_and_its_digest_is_in_the_ledger(
    sandbox: SandboxProgram, host: PictureHost
) -> None:
    link = f"{host.url}/good.png"

    first = await outcome(sandbox, link=link)
    second = await outcome(sandbox, link=link)
    fetched_before = host.fetched
    await sandbox.control("POST", "/clock", json={"advance_s": 601})
    third = await outcome(sandbox, link=link)

    assert (first[0], second[0], third[0]) == ("read", "read", "read")
    assert (fetched_before, host.fetched) == (1, 2)
    assert all(len(line["sha256"]) == 64 for line in (await sandbox.ledger())[-3:])


@pytest.mark.parametrize(
    ("name", "details"),
    [
        ("gone.png", "Downloading media from weblink failed with http code 404, status message Not Found"),
        ("page.html", "Unsupported Image mime type text/html. Please use one of image/png, image/jpeg."),
        ("lie.png", "Media upload error: These bytes are an HTML page, not a picture."),
        ("big.png", "Image file size too big. Maximum file size is 5,242,880 bytes."),
    ],
)
async def test_a_link_that_leads_to_no_picture_fails_by_status(
    sandbox: SandboxProgram, host: PictureHost, name: str, details: str
) -> None:
    assert await outcome(sandbox, link=f"{host.url}/{name}") == ("failed", 131053, details)


@pytest.mark.parametrize("link", ["http://10.0.0.1/a.png", "http://169.254.169.254/latest", "http://127.0.0.1:1/a.png"])
async def test_a_link_to_a_private_network_or_to_nobody_fails_by_status(sandbox: SandboxProgram, link: str) -> None:
    status, code, details = await outcome(sandbox, link=link)

    assert (status, code) == ("failed", 131053)
    assert details is not None
    assert details.startswith("Downloading media from weblink failed")


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
