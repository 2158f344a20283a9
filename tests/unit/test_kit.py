"""Secrets do not print, logs do not tell, ids grow."""

import ctypes
import io
import json
import logging
import pickle
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from picha.kit import logs
from picha.kit.clock import SystemClock
from picha.kit.ids import Ids, base62, earliest
from picha.kit.secrets import Secret

CANARIES = {
    "token": "EAAN6tcBzAUBOZC82CW7iR2LiaZB",
    "key": "picha_test_a1B2c3D4e5F6",
    "webhook": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "phone": "+16505551234",
    "digits": "255712345678",
    "wamid": "wamid.HBgLMTY1MDU1NTEyMzQVAgASGBQzQTRBNjU5OUFFRTAzODEwMTQ0RgA=",
    "bsuid": "US.13491208655302741918",
}


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    logs.configure(program="test", json=True)
    text = io.StringIO()
    handler = logging.getLogger().handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(text)
    yield text
    logging.getLogger().handlers.clear()
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.mark.parametrize("canary", CANARIES.values(), ids=CANARIES.keys())
def test_no_way_into_a_log_line_shows_a_canary(stream: io.StringIO, canary: str) -> None:
    log = logs.logger("test")

    log.info("it said %s.", canary)
    log.info("event", value=canary, nested={"list": [canary, {"deep": canary}]}, raw=canary.encode())
    log.info("event", number=int(canary) if canary.isdigit() else 0)
    logging.getLogger("some.library").warning("GET /x?to=%s", canary)
    try:
        int("not a number: " + canary)
    except ValueError:
        log.exception("failed")

    assert canary.lstrip("+") not in stream.getvalue()
    assert len(stream.getvalue().splitlines()) == 5


@pytest.mark.parametrize("field", ["access_token", "app_secret", "api_key", "phone", "Authorization", "caption"])
def test_a_field_named_for_a_secret_is_never_shown(stream: io.StringIO, field: str) -> None:
    logs.logger("test").info("event", **{field: "whatever"})

    assert "whatever" not in stream.getvalue()


def test_ids_times_and_counts_stay_readable(stream: io.StringIO) -> None:
    message = str(Ids().uuid())

    logs.logger("test").info("sent", message_id=message, count=80, seconds=1.5)

    line = json.loads(stream.getvalue())
    assert (line["message_id"], line["count"], line["seconds"]) == (message, 80, 1.5)
    assert line["timestamp"].startswith("20")


@given(st.text())
def test_redaction_takes_any_text(text: str) -> None:
    logs.redact(text)


HOARDING = """
import sys
from pathlib import Path
from picha.kit.memory import give_back_large_blocks

def held():
    return int(Path("/proc/self/status").read_text().partition("VmRSS:")[2].split()[0]) * 1024

if sys.argv[1] == "giving":
    give_back_large_blocks()
before, pins = held(), []
for _ in range(5):
    picture = b"x" * 20_000_000
    pins.append(b"x" * 200_000)
    del picture
print(held() - before - 1_000_000)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="only glibc hoards")
def test_memory_of_large_blocks_goes_back_when_they_are_let_go_of() -> None:
    held = {
        way: int(subprocess.run([sys.executable, "-c", HOARDING, way], capture_output=True, check=True).stdout)
        for way in ("giving", "hoarding")
    }

    assert held["giving"] < 5_000_000
    assert held["hoarding"] > 15_000_000, "there is nothing to prevent any more"


def test_a_secret_shows_itself_only_when_asked() -> None:
    secret = Secret("hunter2")

    assert "hunter2" not in f"{secret} {secret!r}"
    assert secret.reveal() == "hunter2"
    assert secret.matches("hunter2")
    assert not secret.matches("hunter3")
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_ids_grow_and_are_version_seven() -> None:
    ids = Ids()

    made = [ids.uuid() for _ in range(10_000)]

    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert {one.version for one in made} == {7}


def test_an_id_after_one_of_the_future_is_above_it_and_leaves_the_next_in_the_present() -> None:
    ids = Ids()
    now = SystemClock().now()
    future = earliest(now + timedelta(hours=1))

    above, present = ids.uuid(after=future), ids.uuid(after=earliest(now - timedelta(hours=1)))

    assert future < above < earliest(now + timedelta(hours=2))
    assert present < future
    assert ids.uuid(after=above) > above
    assert above.version == 7


def test_random_text_has_the_length_asked_for() -> None:
    assert len(base62(32)) == 32
    assert base62(32) != base62(32)
