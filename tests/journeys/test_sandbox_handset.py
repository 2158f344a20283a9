"""What a person sees on their phone: their conversations with the business, both sides of them, and the pictures."""

import base64
import hashlib
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image
from tests.journeys.hosting import hosting
from tests.journeys.sandbox_program import DOCUMENTED_MEDIA, PERSON, SandboxProgram, running

from picha.sandbox.photo import built_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

ASHA = "255712345678"
NO_PICTURE = b"no picture at all"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def program() -> AsyncIterator[SandboxProgram]:
    async with running("--ladder", "0,0,0", "--limits", "off") as running_program:
        yield running_program


@pytest_asyncio.fixture(loop_scope="module")
async def sandbox(program: SandboxProgram) -> SandboxProgram:
    await program.control("POST", "/reset")
    return program


async def write(sandbox: SandboxProgram, person: str = ASHA, **message: Any) -> str:
    status, answer = await sandbox.control("POST", "/inbound", json={"from": person} | message)
    assert status == 200, answer
    message_id: str = answer["message_id"]
    return message_id


async def send(sandbox: SandboxProgram, to: str = ASHA, **message: Any) -> str:
    body = {"messaging_product": "whatsapp", "to": to} | message
    status, answer = await sandbox.graph("POST", f"/v24.0/{sandbox.number}/messages", json=body)
    assert status == 200, answer
    wamid: str = answer["messages"][0]["id"]
    return wamid


async def conversation(sandbox: SandboxProgram, who: str = ASHA, **query: str) -> list[Any]:
    status, answer = await sandbox.control("GET", "/messages", params={"with": who, **query})
    assert status == 200, answer
    items: list[Any] = answer["items"]
    return items


async def picture(sandbox: SandboxProgram, message: Any) -> tuple[str, bytes]:
    """Return the content type and the bytes of a message's picture."""
    async with sandbox.session.get(sandbox.ready.base_url + message["picture"]) as answer:
        assert answer.status == 200
        return answer.headers["Content-Type"], await answer.read()


async def test_a_conversation_has_what_both_sides_said_in_order_with_its_pictures(sandbox: SandboxProgram) -> None:
    asked = await write(sandbox, name="Asha", caption="Have you got this?")
    link = {"link": f"{sandbox.ready.control_url}/photo.jpg", "caption": "This one?"}
    answered = await send(sandbox, type="image", image=link, context={"message_id": asked})
    await sandbox.wait("status", wamid=answered, status="read")
    thanked = await write(sandbox, type="text", text="Yes!", reply_to=answered)
    liked = await write(sandbox, type="reaction", reaction={"message_id": answered, "emoji": "\u2764"})
    farewell = await send(sandbox, type="text", text={"body": "Karibu"})
    await sandbox.wait("status", wamid=farewell, status="read")

    messages = await conversation(sandbox)

    seen = [
        (one["message_id"], one["by"], one["type"], one["text"] or one["caption"], one["about"]) for one in messages
    ]
    assert seen == [
        (asked, "person", "image", "Have you got this?", None),
        (answered, "business", "image", "This one?", asked),
        (thanked, "person", "text", "Yes!", answered),
        (liked, "person", "reaction", "\u2764", answered),
        (farewell, "business", "text", "Karibu", None),
    ]
    assert [one["status"] for one in messages] == [None, "read", None, None, "read"]
    for one in messages[:2]:
        assert await picture(sandbox, one) == ("image/jpeg", built_in())
        assert one["sha256"] == hashlib.sha256(built_in()).hexdigest()


async def test_what_the_phone_app_sent_is_there_too(sandbox: SandboxProgram) -> None:
    await write(sandbox, type="text", text="Are you open?")
    for wish in ({"type": "text", "text": "Yes"}, {"caption": "Come in"}):
        status, told = await sandbox.control("POST", "/echo", json={"to": ASHA} | wish)
        assert status == 200, told

    messages = await conversation(sandbox)

    seen = [(one["by"], one["type"], one["text"] or one["caption"], one["status"]) for one in messages]
    assert seen == [
        ("person", "text", "Are you open?", None),
        ("business", "text", "Yes", None),
        ("business", "image", "Come in", None),
    ]
    assert await picture(sandbox, messages[2]) == ("image/jpeg", built_in())
    assert await sandbox.ledger() == []


async def test_what_failed_says_why(sandbox: SandboxProgram) -> None:
    wamid = await send(sandbox, type="image", image={"id": DOCUMENTED_MEDIA})
    await sandbox.wait("status", wamid=wamid, status="failed")

    (failed,) = await conversation(sandbox)

    assert (failed["status"], failed["code"]) == ("failed", 131047)
    assert "24 hours" in failed["details"]


