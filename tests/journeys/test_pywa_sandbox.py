"""The most used Python client of the Cloud API, unmodified, over real HTTP against the running sandbox."""

import asyncio
import contextlib
import io
import queue
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import uvicorn
from PIL import Image
from pywa import errors
from pywa.client import WhatsApp
from pywa.handlers import (
    DeletedMessageHandler,
    EditedMessageHandler,
    GroupMessageStatusesHandler,
    MessageHandler,
    MessageStatusHandler,
    OutgoingMessageHandler,
    PhoneNumberChangeHandler,
)
from pywa.types.chat import ChatType
from pywa.types.message import Message
from pywa.types.message_status import MessageStatus
from starlette.applications import Starlette
from tests.journeys.sandbox_program import PATIENCE_S, SandboxProgram, running

PERSON = "16505551234"
LADDER = "100,100,100"


def picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 48), (90, 140, 60)).save(file, "JPEG")
    return file.getvalue()


class Bot:
    """A pywa client with its webhook server, and what its handlers were given."""

    def __init__(self, sandbox: SandboxProgram, session: httpx.Client, app: Starlette) -> None:
        ready = sandbox.ready
        self.wa = WhatsApp(
            phone_id=ready.phone_number_id,
            token=ready.access_token,
            session=session,
            server=app,  # type: ignore[arg-type] # documented for Starlette, annotated for its children only
            verify_token=ready.verify_token,
            app_secret=ready.app_secret,
        )
        session.base_url = httpx.URL(f"{ready.base_url}/v24.0")
        self.statuses: queue.Queue[MessageStatus[str]] = queue.Queue()
        self.messages: queue.Queue[Message] = queue.Queue()
        self.others: queue.Queue[Any] = queue.Queue()
        self.wa.add_handlers(
            MessageStatusHandler(lambda _, status: self.statuses.put(status)),
            MessageHandler(lambda _, message: self.messages.put(message)),
            EditedMessageHandler(lambda _, update: self.others.put(update)),
            DeletedMessageHandler(lambda _, update: self.others.put(update)),
            OutgoingMessageHandler(lambda _, update: self.others.put(update)),
            PhoneNumberChangeHandler(lambda _, update: self.others.put(update)),
            GroupMessageStatusesHandler(lambda _, update: self.others.put(update)),
        )

    def next_status(self) -> MessageStatus[str]:
        return self.statuses.get(timeout=PATIENCE_S)

    def next_other(self) -> Any:
        return self.others.get(timeout=PATIENCE_S)

    def next_message(self) -> Message:
        return self.messages.get(timeout=PATIENCE_S)


@contextlib.contextmanager
def served(app: Starlette, door: socket.socket) -> Iterator[None]:
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
async def bot() -> AsyncIterator[tuple[SandboxProgram, Bot]]:
    app = Starlette()
    with socket.create_server(("127.0.0.1", 0)) as door, httpx.Client() as session:
        callback = f"http://127.0.0.1:{door.getsockname()[1]}/"
        async with running("--ladder", LADDER) as sandbox:
            bot = Bot(sandbox, session, app)
            with served(app, door):
                registered = await asyncio.to_thread(register, sandbox, bot, callback)
                assert registered
                yield sandbox, bot


def register(sandbox: SandboxProgram, bot: Bot, callback: str) -> bool:
    ready = sandbox.ready
    token = bot.wa.api.get_app_access_token(client_id=int(ready.app_id), client_secret=ready.app_secret)
    answer = bot.wa.api.set_app_callback_url(
        app_id=int(ready.app_id),
        access_token=token["access_token"],
        callback_url=callback,
        verify_token=ready.verify_token,
        fields=("messages",),
    )
    return answer["success"]


