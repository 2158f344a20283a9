"""`picha erase` on a running product: it says what will go, asks, and leaves nobody behind."""

import re

import pytest
from tests.journeys.running import Talk, picture, until
from tests.journeys.terminal import typed
from tests.journeys.test_doctor_command import picha_command
from tests.journeys.test_keys_program import done, refused

# Other tests of the same house make workspaces of their own.
HERE = ("--workspace", "Default")


async def test_a_customer_is_erased_and_their_pictures_with_them_while_another_is_not(picha: Talk) -> None:
    customer, other = picha.stranger(), picha.stranger()
    heard = await picha.hear(customer, caption=f"Mine, {customer}")
    kept = await picha.hear(other)
    file_id = (await picha.upload(picture(shade=int(customer[-2:])))).data["file_id"]
    sent = (await picha.send(to=customer, file_id=file_id, caption="Yours")).data["message_id"]
    await picha.becomes(sent, "read")
    home = ("--home", str(picha.house.home))

    [would] = await done(picha, "erase", *HERE, "--phone", f"+{customer}", "--dry-run")
    assert (would["is_known"], would["is_erased"], would["messages"]) == (True, False, 2)
    assert would["webhooks"] > 0
    assert (await picha.message(sent))["content"]["caption"] == "Yours"
    question = "Erase all of that for ever?"
    code, shown = await typed("erase", *HERE, "--phone", customer, *home, answers=[(question, "n")])
    assert (code, "messages are emptied" in shown) == (1, True)
    assert (await picha.message(sent))["content"]["caption"] == "Yours"

    [went] = await done(picha, "erase", *HERE, "--phone", customer)

    assert (went["is_erased"], went["messages"]) == (True, 2)
    left = await picha.message(sent)
    assert left["status"] == "read"
    assert (left["recipient"], left["contact_profile_name"]) == (None, None)
    assert left["content"]["caption"] is None
    assert left["content"]["file_id"] is None
    assert customer not in str(left)
    for one in (heard["content"]["url"], f"/v1/whatsapp/media/{file_id}"):
        assert (await picha.api("GET", one)).status == 404
    listed = (await picha.api("GET", "/v1/whatsapp/conversations?limit=100")).body
    assert customer.encode() not in listed
    assert other.encode() in listed
    assert (await picha.api("GET", kept["content"]["url"])).status == 200
    refusal = await picha.send(to=customer, media_url="https://example.com/a.jpg")
    assert refusal.status in {404, 409, 422}
    again = await done(picha, "erase", *HERE, "--phone", customer)
    assert again[0]["is_known"] is False
    code, out, _ = await picha_command("erase", *HERE, "--phone", customer, *home)
    assert (code, out) == (0, "Nothing is kept of that person.\n")
    [row] = await done(picha, "audit", "list", "--limit", "1")
    assert (row["deed"], customer in str(row)) == ("person.erased", False)
    for log in picha.house.logs:
        assert customer not in log.read_text()


async def test_who_was_erased_and_writes_again_begins_anew(picha: Talk) -> None:
    customer = picha.stranger()
    former = await picha.hear(customer)
    await done(picha, "erase", *HERE, "--phone", customer)

    again = await picha.hear(customer)

    assert again["conversation_id"] != former["conversation_id"]
    file_id = (await picha.upload(picture())).data["file_id"]
    sent = (await picha.send(to=customer, file_id=file_id)).data["message_id"]
    await picha.becomes(sent, "read")


async def test_what_waits_for_a_paused_number_is_cancelled(picha: Talk) -> None:
    customer = picha.stranger()
    await picha.hear(customer)
    file_id = (await picha.upload(picture())).data["file_id"]
    [sender] = (await picha.api("GET", "/v1/whatsapp/senders")).document
    await picha.api("POST", f"/v1/whatsapp/senders/{sender['id']}/pause")
    try:
        sent = (await picha.send(to=customer, file_id=file_id, caption="Too late")).data["message_id"]
        [went] = await done(picha, "erase", *HERE, "--phone", customer)
    finally:
        await picha.api("POST", f"/v1/whatsapp/senders/{sender['id']}/resume")

    assert went["cancelled"] == 1

    async def is_cancelled() -> bool:
        return bool((await picha.message(sent))["phase"] == "cancelled")

    await until(is_cancelled)
    assert (await picha.message(sent))["content"]["caption"] is None


@pytest.mark.parametrize(
    "words",
    [
        (), ("--phone", "16505551234", "--user-id", "US.1"), ("--phone", "1234"), ("--phone", "1" * 21),
        ("--phone", "call me"), ("--user-id", ""), ("--user-id", "x" * 129), ("--user-id", "a b"),
    ],
)  # fmt: skip
async def test_a_person_who_is_named_wrongly_ends_with_two(words: tuple[str, ...]) -> None:
    code, out, err = await picha_command("erase", *words)

    assert (code, out) == (2, "")
    assert re.search("Invalid value", err)


async def test_a_workspace_that_is_not_there_is_refused(picha: Talk) -> None:
    assert "No workspace has" in await refused(picha, "erase", "--phone", "16505551234", "--workspace", "nobody's")
