"""One picture for many: each recipient is decided on by itself, and told by itself."""

import asyncio
import io
import json
import secrets
from typing import Any

import pytest
from tests.journeys.hosting import PictureHost
from tests.journeys.running import Talk, Told, picture, until
from tests.journeys.test_bad_input import is_refused

BATCH = "/v1/whatsapp/messages/image/batch"
BATCHES = "/v1/whatsapp/batches"
JSON, LINES = {"Content-Type": "application/json"}, {"Content-Type": "application/x-ndjson"}


async def post(picha: Talk, recipients: Any, once: str | None = None, **head: Any) -> Told:
    headers = JSON | ({"Idempotency-Key": once} if once else {})
    body = io.BytesIO(json.dumps({**head, "recipients": recipients}).encode())
    return await picha.api("POST", BATCH, data=body, headers=headers)


async def post_lines(picha: Talk, *lines: Any, **headers: str) -> Told:
    body = "\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines)
    return await picha.api("POST", BATCH, data=io.BytesIO(body.encode()), headers=LINES | headers)


async def over(picha: Talk, told: Told) -> Any:
    """Return a batch once it is done."""
    assert told.status == 202, told.body

    async def look() -> Any:
        batch = (await picha.api("GET", f"{BATCHES}/{told.data['batch_id']}")).data
        return batch if batch["done"] else None

    return await until(look)


async def results(picha: Talk, told: Told, **query: str) -> Any:
    return (await picha.api("GET", f"{BATCHES}/{told.data['batch_id']}/results", params=query)).data


async def friends(picha: Talk, count: int) -> list[str]:
    """Return people whose windows are open."""
    people = [picha.stranger() for _ in range(count)]
    await asyncio.gather(*(picha.hear(one, type="text", text="Habari") for one in people))
    return people


@pytest.fixture
async def file_id(picha: Talk) -> str:
    return str((await picha.upload(picture("PNG", shade=111))).data["file_id"])


async def test_each_recipient_is_accepted_or_refused_by_itself_and_each_has_a_caption(
    picha: Talk, file_id: str
) -> None:
    first, second, third = await friends(picha, 3)
    thread = (await picha.hear(third, type="text", text="Here"))["conversation_id"]
    recipients: list[Any] = [
        {"to": f"+{first}", "client_reference": "member-1"},
        {"to": picha.stranger(), "client_reference": "member-2"},
        {"to": second, "caption": "For you alone"},
        {"to": "12", "client_reference": "member-4"},
        {"conversation_id": thread, "to": "nobody", "caption": ""},
        {"conversation_id": "01900000-0000-7000-8000-000000000000"},
        {},
    ]

    told = await post(picha, recipients, file_id=file_id, caption="For all")

    assert told.data == {"batch_id": told.data["batch_id"], "total": 7, "status": "pending"}
    batch = await over(picha, told)
    counted = {name: batch[name] for name in ("status", "total", "accepted", "refused", "waiting", "skipped")}
    assert counted == {"status": "done", "total": 7, "accepted": 3, "refused": 4, "waiting": 0, "skipped": 0}
    page = await results(picha, told)
    assert [one["index"] for one in page["items"]] == list(range(7))
    assert [one["outcome"] for one in page["items"]] == [
        *("accepted", "refused", "accepted", "refused", "accepted", "refused", "refused")
    ]
    assert [one["code"] for one in page["items"]] == [
        *(None, "WINDOW_CLOSED", None, "VALIDATION_ERROR", None, "CONVERSATION_NOT_FOUND", "VALIDATION_ERROR")
    ]
    assert [one["client_reference"] for one in page["items"]][:4] == ["member-1", "member-2", None, "member-4"]
    assert (page["items"][3]["to"], page["items"][3]["field"]) == ("12", "to")
    assert all(one["message"] for one in page["items"] if one["outcome"] == "refused")
    sent = [await picha.becomes(one["message_id"], "read") for one in page["items"] if one["message_id"]]
    assert [(one["recipient"], one["content"]["caption"]) for one in sent] == [
        (first, "For all"),
        (second, "For you alone"),
        (third, None),
    ]
    assert (sent[0]["client_reference"], sent[0]["batch_id"]) == ("member-1", told.data["batch_id"])
    batch = (await picha.api("GET", f"{BATCHES}/{told.data['batch_id']}")).data
    assert (batch["read"], batch["pending"], batch["failed"], batch["cancelled"]) == (3, 0, 0, 0)


