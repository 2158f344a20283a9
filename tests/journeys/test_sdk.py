"""Programs that use the SDK, with an event loop and without, against a running product."""

import asyncio
import gc
import io
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar, assert_type
from uuid import UUID

import pytest
from tests.journeys.hosting import PictureHost
from tests.journeys.running import Talk, picture, until

from picha.kit.ids import Ids
from picha.sdk import (
    AsyncClient,
    Batch,
    BatchRecipient,
    Client,
    Event,
    Media,
    Message,
    SendAccepted,
    StatusData,
    Template,
    errors,
)
from picha.sdk.pictures import UPLOAD_MAX_BYTES
from picha.sdk.senders import Whoami

E = TypeVar("E", bound=errors.RefusedError)
IDS = Ids()


@pytest.fixture
def client(picha: Talk) -> Iterator[Client]:
    with Client(picha.ready.api_url, picha.ready.api_key) as client:
        yield client


@pytest.fixture
async def soon(picha: Talk) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(picha.ready.api_url, picha.ready.api_key) as soon:
        yield soon


async def test_a_picture_is_sent_by_its_path_and_followed_until_it_is_read(
    picha: Talk, client: Client, tmp_path: Path
) -> None:
    customer = picha.stranger()
    await picha.hear(customer)
    path = tmp_path / 'my "best" receipt.jpg'
    path.write_bytes(picture(shade=201))
    seen: list[tuple[int, int]] = []

    sent = client.send_image(
        to=f"+{customer}",
        image=path,
        caption="Your receipt",
        client_reference="order 7",
        on_progress=lambda done, total: seen.append((done, total)),
    )
    message = client.wait(sent.message_id, until="read")

    assert_type(sent, SendAccepted)
    assert_type(message, Message)
    assert (sent.status, message.status, message.client_reference) == ("pending", "read", "order 7")
    assert message.content.caption == "Your receipt"
    assert seen[-1][0] == seen[-1][1] > path.stat().st_size
    told = [moment.text for moment in client.timeline(sent.message_id)]
    assert told[0] == "Accepted and stored"
    [receipt] = [one for one in await picha.ledger() if one["to"] == customer]
    assert receipt["caption"] == "Your receipt"


async def test_the_same_is_awaited_with_an_event_loop(picha: Talk, soon: AsyncClient) -> None:
    customer = picha.stranger()
    heard = await picha.hear(customer)

    sent = await soon.send_image(conversation_id=heard["conversation_id"], image=picture(shade=202), caption="Hi")
    message = await soon.wait(sent.message_id)

    assert_type(sent, SendAccepted)
    assert_type(message, Message)
    assert message.status in {"delivered", "read"}
    assert message.id == (await soon.get(str(sent.message_id))).id
    listed = [one.id async for one in soon.messages(conversation_id=heard["conversation_id"], page_size=1)]
    assert listed == [sent.message_id, UUID(heard["id"])]


async def test_whatever_stands_for_a_picture_arrives(picha: Talk, client: Client, tmp_path: Path) -> None:
    customer = picha.stranger()
    await picha.hear(customer)
    data = picture(shade=203)
    path = tmp_path / "a.jpg"
    path.write_bytes(data)
    taken = client.upload(image=data)
    assert_type(taken, Media)
    images: list[Any] = [
        data, bytearray(data), memoryview(data), path, str(path), io.BytesIO(data), taken, taken.file_id,
        UUID(taken.file_id), (picha.ready.sandbox_url + "/_sandbox/photo.jpg"),
    ]  # fmt: skip

    sent = [client.send_image(to=customer, image=image) for image in images]
    with path.open("rb") as file:
        sent.append(client.send_image(to=customer, image=file))

    for one in sent:
        message = client.wait(one.message_id, until="sent")
        assert message.content.mime_type == "image/jpeg"
    assert len({one.message_id for one in sent}) == len(images) + 1


async def test_one_key_of_the_callers_own_makes_one_message_however_often_it_is_sent(
    picha: Talk, client: Client, soon: AsyncClient
) -> None:
    customer, order = picha.stranger(), f"order-{IDS.uuid()}"
    await picha.hear(customer)
    data = picture(shade=204)

    first = client.send_image(to=customer, image=data, idempotency_key=order)
    again = await soon.send_image(to=customer, image=data, idempotency_key=order)

    assert again.message_id == first.message_id
    assert again.idempotent_replay is True
    with pytest.raises(errors.IdempotencyKeyReusedError):
        client.send_image(to=customer, image=data, caption="Another", idempotency_key=order)


