"""The sandbox beside a public peer, the emulator mockpost: image sends, webhooks, time to ready and memory."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from bench.load import load, request
from bench.measuring import answers, compare, peak, program

_PEER = "mockpost==0.3.0"
_CONNECTIONS = 16
_PERSON = "16505551234"
_IMAGE = {
    "messaging_product": "whatsapp",
    "to": _PERSON,
    "type": "image",
    "image": {"id": "1479537139650973", "caption": "Your receipt"},
}


def measure(*, rounds: int, scale: int) -> None:
    """Measure and print every figure; without the peer, ours alone."""
    with tempfile.TemporaryDirectory(prefix="picha-bench-") as folder:
        home = Path(folder)
        peer = _installed(home / "peer")
        ours: list[float] = []
        theirs: list[float] = []
        for n in range(rounds):
            ours.append(_start(home / f"ours-{n}"))
            if peer is not None:
                theirs.append(_peer_start(peer, home / f"theirs-{n}"))
        print(f"seconds to ready: {median(ours):.2f} ({min(ours):.2f} to {max(ours):.2f})", end="")
        print(f" against {median(theirs):.2f}" if theirs else "")
        with _receiver() as hook:
            _beside(home, peer, hook, rounds, scale)


def _beside(home: Path, peer: Path | None, hook: str, rounds: int, scale: int) -> None:
    with _sandbox(home / "plain") as (one, quiet), _sandbox(home / "told", "--callback", hook) as (two, telling):
        if peer is None:
            print(f"sends, 16 connections: {_sends(quiet, 4000 // scale):,.0f}/s")
            print(f"webhooks, one receiver: {_webhooks(telling, 1000 // scale):,.0f}/s")
        else:
            with _running_peer(peer, home / "theirs") as (three, port):
                _register(port, hook)
                for figure in (
                    compare(
                        "image sends, fsynced, against mockpost",
                        lambda: _sends(quiet, 4000 // scale),
                        lambda: _peer_sends(port, 4000 // scale),
                        rounds=rounds,
                    ),
                    compare(
                        "webhooks to one receiver, against mockpost",
                        lambda: _webhooks(telling, 1000 // scale),
                        lambda: _peer_webhooks(port, 1000 // scale),
                        rounds=rounds,
                    ),
                ):
                    print(figure.line(), flush=True)
                print(f"most memory of mockpost: {peak(three)} MB")
        print(f"most memory of the sandbox: {peak(one)} MB after its sends, {peak(two)} MB after its webhooks")
    with _sandbox(home / "fresh") as (fresh, _):
        print(f"memory of the sandbox when ready: {peak(fresh)} MB")


@contextmanager
def _sandbox(home: Path, *more: str) -> "Iterator[tuple[subprocess.Popen[bytes], Mapping[str, str]]]":
    words = [sys.executable, "-m", "picha.cli", "sandbox", "--json", "--home", str(home), "--limits", "off"]
    process = subprocess.Popen([*words, "--ladder", "0,0,0", *more], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.communicate(timeout=20)


def _start(home: Path) -> float:
    begun = time.perf_counter()
    with _sandbox(home):
        return time.perf_counter() - begun


def _post(url: str, document: object, headers: Mapping[str, str] | None = None) -> Any:
    asked = urllib.request.Request(
        url, json.dumps(document).encode(), {"Content-Type": "application/json", **(headers or {})}
    )
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return json.load(answer)


def _sends(ready: Mapping[str, str], count: int) -> float:
    headers = {"Authorization": f"Bearer {ready['access_token']}", "Content-Type": "application/json"}
    one = request(f"/v24.0/{ready['phone_number_id']}/messages", json.dumps(_IMAGE).encode(), headers)
    port = int(ready["base_url"].rsplit(":", 1)[1])
    return count / load(port, [one], connections=_CONNECTIONS, count=count).seconds


def _webhooks(ready: Mapping[str, str], sends: int) -> float:
    """Three statuses for each send, from the first send until the last webhook is taken and that is on disk."""
    before = len(_get(f"{ready['control_url']}/ledger"))
    begun = time.perf_counter()
    _sends(ready, sends)
    # Of one message, `read` is told last.
    _get(f"{ready['control_url']}/wait?event=delivery&status=read&count={before + sends}&timeout_s=120")
    return 3 * sends / (time.perf_counter() - begun)


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=150) as answer:
        return json.load(answer)["items"]


@contextmanager
def _receiver() -> Iterator[str]:
    port = _free_port()
    with program("-m", "bench.servers", "stub", str(port), environment={}):
        answers(f"http://127.0.0.1:{port}/")
        yield f"http://127.0.0.1:{port}/hook"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port: int = door.getsockname()[1]
        return port


def _installed(folder: Path) -> Path | None:
    """Return the Python of a throw-away environment with the peer in it, or None with a word about why not."""
    python = folder / "bin" / "python"
    make, fill = ["-m", "venv", str(folder)], ["-m", "pip", "install", "--quiet", _PEER]
    for words in ([sys.executable, *make], [str(python), *fill]):
        done = subprocess.run(words, capture_output=True, check=False)
        if done.returncode:
            print(f"{_PEER} cannot be installed, so ours is measured alone: {done.stderr.decode().strip()[-300:]}")
            return None
    return python


@contextmanager
def _running_peer(python: Path, home: Path) -> "Iterator[tuple[subprocess.Popen[bytes], int]]":
    home.mkdir()
    ports = {
        f"MOCKPOST_{name}_PORT": str(_free_port()) for name in ("HTTP", "SMTP", "FTP", "FTPS", "FTPS_IMPLICIT", "SFTP")
    }
    own = {
        **os.environ,  # noqa: TID251 - handed on
        **ports,
        "MOCKPOST_DB_PATH": str(home / "mockpost.db"),
        "MOCKPOST_FTP_DATA_DIR": str(home / "ftp"),
        "MOCKPOST_SFTP_DATA_DIR": str(home / "sftp"),
        "MOCKPOST_LOG_LEVEL": "warning",
    }
    process = subprocess.Popen(
        [python, "-m", "mockpost.cli"], env=own, cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        port = int(ports["MOCKPOST_HTTP_PORT"])
        answers(f"http://127.0.0.1:{port}/whatsapp/webhook")
        yield process, port
    finally:
        process.terminate()
        process.wait(20)


def _peer_start(python: Path, home: Path) -> float:
    begun = time.perf_counter()
    with _running_peer(python, home):
        return time.perf_counter() - begun


def _register(port: int, hook: str) -> None:
    address = f"http://127.0.0.1:{port}"
    _post(f"{address}/api/apps", {"name": "bench"})
    _post(f"{address}/api/webhooks", {"channel": "whatsapp", "target_url": hook, "app": "bench"})
    told = _post(f"{address}/whatsapp/simulate/status", _STATUS, _AS_APP)
    if [one["response_code"] for one in told["webhooks_delivered"]] != [200]:
        raise RuntimeError(f"mockpost tells nobody: {told}")


_AS_APP = {"X-MockPost-App": "bench", "Content-Type": "application/json"}
_STATUS = {"message_id": "wamid.x", "status": "delivered", "recipient_id": _PERSON}


def _peer_sends(port: int, count: int) -> float:
    headers = {"Authorization": "Bearer x", "Content-Type": "application/json"}
    one = request("/whatsapp/v24.0/106540352242922/messages", json.dumps(_IMAGE).encode(), headers)
    return count / load(port, [one], connections=_CONNECTIONS, count=count).seconds


def _peer_webhooks(port: int, count: int) -> float:
    """As many statuses as are asked for; it tells none by itself."""
    one = request("/whatsapp/simulate/status", json.dumps(_STATUS).encode(), _AS_APP)
    return count / load(port, [one], connections=_CONNECTIONS, count=count).seconds
