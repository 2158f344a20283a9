"""Text holds a conversation and a template opens one: to somebody who never wrote, with a picture in its header."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import briq
import pytest
from briq.exceptions import BriqAPIError
from tests.journeys.running import House, Talk, Told, picture, talking, until
from tests.journeys.test_bad_input import NOWHERE, is_refused

MESSAGES = "/v1/whatsapp/messages"
TEMPLATES = "/v1/whatsapp/templates"
BODY = "Here is the picture you asked for. Reply to this message to talk to us."
NAME = "picha_photo"


async def post(picha: Talk, kind: str, once: str | None = None, **body: Any) -> Told:
    headers = {"Idempotency-Key": once} if once else {}
    return await picha.api("POST", f"{MESSAGES}/{kind}", json=body, headers=headers)


async def taken(picha: Talk, wamid: str) -> Any:
    """Return the line of a send in the sandbox's ledger."""
    return next(line for line in await picha.ledger() if line["wamid"] == wamid)


@pytest.fixture
async def known(picha: Talk) -> Any:
    """The template, once the gateway knows it."""

    return await until(lambda: named(picha, NAME))


async def named(picha: Talk, name: str) -> Any:
    items = (await picha.api("GET", TEMPLATES)).document["items"]
    return next((one for one in items if one["name"] == name), None)


async def test_a_text_is_sent_read_and_shown(picha: Talk) -> None:
    customer = picha.stranger()
    asked = await picha.hear(customer, type="text", text="Where is my order?")

    sent = await post(picha, "text", to=customer, body="On its way 🚲", reply_to=asked["id"], client_reference="o-1")

    assert sent.status == 202
    message = await picha.becomes(sent.data["message_id"], "read")
    assert (message["message_type"], message["content"]["body"]) == ("text", "On its way 🚲")
    assert (message["content"]["state"], message["content"]["facts"]) == (None, {})
    line = await taken(picha, message["provider_message_id"])
    assert (line["type"], line["to"]) == ("text", customer)


async def test_a_text_needs_an_open_window_and_a_body_of_1_to_4096_characters(picha: Talk) -> None:
    customer = picha.stranger()
    is_refused(await post(picha, "text", to=customer, body="Hello"), "WINDOW_CLOSED")
    await picha.hear(customer, type="text", text="Hello")

    longest = await post(picha, "text", to=customer, body="é" * 4096)

    assert longest.status == 202
    for wrong in ("é" * 4097, "", None, 7, "a\0b"):
        is_refused(await post(picha, "text", to=customer, body=wrong), "VALIDATION_ERROR", "body")
    is_refused(await post(picha, "text", to=customer), "VALIDATION_ERROR", "body")
    await picha.becomes(longest.data["message_id"], "read")


async def test_a_template_with_an_uploaded_picture_reaches_somebody_who_never_wrote(picha: Talk, known: Any) -> None:
    customer = picha.stranger()
    file_id = (await picha.upload(picture(shade=17))).data["file_id"]

    sent = await post(picha, "template", to=customer, template_name=known["name"], header={"file_id": file_id})

    assert sent.status == 202
    message = await picha.becomes(sent.data["message_id"], "read")
    assert message["message_type"] == "template"
    assert (message["recipient"], message["content"]["body"]) == (customer, BODY)
    assert message["content"]["file_id"] == file_id
    assert message["content"]["facts"]["template"]["name"] == NAME
    assert (await taken(picha, message["provider_message_id"]))["type"] == "template"
    thread = (await picha.api("GET", f"/v1/whatsapp/conversations/{sent.data['conversation_id']}")).data
    assert (thread["recipient_phone"], thread["window"]["open"]) == (customer, False)
    # What they answer comes into the thread that the template made.
    answer = await picha.hear(customer, type="text", text="Thank you")
    assert answer["conversation_id"] == sent.data["conversation_id"]
    assert (await named(picha, NAME))["last_sent_at"] is not None


