import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from tests.journeys.sandbox_program import DOCUMENTED_MEDIA, SandboxProgram, form_of, running

# One sandbox for all: no test here depends on another's traces.
pytestmark = pytest.mark.asyncio(loop_scope="module")

HELLO: dict[str, Any] = {
    "messaging_product": "whatsapp",
    "to": "16505551234",
    "type": "text",
    "text": {"body": "Hello"},
}
UNKNOWN_TYPE = (
    "(#100) Param type must be one of {audio, contacts, document, image, interactive, location, reaction, sticker, "
    'template, text, video} - got "hologram".'
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox() -> AsyncIterator[SandboxProgram]:
    async with running("--ladder", "0,0,0", "--limits", "off") as program:
        yield program


async def test_the_documented_command_works_as_printed(sandbox: SandboxProgram) -> None:
    body = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "+16505551234",
        "type": "image",
        "image": {"id": DOCUMENTED_MEDIA, "caption": "The best succulent ever?"},
    }

    status, answer = await sandbox.graph("POST", "/v24.0/106540352242922/messages", json=body)

    assert status == 200
    assert answer["contacts"] == [{"input": "+16505551234", "wa_id": "16505551234"}]
    wamid = answer["messages"][0]["id"]
    assert wamid.startswith("wamid.HBgL")
    (read,) = await sandbox.wait("status", wamid=wamid, status="read")
    assert read["to"] == "16505551234"
    line = await sandbox.line(answer)
    assert (line["type"], line["caption"]) == ("image", "The best succulent ever?")


async def test_statuses_climb_the_ladder_in_order_after_the_answer(sandbox: SandboxProgram) -> None:
    _, answer = await sandbox.send_image(id=DOCUMENTED_MEDIA)

    wamid = answer["messages"][0]["id"]
    items = await sandbox.wait("status", wamid=wamid, count="3")

    assert [item["status"] for item in items] == ["sent", "delivered", "read"]


@pytest.mark.parametrize("version", ["", "/v14.0", "/v26.0", "/v999.9"])
@pytest.mark.parametrize("slash", ["", "/"])
async def test_any_version_and_none_are_served(sandbox: SandboxProgram, version: str, slash: str) -> None:
    status, answer = await sandbox.graph("GET", f"{version}/{sandbox.number}{slash}")

    assert status == 200
    assert answer == {
        "id": sandbox.number,
        "display_phone_number": "15550783881",
        "verified_name": "Lucky Shrub",
        "quality_rating": "GREEN",
    }


async def test_the_fields_asked_for_are_given(sandbox: SandboxProgram) -> None:
    fields = "status,platform_type,webhook_configuration,account_mode"

    _, answer = await sandbox.graph("GET", f"/{sandbox.number}", params={"fields": fields})

    assert answer == {
        "id": sandbox.number, "status": "CONNECTED", "platform_type": "CLOUD_API", "webhook_configuration": {}
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "node_type"),
    [
        ("/{number}", "WhatsAppBusinessPhoneNumber"),
        ("/{waba}", "WhatsAppBusinessAccount"),
        ("/{waba}/phone_numbers", "WhatsAppBusinessPhoneNumber"),
        ("/{waba}/message_templates", "WhatsAppMessageTemplate"),
    ],
)
async def test_a_field_that_no_such_node_has_is_refused_by_name(
    sandbox: SandboxProgram, path: str, node_type: str
) -> None:
    path = path.format(number=sandbox.number, waba=sandbox.ready.waba_id)

    status, answer = await sandbox.graph("GET", path, params={"fields": "id,made_up"})

    assert status == 400
    assert (answer["error"]["code"], answer["error"]["type"]) == (100, "OAuthException")
    assert (
        answer["error"]["message"] == f"(#100) Tried accessing nonexisting field (made_up) on node type ({node_type})"
    )


