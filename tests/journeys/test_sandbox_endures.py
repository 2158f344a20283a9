import asyncio
import json
import re
import sys
from pathlib import Path

from tests.journeys.sandbox_program import DOCUMENTED_MEDIA, PATIENCE_S, Receiver, SandboxProgram, running
from tests.nursery import ran

from picha.sandbox.chronicle import HAPPENINGS_MAX

# Magic numbers, whose sends fail by webhook.
UNDELIVERABLE, CLOSED = "9991131026", "9991131047"


async def send_until_killed(sandbox: SandboxProgram, answered: list[str], number: int) -> None:
    body = {"messaging_product": "whatsapp", "to": "16505551234", "type": "image", "image": {"id": DOCUMENTED_MEDIA}}
    for count in range(1000):
        data = f"{number}-{count}"
        _, answer = await sandbox.graph(
            "POST", f"/{sandbox.number}/messages", json=body | {"biz_opaque_callback_data": data}
        )
        answered.append(answer["messages"][0]["id"])


async def test_a_killed_sandbox_goes_on_where_it_was(tmp_path: Path) -> None:
    receiver = Receiver("shaken")
    async with receiver.listening():
        url = receiver.url
    port = int(url.split(":")[2].split("/")[0])
    arguments = ("--home", str(tmp_path), "--ladder", "0,20,20", "--callback", url)
    answered: list[str] = []

    async with running(*arguments) as first:
        media_id = await first.upload(b"some bytes", "image/jpeg")
        senders = [asyncio.create_task(send_until_killed(first, answered, number)) for number in range(8)]
        await first.wait("status", status="read", count="20")
        await first.kill()
        ended = await asyncio.gather(*senders, return_exceptions=True)
    async with running(*arguments) as second, receiver.listening(port):
        await second.control("POST", "/clock", json={"advance_s": 60})
        ledger = [line["wamid"] for line in await second.ledger()]
        expected = {(wamid, status) for wamid in ledger for status in ("sent", "delivered", "read")}
        await receiver.until(len(expected))
        _, described = await second.graph("GET", f"/{media_id}")
        bearer = {"Authorization": f"Bearer {second.ready.access_token}"}
        async with second.session.get(described["url"], headers=bearer) as answer:
            data = await answer.read()

    assert all(isinstance(end, Exception) for end in ended)
    assert answered
    # Whatever was answered is in the ledger; what was not answered may be.
    assert set(answered) <= set(ledger)
    assert len(ledger) == len(set(ledger)) <= len(answered) + 8
    told = [(s["id"], s["status"]) for call in receiver.of("statuses") for s in call.value["statuses"]]
    assert set(told) == expected
    assert data == b"some bytes"
    assert second.ready.access_token == first.ready.access_token
    assert second.ready.app_secret == first.ready.app_secret


async def test_sends_that_set_out_together_each_go_their_own_way(tmp_path: Path) -> None:
    arguments = ("--home", str(tmp_path), "--ladder", "0,0,0", "--limits", "off")
    async with Receiver("shaken").listening() as receiver, running(*arguments, "--callback", receiver.url) as sandbox:
        people = ["16505551234", UNDELIVERABLE, "16505551234", CLOSED] * 8
        sent = await asyncio.gather(*(sandbox.sent(to=to) for to in people))
        calls = await receiver.until(16 * 3 + 16)

    told: dict[str, list[tuple[str, int | None]]] = {wamid: [] for wamid in sent}
    for status in (call.value["statuses"][0] for call in calls):
        told[status["id"]].append((status["status"], status["errors"][0]["code"] if "errors" in status else None))
    expected = {
        "16505551234": [("sent", None), ("delivered", None), ("read", None)],
        UNDELIVERABLE: [("failed", 131026)],
        CLOSED: [("failed", 131047)],
    }
    assert told == {wamid: expected[to] for wamid, to in zip(sent, people, strict=True)}


