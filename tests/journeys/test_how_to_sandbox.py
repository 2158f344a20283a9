"""The programs of docs/how-to-sandbox.md, run as they stand there."""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from picha.testing import Sandbox

ROOT = Path(__file__).parents[2]
NODE_MODULES = ROOT / ".venv" / "clients" / "node_modules"
NPM = pytest.mark.skipif(not NODE_MODULES.is_dir(), reason="`make clients` installs the npm clients and runs this")
PATIENCE_S = 30.0
NAMES = (
    "base_url", "access_token", "phone_number_id", "waba_id", "app_id", "app_secret", "verify_token", "control_url",
)  # fmt: skip

SHOP = """
import json
import urllib.error
import urllib.request


def send_receipt(base_url, access_token, phone_number_id, *, to, link):
    image = {"link": link, "caption": "Your receipt"}
    body = {"messaging_product": "whatsapp", "to": to, "type": "image", "image": image}
    headers = {"Authorization": f"Bearer {access_token}", "Content-Type": "application/json"}
    request = urllib.request.Request(
        f"{base_url}/v24.0/{phone_number_id}/messages", json.dumps(body).encode(), headers
    )
    for attempt in range(2):
        try:
            with urllib.request.urlopen(request) as answer:
                return json.load(answer)["messages"][0]["id"]
        except urllib.error.HTTPError as refused:
            with refused:
                assert refused.code == 429
"""


def program(title: str) -> str:
    """Return the code block of the page that has this title."""
    page = (ROOT / "docs" / "how-to-sandbox.md").read_text()
    (code,) = re.findall(rf'^```\w+ title="{re.escape(title)}"\n(.*?)^```$', page, re.MULTILINE | re.DOTALL)
    assert isinstance(code, str)
    return code


@pytest.fixture
def place(sandbox: Sandbox, tmp_path: Path) -> Path:
    """A folder with the line that the sandbox printed."""
    (tmp_path / "sandbox.json").write_text(json.dumps({name: getattr(sandbox, name) for name in NAMES}))
    return tmp_path


def command_of(title: str, place: Path) -> list[str]:
    """Put a program of the page in `place` and return the command that runs it there."""
    (place / title).write_text(program(title))
    if title.endswith(".py"):
        return [sys.executable, title]
    (place / "node_modules").symlink_to(NODE_MODULES)
    return [str(NODE_MODULES / ".bin" / "node"), title]


def run_program(title: str, place: Path) -> None:
    done = subprocess.run(command_of(title, place), cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    assert isinstance(port, int)
    return port


def with_port(port: int) -> dict[str, str]:
    return dict(os.environ) | {"PORT": str(port)}  # noqa: TID251 - handed on to a child, not read


def run_shell(title: str, place: Path, port: int = 5000) -> str:
    command = ["sh", "-e", "-c", program(title)]
    done = subprocess.run(
        command,
        cwd=place,
        env=with_port(port),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextlib.contextmanager
def listening(command: list[str], place: Path, port: int) -> Iterator[None]:
    """Run a program until the context is left, which is entered when the program takes connections."""
    with subprocess.Popen(command, cwd=place, env=with_port(port), stderr=subprocess.PIPE, text=True) as process:
        try:
            deadline = time.monotonic() + PATIENCE_S
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
                assert process.poll() is None, process.stderr and process.stderr.read()
                assert time.monotonic() < deadline, "it never listened"
                time.sleep(0.05)
            yield
        finally:
            process.kill()


def answers_a_photo(sandbox: Sandbox, command: list[str], place: Path, caption: str) -> None:
    port = free_port()
    with listening(command, place, port):
        answer = run_shell("webhooks.sh", place, port)
        assert '{"success":true}' in answer
        (sent,) = sandbox.wait("send", timeout_s=PATIENCE_S)
        (read,) = sandbox.wait("status", wamid=sent.wamid, status="read")
        (delivery,) = sandbox.wait("delivery", wamid=sent.wamid, status="read")

    assert sent.caption == caption
    assert read.code is None
    assert (delivery.taken, delivery.http) == (True, 200)


def test_the_curl_commands_send_a_picture_that_is_read(sandbox: Sandbox, place: Path) -> None:
    told = run_shell("curl.sh", place)

    (sent,) = sandbox.sent
    assert sent.caption == "From curl"
    assert sent.wamid in told
    assert '"status":"read"' in told


def test_the_pywa_program_answers_a_photo(sandbox: Sandbox, place: Path) -> None:
    answers_a_photo(sandbox, command_of("bot.py", place), place, "From pywa")


@pytest.mark.parametrize(("title", "caption"), [("kapso.mjs", "From kapso"), ("api-js.mjs", "From whatsapp-api-js")])
@NPM
def test_the_javascript_program_answers_a_photo(sandbox: Sandbox, place: Path, title: str, caption: str) -> None:
    answers_a_photo(sandbox, command_of(title, place), place, caption)


@pytest.mark.parametrize(
    ("title", "caption"),
    [
        ("heyoo_shop.py", "From heyoo"),
        pytest.param("great-detail.mjs", "From great-detail", marks=NPM),
        pytest.param("cloudapi-client.mjs", "From cloudapi-client", marks=NPM),
    ],
)
def test_the_program_sends_a_picture_that_is_read(sandbox: Sandbox, place: Path, title: str, caption: str) -> None:
    run_program(title, place)

    (sent,) = sandbox.sent
    assert (sent.caption or "").startswith(caption)
    sandbox.wait("status", wamid=sent.wamid, status="read")


def test_the_pytest_example_passes_against_a_program_that_tries_again(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "test_shop.py").write_text(program("test_shop.py"))
    (tmp_path / "conftest.py").write_text(program("conftest.py"))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio", "-W", "error"]

    run = subprocess.run([*command, "."], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stdout + run.stderr
    assert "4 passed" in run.stdout