async def test_pywa_uploads_and_sends_an_image_and_hears_every_status(bot: tuple[SandboxProgram, Bot]) -> None:
    sandbox, client = bot

    sent = await asyncio.to_thread(
        client.wa.send_image, to=PERSON, image=picture(), mime_type="image/jpeg", caption="From pywa", tracker="order 7"
    )
    statuses = [await asyncio.to_thread(client.next_status) for _ in range(3)]

    assert [status.status for status in statuses] == ["sent", "delivered", "read"]
    assert {status.id for status in statuses} == {sent.id}
    assert {status.tracker for status in statuses} == {"order 7"}
    assert {status.from_user.wa_id for status in statuses} == {PERSON}
    (line,) = await sandbox.ledger()
    assert (line["caption"], line["to"]) == ("From pywa", PERSON)


async def test_pywa_waits_until_an_image_is_delivered(bot: tuple[SandboxProgram, Bot]) -> None:
    _, client = bot

    def send_and_wait() -> MessageStatus[str]:
        sent = client.wa.send_image(to=PERSON, image=picture(), mime_type="image/jpeg")
        delivered = sent.wait_until_delivered(timeout=PATIENCE_S)
        assert isinstance(delivered, MessageStatus)
        return delivered

    assert (await asyncio.to_thread(send_and_wait)).status == "delivered"


async def test_pywa_sends_an_image_by_link(bot: tuple[SandboxProgram, Bot]) -> None:
    sandbox, client = bot
    gone = f"{sandbox.ready.base_url}/handset"

    sent = await asyncio.to_thread(client.wa.send_image, to=PERSON, image=gone)
    failed = await asyncio.to_thread(client.next_status)

    assert (failed.id, failed.status) == (sent.id, "failed")
    assert isinstance(failed.error, errors.MediaUploadError)
    assert failed.error.details == "Unsupported Image mime type text/html. Please use one of image/png, image/jpeg."


async def test_pywa_hears_an_image_downloads_it_and_answers_with_one(bot: tuple[SandboxProgram, Bot]) -> None:
    sandbox, client = bot
    asked = {"from": "255712345678", "name": "Asha", "caption": "Habari", "forwarded": True}
    await sandbox.control("POST", "/inbound", json=asked)
    message = await asyncio.to_thread(client.next_message)
    image = message.image
    assert image is not None

    data = await asyncio.to_thread(image.get_bytes)
    await asyncio.to_thread(message.mark_as_read)
    reply = await asyncio.to_thread(
        message.reply_image, image=data, mime_type="image/jpeg", caption="Nzuri", quote=True
    )

    assert (message.from_user.wa_id, message.from_user.name, message.caption) == ("255712345678", "Asha", "Habari")
    assert message.forwarded
    assert data[:3] == b"\xff\xd8\xff"
    (read,) = await sandbox.wait("status", wamid=reply.id, status="read")
    assert read["to"] == "255712345678"
    (line,) = await sandbox.ledger()
    # pywa answers to the business-scoped user id.
    assert (line["recipient"], line["caption"]) == (message.from_user.bsuid, "Nzuri")


async def test_pywa_hears_what_else_people_send(bot: tuple[SandboxProgram, Bot]) -> None:
    sandbox, client = bot

    async def hear(**spoken: Any) -> Message:
        await sandbox.control("POST", "/inbound", json={"from": "255712345678"} | spoken)
        return await asyncio.to_thread(client.next_message)

    reaction = await hear(type="reaction", reaction={"message_id": "wamid.X", "emoji": "👍"})
    taken = await hear(type="reaction", reaction={"message_id": "wamid.X"})
    poll = await hear(type="unsupported", unsupported={"type": "poll"})
    hidden = await hear(**{"from": None}, user_id="US.4321", username="sheena", name="Sheena")
    group = await hear(group_id="Y2FwaV9ncm91cDoxZD")

    assert reaction.reaction is not None
    assert taken.reaction is not None
    assert (reaction.reaction.message_id, reaction.reaction.emoji, taken.reaction.emoji) == ("wamid.X", "👍", None)
    assert poll.unsupported is not None
    assert poll.error is not None
    assert (poll.unsupported.type, poll.error.code) == ("poll", 131051)
    assert (hidden.from_user.bsuid, hidden.from_user.wa_id, hidden.from_user.username) == ("US.4321", None, "sheena")
    assert (group.chat.type, group.chat.id) == (ChatType.GROUP, "Y2FwaV9ncm91cDoxZD")


