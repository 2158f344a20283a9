"""Sends of which nobody knows what became: held, sent once more as asked, cancelled; and what the truth does later."""

import hashlib
import hmac
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import msgspec
import pytest
from tests.journeys.running import Talk, picture, until
from tests.journeys.test_numbers import tell

from picha.gateway.store.embedded import EmbeddedPostgres
from picha.gateway.store.ledger import forget
from picha.gateway.store.pool import Pool, in_transaction, open_pool

PAST_ITS_WAIT = "UPDATE message SET due_at = due_at - interval '150 seconds' WHERE id = $1"
GIVEN_UP = "UPDATE message SET due_at = due_at - interval '15 minutes' WHERE id = $1"


@pytest.fixture
async def pool(picha: Talk) -> AsyncIterator[Pool]:
    """The product's database, to let time pass in it."""
    async with open_pool(EmbeddedPostgres(picha.house.home).dsn) as opened:
        yield opened


@pytest.fixture(autouse=True)
async def calm(picha: Talk) -> AsyncIterator[None]:
    """Leave no trouble with webhooks behind."""
    yield
    await picha.control("DELETE", "/trouble")


@pytest.fixture
async def customer(picha: Talk) -> str:
    """Somebody whose window is open."""
    return await greeted(picha)


async def greeted(picha: Talk, who: str | None = None) -> str:
    someone = who or picha.stranger()
    await picha.hear(someone, type="text", text="Hello")
    return someone


async def spoil(picha: Talk, customer: str, effect: dict[str, Any], **when: Any) -> str:
    """Let sends to one customer go wrong, the next one unless told otherwise; return the rule's id."""
    wish = {"match": {"route": "messages", "to": customer}, "when": when or {"mode": "next"}, "effect": effect}
    rule: str = (await picha.control("POST", "/faults", json=wish))["id"]
    return rule


async def send(picha: Talk, customer: str, **more: Any) -> str:
    file_id = (await picha.upload(picture())).data["file_id"]
    message_id: str = (await picha.send(to=customer, file_id=file_id, **more)).data["message_id"]
    return message_id


async def in_phase(picha: Talk, message_id: str, phase: str) -> Any:
    async def look() -> Any:
        message = await picha.message(message_id)
        return message if message["phase"] == phase else None

    return await until(look)


async def effects(picha: Talk, customer: str) -> list[Any]:
    """Return what Meta's stand-in took for a customer, oldest first."""
    return [item for item in await picha.ledger() if item["to"] == customer]


async def told(picha: Talk, message_id: str, part: str) -> Any:
    """Return the moment of a message's timeline whose text holds `part`, once it is there."""

    async def look() -> Any:
        return next((item for item in await picha.story(message_id) if part in item["text"]), None)

    return await until(look)


async def resend(picha: Talk, message_id: str, **body: Any) -> Any:
    return await picha.api("POST", f"/v1/whatsapp/messages/{message_id}/resend", json=body or {"confirm": True})


async def cancel(picha: Talk, message_id: str) -> Any:
    return await picha.api("POST", f"/v1/whatsapp/messages/{message_id}/cancel")


async def counted(picha: Talk, name: str) -> float:
    """Return what the worker has counted under a metric's name and labels."""
    page = (await picha.call("GET", picha.ready.worker_metrics_url)).body.decode()
    return sum(float(line.rpartition(" ")[2]) for line in page.splitlines() if line.startswith(name))


async def lost_for_good(picha: Talk, pool: Pool, customer: str, effect: dict[str, Any], **more: Any) -> str:
    """Send a message whose answer and whose statuses are lost, and let its soft wait pass."""
    await picha.control("POST", "/trouble", json={"drop": True})
    await spoil(picha, customer, effect)
    message_id = await send(picha, customer, **more)
    await in_phase(picha, message_id, "unknown")

    async def is_quiet() -> bool:
        ledger = await effects(picha, customer)
        return all([await last_status(picha, item["wamid"]) == "read" for item in ledger])

    await until(is_quiet)
    await picha.control("DELETE", "/trouble")
    await pool.execute(PAST_ITS_WAIT, message_id)
    return message_id


async def last_status(picha: Talk, wamid: str) -> str | None:
    items = (await picha.control("GET", "/deliveries", params={"about": wamid}))["items"]
    return items[0]["status"] if items else None


async def meta_is_heard(picha: Talk) -> None:
    """Let another message of the number be sent and read."""
    await picha.becomes(await send(picha, await greeted(picha)), "read")


async def test_under_resend_a_send_that_never_reached_whatsapp_goes_out_once_more(
    picha: Talk, pool: Pool, customer: str
) -> None:
    message_id = await lost_for_good(picha, pool, customer, {"drop": "before"}, on_unknown="resend")
    await meta_is_heard(picha)

    message = await picha.becomes(message_id, "read")

    assert (message["attempts"], message["phase"], message["warnings"]) == (2, "submitted", [])
    assert len(await effects(picha, customer)) == 1
    moment = await told(picha, message_id, "as on_unknown asks")
    assert moment["kind"] == "decision"


