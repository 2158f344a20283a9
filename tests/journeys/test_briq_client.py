"""Briq's own client, as it comes from its makers, works against the gateway with nothing but another base URL."""

import asyncio
import hashlib
import hmac
from collections.abc import Iterator
from typing import Any

import briq
import pytest
from briq.exceptions import BriqAPIError, BriqAuthError, BriqValidationError
from tests.hooks import Call, Hook
from tests.journeys.hosting import PictureHost
from tests.journeys.running import Talk, picture, until


def open_client(url: str, key: str) -> briq.Client:
    client = briq.Client(key, base_url=url)
    # requests would ask a proxy of the environment for loopback addresses too.
    client.session.trust_env = False
    return client


@pytest.fixture
def client(picha: Talk) -> Iterator[briq.Client]:
    client = open_client(picha.ready.api_url, picha.ready.api_key)
    yield client
    client.session.close()


async def test_a_picture_by_url_is_sent_and_followed_to_read(
    picha: Talk, client: briq.Client, host: PictureHost
) -> None:
    customer = picha.stranger()
    await picha.hear(customer)
    url = host.put("/receipt.jpg", picture(shade=21))

    result = await asyncio.to_thread(
        client.whatsapp.send_image, to=f"+{customer}", media_url=url, caption="Your receipt", size_bytes=5_242_880
    )

    data = result["data"]
    assert (result["success"], result["errors"], data["status"]) == (True, None, "pending")
    assert set(data) >= {"message_id", "conversation_id", "sender_id", "sender", "provider_message_id", "status"}
    await picha.becomes(data["message_id"], "read")
    status = (await asyncio.to_thread(client.whatsapp.get_status, data["message_id"]))["data"]
    assert (status["status"], status["reply"]) == ("read", None)
    assert status["provider_message_id"].startswith("wamid.")


async def test_a_picture_by_file_id_goes_into_its_conversation_and_the_answer_is_paired(
    picha: Talk, client: briq.Client
) -> None:
    customer = picha.stranger()
    inbound = await picha.hear(customer)
    file_id = (await picha.upload(picture(shade=22))).data["file_id"]

    result = await asyncio.to_thread(
        client.whatsapp.send_image, conversation_id=inbound["conversation_id"], file_id=file_id
    )

    sent = await picha.becomes(result["data"]["message_id"], "read")
    assert result["data"]["conversation_id"] == inbound["conversation_id"]
    answer = await picha.hear(customer, type="text", text="Asante", reply_to=sent["provider_message_id"])
    status = (await asyncio.to_thread(client.whatsapp.get_status, sent["id"]))["data"]
    assert (status["paired_message_id"], status["reply"]["content"]["body"]) == (answer["id"], "Asante")


async def test_the_list_takes_every_filter_of_the_client(picha: Talk, client: briq.Client, host: PictureHost) -> None:
    customer = picha.stranger()
    inbound = await picha.hear(customer)
    result = await asyncio.to_thread(
        client.whatsapp.send_image, to=customer, sender=picha.ready.sender, media_url=host.put("/a.jpg", picture())
    )
    await picha.becomes(result["data"]["message_id"], "read")

    async def listed(**filters: Any) -> list[bool]:
        page = (await asyncio.to_thread(client.whatsapp.list_messages, **filters))["data"]
        assert set(page) >= {"items", "total", "limit", "offset"}
        return [item["is_outbound"] for item in page["items"]]

    thread = inbound["conversation_id"]
    assert await listed(conversation_id=thread) == [True, False]
    assert await listed(conversation_id=thread, direction="inbound", message_type="image", limit=1, offset=0) == [False]
    assert await listed(conversation_id=thread, status="read") == [True]
    assert await listed(conversation_id=thread, since=inbound["created_at"], until="2100-01-01T00:00:00Z") == [
        True,
        False,
    ]


async def test_a_thread_is_listed_counted_read_answered_with_blue_ticks_and_deleted(
    picha: Talk, client: briq.Client
) -> None:
    customer = picha.stranger()
    first = await picha.hear(customer, name="Zawadi", type="text", text="Habari")
    await picha.hear(customer, type="text", text="Are you there?")
    thread, api = first["conversation_id"], client.whatsapp

    page = (await asyncio.to_thread(
        api.list_conversations, sender=picha.ready.sender, sender_id=first["sender_id"], recipient=f"+{customer}",
        status="unread", search="zawadi", since=first["created_at"], limit=100, offset=0,
    ))["data"]  # fmt: skip
    assert [(item["id"], item["unread_count"]) for item in page["items"]] == [(thread, 2)]
    assert (page["total"], page["limit"], page["offset"]) == (1, 100, 0)
    one = (await asyncio.to_thread(api.get_conversation, thread))["data"]
    assert one == page["items"][0]
    assert set(one) >= {
        "id", "sender_id", "recipient_phone", "is_active", "unread_count", "contact_profile_name", "last_message_at",
        "window", "created_at", "updated_at",
    }  # fmt: skip
    counts = (await asyncio.to_thread(api.inbox_summary, sender=picha.ready.sender))["data"]
    assert set(counts) >= {"total", "open", "unread", "unassigned"}
    receipt = (await asyncio.to_thread(api.send_read_receipt, first["id"]))["data"]
    assert receipt == {"message_id": first["id"], "status": "read"}
    for asked, marked in (({"up_to": first["created_at"]}, 1), ({}, 1), ({}, 0)):
        read = (await asyncio.to_thread(api.mark_read, thread, **asked))["data"]
        assert read == {"conversation_id": thread, "messages_marked_read": marked}
    deleted = (await asyncio.to_thread(api.delete_conversation, thread))["data"]
    assert deleted == {"conversation_id": thread, "deleted": True}
    with pytest.raises(BriqAPIError) as gone:
        await asyncio.to_thread(api.get_conversation, thread)
    assert (gone.value.code, gone.value.status_code) == ("CONVERSATION_NOT_FOUND", 404)