async def test_each_refusal_is_an_exception_of_its_own_with_code_field_and_request_id(
    picha: Talk, client: Client, tmp_path: Path
) -> None:
    customer, nothing = picha.stranger(), IDS.uuid()
    await picha.hear(customer)
    client.upload(image=picture())

    def refused(kind: type[E], call: Any, **arguments: Any) -> E:
        with pytest.raises(kind) as caught:
            call(**arguments)
        assert caught.value.code == kind.CODE
        assert UUID(caught.value.request_id or "")
        assert caught.value.retryable is False
        return caught.value

    closed = refused(errors.WindowClosedError, client.send_image, to=picha.stranger(), image=picture())
    assert (closed.status, closed.field) == (422, None)
    assert str(closed).startswith("WINDOW_CLOSED: ")
    assert refused(errors.ValidationFailedError, client.send_image, to="12", image=picture()).field == "to"
    refused(errors.MediaNotFoundError, client.send_image, to=customer, image=nothing)
    refused(errors.MessageNotFoundError, client.get, message_id=nothing)
    refused(errors.ConversationNotFoundError, client.conversation, conversation_id=nothing)
    refused(errors.MediaNotFoundError, client.content, file_id=nothing)
    missing = refused(errors.SenderNotFoundError, client.sender, sender_id=nothing)
    assert "no sender with that id" in missing.message
    refused(errors.ImageNotSupportedError, client.upload, image=b"no picture at all")
    assert refused(errors.NotInboundError, client.mark_read, message_id=_some_send(client, customer)).status == 422
    with pytest.raises(OSError, match="No such file"):
        client.send_image(to=customer, image=tmp_path / "none.jpg")
    with pytest.raises(ValueError, match="message_id is a UUID"):
        client.get("../senders")


def _some_send(client: Client, customer: str) -> UUID:
    return client.send_image(to=customer, image=picture()).message_id


async def test_a_wrong_key_is_refused_and_a_right_one_says_what_it_may(picha: Talk, client: Client) -> None:
    me = client.whoami()

    assert_type(me, Whoami)
    assert (str(me.app_id), me.environment) == (picha.ready.app_id, "test")
    assert me.scopes == ["manage", "read", "send"]
    with Client(picha.ready.api_url, "picha_test_wrong") as stranger:
        for call in (stranger.whoami, stranger.senders, stranger.summary):
            with pytest.raises(errors.UnauthorizedError) as refused:
                call()
            assert refused.value.status == 401
        # It is refused before it has come; that must not look like a line that broke.
        with pytest.raises(errors.UnauthorizedError):
            stranger.upload(image=bytes(UPLOAD_MAX_BYTES))
    # A connection that was left open is complained of when it is thrown away.
    gc.collect()


async def test_a_failure_is_told_with_its_reason_and_a_wait_that_is_too_short_with_how_it_stands(
    picha: Talk, client: Client, host: PictureHost
) -> None:
    customer = picha.stranger()
    await picha.hear(customer)

    gone = client.send_image(to=customer, image=host.put("/gone.jpg", b"", status=404))

    with pytest.raises(errors.MessageFailedError, match="131052") as failed:
        await asyncio.to_thread(client.wait, gone.message_id)
    assert failed.value.message.error_code == "131052"
    client.pause(_number(client))
    try:
        waits = client.send_image(to=customer, image=picture(shade=205))
        with pytest.raises(errors.NotYetError, match="not yet delivered") as late:
            client.wait(waits.message_id, timeout=0.3)
        assert late.value.message.status == "pending"
        assert client.cancel(waits.message_id).phase == "cancelled"
        with pytest.raises(errors.NotCancellableError):
            client.cancel(gone.message_id)
        with pytest.raises(errors.NotResendableError):
            client.resend(waits.message_id, confirm=True)
    finally:
        assert client.resume(_number(client)).state == "sending"


def _number(client: Client) -> UUID:
    [number] = client.senders(is_active=True)
    return number.id