@pytest.mark.usefixtures("known")
async def test_what_fills_a_template_s_variables_is_what_the_customer_reads(picha: Talk) -> None:
    customer = picha.stranger()
    header = {"file_id": (await picha.upload(picture(shade=19))).data["file_id"]}
    wish: dict[str, Any] = {"to": customer, "template_name": "picha_receipt", "header": header}

    sent = await post(picha, "template", **wish, variables={"1": "Asha", "2": "4711"})

    assert sent.status == 202, sent.body
    message = await picha.becomes(sent.data["message_id"], "read")
    read = "Hello Asha, here is the receipt for your order 4711. Thank you for buying from us."
    assert message["content"]["body"] == read
    said = (await picha.control("GET", "/messages", params={"with": customer}))["items"]
    assert [one["text"] for one in said] == [read]
    for wrong in ({}, {"1": "Asha"}, {"1": "Asha", "2": "1", "3": "2"}, {"1": "Asha", "two": "1"}):
        is_refused(await post(picha, "template", **wish, variables=wrong), "VALIDATION_ERROR", "variables")


@pytest.mark.usefixtures("known")
async def test_a_template_whose_picture_is_at_an_address_is_fetched_and_sent(picha: Talk) -> None:
    url = f"{picha.ready.sandbox_url}/_sandbox/photo.jpg?template"

    sent = await post(picha, "template", to=picha.stranger(), template_name=NAME, header={"media_url": url})

    message = await picha.becomes(sent.data["message_id"], "read")
    assert (message["content"]["state"], message["content"]["media_url"]) == ("stored", url)


@pytest.mark.usefixtures("known")
async def test_many_templates_to_one_stranger_at_once_make_one_thread(picha: Talk) -> None:
    customer = picha.stranger()
    header = {"file_id": (await picha.upload(picture(shade=18))).data["file_id"]}

    sent = await asyncio.gather(
        *(post(picha, "template", to=customer, template_name=NAME, header=header) for _ in range(10))
    )

    assert [one.status for one in sent] == [202] * 10
    assert len({one.data["conversation_id"] for one in sent}) == 1
    for one in sent:
        await picha.becomes(one.data["message_id"], "read")


@pytest.mark.usefixtures("known")
async def test_a_template_is_accepted_once_under_its_idempotency_key(picha: Talk) -> None:
    wish = {"to": picha.stranger(), "template_name": NAME, "header": {"media_url": "https://example.com/a.jpg"}}
    key = f"template-{wish['to']}"

    first, again = await post(picha, "template", key, **wish), await post(picha, "template", key, **wish)
    other = await post(picha, "template", key, **(wish | {"client_reference": "x"}))

    assert first.data["message_id"] == again.data["message_id"]
    assert again.data["idempotent_replay"] is True
    is_refused(other, "IDEMPOTENCY_KEY_REUSED", "Idempotency-Key")


@pytest.mark.usefixtures("known")
async def test_what_does_not_fit_a_template_is_told(picha: Talk) -> None:
    header = {"media_url": "https://example.com/a.jpg"}
    right = {"to": picha.stranger(), "template_name": NAME, "header": header}
    wrong: tuple[tuple[dict[str, Any], str, str], ...] = (
        ({"template_name": "no_such"}, "TEMPLATE_NOT_FOUND_OR_UNAPPROVED", "template_name"),
        ({"language": "sw"}, "TEMPLATE_NOT_FOUND_OR_UNAPPROVED", "template_name"),
        ({"header": None}, "VALIDATION_ERROR", "header"),
        ({"header": {}}, "VALIDATION_ERROR", "header"),
        ({"header": header | {"file_id": NOWHERE}}, "VALIDATION_ERROR", "header"),
        ({"header": {"file_id": NOWHERE}}, "MEDIA_NOT_FOUND", "header"),
        ({"header": {"file_id": "no uuid"}}, "MEDIA_NOT_FOUND", "header"),
        ({"header": {"media_url": "ftp://example.com"}}, "VALIDATION_ERROR", "header"),
        ({"header": "https://example.com/a.jpg"}, "VALIDATION_ERROR", "header"),
        ({"variables": {"1": "Asha"}}, "VALIDATION_ERROR", "variables"),
        ({"variables": ["Asha"]}, "VALIDATION_ERROR", "variables"),
        ({"variables": {"1": ""}}, "VALIDATION_ERROR", "variables"),
        ({"variables": {"1": "a\0b"}}, "VALIDATION_ERROR", "variables"),
        ({"template_name": None}, "VALIDATION_ERROR", "template_name"),
        ({"template_name": "x" * 513}, "VALIDATION_ERROR", "template_name"),
        ({"to": None}, "VALIDATION_ERROR", "to"),
    )
    for members, code, field in wrong:
        is_refused(await post(picha, "template", **(right | members)), code, field)
    listed = (await picha.api("GET", "/v1/whatsapp/conversations", params={"recipient": str(right["to"])})).data
    assert listed["items"] == []