@pytest.mark.parametrize(
    ("change", "code", "text"),
    [
        ({"messaging_product": None}, 100, "(#100) The parameter messaging_product is required."),
        ({"to": None}, 100, "(#100) The parameter to is required."),
        ({"to": 16505551234}, 100, "(#100) Param to must be a string."),
        ({"to": "12345"}, 131009, "(#131009) Parameter value is not valid"),
        ({"to": "0650555123400"}, 131009, "(#131009) Parameter value is not valid"),
        ({"to": "+1 555 078 3881"}, 131021, "(#131021) Recipient cannot be sender"),
        ({"recipient": "nobody"}, 131009, "(#131009) Parameter value is not valid"),
        ({"type": "hologram"}, 100, UNKNOWN_TYPE),
        ({"type": "video"}, 131051, "(#131051) Unsupported message type"),
        ({"recipient_type": "group"}, 131009, "(#131009) Parameter value is not valid"),
        ({"to": "Y2FwaV9ncm91cDoxZD"}, 131009, "(#131009) Parameter value is not valid"),
        ({"recipient_type": "group", "to": None, "recipient": "US.1"}, 100, "(#100) The parameter to is required."),
        ({"recipient_type": "group", "to": "Y2FwaV9ncm91cDoxZD"}, 131041, "(#131041) Group unknown"),
        ({"surprise": 1}, 100, '(#100) Unexpected key "surprise" on param "$".'),
        ({"image": None}, 100, "(#100) The parameter image is required."),
        ({"image": {}}, 100, "(#100) Either one of media ID or link must be present"),
        ({"image": {"id": "1", "link": "https://example.com/a.png"}}, 100,
         "(#100) Either one of media ID or link must be present"),
        ({"image": {"id": "1", "url": "x"}}, 100, '(#100) Unexpected key "url" on param "image".'),
        ({"image": {"id": 7}}, 100, "(#100) Param image['id'] must be a string."),
        ({"image": {"id": "7"}}, 100,
         "(#100) Param image['id'] is not a valid whatsapp business account media attachment ID"),
        ({"image": {"link": "ftp://example.com/a.png"}}, 100, "(#100) Param image['link'] is not a valid URI."),
        ({"image": {"link": "not a link"}}, 100, "(#100) Param image['link'] is not a valid URI."),
        ({"image": {"id": DOCUMENTED_MEDIA, "caption": "x" * 1025}}, 100,
         "(#100) Param image['caption'] must be at most 1024 characters long."),
        ({"biz_opaque_callback_data": "x" * 513}, 100,
         "(#100) Param biz_opaque_callback_data must be at most 512 characters long."),
    ],
)  # fmt: skip
async def test_a_send_that_breaks_a_rule_is_refused_in_graphs_words(
    sandbox: SandboxProgram, change: dict[str, object], code: int, text: str
) -> None:
    body = {"messaging_product": "whatsapp", "to": "16505551234", "type": "image", "image": {"id": DOCUMENTED_MEDIA}}

    before = await sandbox.ledger()

    status, answer = await sandbox.graph("POST", f"/v24.0/{sandbox.number}/messages", json=body | change)

    assert (status, answer["error"]["code"], answer["error"]["message"]) == (400, code, text)
    assert answer["error"]["type"] == "OAuthException"
    assert answer["error"]["fbtrace_id"]
    assert await sandbox.ledger() == before


@pytest.mark.parametrize("image", [{"id": "1", "link": "https://example.com/a.png"}, {}])
async def test_neither_and_both_sources_carry_the_observed_subcode(
    sandbox: SandboxProgram, image: dict[str, str]
) -> None:
    _, answer = await sandbox.send_image(**image)

    assert answer["error"]["error_subcode"] == 2494009


@pytest.mark.parametrize("caption", [None, ""])
async def test_an_empty_caption_is_no_caption(sandbox: SandboxProgram, caption: str | None) -> None:
    image = {"id": DOCUMENTED_MEDIA, "caption": caption}
    body = {"messaging_product": "whatsapp", "to": "16505551234", "type": "image", "image": image}

    _, answer = await sandbox.graph("POST", f"/v24.0/{sandbox.number}/messages", json=body)

    assert (await sandbox.line(answer))["caption"] is None


async def test_a_caption_of_1024_characters_is_taken(sandbox: SandboxProgram) -> None:
    status, _ = await sandbox.send_image(id=DOCUMENTED_MEDIA, caption="é" * 1024)

    assert status == 200