async def test_the_conversation_that_something_was_said_in_last_comes_first(sandbox: SandboxProgram) -> None:
    await write(sandbox, name="Asha")
    _, group = await sandbox.control("POST", "/groups", json={"participants": [ASHA]})
    await write(sandbox, type="text", text="To all", group_id=group["group_id"])
    await send(sandbox, type="image", image={"id": DOCUMENTED_MEDIA})

    _, listed = await sandbox.control("GET", "/conversations")
    _, first = await sandbox.control("GET", "/conversations", params={"limit": "1"})

    told = [(one["with"], one["name"], one["messages"], one["unread"]) for one in listed["items"]]
    assert told == [
        (ASHA, "Asha", 2, 1), (group["group_id"], None, 1, 1), (PERSON, "Sheena Nelson", 1, 1),
    ]  # fmt: skip
    assert first["items"] == listed["items"][:1]
    (said,) = await conversation(sandbox, group["group_id"])
    assert (said["wa_id"], said["text"]) == (ASHA, "To all")


async def test_a_page_ends_before_a_message(sandbox: SandboxProgram) -> None:
    written = [await write(sandbox, type="text", text=f"{number}") for number in range(5)]

    last = await conversation(sandbox, limit="2")
    earlier = await conversation(sandbox, limit="2", before=last[0]["message_id"])
    first = await conversation(sandbox, before=earlier[0]["message_id"])
    none = await conversation(sandbox, before=first[0]["message_id"])

    pages = [[one["message_id"] for one in page] for page in (first, earlier, last)]
    assert pages == [written[:1], written[1:3], written[3:]]
    assert none == []


async def test_who_moves_takes_what_was_said_along(sandbox: SandboxProgram) -> None:
    before = await write(sandbox, type="text", text="I move")
    await sandbox.control("POST", f"/people/{ASHA}/change-number", json={"to": "255787654321"})
    after = await write(sandbox, "255787654321", type="text", text="Here I am")

    messages = await conversation(sandbox, "+255 787 654 321")

    assert [one["message_id"] for one in messages] == [before, after]
    assert await conversation(sandbox) == []


async def test_bytes_that_are_no_picture_are_given_as_bytes(sandbox: SandboxProgram) -> None:
    await write(sandbox, image_base64=base64.b64encode(NO_PICTURE).decode(), as_is=True)

    (message,) = await conversation(sandbox)

    assert await picture(sandbox, message) == ("application/octet-stream", NO_PICTURE)


def drawn() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (9, 7), "teal").save(file, "PNG")
    return file.getvalue()


async def test_a_conversation_and_what_links_led_to_outlive_a_power_cut_as_long_as_media_does(tmp_path: Path) -> None:
    flags = ("--ladder", "0,0,0", "--home", str(tmp_path / "home"))
    async with hosting() as host, running(*flags) as sandbox:
        wamid = await send(sandbox, PERSON, type="image", image={"link": host.put("/a.png", drawn(), "image/png")})
        await sandbox.wait("status", wamid=wamid, status="read")
        before = await conversation(sandbox, PERSON)
        await sandbox.kill()
    async with running(*flags) as sandbox:
        after = await conversation(sandbox, PERSON)
        shown = await picture(sandbox, after[-1])
        await sandbox.control("POST", "/clock", json={"advance_s": 31 * 86_400})
        await sandbox.kill()
    async with running(*flags) as sandbox:
        later = await conversation(sandbox, PERSON)

    assert after == before
    assert shown == ("image/png", drawn())
    assert (later[-1]["sha256"], later[-1]["picture"]) == (before[-1]["sha256"], None)


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/messages", {}, 400),
        ("/messages", {"with": "nobody"}, 400),
        ("/messages", {"with": "15550783881"}, 400),
        ("/messages", {"with": ASHA, "before": "wamid.x"}, 400),
        ("/messages", {"with": ASHA, "limit": "0"}, 400),
        ("/messages", {"with": ASHA, "limit": "1001"}, 400),
        ("/messages", {"with": ASHA, "phone_number_id": "1"}, 400),
        ("/conversations", {"phone_number_id": "1"}, 400),
        ("/pictures/" + "0" * 64, {}, 404),
        ("/pictures/..%2Fjournal.jsonl", {}, 404),
    ],
)
async def test_nonsense_is_refused_in_a_sentence(
    sandbox: SandboxProgram, path: str, query: dict[str, str], status: int
) -> None:
    refused, answer = await sandbox.control("GET", path, params=query)

    assert (refused, list(answer)) == (status, ["error"])