async def test_a_number_is_looked_at_changed_and_flushed(client: Client) -> None:
    number = client.sender(_number(client))

    changed = client.change_sender(number.id, messages_per_second=79)
    assert (changed.messages_per_second, changed.image_policy) == (79, number.image_policy)
    client.change_sender(number.id, messages_per_second=number.messages_per_second)
    assert client.flush(number.id).cancelled == 0
    told = list(client.notices(sender_id=number.id, page_size=1))
    assert len({one.id for one in told}) == len(told)


async def test_both_clients_have_the_same_calls() -> None:
    def calls(kind: type) -> set[str]:
        return {name for name in vars(kind) if not name.startswith("_")}

    assert calls(Client) == calls(AsyncClient)


async def test_pictures_are_fetched_and_let_go_of(picha: Talk, client: Client) -> None:
    heard = await picha.hear(picha.stranger())
    data = picture(shade=206)

    taken = client.upload(image=data, image_policy="strict")

    assert client.media(taken.file_id) == taken == client.upload(image=taken)
    assert client.content(taken.file_id) == data
    assert client.thumbnail(taken.file_id).startswith(b"\xff\xd8")
    assert len(client.content(heard["content"]["file_id"])) == heard["content"]["size_bytes"]
    assert client.delete_media(taken.file_id).deleted
    with pytest.raises(errors.MediaNotFoundError):
        client.delete_media(taken.file_id)


async def test_threads_are_gone_through_counted_read_and_deleted(picha: Talk, client: Client) -> None:
    customer = picha.stranger()
    first = await picha.hear(customer, name="Zuhura", type="text", text="Habari")
    await picha.hear(customer, type="text", text="Are you there?")

    [thread] = client.conversations(search="zuhura", page_size=1)
    assert (str(thread.id), thread.unread_count, thread.window.open) == (first["conversation_id"], 2, True)
    assert client.conversation(thread.id) == thread
    assert client.summary(sender=picha.ready.sender).unread >= 1
    assert client.mark_read(first["id"]).status == "read"
    assert client.mark_conversation_read(thread.id, up_to=thread.created_at).messages_marked_read <= 1
    client.mark_conversation_read(thread.id)
    assert client.conversation(thread.id).unread_count == 0
    written = client.messages(conversation_id=thread.id, direction="inbound", status=["received"], message_type="text")
    assert [one.content.body for one in written] == ["Are you there?", "Habari"]
    assert client.delete_conversation(thread.id).deleted
    assert list(client.conversations(recipient=customer)) == []


async def test_the_log_of_events_is_read_to_its_end_and_gone_on_with_from_where_it_was_left(
    picha: Talk, client: Client, soon: AsyncClient
) -> None:
    customer = picha.stranger()
    heard = await picha.hear(customer)
    before = client.events(page_size=1000)
    known = {event.event_id for event in before}

    sent = client.send_image(to=customer, image=picture(shade=207))
    client.wait(sent.message_id, until="read")

    news = client.events(after=before.cursor, page_size=2)
    told = list(news)
    mine = [one.data for one in told if isinstance(one.data, StatusData) and one.data.message_id == sent.message_id]
    assert [one.status for one in mine] == ["sent", "delivered", "read"]
    assert not known & {one.event_id for one in told}
    assert (before.has_gap, news.has_gap) == (False, False)
    assert list(client.events(after=news.cursor)) == []
    received = [
        one.data async for one in soon.events() if isinstance(one.data, Message) and one.data.id == UUID(heard["id"])
    ]
    assert [one.content.file_id for one in received] == [heard["content"]["file_id"]]
    lost = client.events(after=f"{2**60}.1")
    assert next(lost).event.startswith("whatsapp.")
    assert lost.has_gap is True


async def test_events_are_told_as_they_happen_with_a_cursor_behind_each(
    picha: Talk, client: Client, soon: AsyncClient
) -> None:
    customer = picha.stranger()
    await picha.hear(customer)
    start = client.events(page_size=1000)
    list(start)

    sent = client.send_image(to=customer, image=picture(shade=208))

    def is_mine(event: Event) -> bool:
        return isinstance(event.data, StatusData) and event.data.message_id == sent.message_id

    with client.events(after=start.cursor, follow=True) as now:
        mine = list(islice(filter(is_mine, now), 2))
        cursor = now.cursor
    assert [one.event for one in mine] == ["whatsapp.sent", "whatsapp.delivered"]
    async with soon.events(after=cursor, follow=True) as later:
        async for event in later:
            if is_mine(event):
                break
    assert event.event == "whatsapp.read"
    assert event.event_id not in {one.event_id for one in mine}


