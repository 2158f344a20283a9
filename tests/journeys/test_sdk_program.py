"""`picha send`, `messages`, `tail` and `media` at a running product, as a person and as a program use them."""

import asyncio
import itertools
import json
import re
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.journeys.hosting import PictureHost
from tests.journeys.running import Talk, picture
from tests.journeys.terminal import typed
from tests.journeys.test_doctor_command import picha_command
from tests.nursery import ran

NOBODY = "00000000-0000-0000-0000-000000000000"


async def said(picha: Talk, *words: str) -> str:
    """Run a command on the talk's house, which must succeed without a word beside, and return what it prints."""
    code, out, err = await picha_command(*words, "--home", str(picha.house.home))
    assert (code, err) == (0, ""), (words, out, err)
    return out


async def told(picha: Talk, *words: str) -> list[Any]:
    """Run a command with --json and return the objects that it prints."""
    return [json.loads(line) for line in (await said(picha, *words, "--json")).splitlines()]


async def refused(picha: Talk, *words: str, exit_code: int = 1) -> str:
    code, out, err = await picha_command(*words, "--home", str(picha.house.home))
    assert code == exit_code, (words, out, err)
    assert "Traceback" not in err
    assert picha.ready.api_key not in err
    return err


async def test_a_file_is_sent_waited_for_and_its_story_told(picha: Talk, tmp_path: Path) -> None:
    customer = picha.stranger()
    await picha.hear(customer)
    path = tmp_path / "receipt.jpg"
    path.write_bytes(picture(shade=211))

    sent, message = await told(
        picha, "send", "image", str(path), "--to", f"+{customer}", "--caption", "Your receipt", "--until", "read",
        "--reference", "order 7",
    )  # fmt: skip

    assert (sent["status"], message["status"], message["id"]) == ("pending", "read", sent["message_id"])
    [shown] = await told(picha, "messages", "show", sent["message_id"])
    assert (shown["content"]["caption"], shown["client_reference"]) == ("Your receipt", "order 7")
    facts = await said(picha, "messages", "show", sent["message_id"])
    assert re.search(rf"^recipient +{customer}$", facts, re.MULTILINE)
    assert re.search(r"^caption +Your receipt$", facts, re.MULTILINE)
    story = await told(picha, "messages", "timeline", sent["message_id"])
    assert story == (await picha.story(sent["message_id"]))
    assert "decision  Accepted and stored\n" in await said(picha, "messages", "timeline", sent["message_id"])
    words = await said(picha, "send", "image", str(path), "--to", customer, "--wait")
    assert words.startswith("Accepted as ")
    assert " at 20" in words.splitlines()[1]


async def test_an_order_that_is_sent_twice_by_its_number_is_one_message(picha: Talk) -> None:
    customer = picha.stranger()
    heard = await picha.hear(customer)
    url = picha.ready.sandbox_url + "/_sandbox/photo.jpg"
    words = ("send", "image", url, "--conversation", heard["conversation_id"], "--idempotency-key", f"order-{customer}")

    [first], [second] = await told(picha, *words), await told(picha, *words)

    assert first["message_id"] == second["message_id"]
    assert second["idempotent_replay"] is True


async def test_messages_are_listed_with_filters_newest_first_and_no_word_moves_the_terminal(picha: Talk) -> None:
    customer = picha.stranger()
    first = await picha.hear(customer, type="text", text="Habari\n\x1b[31mred\x1b[0m " + "x" * 80)
    second = await picha.hear(customer)
    thread = first["conversation_id"]

    listed = await told(picha, "messages", "list", "--conversation", thread)
    assert [one["id"] for one in listed] == [second["id"], first["id"]]
    assert listed[1]["content"]["body"].startswith("Habari\n")
    [one] = await told(picha, "messages", "--conversation", thread, "--type", "image", "--since", "24h", "--limit", "1")
    assert one["id"] == second["id"]
    only = ("--conversation", thread, "--status", "received", "--status", "read", "--direction", "inbound")
    assert len(await told(picha, "messages", *only)) == 2
    assert await told(picha, "messages", "--conversation", thread, "--until", first["created_at"]) == []
    table = await said(picha, "messages", "--conversation", thread)
    head, newest, oldest = table.splitlines()
    assert head.split() == ["created_at", "id", "way", "who", "type", "status", "text"]
    assert second["id"] in newest
    assert "Habari \N{REPLACEMENT CHARACTER}[31mred" in oldest
    assert oldest.endswith("x…")
    assert "\x1b" not in table
    nothing = await said(picha, "messages", "list", "--conversation", thread, "--direction", "outbound")
    assert nothing == "There are no messages.\n"


