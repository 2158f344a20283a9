"""Holds both wire packages to documents that come from public pages, each listed with its source beside the corpus."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from picha.cloudapi import errors, media, messages, signature, webhooks
from picha.karibu import errors as karibu_errors
from picha.karibu import sends

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"
PROVENANCE: list[dict[str, Any]] = json.loads((HERE / "corpus_provenance.json").read_text())


def body(name: str) -> bytes:
    return (CORPUS / f"{name}.json").read_bytes()


def files(kind: str, *, typed: bool | None = None) -> list[str]:
    rows = [row for row in PROVENANCE if row["kind"] == kind and (typed is None or row["typed"] is typed)]
    return [row["file"].removesuffix(".json") for row in rows]


def only_message(name: str) -> webhooks.MessageItem:
    (item,) = webhooks.read(body(name)).items
    assert isinstance(item, webhooks.MessageItem)
    return item


def only_status(name: str) -> webhooks.StatusItem:
    (item,) = webhooks.read(body(name)).items
    assert isinstance(item, webhooks.StatusItem)
    return item


def rebuilt(document: dict[str, Any]) -> webhooks.Envelope:
    """Build the typed envelope anew from what was read, with the contacts and account that the document names."""
    value = document["entry"][0]["changes"][0]["value"]
    items = webhooks.read(json.dumps(document).encode()).items
    first = items[0]
    assert not isinstance(first, webhooks.OtherItem)
    contacts = msgspec.convert(value.get("contacts", []), list[webhooks.Contact])
    content = webhooks.Value(
        metadata=first.metadata,
        contacts=contacts,
        messages=[item.message for item in items if isinstance(item, webhooks.MessageItem)],
        statuses=[item.status for item in items if isinstance(item, webhooks.StatusItem)],
        errors=[item.error for item in items if isinstance(item, webhooks.ErrorItem)],
        message_echoes=[item.echo for item in items if isinstance(item, webhooks.EchoItem)],
    )
    change = webhooks.Change(value=content, field=document["entry"][0]["changes"][0]["field"])
    return webhooks.Envelope(entry=[webhooks.Entry(id=first.waba_id, changes=[change])])


def test_every_document_has_a_provenance_and_every_provenance_a_document() -> None:
    listed = sorted(row["file"] for row in PROVENANCE)

    assert listed == sorted(path.name for path in CORPUS.glob("*.json"))
    assert all(row["document"] and row["date"] and row["how"] for row in PROVENANCE)


@pytest.mark.parametrize("name", files("webhook"))
def test_every_webhook_is_read_without_trouble(name: str) -> None:
    reading = webhooks.read(body(name))

    assert reading.troubles == []
    assert reading.items
    for item in reading.items:
        assert item.raw in body(name)
        assert item.waba_id == "102290129340398"
        assert getattr(item, "left_out", ()) == ()


@pytest.mark.parametrize("name", files("webhook", typed=True))
def test_what_is_written_for_a_webhooks_content_is_the_same_json(name: str) -> None:
    document = json.loads(body(name))

    written = webhooks.write(rebuilt(document))

    assert json.loads(written) == document
    assert written.isascii()
    assert signature.verify(["s"], written, signature.sign("s", written))


@pytest.mark.parametrize("name", files("webhook"))
def test_a_webhook_with_metas_escapes_reads_the_same(name: str) -> None:
    plain, escaped = webhooks.read(body(name)), webhooks.read(webhooks.escape(body(name)))

    for one, other in zip(plain.items, escaped.items, strict=True):
        assert msgspec.structs.replace(one, raw=b"") == msgspec.structs.replace(other, raw=b"")


@pytest.mark.parametrize("name", files("send", typed=True))
def test_a_send_is_read_and_written_as_the_same_json(name: str) -> None:
    send = messages.decode_send(body(name))

    assert json.loads(messages.encode_send(send)) == json.loads(body(name))


@pytest.mark.parametrize("name", files("send", typed=False))
def test_a_send_as_old_clients_write_it_is_read_as_the_plain_one(name: str) -> None:
    send = messages.decode_send(body(name))

    assert send.image.caption is None
    assert (send.messaging_product, send.recipient_type, send.type) == ("whatsapp", "individual", "image")
    assert send.to == "16505551234"


@pytest.mark.parametrize("name", files("send_answer"))
def test_an_answer_to_a_send_is_read_and_written_as_the_same_json(name: str) -> None:
    answer = messages.decode_send_answer(body(name))

    assert json.loads(messages.encode_send_answer(answer)) == json.loads(body(name))
    assert answer.messages[0].id == "wamid.HBgLMTY0NjcwNDM1OTUVAgARGBI1RjQyNUE3NEYxMzAzMzQ5MkEA"


@pytest.mark.parametrize("name", files("error"))
def test_an_error_is_read_and_written_as_the_same_json(name: str) -> None:
    error = errors.decode_error(body(name))

    assert error is not None
    assert error.code in errors.TABLE
    assert json.loads(errors.encode_error(error)) == json.loads(body(name))


@pytest.mark.parametrize("name", files("media"))
def test_a_media_description_tells_size_and_digest_in_either_spelling(name: str) -> None:
    description = media.decode_description(body(name))

    assert description.size == 303833
    assert description.digest.hex() == "49f227634806293b0995459bc310b593e1400f41591efcf07e9bced335f41942"
    assert json.loads(msgspec.json.encode(description)) == json.loads(body(name))


def test_the_send_example_holds_what_the_page_shows() -> None:
    send = messages.decode_send(body("send_example"))

    image = messages.ImageObject(id="1479537139650973", caption="The best succulent ever?")
    assert send == messages.ImageSend(to="+16505551234", image=image)
    answer = messages.decode_send_answer(body("send_answer_example"))
    assert answer.contacts == [messages.SendContact(input="+16505551234", wa_id="16505551234")]


def test_the_inbound_image_example_holds_what_the_page_shows() -> None:
    item = only_message("webhook_image_example")

    assert item.metadata == webhooks.Metadata(display_phone_number="15550783881", phone_number_id="106540352242922")
    assert item.contact == webhooks.Contact(profile=webhooks.Profile(name="Sheena Nelson"), wa_id="16505551234")
    assert item.message == webhooks.InboundMessage(
        from_="16505551234",
        id="wamid.HBgLMTY1MDM4Nzk0MzkVAgASGBQzQTRBNjU5OUFFRTAzODEwMTQ0RgA=",
        timestamp="1744344496",
        type="image",
        image=webhooks.InboundImage(
            caption="Taj Mahal",
            mime_type="image/jpeg",
            sha256="SfInY0gGKTsJlUWbwxC1k+FAD0FZHvzwfpvO0zX0GUI=",
            id="1003383421387256",
            url="https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=133...",
        ),
    )


def test_every_member_of_the_inbound_image_reference_is_read() -> None:
    item = only_message("webhook_image_every_member")

    assert item.contact is not None
    assert item.contact.identity_key_hash == "DF2lS5v2W6x="
    assert item.message.from_ == "+16505551234"
    assert item.message.context == webhooks.InboundContext(forwarded=True, frequently_forwarded=True)
    assert item.message.referral == webhooks.Referral(
        source_url="https://fb.me/3cr4Wqqkv",
        source_id="120226305854810726",
        source_type="ad",
        body="Summer succulents are here!",
        headline="Chat with us",
        media_type="image",
        image_url="https://scontent.xx.fbcdn.net/v/t45.1...",
        video_url="https://scontent.xx.fbcdn.net/v/t45.2...",
        thumbnail_url="https://scontent.xx.fbcdn.net/v/t45.3...",
        ctwa_clid="Aff-n8ZTODiE79d22KtAwQKj9e_mIEOOj27vDVwFjN80dp4_0NiNhEgpGo0AHemvuSoifXaytfTzcchptiErTKCqTrJ5nW1h7IH"
        "YeYymGb5K5J5iTROpBhWAGaIAeUzHL50",
        welcome_message=webhooks.WelcomeMessage(text="Hi there! Let us know how we can help!"),
    )


def test_a_person_without_a_phone_number_is_known_by_their_user_id() -> None:
    item = only_message("webhook_image_bsuid_without_phone")

    assert item.message.from_ is None
    assert item.message.from_user_id == "US.13491208655302741918"
    assert item.contact is not None
    assert item.contact.user_id == "US.13491208655302741918"
    assert only_status("webhook_status_bsuid_without_phone").contact == webhooks.Contact(
        user_id="US.13491208655302741918"
    )


def test_a_reply_names_the_message_it_answers() -> None:
    context = only_message("webhook_image_reply").message.context

    assert context is not None
    assert (context.from_, context.id) == ("15550783881", "wamid.HBgLMTY1MDM4Nzk0MzkVAgARGBI3MTE5MjY1NDUzQTRFRjI4NTUA")


def test_statuses_before_and_after_v24_differ_in_the_conversation_only() -> None:
    older, newer = only_status("webhook_status_sent_v23").status, only_status("webhook_status_sent_v24").status

    assert older.conversation is not None
    assert older.conversation.origin == webhooks.ConversationOrigin(type="service")
    assert newer.conversation is None
    assert older.biz_opaque_callback_data == newer.biz_opaque_callback_data == "trk-1"


def test_a_failed_status_explains_itself_in_either_form_of_error_data() -> None:
    (error,) = only_status("webhook_status_failed").status.errors
    (texted,) = only_status("webhook_status_error_data_text").status.errors

    assert (error.code, error.title) == (131053, "Media upload error")
    assert error.details == "Downloading media from weblink failed with http code 404, status message Not Found"
    assert texted.details == "Message undeliverable."


def test_group_statuses_name_the_member_in_either_spelling() -> None:
    items = webhooks.read(body("webhook_status_group")).items

    members = [item.status.participant for item in items if isinstance(item, webhooks.StatusItem)]
    assert members == ["16505551234", "12195555358"]
    assert only_status("webhook_status_group_other_spelling").status.participant == "16505551234"


def test_the_status_superset_of_2026_brings_its_contact() -> None:
    item = only_status("webhook_status_2026")

    assert item.contact is not None
    assert item.contact.user_id == item.status.recipient_user_id == "US.13491208655302741918"


def test_the_errors_value_and_other_fields_are_items_of_their_own() -> None:
    (error,) = webhooks.read(body("webhook_errors")).items
    (echo,) = webhooks.read(body("webhook_echoes")).items
    (account,) = webhooks.read(body("webhook_account_update")).items

    assert isinstance(error, webhooks.ErrorItem)
    assert error.error.code == 130429
    assert isinstance(echo, webhooks.EchoItem)
    assert (echo.echo.from_, echo.echo.to) == ("15550783881", "16505551234")
    assert echo.echo.image is not None
    assert isinstance(account, webhooks.OtherItem)
    assert account.field == "account_update"


@pytest.mark.parametrize("kind", ["unsupported", "edit", "revoke"])
def test_a_message_of_another_type_is_read_with_what_it_tells(kind: str) -> None:
    item = only_message(f"webhook_{kind}")

    assert item.message.type == kind
    assert msgspec.to_builtins(getattr(item.message, kind)) == json.loads(item.raw)[kind]


def test_a_changed_number_is_told_as_news_of_the_person() -> None:
    system = only_message("webhook_system_changed_number").message.system

    assert system is not None
    assert (system.type, system.wa_id) == ("user_changed_number", "12195555358")
    assert system.previous_user_id == "US.13491208655302741918"


def test_karibus_send_example_is_understood() -> None:
    send = sends.decode_send_image(body("karibu_send_example"))

    assert send.to == "255712345678"
    assert send.media_url == "https://example.com/receipt.jpg"
    assert send.caption == "Your receipt"


@pytest.mark.parametrize("name", files("karibu_answer"))
def test_karibus_answers_are_written_as_the_same_json(name: str) -> None:
    document = json.loads(body(name))

    if document["success"]:
        data = msgspec.convert(document["data"], sends.SendAccepted)
        written = karibu_errors.encode_ok(data, document["request_id"])
    else:
        items = msgspec.convert(document["errors"], list[karibu_errors.ErrorItem])
        written = karibu_errors.encode_error(items, document["request_id"])

    assert json.loads(written) == document


def test_the_answers_to_upload_and_delete_are_read() -> None:
    assert media.decode_upload_answer(body("media_upload_answer")).id == "4490709327384033"
    assert media.decode_success(body("media_delete_answer")).success is True