async def test_a_template_opens_a_conversation_and_a_text_holds_it(picha: Talk, client: Client) -> None:
    customer = picha.stranger()

    async def known() -> list[Template]:
        return list(client.templates(status="APPROVED", page_size=1))

    template = next(one for one in await until(known) if one.name == "picha_photo")
    opened = client.send_template(to=customer, template_name=template.name, image=picture(shade=207))
    client.wait(opened.message_id)
    heard = await picha.hear(customer, type="text", text="Thank you")
    held = client.send_text(conversation_id=opened.conversation_id, body="Karibu!", reply_to=heard["id"])

    assert client.wait(held.message_id, until="read").content.body == "Karibu!"
    assert client.template(template.id).name == template.name
    with pytest.raises(errors.TemplateNotFoundError):
        client.send_template(to=customer, template_name="no_such")
    with pytest.raises(errors.WindowClosedError):
        client.send_text(to=picha.stranger(), body="Hello")


async def test_a_batch_is_sent_waited_for_and_gone_through(picha: Talk, client: Client, soon: AsyncClient) -> None:
    first, second = picha.stranger(), picha.stranger()
    for one in (first, second):
        await picha.hear(one, type="text", text="Habari")
    looks: list[int] = []

    sent = client.send_batch(
        image=picture(shade=214),
        caption="For all",
        recipients=[first, BatchRecipient(to=second, caption="For you"), {"to": picha.stranger()}, {"to": "12"}],
    )
    batch = client.wait_batch(sent.batch_id, on_look=lambda one: looks.append(one.waiting))

    assert_type(batch, Batch)
    assert (sent.total, batch.accepted, batch.refused, batch.done) == (4, 2, 2, True)
    assert looks[-1] == 0
    told = list(client.batch_results(sent.batch_id, page_size=3))
    assert [one.outcome for one in told] == ["accepted", "accepted", "refused", "refused"]
    assert [one.code for one in told] == [None, None, "WINDOW_CLOSED", "VALIDATION_ERROR"]
    again = [one async for one in soon.batch_results(sent.batch_id)]
    assert [(one.index, one.message_id) for one in again] == [(one.index, one.message_id) for one in told]
    message = client.wait(told[1].message_id or "", until="read")
    assert message.content.caption == "For you"
    assert (await soon.cancel_batch(sent.batch_id)).status == "done"


async def test_a_batch_that_is_asked_for_twice_under_one_key_is_one(picha: Talk, client: Client) -> None:
    key, people = f"campaign-{picha.stranger()}", [picha.stranger(), picha.stranger()]

    sent = [client.send_batch(image=picture(shade=215), recipients=people, idempotency_key=key) for _ in range(2)]

    assert sent[0].batch_id == sent[1].batch_id
    assert sent[1].idempotent_replay is True


async def test_what_is_wrong_with_a_batch_is_an_exception(picha: Talk, client: Client) -> None:
    with pytest.raises(ValueError, match="has no text: its fields are caption, client_reference, conversation_id, to"):
        client.send_batch(image=picture(), recipients=[{"to": picha.stranger(), "text": "Hi"}])
    with pytest.raises(errors.ValidationFailedError, match="at least one recipient"):
        client.send_batch(image=picture(), recipients=[])
    with pytest.raises(errors.BatchNotFoundError):
        client.batch(IDS.uuid())
    number = _number(client)
    client.pause(number)
    try:
        person = picha.stranger()
        await picha.hear(person, type="text", text="Habari")
        sent = client.send_batch(image=picture(shade=216), recipients=[person])
        with pytest.raises(errors.BatchNotDoneError, match="and not done") as late:
            client.wait_batch(sent.batch_id, timeout=0.5)
        assert late.value.batch.total == 1
        assert client.cancel_batch(sent.batch_id).cancelled == 1
    finally:
        client.resume(number)
