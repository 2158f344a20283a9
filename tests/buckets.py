"""An S3-compatible server in a process of its own, and buckets in it."""

import itertools
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from picha.gateway.blobs.s3 import Bucket
from picha.kit.secrets import Secret

_NUMBERS = itertools.count(1)
SECRET = "wJalrXUtnFEMI-canary"


@contextmanager
def s3_server(log: Path, port: int = 0) -> Iterator[str]:
    """Run moto's server and give its address; what it keeps ends with it."""
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        yield _address(process, log)
    finally:
        process.kill()
        process.wait()


def _address(process: "subprocess.Popen[bytes]", log: Path) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if found := re.search(r"Running on (http://127\.0\.0\.1:\d+)", log.read_text()):
            return found.group(1)
        assert process.poll() is None, log.read_text()
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def new_bucket(server: str, name: str = "") -> Bucket:
    """Make a bucket and say how to reach it."""
    name = name or f"pictures-{next(_NUMBERS)}"
    with urllib.request.urlopen(urllib.request.Request(f"{server}/{name}", method="PUT")):
        return bucket_at(server, name)


def bucket_at(server: str, name: str) -> Bucket:
    """Say how to reach a bucket that may not be there."""
    return Bucket(
        name=name,
        prefix="picha/blobs",
        endpoint=server,
        region="us-east-1",
        access_key_id=Secret("AKIAEXAMPLE"),
        secret_access_key=Secret(SECRET),
    )


def settings_of(server: str, name: str) -> dict[str, str]:
    """Return the settings with which the programs keep their pictures in a bucket."""
    return {
        "PICHA_BLOBS": f"s3://{name}/picha",
        "PICHA_BLOBS_ENDPOINT": server,
        "PICHA_BLOBS_REGION": "us-east-1",
        "PICHA_BLOBS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "PICHA_BLOBS_SECRET_ACCESS_KEY": SECRET,
    }
