"""The asynchronous half of the most used Python client, unmodified, against the running sandbox."""

import asyncio
import hashlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pywa import errors
from pywa_async import filters
from pywa_async.client import WhatsApp
from pywa_async.handlers import MessageHandler, MessageStatusHandler
from starlette.applications import Starlette
from tests.journeys.pywa_bot import ASHA, PERSON, picture, served_here, to_sandbox, write
from tests.journeys.sandbox_program import PATIENCE_S, SandboxProgram, running


class Bot:
    """A pywa client with its handlers, and what they were given.

    It is `Any` all over, because pywa annotates what it awaits here as what it returns in its synchronous half.
    """

    def __init__(self, sandbox: SandboxProgram, session: httpx.AsyncClient, app: Starlette) -> None:
        ready = sandbox.ready
        self.wa: Any = WhatsApp(
            phone_id=ready.phone_number_id,
            waba_id=ready.waba_id,
            token=ready.access_token,
            session=session,
            server=app,  # type: ignore[arg-type] # documented for Starlette, annotated for its children only
            verify_token="mine",
            app_secret=ready.app_secret,
        )
        session.base_url = to_sandbox(sandbox)
        self.statuses: asyncio.Queue[Any] = asyncio.Queue()
        self.messages: asyncio.Queue[Any] = asyncio.Queue()
        self.wa.add_handlers(MessageHandler(self._hear, filters.image), MessageStatusHandler(self._note))

    async def _hear(self, _wa: object, message: object) -> None:
        await self.messages.put(message)

    async def _note(self, _wa: object, status: object) -> None:
        await self.statuses.put(status)

    async def next_message(self) -> Any:
        return await asyncio.wait_for(self.messages.get(), PATIENCE_S)

    async def next_status(self) -> Any:
        return await asyncio.wait_for(self.statuses.get(), PATIENCE_S)


@pytest.fixture
async def bot() -> AsyncIterator[tuple[SandboxProgram, Bot]]:
    """A bot that registered itself as its number's callback, and shook hands."""
    app = Starlette()
    with socket.create_server(("127.0.0.1", 0)) as door:
        async with httpx.AsyncClient() as session, running("--ladder", "100,100,100") as sandbox:
            bot = Bot(sandbox, session, app)
            async with served_here(app, door) as callback:
                registered = await bot.wa.override_phone_callback_url(callback, "mine")
                assert registered.success
                yield sandbox, bot


async def test_an_image_is_uploaded_sent_and_followed_to_read(bot: tuple[SandboxProgram, Bot]) -> None:
    sandbox, client = bot

    sent = await client.wa.send_image(
        to=PERSON, image=picture(), mime_type="image/jpeg", caption="From pywa", tracker="order 7"
    )
    statuses = [await client.next_status() for _ in range(3)]

    assert [status.status for status in statuses] == ["sent", "delivered", "read"]
    assert {(status.id, status.tracker) for status in statuses} == {(sent.id, "order 7")}
    (line,) = await sandbox.ledger()
    assert (line["caption"], line["sha256"]) == ("From pywa", hashlib.sha256(picture()).hexdigest())


async def test_it_waits_until_an_image_is_delivered_and_read(bot: tuple[SandboxProgram, Bot]) -> None:
    _, client = bot

    sent = await client.wa.send_image(to=PERSON, image=picture(), mime_type="image/jpeg")
    delivered = await sent.wait_until_delivered(timeout=PATIENCE_S)
    read = await sent.wait_until_read(timeout=PATIENCE_S)

    assert (delivered.id, delivered.status, read.status) == (sent.id, "delivered", "read")


async def test_it_waits_for_a_reply_with_a_picture(bot: tuple[SandboxProgram, Bot]) -> None:
    sandbox, client = bot
    await write(sandbox, type="text", text="Have you got a photo of it?")
    sent = await client.wa.send_image(to=ASHA, image=picture(), mime_type="image/jpeg")

    listening = asyncio.create_task(sent.wait_for_reply(filters=filters.image, timeout=PATIENCE_S))
    await write(sandbox, client.wa._listeners, type="text", text="Wait, I look for mine.")
    wamid = await write(sandbox, caption="This one")
    reply = await listening

    assert (reply.id, reply.caption) == (wamid, "This one")


async def test_a_handler_hears_an_image_keeps_it_and_answers(bot: tuple[SandboxProgram, Bot], tmp_path: Path) -> None:
    sandbox, client = bot
    await write(sandbox, type="text", text="The filter leaves this one out.")
    await write(sandbox, caption="Habari")
    message = await client.next_message()
    image = message.image
    assert image is not None

    data = await image.get_bytes()
    path = await image.download(path=tmp_path)
    marked, typing = await message.mark_as_read(), await message.indicate_typing()
    reply = await message.reply_image(image=data, mime_type="image/jpeg", caption="Nzuri", quote=True)

    assert (message.from_user.wa_id, message.caption) == (ASHA, "Habari")
    assert data == path.read_bytes()
    assert marked.success
    assert typing.success
    await sandbox.wait("status", wamid=reply.id, status="read")


async def test_media_is_uploaded_described_downloaded_and_deleted(bot: tuple[SandboxProgram, Bot]) -> None:
    _, client = bot

    media = await client.wa.upload_media(picture(), "image/jpeg", "receipt.jpg")
    url = await client.wa.get_media_url(media.id)
    data = await client.wa.get_media_bytes(url.url)
    deleted = await client.wa.delete_media(media.id)
    with pytest.raises(errors.WhatsAppError) as gone:
        await client.wa.get_media_url(media.id)

    assert data == picture()
    assert deleted.success
    assert gone.value.code == 100


async def test_errors_come_as_classes_and_failures_to_the_handler(bot: tuple[SandboxProgram, Bot]) -> None:
    sandbox, client = bot
    gone = f"{sandbox.ready.base_url}/handset"

    with pytest.raises(errors.RateLimitHit):
        await client.wa.send_image(to="9990130429", image=gone)
    with pytest.raises(errors.ServiceUnavailable):
        await client.wa.send_image(to="9990131016", image=gone)
    await client.wa.send_image(to=PERSON, image=gone)
    await client.wa.send_image(to="255799999999", image=picture(), mime_type="image/jpeg")
    failed = [await client.next_status(), await client.next_status()]

    assert {status.status for status in failed} == {"failed"}
    assert {type(status.error) for status in failed} == {errors.MediaUploadError, errors.ReEngagementMessage}


async def test_twenty_sends_at_once_all_arrive(bot: tuple[SandboxProgram, Bot]) -> None:
    sandbox, client = bot

    sent = await asyncio.gather(
        *(client.wa.send_image(to=PERSON, image=picture(), mime_type="image/jpeg") for _ in range(20))
    )

    assert {one.id for one in sent} == {line["wamid"] for line in await sandbox.ledger()}
    assert len({one.id for one in sent}) == 20