async def test_under_hold_it_does_not_and_is_given_up_in_words(picha: Talk, pool: Pool, customer: str) -> None:
    message_id = await lost_for_good(picha, pool, customer, {"drop": "before"})
    await meta_is_heard(picha)
    assert (await picha.message(message_id))["phase"] == "unknown"

    await pool.execute(GIVEN_UP, message_id)
    message = await picha.becomes(message_id, "failed")

    assert (message["error_code"], message["attempts"]) == ("SEND_OUTCOME_UNKNOWN", 1)
    assert (await told(picha, message_id, "Given up"))["code"] == "SEND_OUTCOME_UNKNOWN"
    assert await effects(picha, customer) == []


async def test_a_second_copy_is_confirmed_when_the_truth_comes_late(picha: Talk, pool: Pool, customer: str) -> None:
    before = await counted(picha, "picha_duplicates_confirmed_total")
    message_id = await lost_for_good(picha, pool, customer, {"drop": "after"}, on_unknown="resend")
    await meta_is_heard(picha)
    await picha.becomes(message_id, "read")
    first, second = await effects(picha, customer)

    late = (await picha.control("GET", "/deliveries", params={"about": first["wamid"]}))["items"][-1]
    await picha.control("POST", f"/deliveries/{late['id']}/redeliver")

    await told(picha, message_id, "more than once")
    message = await picha.message(message_id)
    assert (message["status"], message["provider_message_id"]) == ("read", second["wamid"])
    assert [warning["code"] for warning in message["warnings"]] == ["DUPLICATE_CONFIRMED"]
    assert "2 times" in message["warnings"][0]["text"]
    assert await counted(picha, "picha_duplicates_confirmed_total") == before + 1
    assert await counted(picha, 'picha_sends_again_total{why="policy"}') >= 1


async def test_late_truth_calls_off_what_a_person_would_send_again(picha: Talk, pool: Pool, customer: str) -> None:
    message_id = await lost_for_good(picha, pool, customer, {"drop": "after"})
    await pool.execute(GIVEN_UP, message_id)
    await picha.becomes(message_id, "failed")
    (only,) = await effects(picha, customer)

    late = (await picha.control("GET", "/deliveries", params={"about": only["wamid"]}))["items"][-1]
    await picha.control("POST", f"/deliveries/{late['id']}/redeliver")
    message = await picha.becomes(message_id, "sent", "delivered", "read")

    assert (message["error_code"], message["failed_at"]) == (None, None)
    refused = await resend(picha, message_id)
    assert (refused.status, refused.error["code"]) == (409, "NOT_RESENDABLE")
    assert "submitted" in refused.error["message"]


async def test_a_person_sends_again_what_was_given_up(picha: Talk, pool: Pool, customer: str) -> None:
    message_id = await lost_for_good(picha, pool, customer, {"drop": "before"})
    await pool.execute(GIVEN_UP, message_id)
    await picha.becomes(message_id, "failed")
    # Paused, so that it is still queued when the answer is written.
    await tell(picha, "pause")

    answer = await resend(picha, message_id)

    assert (answer.status, answer.data["phase"], answer.data["error_code"]) == (202, "queued", None)
    await tell(picha, "resume")
    message = await picha.becomes(message_id, "read")
    assert message["attempts"] == 2
    assert len(await effects(picha, customer)) == 1
    await told(picha, message_id, "as a person asks")


async def test_a_template_is_sent_again_although_the_window_is_shut(picha: Talk, pool: Pool) -> None:
    customer = picha.stranger()
    header = {"file_id": (await picha.upload(picture())).data["file_id"]}
    wish = {"to": customer, "template_name": "picha_photo", "header": header}

    async def is_known() -> bool:
        return bool((await picha.api("GET", "/v1/whatsapp/templates")).document["items"])

    await until(is_known)
    await picha.control("POST", "/trouble", json={"drop": True})
    await spoil(picha, customer, {"drop": "before"})
    message_id = (await picha.api("POST", "/v1/whatsapp/messages/template", json=wish)).data["message_id"]
    await in_phase(picha, message_id, "unknown")
    await picha.control("DELETE", "/trouble")
    await pool.execute(PAST_ITS_WAIT, message_id)

    assert (await resend(picha, message_id)).status == 202

    await picha.becomes(message_id, "read")
    assert len(await effects(picha, customer)) == 1


