"""The most used Python client of the Cloud API, unmodified, over real HTTP against the running sandbox."""

import asyncio
import base64
import hashlib
import io
import queue
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from pywa import errors, filters
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
from pywa.types.media import Image as Picture
from pywa.types.message import Message
from pywa.types.message_status import MessageStatus
from starlette.applications import Starlette
from tests.journeys.pywa_bot import ASHA, PERSON, picture, served, to_sandbox, write
from tests.journeys.sandbox_program import PATIENCE_S, SandboxProgram, running

from picha.cloudapi.errors import TABLE
from picha.sandbox import magic

LADDER = "100,100,100"


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
        session.base_url = to_sandbox(sandbox)
        self.statuses: queue.Queue[MessageStatus[str]] = queue.Queue()
        self.messages: queue.Queue[Message] = queue.Queue()
        self.others: queue.Queue[Any] = queue.Queue()
        self.wa.add_handlers(
            MessageStatusHandler(lambda _, status: self.statuses.put(status)),
            MessageHandler(lambda _, message: self.messages.put(message), filters.image),
            MessageHandler(lambda _, message: self.others.put(message), ~filters.image),
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


@pytest.fixture
async def bot() -> AsyncIterator[tuple[SandboxProgram, Bot]]:
    app = Starlette()
    with socket.create_server(("127.0.0.1", 0)) as door, httpx.Client() as session:
        async with running("--ladder", LADDER, "--limits", "off") as sandbox:
            bot = Bot(sandbox, session, app)
            with served(app, door) as callback:
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


async def test_pywa_hears_an_image_downloads_it_and_answers_with_one(
    bot: tuple[SandboxProgram, Bot], tmp_path: Path
) -> None:
    sandbox, client = bot
    await write(sandbox, type="text", text="The filter leaves this one out.")
    await write(sandbox, caption="Habari", forwarded=True)
    message = await asyncio.to_thread(client.next_message)
    image = message.image
    assert image is not None

    data = await asyncio.to_thread(image.get_bytes)
    path = await asyncio.to_thread(image.download, path=tmp_path)
    streamed = await asyncio.to_thread(lambda: b"".join(image.stream()))
    marked = await asyncio.to_thread(message.mark_as_read)
    typing = await asyncio.to_thread(message.indicate_typing)
    reply = await asyncio.to_thread(
        message.reply_image, image=data, mime_type="image/jpeg", caption="Nzuri", quote=True
    )

    assert (message.from_user.wa_id, message.from_user.name, message.caption) == (ASHA, "Asha", "Habari")
    assert message.forwarded
    assert data[:3] == b"\xff\xd8\xff"
    assert data == streamed == path.read_bytes()
    assert marked.success
    assert typing.success
    (read,) = await sandbox.wait("status", wamid=reply.id, status="read")
    assert read["to"] == ASHA
    (line,) = await sandbox.ledger()
    # pywa answers to the business-scoped user id.
    assert (line["recipient"], line["caption"]) == (message.from_user.bsuid, "Nzuri")


async def test_pywa_hears_what_else_people_send(bot: tuple[SandboxProgram, Bot]) -> None:
    sandbox, client = bot

    async def hear(**spoken: Any) -> Message:
        await sandbox.control("POST", "/inbound", json={"from": "255712345678"} | spoken)
        return await asyncio.to_thread(client.next_other if "type" in spoken else client.next_message)

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


async def test_pywa_waits_for_a_reply_with_a_picture(bot: tuple[SandboxProgram, Bot]) -> None:
    sandbox, client = bot
    await write(sandbox, type="text", text="Have you got a photo of it?")

    def ask() -> Message:
        sent = client.wa.send_image(to=ASHA, image=picture(), mime_type="image/jpeg")
        return sent.wait_for_reply(filters=filters.image, timeout=PATIENCE_S)

    asking = asyncio.create_task(asyncio.to_thread(ask))
    await write(sandbox, client.wa._listeners, type="text", text="Wait, I look for mine.")
    wamid = await write(sandbox, caption="This one")
    reply = await asking

    assert (reply.id, reply.caption) == (wamid, "This one")


def _pieces() -> Iterator[bytes]:
    data = picture()
    yield data[:100]
    yield data[100:]


SOURCES: dict[str, Callable[[WhatsApp, Path], Any]] = {
    "bytes": lambda _wa, _path: picture(),
    "a path": lambda _wa, path: path,
    "a path as text": lambda _wa, path: str(path),
    "a file": lambda _wa, _path: io.BytesIO(picture()),
    "an iterator": lambda _wa, _path: _pieces(),
    "base64": lambda _wa, _path: base64.b64encode(picture()).decode(),
    "a data URI": lambda _wa, _path: f"data:image/jpeg;base64,{base64.b64encode(picture()).decode()}",
    "a media id": lambda wa, path: wa.upload_media(path, "image/jpeg").id,
    "uploaded media": lambda wa, path: wa.upload_media(path, "image/jpeg"),
}


async def test_pywa_sends_a_picture_from_every_kind_of_source(bot: tuple[SandboxProgram, Bot], tmp_path: Path) -> None:
    sandbox, client = bot
    path = tmp_path / "receipt.jpg"
    path.write_bytes(picture())

    def send(source: str) -> str:
        # A stream says nothing of what it is.
        kind = "image/jpeg" if source in ("bytes", "a file", "an iterator", "base64") else None
        return client.wa.send_image(
            to=PERSON, image=SOURCES[source](client.wa, path), mime_type=kind, caption=source
        ).id

    for source in SOURCES:
        await sandbox.wait("status", wamid=await asyncio.to_thread(send, source), status="read")

    digest = hashlib.sha256(picture()).hexdigest()
    assert [(line["caption"], line["sha256"]) for line in await sandbox.ledger()] == [
        (name, digest) for name in SOURCES
    ]


async def test_pywa_sends_on_a_picture_that_it_received(bot: tuple[SandboxProgram, Bot]) -> None:
    sandbox, client = bot
    await write(sandbox)
    image = (await asyncio.to_thread(client.next_message)).image
    assert isinstance(image, Picture)

    sent = await asyncio.to_thread(client.wa.send_image, to=PERSON, image=image)

    await sandbox.wait("status", wamid=sent.id, status="read")


async def test_pywa_raises_every_error_as_the_class_of_its_code(bot: tuple[SandboxProgram, Bot]) -> None:
    _, client = bot
    codes = sorted(TABLE)

    def raised(number: str) -> errors.WhatsAppError:
        with pytest.raises(errors.WhatsAppError) as refused:
            client.wa.send_image(to=number, image="http://127.0.0.1:1/a.jpg")
        return refused.value

    told = [await asyncio.to_thread(raised, magic.number(code, magic.Moment.ANSWER)) for code in codes]

    assert [error.code for error in told] == codes
    named = {type(error) for error in told}
    assert {errors.AuthException, errors.RateLimitHit, errors.TooManyMessages, errors.ExpiredAccessToken} <= named
    assert {errors.ReEngagementMessage, errors.ServiceUnavailable, errors.InvalidParameter} <= named
    assert all(error.details and error.fbtrace_id for error in told)


async def test_pywa_hands_every_failure_to_the_statuses_handler(bot: tuple[SandboxProgram, Bot]) -> None:
    _, client = bot

    for code in sorted(TABLE):
        number = magic.number(code, magic.Moment.STATUS)
        await asyncio.to_thread(client.wa.send_image, to=number, image="http://127.0.0.1:1/a.jpg")
    failed = [await asyncio.to_thread(client.next_status) for _ in TABLE]

    codes = {status.error.code: type(status.error) for status in failed if status.error}
    assert {status.status for status in failed} == {"failed"}
    assert set(codes) == set(TABLE)
    assert codes[131053] is errors.MediaUploadError
    assert codes[131047] is errors.ReEngagementMessage
    assert codes[137000] is errors.RecipientIdentityKeyMismatch


async def test_pywa_reads_the_number_the_account_and_the_template_by_all_the_fields_it_knows(
    bot: tuple[SandboxProgram, Bot],
) -> None:
    sandbox, client = bot

    number = await asyncio.to_thread(client.wa.get_business_phone_number)
    account = await asyncio.to_thread(client.wa.get_business_account, waba_id=sandbox.ready.waba_id)
    template, _ = await asyncio.to_thread(client.wa.get_templates, waba_id=sandbox.ready.waba_id)

    assert (number.id, number.display_phone_number) == (sandbox.number, "15550783881")
    assert (account.id, account.name) == (sandbox.ready.waba_id, "Lucky Shrub")
    assert template.name == "picha_photo"


async def test_pywa_blocks_and_unblocks(bot: tuple[SandboxProgram, Bot]) -> None:
    sandbox, client = bot
    await write(sandbox)

    blocked = await asyncio.to_thread(client.wa.block_users, users=[ASHA])
    unblocked = await asyncio.to_thread(client.wa.unblock_users, users=[ASHA])

    assert [user.wa_id for user in blocked.added_users] == [ASHA]
    assert [user.wa_id for user in unblocked.removed_users] == [ASHA]


async def test_pywa_hears_that_the_window_is_closed(bot: tuple[SandboxProgram, Bot]) -> None:
    _, client = bot

    await asyncio.to_thread(client.wa.send_image, to="255799999999", image=picture(), mime_type="image/jpeg")
    failed = await asyncio.to_thread(client.next_status)

    assert isinstance(failed.error, errors.ReEngagementMessage)


async def test_pywa_raises_an_unknown_media_id(bot: tuple[SandboxProgram, Bot]) -> None:
    _, client = bot

    with pytest.raises(errors.WhatsAppError) as refused:
        await asyncio.to_thread(client.wa.send_image, to=PERSON, image="123456")

    assert (refused.value.code, refused.value.type) == (100, "OAuthException")
    assert refused.value.fbtrace_id


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


async def test_pywa_registers_its_callback_by_itself() -> None:
    class Rewriting(httpx.HTTPTransport):
        """The way for programs that cannot be told another base URL."""

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            request.url = request.url.copy_with(scheme="http", host=base.host, port=base.port)
            return super().handle_request(request)

    app = Starlette()
    async with running("--ladder", LADDER) as sandbox:
        base, ready = httpx.URL(sandbox.ready.base_url), sandbox.ready
        with (
            socket.create_server(("127.0.0.1", 0)) as door,
            httpx.Client(transport=Rewriting()) as session,
            served(app, door) as callback,
        ):
            wa = WhatsApp(
                phone_id=ready.phone_number_id, token=ready.access_token, session=session,
                server=app,  # type: ignore[arg-type] # as above
                verify_token="mine", app_id=ready.app_id, app_secret=ready.app_secret,
                callback_url=callback, webhook_challenge_delay=0,
            )  # fmt: skip
            for thread in threading.enumerate():
                if isinstance(thread, threading.Timer):
                    await asyncio.to_thread(thread.join)

            def send_and_wait() -> MessageStatus[str]:
                sent = wa.send_image(to=PERSON, image=picture(), mime_type="image/jpeg")
                return sent.wait_until_read(timeout=PATIENCE_S)

            read = await asyncio.to_thread(send_and_wait)

    assert read.status == "read"
