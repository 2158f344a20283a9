"""The how-to pages: their programs and commands, run as they stand there."""

import asyncio
import functools
import json
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.journeys.pages import DOCS, blocks, moved, settle_in, terminal
from tests.journeys.running import House, Talk, picture, raised, talking, until
from tests.journeys.test_doctor_command import account_of

CUSTOMER = "16505551234"
FOLLOWING = ("how-to-receive-photos.md", "receive.py"), ("how-to-answer-photo.md", "answer.py")


@pytest.fixture(scope="module")
def house(new_home: Callable[[str], Path]) -> Iterator[House]:
    """A product that only readers of these pages have used: with one workspace, and customers that nobody has met."""
    with raised(new_home("readers")) as house:
        yield house


@pytest.fixture
async def picha(house: House) -> AsyncIterator[Talk]:
    """A caller to the readers' product."""
    async with talking(house) as talk:
        await until(talk.total)
        yield talk


@pytest.fixture
async def place(picha: Talk, tmp_path: Path) -> Path:
    """A folder as the pages have it in mind: a home, pictures, and somebody who has written."""
    settle_in(picha, tmp_path)
    (tmp_path / "receipt.jpg").write_bytes(picture(shade=231))
    (tmp_path / "catalogue.jpg").write_bytes(picture(shade=232))
    await picha.hear(CUSTOMER)
    return tmp_path


@asynccontextmanager
async def followed(page: str, title: str, place: Path, picha: Talk) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a program of a page that goes on until it is stopped, from the newest event on."""
    (place / title).write_text(moved(blocks(page)[title], picha))
    (place / "cursor").write_text(await newest(picha))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, title), cwd=place, env={"PATH": "/usr/bin:/bin"}, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        await process.communicate()


async def newest(picha: Talk) -> str:
    """Return the cursor of the log's end."""
    return str((await picha.api("GET", "/v1/events", params={"after": "latest"})).data["cursor"])


async def sent_by(picha: Talk, reference: str) -> int:
    items = (await picha.list(direction="outbound", limit="200")).data["items"]
    return sum(item["client_reference"] == reference for item in items)


async def test_a_receipt_is_sent_once_and_by_template_to_whoever_did_not_write(picha: Talk, place: Path) -> None:
    step = {title: moved(code, picha) for title, code in blocks("how-to-send-receipt.md").items()}
    (place / "receipt.py").write_text(step["receipt.py"])

    async with terminal(place) as shell:
        told = [await shell.types("python receipt.py") for _ in range(2)]
        curled, again = [json.loads(await shell.types(step["curl"])) for _ in range(2)]
        said = await shell.types(step["picha"])

    for lines in told:
        assert re.fullmatch(r"4711 image (delivered|read)\n4712 template (delivered|read)\n", lines)
    assert [await sent_by(picha, order) for order in ("4711", "4712", "4713", "4714")] == [1, 1, 1, 1]
    assert (curled["data"]["status"], again["data"]["message_id"]) == ("pending", curled["data"]["message_id"])
    assert re.match(r"Accepted as .*\nDelivered at ", said)


async def test_whoever_receives_has_each_photo_in_a_file_and_the_customer_sees_it_read(
    picha: Talk, place: Path
) -> None:
    customer = picha.stranger()
    async with followed("how-to-receive-photos.md", "receive.py", place, picha) as process:
        heard = await picha.hear(customer, caption="Is this yours?")

        assert process.stdout is not None
        assert await process.stdout.readline() == f"stored {customer} Is this yours?\n".encode()
    stored = (place / "photos" / f"{heard['id']}.jpg").read_bytes()
    assert stored == (await picha.api("GET", f"/v1/whatsapp/media/{heard['content']['file_id']}/content")).body


async def test_whoever_receives_by_curl_has_the_photos_too_and_each_once(picha: Talk, place: Path) -> None:
    code = moved(blocks("how-to-receive-photos.md")["curl"], picha)
    (place / "curl-cursor").write_text(await newest(picha))
    heard = await picha.hear(picha.stranger())

    async with terminal(place) as shell:
        photo = place / f"{heard['content']['file_id']}.jpg"

        async def look() -> bool:
            await shell.types(code)
            return photo.exists()

        await until(look)
        photo.unlink()
        await shell.types(code)

    assert not photo.exists()


async def test_a_photo_is_answered_with_a_picture_that_quotes_it(picha: Talk, place: Path) -> None:
    async with followed("how-to-answer-photo.md", "answer.py", place, picha):
        heard = await picha.hear(picha.stranger())

        async def look() -> str | None:
            items = (await picha.list(conversation_id=heard["conversation_id"], direction="outbound")).data["items"]
            return str(items[0]["id"]) if items else None

        answer = await picha.becomes(await until(look), "read")

    assert answer["content"]["context"]["message_id"] == heard["provider_message_id"]