async def test_pictures_go_there_and_come_back(picha: Talk, tmp_path: Path, host: PictureHost) -> None:
    good, other = tmp_path / "a.jpg", tmp_path / "b.png"
    good.write_bytes(picture(shade=212))
    other.write_bytes(picture("PNG", shade=213))

    first, second, third = await told(
        picha, "media", "upload", str(good), str(other), host.put("/c.jpg", picture(shade=214))
    )

    assert [one["mime_type"] for one in (first, second, third)] == ["image/jpeg", "image/png", "image/jpeg"]
    [shown] = await told(picha, "media", "show", first["file_id"])
    assert shown == first
    assert re.search(r"^mime_type +image/jpeg$", await said(picha, "media", "show", first["file_id"]), re.MULTILINE)
    out = tmp_path / "out.jpg"
    assert f"{good.stat().st_size:,} bytes are in" in await said(
        picha, "media", "get", first["file_id"], "-o", str(out)
    )
    assert out.read_bytes() == good.read_bytes()
    small = tmp_path / "small.jpg"
    await told(picha, "media", "get", second["file_id"], "--thumbnail", "-o", str(small))
    assert small.read_bytes().startswith(b"\xff\xd8")
    [gone] = await told(picha, "media", "delete", first["file_id"])
    assert gone == {"file_id": first["file_id"], "deleted": True}
    assert "MEDIA_NOT_FOUND" in await refused(picha, "media", "show", first["file_id"])


async def test_a_picture_goes_through_pipes_as_it_is(picha: Talk) -> None:
    data, home = picture(shade=215), str(picha.house.home)

    async def piped(*words: str, given: bytes = b"") -> bytes:
        code, out, _ = await ran(*words, "--home", home, given=given)
        assert code == 0
        return out

    taken = json.loads(await piped("media", "upload", "-", "--strict", "--json", given=data))

    assert await piped("media", "get", taken["file_id"], "-o", "-") == data


async def test_an_upload_at_a_terminal_shows_how_far_it_is_and_a_delete_asks(picha: Talk, tmp_path: Path) -> None:
    path, home = tmp_path / "a.jpg", str(picha.house.home)
    path.write_bytes(picture(shade=216))

    code, shown = await typed("media", "upload", str(path), "--home", home, answers=[])
    file_id = next(word for word in shown.split() if word.count("-") == 4)
    question = f"Delete the picture {file_id}?"

    assert code == 0
    code, _ = await typed("media", "delete", file_id, "--home", home, answers=[(question, "n")])
    assert code == 1
    code, shown = await typed("media", "delete", file_id, "--home", home, answers=[(question, "y")])
    assert (code, "is deleted" in shown) == (0, True)


async def test_what_happens_is_told_as_it_happens_and_gone_on_with_from_a_cursor(picha: Talk) -> None:
    customer, home = picha.stranger(), str(picha.house.home)
    await picha.hear(customer, type="text", text="This is past")
    everything = await told(picha, "tail", "--no-follow")
    assert everything[-1]["cursor"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "picha.cli", "tail", "--after", everything[-1]["cursor"], "--home", home, "--json"),
        *("--limit", "2"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": "/usr/bin:/bin"},
    )

    texts = [f"Now {place} of {customer}" for place in range(3)]
    for text in texts:
        await picha.hear(customer, type="text", text=text)
    out, err = await process.communicate()

    assert (process.returncode, err) == (0, b"")
    first, second = map(json.loads, out.splitlines())
    assert first["event"] == "whatsapp.received"
    heard = [one["data"]["content"]["body"] for one in (first, second) if one["data"]["message_type"] == "text"]
    assert set(heard) <= set(texts)
    rest = await told(picha, "tail", "--no-follow", "--after", second["cursor"])
    assert texts[2] in [one["data"]["content"]["body"] for one in rest if one["event"] == "whatsapp.received"]
    code, lines, hint = await picha_command("tail", "--no-follow", "--after", second["cursor"], "--home", home)
    assert code == 0
    assert f"received   {rest[-1]['data']['id']}" in lines
    assert hint.startswith("Go on with: picha tail --after ")