async def test_senders_are_listed_bare(picha: Talk, client: briq.Client) -> None:
    senders = await asyncio.to_thread(client.whatsapp.list_senders, is_active=True)

    assert [sender["display_number"] for sender in senders] == [picha.ready.sender]
    one = await asyncio.to_thread(client.whatsapp.get_sender, senders[0]["id"])
    assert one == senders[0]


async def test_refusals_arrive_as_the_clients_errors_with_code_and_status(picha: Talk, client: briq.Client) -> None:
    async def refusal(**body: Any) -> BriqAPIError:
        with pytest.raises(BriqAPIError) as caught:
            await asyncio.to_thread(client.whatsapp.send_image, **body)
        return caught.value

    closed = await refusal(to=picha.stranger(), media_url="https://example.com/a.jpg")
    assert (closed.code, closed.status_code) == ("WINDOW_CLOSED", 422)
    assert closed.errors[0]["field"] is None
    assert closed.request_id
    neither = await refusal(media_url="https://example.com/a.jpg")
    assert (neither.code, neither.errors[0]["field"]) == ("VALIDATION_ERROR", "to")
    unknown = await refusal(to=picha.stranger(), file_id="00000000-0000-0000-0000-000000000000")
    assert (unknown.code, unknown.status_code) == ("MEDIA_NOT_FOUND", 404)
    with pytest.raises(BriqAPIError) as missing:
        await asyncio.to_thread(client.whatsapp.get_status, "00000000-0000-0000-0000-000000000000")
    assert (missing.value.code, missing.value.status_code) == ("MESSAGE_NOT_FOUND", 404)


async def test_kinds_that_are_not_sent_yet_are_refused_with_a_sentence(picha: Talk, client: briq.Client) -> None:
    api: Any = client.whatsapp
    others: tuple[tuple[Any, dict[str, Any]], ...] = (
        (api.send_video, {"media_url": "https://example.com/a.mp4", "caption": "Look", "size_bytes": 16_777_216}),
        (api.send_document, {"media_url": "https://example.com/a.pdf", "filename": "a.pdf"}),
        (api.send_audio, {"media_url": "https://example.com/a.ogg"}),
        (api.send_interactive, {"interactive": {"type": "button"}}),
    )
    for send, body in others:
        with pytest.raises(BriqAPIError) as later:
            await asyncio.to_thread(send, to=picha.stranger(), **body)
        assert not isinstance(later.value, BriqValidationError)
        assert (later.value.code, later.value.status_code) == ("NOT_IMPLEMENTED", 501)
        assert "images, texts and templates" in later.value.errors[0]["message"]


async def test_a_wrong_key_is_the_clients_auth_error(picha: Talk) -> None:
    client = open_client(picha.ready.api_url, "picha_test_wrong")
    try:
        for call in (client.whatsapp.list_messages, client.whatsapp.list_senders):
            with pytest.raises(BriqAuthError):
                await asyncio.to_thread(call)
    finally:
        client.session.close()


async def test_webhooks_are_made_listed_changed_called_and_deleted(picha: Talk, client: briq.Client) -> None:
    customer = picha.stranger()
    api: Any = client.webhooks  # its hints say that lists are objects
    async with Hook().listening() as hook:
        made = await asyncio.to_thread(api.create, picha.ready.app_id, "whatsapp", hook.url, "at least sixteen")
        webhook = made["webhook_id"]
        assert set(made) >= {
            "webhook_id", "app_id", "service_type", "url", "created_at", "updated_at", "secret_token",
        }  # fmt: skip
        assert "at least" not in str(made)
        assert await asyncio.to_thread(api.get, webhook) == made
        assert made in await asyncio.to_thread(api.list)
        assert await asyncio.to_thread(api.list_by_app, picha.ready.app_id) == [made]
        with pytest.raises(BriqAPIError) as twice:
            await asyncio.to_thread(api.create, picha.ready.app_id, "whatsapp", hook.url)
        assert twice.value.status_code == 400
        changed = await asyncio.to_thread(
            api.update, webhook, service_type="whatsapp", url=f"{hook.url}/moved", secret_token="sixteen at least"
        )
        assert changed["url"] == f"{hook.url}/moved"

        await picha.hear(customer, type="text", text="Habari")

        async def told() -> Call | None:
            calls = [one for one in hook.of("/moved") if one.document["data"].get("recipient") == customer]
            return calls[0] if calls else None

        call = await until(told)
        right = hmac.new(b"sixteen at least", call.body, hashlib.sha256).hexdigest()
        assert call.headers["X-Briq-Signature"] == f"sha256={right}"
        assert await asyncio.to_thread(api.delete, webhook) == {}
        assert await asyncio.to_thread(api.list_by_app, picha.ready.app_id) == []
        with pytest.raises(BriqAPIError) as gone:
            await asyncio.to_thread(api.get, webhook)
        assert gone.value.status_code == 404
        with pytest.raises(BriqValidationError):
            await asyncio.to_thread(api.create, picha.ready.app_id, "fax", hook.url)