async def test_what_is_sent_again_when_its_picture_is_no_longer_kept_fails_in_words(
    picha: Talk, pool: Pool, customer: str
) -> None:
    message_id = await lost_for_good(picha, pool, customer, {"drop": "before"})
    await pool.execute(GIVEN_UP, message_id)
    await picha.becomes(message_id, "failed")
    await pool.execute(
        "UPDATE message SET file_id = NULL, media_url = NULL, image_state = 'unavailable' WHERE id = $1", message_id
    )

    assert (await resend(picha, message_id)).status == 202
    message = await picha.becomes(message_id, "failed")

    assert message["error_code"] == "131053"
    assert "no longer kept" in message["error_detail"]
    assert await effects(picha, customer) == []


async def test_what_is_sent_again_when_its_words_are_no_longer_kept_fails_in_words(
    picha: Talk, pool: Pool, customer: str
) -> None:
    message_id = await lost_for_good(picha, pool, customer, {"drop": "before"})
    await pool.execute(GIVEN_UP, message_id)
    await picha.becomes(message_id, "failed")
    await pool.execute("UPDATE message SET caption = 'Your receipt' WHERE id = $1", message_id)
    await in_transaction(pool, lambda connection: forget._words(connection, [UUID(message_id)]))

    assert (await resend(picha, message_id)).status == 202
    message = await picha.becomes(message_id, "failed")

    assert (message["error_code"], message["content"]["facts"]) == ("EXPIRED", {})
    assert "no longer kept" in message["error_detail"]
    assert await effects(picha, customer) == []


async def test_nobody_sends_again_without_saying_so_or_before_the_soft_wait_is_over(
    picha: Talk, pool: Pool, customer: str
) -> None:
    await spoil(picha, customer, {"drop": "before"})
    message_id = await send(picha, customer)
    await in_phase(picha, message_id, "unknown")

    early = await resend(picha, message_id)
    unsaid = await resend(picha, message_id, confirm=False)
    untyped = await picha.api("POST", f"/v1/whatsapp/messages/{message_id}/resend", data=b'{"confirm":true}')

    assert (early.status, early.error["code"]) == (409, "NOT_RESENDABLE")
    assert "2 minutes" in early.error["message"]
    assert (unsaid.status, unsaid.error["code"], unsaid.error["field"]) == (422, "VALIDATION_ERROR", "confirm")
    assert untyped.status == 415
    assert (await picha.message(message_id))["attempts"] == 1
    await pool.execute(PAST_ITS_WAIT, message_id)
    assert (await resend(picha, message_id)).status == 202
    await picha.becomes(message_id, "read")


async def test_what_waits_can_be_cancelled_and_never_goes_out(picha: Talk, customer: str) -> None:
    rule = await spoil(picha, customer, {"error": 131016}, mode="always")
    message_id = await send(picha, customer)

    async def is_cancelled() -> Any:
        answer = await cancel(picha, message_id)
        return answer if answer.status == 200 else None

    first = await until(is_cancelled)
    again = await cancel(picha, message_id)
    await picha.control("DELETE", f"/faults/{rule}")
    later = await picha.becomes(await send(picha, customer), "read")

    shown = [first.data["phase"], first.data["status"], first.data["error_code"]]
    assert shown == ["cancelled", "failed", "CANCELLED"]
    assert (again.status, again.data["phase"]) == (200, "cancelled")
    assert [item["wamid"] for item in await effects(picha, customer)] == [later["provider_message_id"]]
    assert (await told(picha, message_id, "Cancelled"))["code"] == "CANCELLED"


async def test_what_went_out_cannot_be_cancelled(picha: Talk, customer: str) -> None:
    message_id = await send(picha, customer)
    await picha.becomes(message_id, "read")
    inbound = (await picha.list(direction="inbound", limit="1")).data["items"][0]

    for one, word in ((message_id, "submitted"), (inbound["id"], "customer")):
        answer = await cancel(picha, one)

        assert (answer.status, answer.error["code"]) == (409, "NOT_CANCELLABLE")
        assert word in answer.error["message"]


async def test_a_message_that_is_not_there_is_neither_cancelled_nor_sent_again(picha: Talk) -> None:
    for one in ("00000000-0000-7000-8000-000000000000", "no-uuid"):
        for answer in (await cancel(picha, one), await resend(picha, one)):
            assert (answer.status, answer.error["code"]) == (404, "MESSAGE_NOT_FOUND")


async def test_a_failure_of_what_arrived_is_a_warning_and_no_failure(picha: Talk, customer: str) -> None:
    await picha.control("POST", "/trouble", json={"failed_after_delivered": True})
    message_id = await send(picha, customer)

    moment = await told(picha, message_id, "although it had arrived")
    await picha.control("DELETE", "/trouble")

    message = await picha.message(message_id)
    assert (message["status"], message["error_code"], message["failed_at"]) == ("delivered", None, None)
    assert [warning["code"] for warning in message["warnings"]] == ["131026"]
    assert (moment["kind"], moment["code"]) == ("evidence", "131026")