async def test_a_tail_begins_with_what_comes_next_and_ends_when_it_is_told_to(picha: Talk) -> None:
    customer = picha.stranger()
    await picha.hear(customer, type="text", text="This is past")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "picha.cli", "tail", "--home", str(picha.house.home)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": "/usr/bin:/bin"},
    )
    assert process.stdout is not None
    first = asyncio.create_task(process.stdout.readline())

    # It cannot say when it has come to the end of what is past; one of these comes after.
    for place in itertools.count():
        await picha.hear(customer, type="text", text=f"Now {place}")
        if first.done():
            break
    process.send_signal(signal.SIGINT)
    out, err = await process.communicate()

    assert b"Now " in first.result()
    assert b"This is past" not in first.result() + out
    assert process.returncode == 130
    assert re.fullmatch(rb"Go on with: picha tail --after [0-9.]+\n", err)


async def test_a_gateway_is_named_by_words_or_by_the_environment_and_its_key_goes_to_no_other(
    picha: Talk, tmp_path: Path
) -> None:
    url, key = picha.ready.api_url, picha.ready.api_key
    named = {"PICHA_URL": url, "PICHA_API_KEY": key}

    code, _, err = await picha_command("messages", settings=named)
    assert (code, err) == (0, "")
    code, _, err = await picha_command("messages", "list", "--url", url, "--key", key)
    assert (code, err) == (0, "")
    away = await picha_command("messages", "--home", str(tmp_path))
    assert (away[0], "no `picha up` runs in" in away[2]) == (1, True)
    keyless = await refused(picha, "messages", "--url", "http://127.0.0.1:1")
    assert "That gateway needs a key" in keyless
    wrong = await picha_command("messages", settings=named | {"PICHA_API_KEY": "picha_test_wrong"})
    assert (wrong[0], wrong[2].startswith("picha: UNAUTHORIZED: ")) == (1, True)
    odd = await picha_command("messages", settings=named | {"PICHA_URL": "gateway"})
    assert (odd[0], "The url is a gateway's address" in odd[2]) == (1, True)


async def test_what_goes_wrong_is_a_sentence_and_one(picha: Talk, tmp_path: Path) -> None:
    customer = picha.stranger()
    text = tmp_path / "text.jpg"
    text.write_text("no picture at all")

    closed = await refused(picha, "send", "image", picha.ready.sandbox_url + "/_sandbox/photo.jpg", "--to", customer)
    assert closed.startswith("picha: WINDOW_CLOSED: ")
    assert f"{tmp_path}/none.jpg: No such file" in await refused(
        picha, "send", "image", f"{tmp_path}/none.jpg", "--to", customer
    )
    assert "IMAGE_NOT_SUPPORTED" in await refused(picha, "media", "upload", str(text))
    assert "MESSAGE_NOT_FOUND" in await refused(picha, "messages", "show", NOBODY)
    assert "VALIDATION_ERROR: after is latest, or the cursor" in await refused(picha, "tail", "--after", "yesterday")


@pytest.mark.parametrize(
    "words",
    [
        ("send", "image", "a.jpg"), ("send", "image"), ("send", "video", "a.mp4"), ("messages", "forget"),
        ("send", "image", "a.jpg", "--to", "1", "--conversation", "2"), ("messages", "list", "--status", "gone"),
        ("messages", "show", "7"), ("messages", "--since", "soon"), ("messages", "--since", "2026-01-31T12:00:00"),
        ("tail", "--limit", "0"), ("media", "get", NOBODY), ("media", "upload"), ("media", "delete", "x"),
    ],
)  # fmt: skip
async def test_wrong_usage_ends_with_64_before_anything_is_asked(words: tuple[str, ...]) -> None:
    code, out, err = await picha_command(*words, settings={"PICHA_URL": "http://127.0.0.1:1", "PICHA_API_KEY": "k"})

    assert (code, out) == (64, "")
    assert "Traceback" not in err