async def test_callback_data_that_is_an_object_becomes_text(sandbox: SandboxProgram) -> None:
    body = HELLO | {"biz_opaque_callback_data": {"order": 7}}

    _, answer = await sandbox.graph("POST", f"/{sandbox.number}/messages", json=body)

    line = await sandbox.line(answer)
    assert line["biz_opaque_callback_data"] == '{"order":7}'


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b'"text"', b"[" * 100_000, b'{"a":NaN}'])
async def test_a_body_that_is_no_json_object_is_refused_in_graphs_form(sandbox: SandboxProgram, body: bytes) -> None:
    status, answer = await sandbox.graph(
        "POST", f"/{sandbox.number}/messages", data=body, headers={"Content-Type": "application/json"}
    )

    assert (status, answer["error"]["code"]) == (400, 100)


def multipart(fields: Mapping[str, Any]) -> aiohttp.FormData:
    form = aiohttp.FormData(default_to_multipart=True)
    for name, value in fields.items():
        form.add_field(name, value if isinstance(value, str) else json.dumps(value))
    return form


async def test_a_form_is_as_good_as_json(sandbox: SandboxProgram) -> None:
    form = HELLO | {"text": json.dumps({"body": "Hello"})}

    status, _ = await sandbox.graph("POST", f"/{sandbox.number}/messages", data=form)

    assert status == 200


async def test_a_multipart_form_is_as_good_as_json(sandbox: SandboxProgram) -> None:
    fields = HELLO | {"type": "image", "image": {"id": DOCUMENTED_MEDIA, "caption": "Habari \U0001f600 a=b&c"}}
    fields = {name: value for name, value in fields.items() if name != "text"}

    status, answer = await sandbox.graph("POST", f"/v24.0/{sandbox.number}/messages", data=multipart(fields))

    assert status == 200, answer
    assert (await sandbox.line(answer))["caption"] == fields["image"]["caption"]


async def test_a_multipart_form_with_a_file_or_no_form_at_all_is_refused_in_graphs_form(
    sandbox: SandboxProgram,
) -> None:
    form = multipart(HELLO)
    form.add_field("file", b"x", filename="x.jpg")
    path, kind = f"/v24.0/{sandbox.number}/messages", {"Content-Type": "multipart/form-data; boundary=b"}

    with_file = await sandbox.graph("POST", path, data=form)
    torn = await sandbox.graph("POST", path, data=b"--b\r\nContent-Dis", headers=kind)
    empty = await sandbox.graph("POST", path, data=b"--b--", headers=kind)

    assert [(status, answer["error"]["code"]) for status, answer in (with_file, torn, empty)] == [(400, 100)] * 3


async def test_an_upload_to_a_number_that_is_not_there_is_refused_for_that(sandbox: SandboxProgram) -> None:
    status, answer = await sandbox.graph("POST", "/v24.0/999/media", data=form_of(bytes(2_000_000)))

    assert (status, answer["error"]["code"], answer["error"]["error_subcode"]) == (400, 100, 33)


@pytest.mark.parametrize(
    ("method", "path", "code", "text"),
    [
        ("GET", "/v24.0/nowhere", 2500, "Unknown path components: /nowhere"),
        ("GET", "/v24.0/106540352242922/nowhere", 2500, "Unknown path components: /nowhere"),
        ("GET", "/a/b/c/d", 2500, "Unknown path components: /a/b/c/d"),
        ("POST", "/v24.0/999/messages", 100, "Unsupported post request. Object with ID '999' does not exist"),
        ("GET", "/v24.0/999", 100, "Unsupported get request. Object with ID '999' does not exist"),
        ("DELETE", "/v24.0/999", 100, "Unsupported delete request. Object with ID '999' does not exist"),
        ("PUT", "/v24.0/106540352242922", 100, "Unsupported put request. Object with ID '106540352242922'"),
    ],
)
async def test_what_is_not_there_is_told_as_graph_tells_it(
    sandbox: SandboxProgram, method: str, path: str, code: int, text: str
) -> None:
    status, answer = await sandbox.graph(method, path)

    assert (status, answer["error"]["code"]) == (400, code)
    assert answer["error"]["message"].startswith(text)


async def test_a_missing_object_has_its_own_type_and_subcode(sandbox: SandboxProgram) -> None:
    _, answer = await sandbox.graph("POST", "/v24.0/999/messages", json=HELLO)

    assert (answer["error"]["type"], answer["error"]["error_subcode"]) == ("GraphMethodException", 33)