async def test_early_doubled_shuffled_and_foreign_statuses_change_nothing(picha: Talk) -> None:
    people = [await greeted(picha) for _ in range(6)]
    trouble = {
        "early_status": 0.5,
        "duplicate": 0.5,
        "reorder": 0.5,
        "unknown_wamid": 0.5,
        "batch": 5,
        "seed": "evidence",
    }
    await picha.control("POST", "/trouble", json=trouble)

    sent = [await send(picha, one) for one in people]

    messages = [await picha.becomes(one, "read") for one in sent]
    await picha.control("DELETE", "/trouble")
    assert {(message["attempts"], message["phase"]) for message in messages} == {(1, "submitted")}
    assert [len(await effects(picha, one)) for one in people] == [1] * len(people)


async def test_an_early_status_outlives_the_loss_of_its_answer(picha: Talk, customer: str) -> None:
    await picha.control("POST", "/trouble", json={"early_status": True})
    await spoil(picha, customer, {"drop": "after"})

    message = await picha.becomes(await send(picha, customer), "read")

    assert (message["phase"], message["attempts"], message["warnings"]) == ("submitted", 1, [])
    await told(picha, message["id"], "No answer tells")
    assert len(await effects(picha, customer)) == 1


async def signed(picha: Talk, wamid: str, customer: str, code: int) -> None:
    """Tell the gateway, as Meta would, that a message failed."""
    error = {"code": code, "title": "Media upload error", "message": "Media upload error"}
    status = {"id": wamid, "status": "failed", "timestamp": "1769860800", "recipient_id": customer, "errors": [error]}
    metadata = {"display_phone_number": picha.ready.sender, "phone_number_id": picha.ready.phone_number_id}
    value = {"messaging_product": "whatsapp", "metadata": metadata, "statuses": [status]}
    entry = {"id": "102290129340398", "changes": [{"field": "messages", "value": value}]}
    body = msgspec.json.encode({"object": "whatsapp_business_account", "entry": [entry]})
    signature = hmac.new(picha.ready.app_secret.encode(), body, hashlib.sha256).hexdigest()
    answer = await picha.call(
        "POST",
        f"{picha.ready.api_url}/webhooks/whatsapp",
        data=body,
        headers={"X-Hub-Signature-256": f"sha256={signature}", "Content-Type": "application/json"},
    )
    assert answer.status == 200, answer.body


async def test_a_picture_that_whatsapp_could_not_use_is_uploaded_anew_and_never_shown_failed(
    picha: Talk, customer: str
) -> None:
    wish = {"match": {"route": "media"}, "when": {"mode": "probability", "p": 0}, "effect": {"status": 503}}
    rule = (await picha.control("POST", "/faults", json=wish))["id"]
    # Who blocks the business gets nothing further than `sent`, so that a failure is the last word about it.
    await picha.control("POST", f"/people/{customer}/block")
    file_id = (await picha.upload(picture("PNG", shade=77))).data["file_id"]
    message_id = (await picha.send(to=customer, file_id=file_id)).data["message_id"]
    wamid = (await picha.becomes(message_id, "sent"))["provider_message_id"]
    await picha.control("POST", f"/people/{customer}/unblock")

    await signed(picha, wamid, customer, 131053)
    message = await picha.becomes(message_id, "read", "failed")

    assert (message["status"], message["attempts"], message["warnings"]) == ("read", 2, [])
    assert message["provider_message_id"] != wamid
    assert [item["wamid"] for item in await effects(picha, customer)] == [wamid, message["provider_message_id"]]
    await told(picha, message_id, "with a new upload")
    uploads = next(one for one in (await picha.control("GET", "/faults"))["items"] if one["id"] == rule)["matched"]
    assert uploads == 2


async def test_a_picture_that_whatsapp_never_can_use_fails_after_one_new_upload(picha: Talk) -> None:
    customer = await greeted(picha, "9991131053")
    message_id = await send(picha, customer)

    message = await picha.becomes(message_id, "failed")

    assert (message["error_code"], message["attempts"]) == ("131053", 2)
    assert "picha check" in message["error_detail"]
    story = [item["text"] for item in await picha.story(message_id)]
    assert sum("with a new upload" in text for text in story) == 1


async def test_a_link_that_whatsapp_cannot_use_fails_at_once(picha: Talk) -> None:
    customer = await greeted(picha, "9991131053")
    url = f"{picha.ready.sandbox_url}/_sandbox/photo.jpg"
    message_id = (await picha.send(to=customer, media_url=url, media_mode="link")).data["message_id"]

    message = await picha.becomes(message_id, "failed")

    assert (message["error_code"], message["attempts"]) == ("131053", 1)