async def test_a_table_of_people_is_sent_one_picture_and_each_is_told_of(picha: Talk, tmp_path: Path) -> None:
    first, second = picha.stranger(), picha.stranger()
    for one in (first, second):
        await picha.hear(one, type="text", text="Habari")
    (tmp_path / "poster.jpg").write_bytes(picture(shade=217))
    table = tmp_path / "members.csv"
    table.write_text(
        f'\ufeffName,To,Caption,client_reference\nAsha,+{first},,member-1\nJuma,{second},"Hi,\nJuma",\n', "utf-8"
    )
    words = ("send", "batch", str(table), "--image", str(tmp_path / "poster.jpg"), "--caption", "For all", "--wait")

    sent, batch = await told(picha, *words)

    assert (sent["total"], batch["accepted"], batch["done"], batch["refused"]) == (2, 2, True, 0)
    results = await told(picha, "batches", "results", sent["batch_id"])
    assert [(one["to"], one["client_reference"]) for one in results] == [(first, "member-1"), (second, None)]
    captions = [(await picha.message(one["message_id"]))["content"]["caption"] for one in results]
    assert captions == ["For all", "Hi,\nJuma"]
    shown = await said(picha, "batches", "show", sent["batch_id"])
    assert re.search(r"^accepted +2$", shown, re.MULTILINE)
    assert (await said(picha, "batches", "cancel", sent["batch_id"])).startswith("Done: 2 accepted of 2; of the ")


async def test_a_batch_in_which_somebody_was_refused_ends_with_1_and_says_how_it_went(
    picha: Talk, tmp_path: Path
) -> None:
    lines = tmp_path / "members.jsonl"
    lines.write_text(f'{{"to": "{picha.stranger()}"}}\n\n{{"to": "12", "client_reference": "x"}}\n')
    url = picha.ready.sandbox_url + "/_sandbox/photo.jpg"
    words = ("send", "batch", str(lines), "--image", url, "--wait", "--home", str(picha.house.home))

    code, out, err = await picha_command(*words)

    assert (code, err) == (1, "")
    accepted, summary = out.splitlines()
    assert accepted.endswith(", for 2.")
    assert summary == "Done: 2 refused of 2."
    batch = accepted.split()[2].rstrip(",")
    table = await said(picha, "batches", "results", batch, "--outcome", "refused")
    assert re.search(r"^1 +12 +refused +- +- +VALIDATION_ERROR +to is a phone number", table, re.MULTILINE)


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("none.csv", None, "No such file"),
        ("head.csv", "name\nAsha\n", "has no column `to`"),
        ("empty.csv", "to\n", "names nobody"),
        ("bad.jsonl", '{"to": "1"}\n[]\n', "line 2, is no JSON object"),
        ("latin.csv", b"to\n\xe9", "not UTF-8"),
    ],
)
async def test_a_file_that_names_nobody_is_refused_in_a_sentence(
    picha: Talk, tmp_path: Path, name: str, text: str | bytes | None, why: str
) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_bytes(text.encode() if isinstance(text, str) else text)

    assert why in await refused(picha, "send", "batch", str(path), "--image", "https://shop.example/a.jpg")


async def test_a_table_with_semicolons_is_sent_by_a_person_at_a_terminal(picha: Talk, tmp_path: Path) -> None:
    customer = picha.stranger()
    await picha.hear(customer, type="text", text="Habari")
    table = tmp_path / "members.csv"
    table.write_text(f"conversation_id;to\n;{customer}\n")
    url = picha.ready.sandbox_url + "/_sandbox/photo.jpg"

    code, shown = await typed(
        *("send", "batch", str(table), "--image", url, "--wait", "--home", str(picha.house.home)), answers=[]
    )

    assert code == 0
    assert "Done: 1 accepted of 1" in shown