async def test_templates_are_listed_filtered_and_shown_bare(picha: Talk, known: Any) -> None:
    async def count(**query: Any) -> int:
        told = await picha.api("GET", TEMPLATES, params=query)
        assert told.status == 200, told.document
        assert told.document["total_count"] == len(told.document["items"])
        return len(told.document["items"])

    assert (known["status"], known["language"], known["category"], known["params"]) == (
        "APPROVED",
        "en_US",
        "UTILITY",
        [],
    )
    assert (await picha.api("GET", f"{TEMPLATES}/{known['id']}")).document == known
    assert await count(status="approved", category="UTILITY", language="en_US", name_or_content="PICTURE you") == 1
    assert await count(sender_id=known["whatsapp_sender_number_id"], sort="name_desc", limit="200") == 2
    assert await count(status=["in_review", "approved"]) == await count(category=["auth", "utility"]) == 2
    for nothing in (
        {"status": "PENDING"},
        {"category": "AUTHENTICATION"},
        {"language": "sw"},
        {"name_or_content": "%"},
        {"sender_id": NOWHERE},
    ):
        assert await count(**nothing) == 0
    several = [("status", "REJECTED"), ("status", "APPROVED")]
    assert len((await picha.api("GET", TEMPLATES, params=several)).document["items"]) == 2
    for name, wrong in (
        ("limit", "201"),
        ("sort", "age"),
        ("cursor", "x"),
        ("sender_id", "x"),
        ("name_or_content", "x" * 201),
    ):
        told = await picha.api("GET", TEMPLATES, params={name: wrong})
        assert (told.status, list(told.document)) == (422, ["detail"])
    for name in (NOWHERE, "no-uuid"):
        told = await picha.api("GET", f"{TEMPLATES}/{name}")
        assert (told.status, list(told.document)) == (404, ["detail"])


async def test_the_briq_client_sends_texts_and_templates_and_lists_them(picha: Talk, known: Any) -> None:
    client = briq.Client(picha.ready.api_key, base_url=picha.ready.api_url)
    customer = picha.stranger()
    await picha.hear(customer, type="text", text="Hello")

    text = await asyncio.to_thread(client.whatsapp.send_text, to=customer, body="Karibu")
    listed = await asyncio.to_thread(client.whatsapp.list_templates, status="APPROVED")
    one = await asyncio.to_thread(client.whatsapp.get_template, known["id"])

    # Karibu takes the picture of a header from the template; here each send brings it, which this client cannot.
    with pytest.raises(BriqAPIError) as bare:
        await asyncio.to_thread(client.whatsapp.send_template, known["name"], to=customer, variables={})
    assert (bare.value.code, bare.value.errors[0]["field"]) == ("VALIDATION_ERROR", "header")
    assert text["data"]["status"] == "pending"
    await picha.becomes(text["data"]["message_id"], "read")
    assert one == known
    assert known["id"] in [each["id"] for each in listed["items"]]


async def test_what_a_brazilian_answers_comes_into_the_thread_that_a_template_began(
    raise_house: Callable[..., AbstractContextManager[House]],
) -> None:
    as_written, as_known = "5511987654321", "551187654321"
    with raise_house() as house:
        async with talking(house) as picha:
            await until(lambda: named(picha, NAME))
            await picha.control("POST", "/switches", json={"wa_id": "normalised"})
            header = {"file_id": (await picha.upload(picture())).data["file_id"]}
            sent = (await post(picha, "template", to=as_written, template_name=NAME, header=header)).data
            await picha.becomes(sent["message_id"], "read")

            answer = await picha.hear(as_known, type="text", text="Obrigada")
            replies = [await post(picha, "text", to=to, body="De nada") for to in (as_written, as_known)]

            threads = [answer["conversation_id"], *(one.data["conversation_id"] for one in replies)]
            assert threads == [sent["conversation_id"]] * 3
            for one in replies:
                await picha.becomes(one.data["message_id"], "read")
