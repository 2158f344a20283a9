"""The dispatcher against a Meta that fails on purpose: every send is told of truthfully, and none is doubled."""

from typing import Any

import pytest
from tests.journeys.running import Talk, picture, until


async def spoil(picha: Talk, customer: str, effect: dict[str, Any], *, times: int = 1) -> None:
    """Let the next sends to one customer go wrong."""
    wish = {
        "match": {"route": "messages", "to": customer},
        "when": {"mode": "next", "n": times},
        "effect": effect,
    }
    await picha.control("POST", "/faults", json=wish)


async def send(picha: Talk, customer: str) -> str:
    file_id = (await picha.upload(picture())).data["file_id"]
    message_id: str = (await picha.send(to=customer, file_id=file_id)).data["message_id"]
    return message_id


async def in_phase(picha: Talk, message_id: str, *phases: str) -> Any:
    async def look() -> Any:
        message = await picha.message(message_id)
        return message if message["phase"] in phases else None

    return await until(look)


async def effects(picha: Talk, customer: str) -> int:
    return sum(item["to"] == customer for item in await picha.ledger())


@pytest.fixture
async def customer(picha: Talk) -> str:
    someone = picha.stranger()
    await picha.hear(someone, type="text", text="Hello")
    return someone


@pytest.mark.parametrize(
    "effect",
    [
        {"drop": "after"},
        {"reset": True, "at": "after"},
        {"cut_after_bytes": 0},
        {"cut_after_bytes": 40},
        {"status": 502, "at": "after"},
    ],
    ids=str,
)
async def test_a_send_whose_answer_is_lost_is_found_again_by_its_token(
    picha: Talk, customer: str, effect: dict[str, Any]
) -> None:
    await spoil(picha, customer, effect)

    message = await picha.becomes(await send(picha, customer), "read")

    assert message["attempts"] == 1
    assert await effects(picha, customer) == 1
    texts = [item["text"] for item in await picha.story(message["id"])]
    assert any("No answer tells" in text for text in texts), texts


@pytest.mark.parametrize("effect", [{"drop": "before"}, {"reset": True}, {"status": 500}, {"error": 131000}], ids=str)
async def test_a_send_that_nobody_can_vouch_for_stays_unknown_and_is_not_sent_again(
    picha: Talk, customer: str, effect: dict[str, Any]
) -> None:
    await spoil(picha, customer, effect)

    lost = await in_phase(picha, await send(picha, customer), "unknown")
    # A later send of the same conversation goes out and is read: the first had every chance to be sent again.
    later = await picha.becomes(await send(picha, customer), "read")

    lost = await picha.message(lost["id"])
    assert (lost["phase"], lost["status"], lost["attempts"], lost["error_code"]) == ("unknown", "pending", 1, None)
    assert later["attempts"] == 1
    assert await effects(picha, customer) == 1


@pytest.mark.parametrize("code", [130429, 131056, 131016])
async def test_what_meta_did_not_process_is_sent_again_until_it_is(picha: Talk, customer: str, code: int) -> None:
    await spoil(picha, customer, {"error": code}, times=2)

    message = await picha.becomes(await send(picha, customer), "read")

    assert message["attempts"] == 3
    assert await effects(picha, customer) == 1


@pytest.mark.parametrize("code", [131026, 131009, 131042, 368])
async def test_a_refusal_fails_the_message_with_metas_code_and_a_remedy(picha: Talk, customer: str, code: int) -> None:
    await spoil(picha, customer, {"error": code})

    message = await picha.becomes(await send(picha, customer), "failed")

    assert message["error_code"] == str(code)
    assert message["error_message"]
    assert len(message["error_detail"]) > 40
    assert await effects(picha, customer) == 0


async def test_an_upload_that_fails_is_made_again_and_reaches_the_customer_once(picha: Talk, customer: str) -> None:
    wish = {"match": {"route": "media"}, "when": {"mode": "next", "n": 2}, "effect": {"status": 503}}
    await picha.control("POST", "/faults", json=wish)
    file_id = (await picha.upload(picture(shade=201))).data["file_id"]

    message = await picha.becomes((await picha.send(to=customer, file_id=file_id)).data["message_id"], "read")

    assert message["attempts"] == 1
    assert await effects(picha, customer) == 1


async def test_a_received_picture_whose_download_fails_is_fetched_again(picha: Talk) -> None:
    wish = {"match": {"route": "download"}, "when": {"mode": "next", "n": 2}, "effect": {"cut_after_bytes": 100}}
    await picha.control("POST", "/faults", json=wish)

    message = await picha.hear(picha.stranger(), caption="Here it is")

    assert (message["content"]["state"], message["content"]["caption"]) == ("stored", "Here it is")
