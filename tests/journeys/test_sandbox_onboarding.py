"""What a program asks when it is set up, and the template that reaches people whose window is closed."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.journeys.sandbox_program import DOCUMENTED_MEDIA, Receiver, SandboxProgram, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

STRANGER = "255712345678"
SCOPES = ["whatsapp_business_management", "whatsapp_business_messaging"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def program() -> AsyncIterator[SandboxProgram]:
    async with running("--ladder", "0,0,0", "--verify-token", "ours") as program:
        yield program


def app_token(program: SandboxProgram) -> str:
    return f"{program.ready.app_id}|{program.ready.app_secret}"


async def debugged(program: SandboxProgram, token: str) -> Any:
    headers = {"Authorization": f"Bearer {app_token(program)}"}
    status, answer = await program.graph("GET", "/v24.0/debug_token", params={"input_token": token}, headers=headers)
    assert status == 200
    return answer["data"]


async def send_template(program: SandboxProgram, to: str = STRANGER, **changes: Any) -> tuple[int, Any]:
    header = {"type": "header", "parameters": [{"type": "image", "image": {"id": DOCUMENTED_MEDIA}}]}
    template = {"name": "picha_photo", "language": {"code": "en_US"}, "components": [header]} | changes
    body = {"messaging_product": "whatsapp", "to": to, "type": "template", "template": template}
    return await program.graph("POST", f"/v24.0/{program.number}/messages", json=body)


async def test_an_onboarding_check_finds_everything_in_order(program: SandboxProgram) -> None:
    ready = program.ready

    token = await debugged(program, ready.access_token)
    _, number = await program.graph("GET", f"/v24.0/{ready.phone_number_id}", params={"fields": "status,platform_type"})
    _, apps = await program.graph("GET", f"/v24.0/{ready.waba_id}/subscribed_apps")
    _, health = await program.graph("GET", f"/v24.0/{ready.waba_id}", params={"fields": "health_status"})

    assert (token["is_valid"], token["app_id"], token["expires_at"], token["scopes"]) == (True, ready.app_id, 0, SCOPES)
    assert all(grant["target_ids"] == [ready.waba_id] for grant in token["granular_scopes"])
    assert number == {"id": ready.phone_number_id, "status": "CONNECTED", "platform_type": "CLOUD_API"}
    assert [app["whatsapp_business_api_data"]["id"] for app in apps["data"]] == [ready.app_id]
    assert health["health_status"]["can_send_message"] == "AVAILABLE"


async def test_the_health_of_a_number_names_what_it_depends_on(program: SandboxProgram) -> None:
    _, number = await program.graph("GET", f"/{program.number}", params={"fields": "health_status"})
    _, account = await program.graph("GET", f"/{program.ready.waba_id}", params={"fields": "health_status"})

    kinds = [entity["entity_type"] for entity in number["health_status"]["entities"]]
    assert kinds == ["PHONE_NUMBER", "WABA", "APP"]
    assert [entity["entity_type"] for entity in account["health_status"]["entities"]] == ["WABA", "APP"]


async def test_a_token_that_is_not_ours_is_told_of_as_not_valid(program: SandboxProgram) -> None:
    assert (await debugged(program, app_token(program)))["type"] == "APP"

    token = await debugged(program, "EAAsomebodyelse")

    assert (token["is_valid"], token["error"]["code"], token["scopes"]) == (False, 190, [])


async def test_a_token_is_debugged_for_those_who_have_one_only(program: SandboxProgram) -> None:
    params = {"input_token": program.ready.access_token}
    stranger = {"Authorization": "Bearer nobody"}

    status, answer = await program.graph("GET", "/v24.0/debug_token", params=params, headers=stranger)
    assert (status, answer["error"]["code"]) == (401, 190)

    status, answer = await program.graph("GET", "/v24.0/debug_token")
    assert (status, answer["error"]["message"]) == (400, "(#100) The parameter input_token is required.")


async def test_the_account_lists_its_number(program: SandboxProgram) -> None:
    path = f"/v24.0/{program.ready.waba_id}/phone_numbers"

    _, usual = await program.graph("GET", path)
    _, chosen = await program.graph("GET", path, params={"fields": "status", "limit": "100"})

    (number,) = usual["data"]
    assert set(number) == {"id", "display_phone_number", "verified_name", "quality_rating"}
    assert "next" not in usual["paging"]
    assert chosen["data"] == [{"id": program.number, "status": "CONNECTED"}]


@pytest.mark.parametrize("limit", ["0", "101", "-1", "many", "٣", "9" * 5000])
async def test_a_page_has_1_to_100_items(program: SandboxProgram, limit: str) -> None:
    status, answer = await program.graph("GET", f"/{program.ready.waba_id}/phone_numbers", params={"limit": limit})

    assert (status, answer["error"]["code"]) == (400, 100)


async def test_a_number_registers_with_a_pin_of_six_digits(program: SandboxProgram) -> None:
    path = f"/v24.0/{program.number}/register"
    good = {"messaging_product": "whatsapp", "pin": "212834"}

    assert await program.graph("POST", path, json=good) == (200, {"success": True})
    for change in ({"pin": "21283"}, {"pin": 212834}, {"pin": None}, {"messaging_product": "sms"}):
        status, answer = await program.graph("POST", path, json=good | change)
        assert (status, answer["error"]["code"]) == (400, 100), change


async def test_approved_templates_are_listed_and_can_be_searched(program: SandboxProgram) -> None:
    path = f"/v24.0/{program.ready.waba_id}/message_templates"

    _, everything = await program.graph("GET", path)
    _, named = await program.graph("GET", path, params={"name": "picha_photo", "fields": "name,status"})
    _, other = await program.graph("GET", path, params={"name": "hello_world"})
    several = {"status": "PENDING,APPROVED", "category": "UTILITY", "summary": "total_count"}
    _, summed = await program.graph("GET", path, params=several)

    template, receipt = everything["data"]
    assert (template["name"], template["status"], template["language"]) == ("picha_photo", "APPROVED", "en_US")
    assert template["components"][0]["format"] == "IMAGE"
    sample = template["components"][0]["example"]["header_handle"][0]
    async with program.session.get(sample) as picture:
        assert (picture.status, picture.content_type) == (200, "image/jpeg")
    assert (summed["data"], summed["summary"]) == (everything["data"], {"total_count": 2})
    assert "summary" not in everything
    assert named["data"] == [{"id": template["id"], "name": "picha_photo", "status": "APPROVED"}]
    assert other == {"data": []}
    assert (receipt["name"], receipt["components"][1]["example"]) == (
        "picha_receipt",
        {"body_text": [["Sheena", "4711"]]},
    )


async def test_what_fills_a_template_s_variables_is_what_the_person_reads(program: SandboxProgram) -> None:
    texts = [{"type": "text", "text": text} for text in ("Asha", "17")]
    header = {"type": "header", "parameters": [IMAGE]}
    filled = [header, {"type": "body", "parameters": texts}]

    status, _ = await send_template(program, name="picha_receipt", components=filled)
    wrong = [
        await send_template(program, name="picha_receipt", components=components)
        for components in (
            [header],
            [header, {"type": "body", "parameters": texts[:1]}],
            [header, {"type": "body", "parameters": [texts[0], {"type": "currency"}]}],
            [header, {"type": "body", "parameters": [texts[0], {"type": "text", "text": ""}]}],
        )
    ]

    assert status == 200
    assert [answer["error"]["code"] for _, answer in wrong] == [132000, 132000, 132012, 131008]
    _, page = await program.control("GET", "/messages", params={"with": STRANGER})
    said = page["items"]
    assert said[-1]["text"] == "Hello Asha, here is the receipt for your order 17. Thank you for buying from us."


async def test_the_template_reaches_a_person_whose_window_is_closed(program: SandboxProgram) -> None:
    _, image = await program.send_image(to=STRANGER, id=DOCUMENTED_MEDIA)
    (refused,) = await program.wait("status", wamid=image["messages"][0]["id"], status="failed")
    assert refused["code"] == 131047

    status, answer = await send_template(program)

    (sent,) = answer["messages"]
    assert (status, sent["message_status"]) == (200, "accepted")
    (read,) = await program.wait("status", wamid=sent["id"], status="read")
    assert read["to"] == STRANGER
    line = await program.line(answer)
    assert (line["type"], line["caption"]) == ("template", None)
    assert line["sha256"]


async def test_the_template_takes_a_link_that_is_fetched(program: SandboxProgram) -> None:
    photo = f"{program.ready.control_url}/photo.jpg"
    header = {"type": "HEADER", "parameters": [{"type": "image", "image": {"link": photo}}]}
    missing = {"type": "header", "parameters": [{"type": "image", "image": {"link": f"{photo}.gone"}}]}

    _, answer = await send_template(program, components=[header, {"type": "body", "parameters": []}])
    _, lost = await send_template(program, components=[missing])

    assert await program.wait("status", wamid=answer["messages"][0]["id"], status="delivered")
    (failed,) = await program.wait("status", wamid=lost["messages"][0]["id"], status="failed")
    assert failed["code"] == 131053


@pytest.mark.parametrize(
    "changes", [{"name": "hello_world"}, {"language": {"code": "sw"}}, {"name": "picha_photo ", "components": None}]
)
async def test_a_template_that_does_not_exist_is_132001_with_404(
    program: SandboxProgram, changes: dict[str, Any]
) -> None:
    status, answer = await send_template(program, **changes)

    assert (status, answer["error"]["code"]) == (404, 132001)
    assert "does not exist in" in answer["error"]["error_data"]["details"]


IMAGE = {"type": "image", "image": {"id": DOCUMENTED_MEDIA}}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": None}, 100),
        ({"name": 7}, 100),
        ({"language": "en_US"}, 100),
        ({"components": None}, 132012),
        ({"components": []}, 132012),
        ({"components": {}}, 100),
        ({"components": ["header"]}, 100),
        ({"components": [{"type": "header", "parameters": []}]}, 132000),
        ({"components": [{"type": "header", "parameters": [IMAGE, IMAGE]}]}, 132000),
        ({"components": [{"type": "header", "parameters": [{"type": "text", "text": "Hi"}]}]}, 132012),
        ({"components": [{"type": "header", "parameters": [{"type": "image", "image": {}}]}]}, 100),
        ({"components": [{"type": "header", "parameters": [{"type": "image", "image": {"id": "1"}}]}]}, 100),
        ({"components": [{"type": "header", "parameters": [IMAGE | {"image": {"caption": "Hi"}}]}]}, 100),
        ({"components": [{"type": "body", "parameters": [{"type": "text", "text": "Hi"}]}]}, 132000),
        ({"components": [{"type": "footer"}]}, 100),
        ({"unknown": 1}, 100),
    ],
)
async def test_a_template_with_wrong_parameters_is_refused(
    program: SandboxProgram, changes: dict[str, Any], code: int
) -> None:
    before = len(await program.ledger())

    status, answer = await send_template(program, **changes)

    assert (status, answer["error"]["code"]) == (400, code), answer
    assert len(await program.ledger()) == before


async def test_a_template_to_a_user_id_that_nobody_has_is_undeliverable(program: SandboxProgram) -> None:
    header = {"type": "header", "parameters": [IMAGE]}
    template = {"name": "picha_photo", "language": {"code": "en_US"}, "components": [header]}
    body = {"messaging_product": "whatsapp", "recipient": "US.99999", "type": "template", "template": template}

    _, answer = await program.graph("POST", f"/{program.number}/messages", json=body)

    (failed,) = await program.wait("status", wamid=answer["messages"][0]["id"], status="failed")
    assert failed["code"] == 131026


async def test_the_webhook_of_a_template_prices_it_as_one() -> None:
    async with Receiver("ours").listening() as receiver, running("--callback", receiver.url) as program:
        await send_template(program)
        sent, *_ = await receiver.until(1)

    (status,) = sent.value["statuses"]
    assert (status["pricing"]["category"], status["pricing"]["type"]) == ("utility", "regular")


async def test_an_app_that_unsubscribes_from_the_account_hears_nothing_until_it_subscribes_again() -> None:
    async with Receiver("ours").listening() as receiver, running("--callback", receiver.url) as program:
        (first,) = await receiver.until(1, kind="messages")
        path = f"/v24.0/{program.ready.waba_id}/subscribed_apps"

        assert await program.graph("DELETE", path) == (200, {"success": True})
        assert await program.graph("GET", path) == (200, {"data": []})
        await program.control("POST", "/inbound", json={"from": STRANGER, "caption": "unheard"})
        assert await program.graph("POST", path) == (200, {"success": True})
        _, apps = await program.graph("GET", path)
        _, told = await program.control("POST", "/inbound", json={"from": STRANGER, "caption": "heard"})
        _, second = await receiver.until(2, kind="messages")

    assert len(apps["data"]) == 1
    assert [call.value["messages"][0]["image"]["caption"] for call in (first, second)] == ["Taj Mahal", "heard"]
    assert second.value["messages"][0]["id"] == told["message_id"]
    assert len(receiver.of("messages")) == 2


async def test_the_new_calls_can_be_made_to_fail(program: SandboxProgram) -> None:
    for route, path in (("debug_token", "/debug_token"), ("templates", f"/{program.ready.waba_id}/message_templates")):
        fault = {"match": {"route": route}, "when": {"mode": "next"}, "effect": {"error": 80007}}
        await program.control("POST", "/faults", json=fault)
        _, answer = await program.graph("GET", path)
        assert answer["error"]["code"] == 80007
