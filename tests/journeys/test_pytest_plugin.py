"""The fixture `sandbox` that comes with Picha, used as the author of any Cloud API program would."""

import asyncio
import hashlib
import hmac
import http.client
import http.server
import io
import json
import queue
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image

import picha.testing
from picha.testing import Effect, NotStartedError, RefusedError, Sandbox, SandboxOptions, running

PERSON = "16505551234"
STRANGER = "255712345678"


def send_photo(sandbox: Sandbox, to: str = PERSON, caption: str = "Your receipt") -> str:
    """The program under test: a send with nothing but the standard library."""
    body = {
        "messaging_product": "whatsapp",
        "to": to,
        "type": "image",
        "image": {"link": sandbox.photo_url, "caption": caption},
    }
    request = urllib.request.Request(
        f"{sandbox.base_url}/v24.0/{sandbox.phone_number_id}/messages",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {sandbox.access_token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        wamid = json.load(answer)["messages"][0]["id"]
    assert isinstance(wamid, str)
    return wamid


class Hook(http.server.BaseHTTPRequestHandler):
    """A receiver of webhooks that shakes hands and checks the signature of what it is given."""

    verify_token = ""
    app_secret = ""
    came: queue.Queue[Any]

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        is_ours = query["hub.verify_token"] == [self.verify_token]
        self._answer(200 if is_ours else 403, query["hub.challenge"][0].encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        wanted = "sha256=" + hmac.digest(self.app_secret.encode(), body, hashlib.sha256).hex()
        is_signed = hmac.compare_digest(self.headers["X-Hub-Signature-256"], wanted)
        self._answer(200 if is_signed else 401, b"")
        self.came.put(json.loads(body) if is_signed else None)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        pass


@pytest.fixture
def hook(sandbox: Sandbox) -> Iterator[tuple[str, queue.Queue[Any]]]:
    came: queue.Queue[Any] = queue.Queue()
    members = {"verify_token": sandbox.verify_token, "app_secret": sandbox.app_secret, "came": came}
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Ours", (Hook,), members)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/hook", came
        finally:
            server.shutdown()
            thread.join()


def test_what_a_program_sends_is_in_the_ledger_and_is_read(sandbox: Sandbox) -> None:
    wamid = send_photo(sandbox)

    (read,) = sandbox.wait("status", wamid=wamid, status="read")
    (sent,) = sandbox.sent

    assert (read.to, read.status) == (PERSON, "read")
    assert (sent.wamid, sent.to, sent.caption, sent.type) == (wamid, PERSON, "Your receipt", "image")
    assert sent.sha256 is not None


def test_a_conversation_has_both_sides_and_the_pictures_that_were_sent(sandbox: Sandbox) -> None:
    asked = sandbox.receive_text("Have you got it?", PERSON)
    wamid = send_photo(sandbox)
    sandbox.wait("status", wamid=wamid, status="read")

    *_, question, answer = sandbox.conversation(PERSON)

    assert (question.message_id, question.by, question.text) == (asked, "person", "Have you got it?")
    assert (answer.message_id, answer.by, answer.caption, answer.status) == (wamid, "business", "Your receipt", "read")
    assert hashlib.sha256(sandbox.picture(answer)).hexdigest() == answer.sha256
    with pytest.raises(RefusedError, match="picture"):
        sandbox.picture(question)


def test_each_test_begins_with_an_empty_ledger(sandbox: Sandbox) -> None:
    assert sandbox.sent == []


def test_a_picture_from_a_person_opens_the_window_and_comes_by_webhook(
    sandbox: Sandbox, hook: tuple[str, queue.Queue[Any]]
) -> None:
    url, came = hook
    file = io.BytesIO()
    Image.new("RGB", (32, 24), (10, 20, 200)).save(file, "PNG")
    sandbox.subscribe(url)

    message_id = sandbox.receive_image(STRANGER, caption="Habari", image=file.getvalue(), name="Asha")
    webhook = came.get(timeout=20)
    send_photo(sandbox, STRANGER)

    (message,) = webhook["entry"][0]["changes"][0]["value"]["messages"]
    assert (message["id"], message["from"], message["image"]["caption"]) == (message_id, STRANGER, "Habari")
    assert message["image"]["mime_type"] == "image/png"
    (delivery,) = sandbox.wait("delivery", wamid=message_id)
    assert delivery.taken
    (status,) = sandbox.wait("status", to=STRANGER, status="delivered")
    assert status.code is None


def test_a_picture_may_be_a_file_and_a_text_needs_none(sandbox: Sandbox, tmp_path: Path) -> None:
    Image.new("RGB", (32, 24)).save(tmp_path / "photo.jpg")

    photo = sandbox.receive_image(STRANGER, image=tmp_path / "photo.jpg")
    with pytest.raises(RefusedError, match="as_is"):
        sandbox.receive_image(STRANGER, image=b"no picture")
    odd = sandbox.receive_image(STRANGER, image=b"no picture", as_is=True)
    text = sandbox.receive_text("Niko hapa", STRANGER)

    heard = sandbox.wait("inbound", to=STRANGER, count=3)
    assert [(item.message_id, item.type) for item in heard] == [(photo, "image"), (odd, "image"), (text, "text")]


def test_people_send_whatever_people_can(sandbox: Sandbox) -> None:
    photo = sandbox.receive_image(STRANGER, caption="Habri", username="asha", referral={"source_type": "ad"})
    group = sandbox.make_group([STRANGER], "Wateja")
    wamids = [
        photo,
        sandbox.receive_edit(photo, STRANGER, caption="Habari"),
        sandbox.receive_revoke(photo, STRANGER),
        sandbox.receive_reaction("wamid.X", "👍", STRANGER),
        sandbox.receive_reaction("wamid.X", "", STRANGER),
        sandbox.receive_unsupported("poll", STRANGER),
        sandbox.receive_failed_image(STRANGER),
        sandbox.receive_text("Niko hapa", STRANGER, group_id=group, reply_to=photo),
    ]
    hidden = sandbox.receive_image(None, user_id="US.77", name="Asha")

    heard = sandbox.wait("inbound", to=STRANGER, count=len(wamids))
    (last,) = sandbox.wait("inbound", to="US.77")

    assert [item.message_id for item in heard] == wamids
    assert [item.type for item in heard] == [
        "image", "edit", "revoke", "reaction", "reaction", "unsupported", "image", "text",
    ]  # fmt: skip
    assert (heard[-1].group_id, last.message_id, last.from_, last.user_id) == (group, hidden, None, "US.77")


def test_what_nobody_wrote_comes_by_webhook_too(sandbox: Sandbox, hook: tuple[str, queue.Queue[Any]]) -> None:
    url, came = hook
    with pytest.raises(RefusedError, match="callback"):
        sandbox.tell_error(130429)
    sandbox.subscribe(url)

    echo = sandbox.echo(STRANGER, text="Karibu")
    first = came.get(timeout=20)["entry"][0]["changes"][0]
    sandbox.tell_error(130429)
    second = came.get(timeout=20)["entry"][0]["changes"][0]

    assert (first["field"], first["value"]["message_echoes"][0]["id"]) == ("smb_message_echoes", echo)
    assert second["value"]["errors"][0]["code"] == 130429


def test_a_day_later_the_window_is_closed(sandbox: Sandbox) -> None:
    sandbox.clock.advance(timedelta(hours=25))

    wamid = send_photo(sandbox)

    (failed,) = sandbox.wait("status", wamid=wamid, status="failed")
    assert failed.code == 131047


def test_the_clock_can_be_frozen_set_and_resumed(sandbox: Sandbox) -> None:
    frozen = sandbox.clock.freeze()
    assert sandbox.clock.now() == frozen

    moment = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert sandbox.clock.set(moment) == moment
    assert sandbox.clock.now() == moment

    assert sandbox.clock.resume() >= moment
    assert sandbox.clock.now() > moment


def test_the_next_sends_fail_as_told_and_then_no_more(sandbox: Sandbox) -> None:
    sandbox.fail_next(130429)
    with pytest.raises(urllib.error.HTTPError) as refused:
        send_photo(sandbox)
    with refused.value as answer:
        assert (answer.code, json.load(answer)["error"]["code"]) == (429, 130429)
    assert sandbox.sent == []

    send_photo(sandbox)
    assert len(sandbox.sent) == 1


def test_an_answer_can_be_lost_although_the_send_was_accepted(sandbox: Sandbox) -> None:
    sandbox.fail_next(Effect(drop="after"), to=PERSON)

    with pytest.raises(http.client.RemoteDisconnected):
        send_photo(sandbox)

    assert [item.to for item in sandbox.sent] == [PERSON]


def test_faults_can_be_taken_away(sandbox: Sandbox) -> None:
    sandbox.fail_next(131000, count=100)
    sandbox.clear_faults()

    assert send_photo(sandbox)


def test_a_switch_is_turned_while_the_sandbox_runs(sandbox: Sandbox) -> None:
    turned = sandbox.switch(window_failure="sync")
    sandbox.clock.advance(timedelta(hours=25))

    with pytest.raises(urllib.error.HTTPError) as refused:
        send_photo(sandbox)
    with refused.value as answer:
        assert (answer.code, json.load(answer)["error"]["code"]) == (400, 131047)
    assert (turned.window_failure, turned.file_size) == ("sync", "string")
    with pytest.raises(RefusedError, match="the switch file_size is string or number, not 'none'"):
        sandbox.switch(file_size="none")


def test_switches_are_turned_from_the_start() -> None:
    with running(SandboxOptions(switches={"window_failure": "sync", "file_size": "number"})) as sandbox:
        turned = sandbox.switch()

    assert (turned.window_failure, turned.file_size) == ("sync", "number")


def test_limits_window_and_what_waits_for_the_person_are_options_of_the_start() -> None:
    options = SandboxOptions(limits=False, window=False, ladder=(0, 0, None))
    with running(options) as sandbox:
        sent = [send_photo(sandbox, STRANGER) for _ in range(50)]
        sandbox.wait("status", status="delivered", count=50)
        with pytest.raises(TimeoutError):
            sandbox.wait("status", status="read", timeout_s=0.1)
        sandbox.control("POST", f"/people/{STRANGER}/read")
        read = sandbox.wait("status", status="read", count=50)

    assert {one.wamid for one in read} == set(sent)


def test_a_wait_for_what_does_not_happen_says_what_was_seen(sandbox: Sandbox) -> None:
    wamid = send_photo(sandbox)

    with pytest.raises(TimeoutError, match="2 of send") as late:
        sandbox.wait("send", count=2, timeout_s=0.1)

    assert wamid in str(late.value)


def test_nonsense_is_refused_with_a_reason(sandbox: Sandbox) -> None:
    with pytest.raises(RefusedError, match="is not a phone number"):
        sandbox.receive_image("Asha")
    with pytest.raises(RefusedError, match="2200"):
        sandbox.subscribe("http://127.0.0.1:9/nobody")


def test_many_threads_may_use_one_sandbox(sandbox: Sandbox) -> None:
    with ThreadPoolExecutor(16) as threads:
        wamids = set(threads.map(lambda number: send_photo(sandbox, caption=f"Number {number}"), range(32)))

    assert {item.wamid for item in sandbox.sent} == wamids
    assert len(wamids) == 32


async def test_a_test_with_an_event_loop_may_use_it(sandbox: Sandbox) -> None:
    wamid, _ = await asyncio.gather(
        asyncio.to_thread(send_photo, sandbox), asyncio.to_thread(sandbox.wait, "status", status="read")
    )

    assert [item.wamid for item in sandbox.sent] == [wamid]


def test_the_same_seed_gives_the_same_credentials_and_a_home_is_found_again(tmp_path: Path) -> None:
    options = SandboxOptions(seed="seven", home=tmp_path / "home", verify_token="shared", ladder=(0, 0, 0))
    with running(options) as first:
        token, wamid = first.access_token, send_photo(first)
    with running(options) as again:
        assert (again.access_token, again.verify_token) == (token, "shared")
        assert [item.wamid for item in again.sent] == [wamid]


def test_a_sandbox_that_cannot_start_says_why() -> None:
    options = SandboxOptions(ladder=(-1, 0, 0))

    with pytest.raises(NotStartedError, match="ladder"), running(options):
        pass


def test_the_plugin_works_in_a_strict_run_of_somebody_elses_tests(tmp_path: Path) -> None:
    (tmp_path / "test_theirs.py").write_text(
        "import pytest\n"
        "from picha.testing import SandboxOptions\n\n"
        "@pytest.fixture\n"
        "def sandbox_options():\n"
        "    return SandboxOptions(seed='theirs', verify_token='their-token')\n\n"
        "def test_theirs(sandbox):\n"
        "    sandbox.receive_image(caption='Hi')\n"
        "    assert sandbox.verify_token == 'their-token'\n"
        "    assert sandbox.sent == []\n"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:asyncio",
        "-W",
        "error",
        "--strict-markers",
    ]

    run = subprocess.run([*command, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stdout + run.stderr
    assert "1 passed" in run.stdout


def test_a_run_without_a_sandbox_imports_nothing_of_it(tmp_path: Path) -> None:
    (tmp_path / "test_plain.py").write_text(
        "import sys\n\n"
        "def test_plain():\n"
        "    ours = {name for name in sys.modules if name.partition('.')[0] == 'picha'}\n"
        "    assert ours == {'picha', 'picha.testing', 'picha.testing.plugin'}\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio", "-W", "error"]

    run = subprocess.run([*command, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stdout + run.stderr


def test_every_name_of_the_interface_is_there_and_no_other() -> None:
    assert all(getattr(picha.testing, name) for name in picha.testing.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        _ = picha.testing.nothing