async def test_a_picture_at_an_address_is_fetched_once_and_uploaded_once(picha: Talk, host: PictureHost) -> None:
    people = await friends(picha, 5)
    url = host.put("/batch.jpg", picture(shade=112))
    wish = {"match": {"route": "media"}, "when": {"mode": "probability", "p": 0}, "effect": {"status": 503}}
    rule = (await picha.control("POST", "/faults", json=wish))["id"]

    told = await post(picha, [{"to": one} for one in people], media_url=url)

    batch = await over(picha, told)
    assert (batch["accepted"], batch["media_url"]) == (5, url)
    assert host.visits["/batch.jpg"] == 1
    page = await results(picha, told)
    messages = [await picha.becomes(one["message_id"], "read") for one in page["items"]]
    assert {one["content"]["file_id"] for one in messages} == {batch["file_id"]}
    uploads = next(one for one in (await picha.control("GET", "/faults"))["items"] if one["id"] == rule)["matched"]
    assert uploads == 1


async def test_where_the_picture_cannot_be_had_every_recipient_is_refused_with_the_reason(
    picha: Talk, host: PictureHost
) -> None:
    people = await friends(picha, 2)
    url = host.put("/page.jpg", b"<html>no picture</html>", "text/html")

    told = await post(picha, [{"to": one} for one in people], media_url=url)

    batch = await over(picha, told)
    assert (batch["status"], batch["accepted"], batch["refused"]) == ("done", 0, 2)
    page = await results(picha, told)
    assert [(one["code"], one["field"]) for one in page["items"]] == [("131052", "media_url")] * 2
    assert all("media_url" in one["message"] for one in page["items"])


async def test_json_lines_go_in_and_come_out(picha: Talk, file_id: str) -> None:
    people = await friends(picha, 3)

    told = await post_lines(
        picha, {"file_id": file_id, "caption": "Lines"}, *({"to": one} for one in people), "", {"to": "0"}
    )

    await over(picha, told)
    # Until they were read their statuses move between one look and the next.
    for one in (await results(picha, told))["items"][: len(people)]:
        await picha.becomes(one["message_id"], "read")
    path = f"{BATCHES}/{told.data['batch_id']}/results"
    answer = await picha.api("GET", path, headers={"Accept": "application/x-ndjson"})
    assert answer.headers["Content-Type"].startswith("application/x-ndjson")
    lines = [json.loads(line) for line in answer.body.splitlines()]
    assert lines == (await results(picha, told))["items"]
    assert [one["to"] for one in lines] == [*people, "0"]
    part = await picha.api("GET", f"{path}?cursor=1&limit=2", headers={"Accept": "application/x-ndjson"})
    assert [json.loads(line) for line in part.body.splitlines()] == lines[1:3]


async def test_results_come_page_by_page(picha: Talk, file_id: str) -> None:
    told = await post(picha, [{"to": picha.stranger()} for _ in range(5)], file_id=file_id)
    await over(picha, told)

    first = await results(picha, told, limit="2")
    second = await results(picha, told, limit="2", cursor=first["cursor_next"])
    last = await results(picha, told, limit="2", cursor=second["cursor_next"])

    assert [one["index"] for page in (first, second, last) for one in page["items"]] == [0, 1, 2, 3, 4]
    assert (first["total"], last["cursor_next"]) == (5, None)
    beyond = await results(picha, told, cursor="99999")
    assert (beyond["items"], beyond["cursor_next"]) == ([], None)
    for wrong in ("-1", "x", "100000", ""):
        refused = await picha.api("GET", f"{BATCHES}/{told.data['batch_id']}/results", params={"cursor": wrong})
        is_refused(refused, "VALIDATION_ERROR", "cursor")


async def test_a_batch_is_kept_once_under_its_idempotency_key_however_often_and_in_which_form_it_comes(
    picha: Talk, file_id: str
) -> None:
    [person] = await friends(picha, 1)
    key = secrets.token_hex(16)

    told = await asyncio.gather(*(post(picha, [{"to": person}], key, file_id=file_id) for _ in range(10)))
    again = await post_lines(picha, {"file_id": file_id}, {"to": person}, **{"Idempotency-Key": key})
    other = await post(picha, [{"to": person}, {"to": person}], key, file_id=file_id)

    assert {one.status for one in (*told, again)} == {202}
    assert {one.data["batch_id"] for one in (*told, again)} == {told[0].data["batch_id"]}
    assert again.data["idempotent_replay"] is True
    assert sorted("Idempotency-Replayed" in one.headers for one in told) == [False] + [True] * 9
    is_refused(other, "IDEMPOTENCY_KEY_REUSED", "Idempotency-Key")
    assert (await over(picha, told[0]))["accepted"] == 1


