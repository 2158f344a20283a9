"""What the business hears that nobody wrote to it: echoes of its own phone app, and errors of its number."""

import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.journeys.hearing_house import House, listening
from tests.journeys.running import picture
from tests.journeys.sandbox_program import running

pytestmark = pytest.mark.asyncio(loop_scope="module")

ASHA = "255712345678"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def newer() -> AsyncIterator[House]:
    async with listening() as house:
        yield house


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def older() -> AsyncIterator[House]:
    async with listening("--dialect", "2025") as house:
        yield house


async def echo(house: House, **wish: Any) -> tuple[Any, Any]:
    """Let the business send from its phone app and return the echo and the change it came in."""
    status, answer = await house.sandbox.control("POST", "/echo", json=wish)
    assert status == 200, answer
    await house.told(answer["message_id"])
    (call,) = [call for call in house.receiver.calls if answer["message_id"] in str(call.value)]
    (change,) = call.document["entry"][0]["changes"]
    (echoed,) = change["value"]["message_echoes"]
    assert echoed["id"] == answer["message_id"]
    return echoed, change


@pytest.mark.parametrize("dialect", ["2026", "2025"])
async def test_an_image_sent_from_the_phone_app_is_echoed(newer: House, older: House, dialect: str) -> None:
    house, data = newer if dialect == "2026" else older, picture()

    echoed, change = await echo(house, to=ASHA, caption="Karibu", image_base64=base64.b64encode(data).decode())

    user_id = echoed.pop("to_user_id", None)
    image = echoed["image"]
    assert echoed == {
        "from": "15550783881", "to": ASHA, "id": echoed["id"], "timestamp": house.stamp, "type": "image",
        "image": {"caption": "Karibu", "mime_type": "image/jpeg", "sha256": hashlib.sha256(data).hexdigest(),
                  "id": image["id"], "url": image["url"]},
    }  # fmt: skip
    assert change["field"] == "smb_message_echoes"
    assert set(change["value"]) - {"contacts"} == {"messaging_product", "metadata", "message_echoes"}
    assert (user_id is not None) is ("contacts" in change["value"]) is (house is newer)
    status, described = await house.sandbox.graph("GET", f"/v24.0/{image['id']}")
    assert (status, described["mime_type"]) == (200, "image/jpeg")
    (delivery,) = await house.sandbox.wait("delivery", wamid=echoed["id"])
    assert (delivery["kind"], delivery["taken"]) == ("echo", True)


async def test_an_echo_is_no_send_of_the_api_and_opens_no_window(newer: House) -> None:
    echoed, _ = await echo(newer, to="255799999999", type="text", text="Karibu")

    _, answer = await newer.sandbox.send_image(to="255799999999", id="1479537139650973")
    (failed,) = await newer.sandbox.wait("status", wamid=answer["messages"][0]["id"])

    assert echoed["text"] == {"body": "Karibu"}
    assert echoed["id"] not in [item["wamid"] for item in await newer.sandbox.ledger()]
    assert failed["code"] == 131047


async def test_an_echo_to_one_without_a_number_names_the_user_id(newer: House) -> None:
    echoed, change = await echo(newer, user_id="US.5", type="text", text="Karibu")

    assert echoed["to_user_id"] == change["value"]["contacts"][0]["user_id"] == "US.5"
    assert "to" not in echoed


@pytest.mark.parametrize("code", [130429, 131031])
async def test_errors_of_the_number_come_without_a_message(newer: House, code: int) -> None:
    status, answer = await newer.sandbox.control("POST", "/errors", json={"code": code, "details": "Too many."})
    deliveries = await newer.sandbox.wait("delivery", count="1", wamid=f"error {code}")

    (call,) = [call for call in newer.receiver.of("errors") if call.value["errors"][0]["code"] == code]
    newer.check(call)
    (error,) = call.value["errors"]
    assert status == 200
    assert [delivery["id"] for delivery in deliveries] == [answer["id"]]
    assert set(call.value) == {"messaging_product", "metadata", "errors"}
    assert set(error) == {"code", "title", "message", "error_data", "href"}
    assert (error["title"], error["error_data"]) == (error["message"], {"details": "Too many."})


async def test_an_error_that_nobody_would_hear_is_refused() -> None:
    async with running() as sandbox:
        status, answer = await sandbox.control("POST", "/errors", json={"code": 130429})

    assert status == 400
    assert "callback" in answer["error"]


@pytest.mark.parametrize(
    ("path", "wish"),
    [
        ("/echo", {}), ("/echo", {"to": "x"}), ("/echo", {"user_id": "x"}), ("/echo", {"to": ASHA, "type": "reaction"}),
        ("/echo", {"to": ASHA, "type": "text"}), ("/echo", {"to": ASHA, "text": "x"}), ("/echo", {"surprise": 1}),
        ("/echo", {"to": ASHA, "phone_number_id": "1"}), ("/echo", {"to": ASHA, "image_base64": "%"}),
        ("/echo", {"to": ASHA, "image_base64": "AAAA"}), ("/echo", {"to": ASHA, "caption": "x" * 1025}),
        ("/errors", {}), ("/errors", {"code": -1}), ("/errors", {"code": "x"}), ("/errors", {"code": 10**9}),
        ("/errors", {"code": 130429, "phone_number_id": "1"}), ("/errors", []),
    ],
)  # fmt: skip
async def test_nonsense_is_refused_in_a_sentence(newer: House, path: str, wish: Any) -> None:
    status, answer = await newer.sandbox.control("POST", path, json=wish)

    assert status == 400
    assert answer["error"]


async def test_2025_has_no_echo_to_one_without_a_number(older: House) -> None:
    status, answer = await older.sandbox.control("POST", "/echo", json={"user_id": "US.5"})

    assert status == 400
    assert "--dialect 2026" in answer["error"]