# Meta's pricing type of free messages to groups is newer than pywa, which warns and goes on.
@pytest.mark.filterwarnings("ignore:Unknown PricingType value")
async def test_pywa_hears_edits_revocations_changes_echoes_and_the_statuses_of_a_group(
    bot: tuple[SandboxProgram, Bot],
) -> None:
    sandbox, client = bot
    asha = {"from": "255712345678"}
    _, photo = await sandbox.control("POST", "/inbound", json=asha | {"user_id": "US.1", "caption": "Habri"})
    changing = {"original_message_id": photo["message_id"]}

    async def next_of(path: str, wish: dict[str, Any]) -> Any:
        status, answer = await sandbox.control("POST", path, json=wish)
        assert status == 200, answer
        return await asyncio.to_thread(client.next_other)

    edited = await next_of("/inbound", asha | changing | {"type": "edit", "caption": "Habari"})
    deleted = await next_of("/inbound", asha | changing | {"type": "revoke"})
    changed = await next_of("/inbound", asha | {"type": "user_changed_user_id", "new_user_id": "US.2"})
    echo = await next_of("/echo", {"to": asha["from"], "caption": "Karibu"})
    await sandbox.control("POST", "/inbound", json=asha | {"group_id": "Y2FwaV9ncm91cDoxZD"})
    sent = await asyncio.to_thread(client.wa.send_message, to="Y2FwaV9ncm91cDoxZD", text="Karibuni")
    updates = [await asyncio.to_thread(client.next_other) for _ in range(3)]

    assert (edited.original_message_id, edited.message.caption) == (photo["message_id"], "Habari")
    assert deleted.original_message_id == photo["message_id"]
    assert (changed.sys_type, changed.new_user_id) == ("user_changed_user_id", "US.2")
    assert (echo.to_user.wa_id, echo.caption) == (asha["from"], "Karibu")
    assert [update.statuses[0].status for update in updates] == ["sent", "delivered", "read"]
    assert {update.group_id for update in updates} == {"Y2FwaV9ncm91cDoxZD"}
    assert {status.id for update in updates for status in update} == {sent.id}
    assert {status.from_user.bsuid for update in updates for status in update} == {"US.2"}


async def test_pywa_knows_the_errors_by_name(bot: tuple[SandboxProgram, Bot]) -> None:
    _, client = bot

    with pytest.raises(errors.WhatsAppError) as refused:
        await asyncio.to_thread(client.wa.send_image, to=PERSON, image="123456")
    await asyncio.to_thread(client.wa.send_image, to="255799999999", image=picture(), mime_type="image/jpeg")
    failed = await asyncio.to_thread(client.next_status)

    assert refused.value.code == 100
    assert isinstance(failed.error, errors.ReEngagementMessage)


async def test_twenty_pywa_sends_at_once_all_arrive(bot: tuple[SandboxProgram, Bot]) -> None:
    sandbox, client = bot

    def send(_number: int) -> str:
        return client.wa.send_image(to=PERSON, image=picture(), mime_type="image/jpeg").id

    def send_all() -> set[str]:
        with ThreadPoolExecutor(20) as pool:
            return set(pool.map(send, range(20)))

    sent = await asyncio.to_thread(send_all)

    assert sent == {line["wamid"] for line in await sandbox.ledger()}
    assert len(sent) == 20


async def test_pywa_manages_media(bot: tuple[SandboxProgram, Bot]) -> None:
    _, client = bot

    media = await asyncio.to_thread(client.wa.upload_media, picture(), "image/jpeg", "receipt.jpg")
    url = await asyncio.to_thread(client.wa.get_media_url, media.id)
    data = await asyncio.to_thread(client.wa.get_media_bytes, url.url)
    deleted = await asyncio.to_thread(client.wa.delete_media, media.id)

    assert (url.mime_type, int(url.file_size)) == ("image/jpeg", len(picture()))
    assert data == picture()
    assert deleted.success