async def test_what_is_wrong_with_all_of_a_batch_is_refused_at_once(picha: Talk, file_id: str) -> None:
    one = {"to": picha.stranger()}
    wrong: tuple[Any, ...] = ([], None, {}, "x", [1], [[]], [one] * 10_001)
    for recipients in wrong:
        is_refused(await post(picha, recipients, file_id=file_id), "VALIDATION_ERROR", "recipients")
    is_refused(await post(picha, [one]), "VALIDATION_ERROR", "media_url")
    is_refused(await post(picha, [one], media_url="ftp://a.example/b"), "VALIDATION_ERROR", "media_url")
    is_refused(await post(picha, [one], file_id=file_id, caption="é" * 1025), "VALIDATION_ERROR", "caption")
    is_refused(await post(picha, [one], file_id="none"), "MEDIA_NOT_FOUND", "file_id")
    nowhere = "01900000-0000-7000-8000-000000000000"
    is_refused(await post(picha, [one], file_id=nowhere), "MEDIA_NOT_FOUND", "file_id")
    is_refused(await post(picha, [one], file_id=file_id, sender="255"), "SENDER_NOT_FOUND", "sender")
    is_refused(await post_lines(picha, {"file_id": file_id}), "VALIDATION_ERROR", "recipients")
    is_refused(await post_lines(picha, ""), "MALFORMED_JSON")
    broken = await post_lines(picha, {"file_id": file_id}, one, "{")
    is_refused(broken, "MALFORMED_JSON")
    assert broken.error["message"].startswith("Line 3: ")
    is_refused(await post_lines(picha, {"file_id": file_id}, *[one] * 10_001), "VALIDATION_ERROR", "recipients")
    is_refused(await post_lines(picha, {"file_id": file_id}, {"to": "x" * 70_000}), "MALFORMED_JSON")
    large = b'{"file_id":"x","recipients":[' + b" " * (16 * 1024 * 1024) + b"]}"
    told = await picha.api("POST", BATCH, data=io.BytesIO(large), headers=JSON)
    is_refused(told, "BODY_TOO_LARGE")
    told = await picha.api("POST", BATCH, data=b"to\n255", headers={"Content-Type": "text/csv"})
    is_refused(told, "UNSUPPORTED_MEDIA_TYPE")


async def test_ten_thousand_recipients_are_one_batch(picha: Talk, file_id: str) -> None:
    recipients = [{"to": str(990_000_000_000 + n), "caption": "é" * 200} for n in range(10_000)]

    told = await post(picha, recipients, file_id=file_id)

    batch = await over(picha, told)
    assert (batch["total"], batch["refused"]) == (10_000, 10_000)


async def test_more_large_bodies_at_once_than_a_process_reads_wait_for_their_turn(picha: Talk, file_id: str) -> None:
    recipients = [{"to": "12", "caption": "é" * 900} for _ in range(100)]

    told = await asyncio.gather(*(post(picha, recipients, file_id=file_id) for _ in range(20)))

    assert len(json.dumps(recipients)) > 256 * 1024
    assert [one.status for one in told] == [202] * 20


async def test_a_batch_of_nobody_we_know_is_not_found(picha: Talk) -> None:
    for batch in ("01900000-0000-7000-8000-000000000000", "x"):
        for method, path in (("GET", ""), ("GET", "/results"), ("POST", "/cancel")):
            is_refused(await picha.api(method, f"{BATCHES}/{batch}{path}"), "BATCH_NOT_FOUND")


async def test_a_cancelled_batch_takes_back_what_has_not_left_and_comes_to_nobody_else(
    picha: Talk, file_id: str, host: PictureHost
) -> None:
    people = await friends(picha, 3)
    sender = (await picha.api("GET", "/v1/whatsapp/senders")).document[0]["id"]
    await picha.api("POST", f"/v1/whatsapp/senders/{sender}/pause")
    try:
        told = await post(picha, [{"to": one} for one in people], file_id=file_id)
        path = f"{BATCHES}/{told.data['batch_id']}"

        async def accepted() -> bool:
            return bool((await picha.api("GET", path)).data["accepted"] == 3)

        await until(accepted)
        slow = await post(picha, [{"to": one} for one in people], media_url=host.put("/no.jpg", b"", status=503))

        cancelled = (await picha.api("POST", f"{path}/cancel")).data
        early = (await picha.api("POST", f"{BATCHES}/{slow.data['batch_id']}/cancel")).data
    finally:
        await picha.api("POST", f"/v1/whatsapp/senders/{sender}/resume")

    assert (cancelled["status"], cancelled["done"], cancelled["cancelled"], cancelled["pending"]) == (
        *("cancelled", True, 3, 0),
    )
    assert (early["status"], early["skipped"], early["waiting"], early["accepted"]) == ("cancelled", 3, 0, 0)
    assert {one["outcome"] for one in (await results(picha, slow))["items"]} == {"skipped"}
    for one in (await results(picha, told))["items"]:
        assert (one["outcome"], one["status"], one["code"]) == ("accepted", "failed", "CANCELLED")
    again = (await picha.api("POST", f"{path}/cancel")).data
    assert again == cancelled
    assert [line for line in await picha.ledger() if line["to"] in people] == []


async def test_a_batch_that_is_done_stays_done_when_it_is_cancelled(picha: Talk, file_id: str) -> None:
    told = await post(picha, [{"to": picha.stranger()}], file_id=file_id)
    await over(picha, told)

    answer = await picha.api("POST", f"{BATCHES}/{told.data['batch_id']}/cancel")

    assert (answer.data["status"], answer.data["cancelled_at"]) == ("done", None)