async def test_a_photo_is_answered_by_curl(picha: Talk, place: Path) -> None:
    heard = await picha.hear(picha.stranger())

    async with terminal(place) as shell:
        told = json.loads(await shell.types(moved(blocks("how-to-answer-photo.md")["curl"], picha)))

    assert told["data"]["conversation_id"] == heard["conversation_id"]
    answer = await picha.becomes(told["data"]["message_id"], "read")
    assert answer["content"]["context"]["message_id"] == heard["provider_message_id"]


async def test_the_program_of_the_readme_sends(picha: Talk, place: Path) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```$", (DOCS.parent / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    (place / "send.py").write_text(moved(code, picha))
    total = await picha.total()

    async with terminal(place) as shell:
        await shell.types("python send.py")

    assert await picha.total() == total + 1


async def test_the_first_commands_about_sending_and_events_do_what_they_say(picha: Talk, place: Path) -> None:
    sends = moved(blocks("sending.md")["sends"], picha)

    async with terminal(place) as shell:
        told = [json.loads(line) for line in (await shell.types(sends)).replace("}{", "}\n{").splitlines()]
        page = json.loads(await shell.types(moved(blocks("events.md")["page"], picha)))

    assert [one["data"]["status"] for one in told] == ["pending"] * 3
    for one in told:
        await picha.becomes(one["data"]["message_id"], "read")
    assert set(page["data"]) == {"items", "cursor", "has_gap"}


@pytest.mark.timeout(120)
async def test_the_tests_that_a_page_writes_pass(tmp_path: Path) -> None:
    step = blocks("how-to-test.md")
    for title in ("conftest.py", "test_shop.py"):
        (tmp_path / title).write_text(step[title])

    async with terminal(tmp_path) as shell:
        said = await shell.types(step["pytest"])

    assert re.search(r"^4 passed", said, re.MULTILINE), said


async def test_keys_and_tokens_rotate_while_everything_runs(picha: Talk, place: Path) -> None:
    step = blocks("how-to-rotate.md")
    account = await account_of(picha.house)
    ours = {
        "--live": f"--test --graph-url {account.graph_url}",
        "102290129340398": account.waba_id,
        "106540352242922": picha.ready.phone_number_id,
        "634974688087057": account.meta_app_id,
    }
    for file, secret in (
        ("token", account.access_token),
        ("secret", account.app_secret),
        ("verify", account.verify_token),
    ):
        (place / file).write_text(secret.reveal())

    async def opens(key: str) -> bool:
        return (await picha.api("GET", "/v1/whatsapp/senders", key=key)).status == 200

    async def shut(key: str) -> bool:
        return not await opens(key)

    async with terminal(place) as shell:
        for title, name, is_kept in (("rotate", "Ab12Cd34", True), ("leaked", "Ef56Gh78", False)):
            key = (await shell.types(f"picha keys create --app {picha.ready.app_id} 2> said")).strip()
            await shell.types(step[title].replace(name, key.split("_")[2][:8]))
            assert await opens((place / "till.key").read_text().strip())
            assert await (opens(key) if is_kept else until(functools.partial(shut, key)))
        key = (await shell.types(f"picha keys create --app {picha.ready.app_id} 2> said")).strip()
        await shell.types(step["revoke"].replace("Ij90Kl12", key.split("_")[2][:8]))
        await until(functools.partial(shut, key))
        code = step["token"]
        for place_holder, real in ours.items():
            code = code.replace(place_holder, real)
        said = await shell.types(code)

    assert "is set up as" in said
    assert "0 problems" in said


async def test_whoever_is_told_by_webhook_has_each_photo_in_a_file(picha: Talk, place: Path) -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        ours = f"{one.getsockname()[1]}"
    step = {title: moved(code, picha).replace("5000", ours) for title, code in blocks("how-to-webhook.md").items()}
    (place / "hook.py").write_text(step["hook.py"])
    async with terminal(place) as shell:
        await shell.types(step["register"])
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "hook.py"),
            cwd=place,
            env={"PATH": "/usr/bin:/bin"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert process.stdout is not None
        try:
            await shell.types(f"until curl -s http://127.0.0.1:{ours}/ > answer; do sleep 0.05; done")
            await shell.types(step["try"])
            assert (await process.stdout.readline()).startswith(b"webhook.test ")
            heard = await picha.hear(picha.stranger())
            while not (await process.stdout.readline()).startswith(b"whatsapp.received "):
                pass
            photo = place / f"{heard['id']}.jpg"
            await until(functools.partial(asyncio.to_thread, photo.exists))
        finally:
            process.kill()
            await process.communicate()
            await shell.types('curl -s -X DELETE -H "X-API-Key: $KEY" $API/v1/webhooks/$ID')
    assert photo.stat().st_size == heard["content"]["size_bytes"]