async def test_what_is_owed_follows_the_callback_to_its_new_address(tmp_path: Path) -> None:
    arguments = ("--home", str(tmp_path), "--ladder", "0,0,0", "--callback")
    async with running(*arguments, "http://127.0.0.1:1/hook") as first:
        await first.send_image(id=DOCUMENTED_MEDIA)
        await first.wait("status", status="read")

    async with Receiver("shaken").listening() as receiver, running(*arguments, receiver.url):
        calls = await receiver.until(3)
        (heard,) = await receiver.until(1, kind="messages")

    assert [call.value["statuses"][0]["status"] for call in calls] == ["sent", "delivered", "read"]
    assert heard.value["contacts"][0]["profile"]["name"] == "Sheena Nelson"


async def test_the_ledgers_line_is_on_disk_before_the_answer(tmp_path: Path) -> None:
    async with running("--home", str(tmp_path)) as sandbox:
        _, answer = await sandbox.send_image(id=DOCUMENTED_MEDIA)
        journal = (tmp_path / "journal.jsonl").read_text()
        await sandbox.kill()

    assert answer["messages"][0]["id"] in journal


async def test_a_torn_last_line_is_cut_off_and_a_broken_one_before_it_is_told(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    async with running("--home", str(tmp_path)) as sandbox:
        await sandbox.send_image(id=DOCUMENTED_MEDIA)
        await sandbox.wait("status", status="read")
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"record":"send","wamid":"wam')

    async with running("--home", str(tmp_path)) as sandbox:
        lines = len(await sandbox.ledger())
    assert lines == 1
    assert journal.read_bytes() == whole

    journal.write_bytes(b"garbage\n" + whole)
    code, said = await failing("--home", str(tmp_path))
    assert code == 1
    assert "line 1" in said


async def test_it_forgets_what_happened_long_ago_says_so_and_still_has_the_ledger(tmp_path: Path) -> None:
    async with running("--home", str(tmp_path), "--ladder", "0,0,0") as sandbox:
        _, answer = await sandbox.send_image(id=DOCUMENTED_MEDIA)
        first = answer["messages"][0]["id"]
        await sandbox.wait("status", wamid=first, status="read")
    line = (
        '{"record":"heard","id":"wamid.%d","phone_number_id":"106540352242922","user_id":"US.1","type":"text","at":1}\n'
    )
    with (tmp_path / "journal.jsonl").open("a") as journal:
        journal.writelines(line % number for number in range(HAPPENINGS_MAX))

    async with running("--home", str(tmp_path)) as sandbox:
        sent, found = await sandbox.control("GET", "/wait", params={"event": "send", "wamid": first, "timeout_s": "0"})
        heard, last = await sandbox.control(
            "GET", "/wait", params={"event": "inbound", "wamid": f"wamid.{HAPPENINGS_MAX - 1}"}
        )
        ledger = await sandbox.ledger()

    # Sheena wrote, and the send was accepted and had three statuses.
    assert (sent, found) == (408, {"items": [], "forgotten": 5})
    assert (heard, len(last["items"]), last["forgotten"]) == (200, 1, 5)
    assert [line["wamid"] for line in ledger] == [first]


async def test_its_log_of_webhooks_says_how_many_it_has_forgotten(tmp_path: Path) -> None:
    async with running("--home", str(tmp_path)) as sandbox:
        _, before = await sandbox.control("GET", "/deliveries")
    queued = '{"record":"queued","id":"%d","url":"u","body":"{}","at":1,"about":"wamid.x","kind":"status"}\n'
    settled = '{"record":"settled","id":"%d","at":1,"attempts":1,"taken":true,"http":200}\n'
    with (tmp_path / "journal.jsonl").open("a") as journal:
        journal.writelines((queued + settled) % (number, number) for number in range(5_003))

    async with running("--home", str(tmp_path)) as sandbox:
        _, after = await sandbox.control("GET", "/deliveries", params={"limit": "1"})

    assert before == {"items": []}
    assert ([item["id"] for item in after["items"]], after["forgotten"]) == (["5002"], 3)


async def test_a_home_is_held_by_one_sandbox(tmp_path: Path) -> None:
    async with running("--home", str(tmp_path)) as sandbox:
        code, said = await failing("--home", str(tmp_path))
        assert code == 1
        assert f"process {sandbox.process.pid}. Stop that one first" in said.splitlines()[-1]


async def test_who_must_wait_for_a_home_says_so_at_once_and_gets_it_when_it_is_free(tmp_path: Path) -> None:
    async with running("--home", str(tmp_path)) as sandbox:
        next_one = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "picha.cli", "sandbox", "--json", "--home", str(tmp_path),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env={"PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        assert next_one.stdout is not None
        assert next_one.stderr is not None
        said = json.loads(await asyncio.wait_for(next_one.stderr.readline(), PATIENCE_S))
        pid = sandbox.process.pid
    ready = json.loads(await asyncio.wait_for(next_one.stdout.readline(), PATIENCE_S))
    next_one.terminate()
    await next_one.communicate()

    assert f"in use by process {pid}; waiting" in said["event"]
    assert ready["base_url"].startswith("http://127.0.0.1:")


async def test_a_taken_port_is_told_in_a_sentence() -> None:
    async with running() as sandbox:
        port = sandbox.ready.base_url.rsplit(":", 1)[1]
        code, said = await failing("--port", port)

    assert code == 1
    assert said.startswith("picha sandbox: ")
    assert "Traceback" not in said


async def test_it_ends_well_when_it_is_told_to_even_while_somebody_waits(tmp_path: Path) -> None:
    async with running("--home", str(tmp_path)) as sandbox:
        waiting = asyncio.create_task(
            sandbox.control("GET", "/wait", params={"event": "send", "count": "9", "timeout_s": "60"})
        )
        await sandbox.send_image(id=DOCUMENTED_MEDIA)
        code = await sandbox.stop()
        await asyncio.gather(waiting, return_exceptions=True)

    assert code == 0


async def test_the_same_seed_gives_the_same_credentials_and_ids() -> None:
    async with running("--seed", "7") as one:
        _, first = await one.send_image(id=DOCUMENTED_MEDIA)
    async with running(environment={"PICHA_SANDBOX_SEED": "7"}) as two:
        _, second = await two.send_image(id=DOCUMENTED_MEDIA)
    async with running() as other:
        pass

    assert one.ready.access_token == two.ready.access_token != other.ready.access_token
    assert first["messages"] == second["messages"]
    assert one.ready.access_token.startswith("EAATestPichaSandbox")


async def test_a_started_sandbox_prints_one_line_and_logs_no_secret() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "picha.cli", "sandbox", "--json", "--ladder", "0,0,0",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env={"PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), PATIENCE_S)
    process.terminate()
    rest, said = await process.communicate()

    ready = json.loads(line)
    assert rest == b""
    assert set(ready) == {
        "base_url", "access_token", "phone_number_id", "waba_id", "app_id", "app_secret", "verify_token",
        "control_url", "handset_url", "control_token", "numbers",
    }  # fmt: skip
    assert not any(ready[name].encode() in said for name in ("access_token", "app_secret", "verify_token"))


async def test_without_json_it_prints_a_command_that_works_when_pasted(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "picha.cli", "sandbox", "--home", str(tmp_path),
        stdout=asyncio.subprocess.PIPE, env={"PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert process.stdout is not None
    hint = (await asyncio.wait_for(process.stdout.readuntil(b"Ctrl-C."), PATIENCE_S)).decode()
    commands = re.findall(r"^  (curl .*?)\n\n", hint, re.DOTALL | re.MULTILINE)

    answers = [json.loads(await shell(command)) for command in commands]

    process.terminate()
    await process.communicate()
    assert answers[0]["messages"][0]["id"].startswith("wamid.")
    assert answers[1]["message_id"].startswith("wamid.")


async def shell(command: str) -> bytes:
    process = await asyncio.create_subprocess_exec("sh", "-c", command + " -s", stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    return out


async def failing(*arguments: str) -> tuple[int, str]:
    """Start a sandbox that cannot run, and return its exit code and what it said."""
    code, _, said = await ran("sandbox", *arguments)
    return code, said.decode()