@pytest.mark.parametrize(
    ("headers", "code"), [({}, 104), ({"Authorization": "Bearer wrong"}, 190), ({"Authorization": "nonsense"}, 190)]
)
async def test_a_request_without_a_good_token_is_refused(
    sandbox: SandboxProgram, headers: dict[str, str], code: int
) -> None:
    url = f"{sandbox.ready.base_url}/v24.0/{sandbox.number}/messages"

    async with sandbox.session.post(url, json=HELLO, headers=headers) as answer:
        told = await answer.json()

    assert (answer.status, told["error"]["code"]) == (401, code)


async def test_a_token_in_the_query_is_as_good(sandbox: SandboxProgram) -> None:
    url = f"{sandbox.ready.base_url}/v24.0/{sandbox.number}"

    async with sandbox.session.get(url, params={"access_token": sandbox.ready.access_token}) as answer:
        assert answer.status == 200


async def test_twenty_sends_at_once_are_all_kept_under_different_names(sandbox: SandboxProgram) -> None:
    answers = await asyncio.gather(*(sandbox.send_image(id=DOCUMENTED_MEDIA, caption=str(n)) for n in range(40)))

    wamids = {answer["messages"][0]["id"] for _, answer in answers}
    assert len(wamids) == 40
    assert wamids <= {line["wamid"] for line in await sandbox.ledger()}


async def test_a_person_is_reached_by_user_id_alone(sandbox: SandboxProgram) -> None:
    user_id = "US.13491208655302741918"
    await sandbox.control("POST", "/inbound", json={"from": "255712345678", "user_id": user_id})
    body = {"messaging_product": "whatsapp", "recipient": user_id, "type": "image", "image": {"id": DOCUMENTED_MEDIA}}

    _, answer = await sandbox.graph("POST", f"/{sandbox.number}/messages", json=body)

    assert answer["contacts"] == [{"input": user_id, "user_id": user_id}]
    await sandbox.wait("status", wamid=answer["messages"][0]["id"], status="read")
    line = await sandbox.line(answer)
    assert (line["to"], line["recipient"]) == ("255712345678", user_id)


async def test_a_message_heard_is_marked_as_read_and_an_unknown_one_is_not(sandbox: SandboxProgram) -> None:
    _, heard = await sandbox.control("POST", "/inbound", json={"from": "255712345678"})
    mark = {"messaging_product": "whatsapp", "status": "read", "message_id": heard["message_id"]}

    known = await sandbox.graph(
        "POST", f"/{sandbox.number}/messages", json=mark | {"typing_indicator": {"type": "text"}}
    )
    unknown = await sandbox.graph("POST", f"/{sandbox.number}/messages", json=mark | {"message_id": "wamid.x"})

    assert known == (200, {"success": True})
    assert (unknown[0], unknown[1]["error"]["code"]) == (400, 131009)


async def test_a_changed_identity_key_fails_the_send(sandbox: SandboxProgram) -> None:
    await sandbox.control("POST", "/inbound", json={"from": "255712345678", "identity_key_hash": "DF2lS5v2W6x="})
    body = HELLO | {"to": "255712345678"}

    _, good = await sandbox.graph(
        "POST", f"/{sandbox.number}/messages", json=body | {"recipient_identity_key_hash": "DF2lS5v2W6x="}
    )
    _, bad = await sandbox.graph(
        "POST", f"/{sandbox.number}/messages", json=body | {"recipient_identity_key_hash": "old"}
    )

    await sandbox.wait("status", wamid=good["messages"][0]["id"], status="read")
    (failed,) = await sandbox.wait("status", wamid=bad["messages"][0]["id"])
    assert failed["code"] == 137000


async def test_the_front_and_the_handset_tell_how_to_go_on(sandbox: SandboxProgram) -> None:
    async with sandbox.session.get(sandbox.ready.base_url) as answer:
        front = await answer.json()
    async with sandbox.session.get(sandbox.ready.handset_url) as answer:
        page = await answer.text()

    assert front["phone_number_id"] == sandbox.number
    assert sandbox.ready.access_token not in json.dumps(front) + page
    assert 'type="module"' in page


async def test_head_is_answered_like_get(sandbox: SandboxProgram) -> None:
    headers = {"Authorization": f"Bearer {sandbox.ready.access_token}"}

    async with sandbox.session.head(f"{sandbox.ready.base_url}/{sandbox.number}", headers=headers) as answer:
        assert answer.status == 200
