"""`picha demo` shows the main job, checks it, and leaves nothing running."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.journeys.pictures import heic

from picha.images.snapshot import photo

pytestmark = pytest.mark.timeout(180)

NewHome = Callable[[str], Path]


def command(home: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "picha.cli", "demo", "--home", str(home), *more]


def run(home: Path, *more: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command(home, *more),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **settings},  # noqa: TID251 - handed on to the program under test
    )


def told(done: "subprocess.CompletedProcess[str]") -> str:
    """Return what was printed, as if no line had been broken."""
    return " ".join(done.stdout.split())


def still_running(home: Path) -> list[str]:
    """Return the command lines of processes that speak of `home`."""
    lines = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(process.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return [line for line in lines if str(home) in line]


Demo = tuple[Path, "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def plain_demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """Return the home of a demo without options, and what came of it."""
    home = tmp_path_factory.mktemp("demo") / "home"
    return home, run(home)


def test_the_demo_tells_the_whole_story_and_ends_with_zero(plain_demo: Demo) -> None:
    home, done = plain_demo

    assert done.returncode == 0, done.stdout + done.stderr
    for promised in (
        "SHA-256 as announced; the 24-hour window is open",
        "422 WINDOW_CLOSED",
        "failed with 131053. The picture at media_url could not be used. These bytes are plain text",
        "Both pictures were sent, delivered and read. WhatsApp took each once, byte for byte, and nothing else.",
        "lists both directions: the photo in, and three answers out (read, read, failed)",
        "nothing is left running",
        "Fetched, SHA-256 checked, stored",
        "Accepted and stored",
        "The customer read it",
        "Failed, 131053",
        str(home / "pictures" / "received.jpg"),
        str(home / "pictures" / "sent.jpg"),
        "`make up`",
    ):
        assert promised in told(done), done.stdout
    assert still_running(home) == []
    for picture in ("received.jpg", "sent.jpg"):
        assert (home / "pictures" / picture).read_bytes().startswith(b"\xff\xd8\xff")


def test_what_the_demo_prints_fits_a_hundred_columns_and_shows_nobody(plain_demo: Demo) -> None:
    home, done = plain_demo

    lines = [line for line in done.stdout.splitlines() if str(home) not in line]
    assert max(len(line) for line in lines) <= 100
    assert "\x1b" not in done.stdout
    assert "wamid" not in done.stdout
    assert re.search(r"\d{11,}", "\n".join(lines)) is None
    assert (home / "api-key").read_text().strip() not in done.stdout


def test_a_second_demo_in_the_same_folder_is_not_confused_by_the_first(plain_demo: Demo) -> None:
    home, _ = plain_demo

    second = run(home)

    assert second.returncode == 0, second.stdout + second.stderr
    assert "WhatsApp took each once, byte for byte, and nothing else." in told(second)


def test_ones_own_picture_is_what_the_shop_answers_with(tmp_path: Path, new_home: NewHome) -> None:
    home, image = new_home("demo"), tmp_path / "a [red]photo.jpg"
    image.write_bytes(photo())

    done = run(home, "--image", str(image))

    assert done.returncode == 0, done.stdout + done.stderr
    assert (home / "pictures" / "sent.jpg").read_bytes() == image.read_bytes()


def test_ones_own_photo_from_a_phone_is_made_fit_and_what_was_changed_is_told(
    tmp_path: Path, new_home: NewHome
) -> None:
    home, image = new_home("demo"), tmp_path / "IMG_0001.HEIC"
    image.write_bytes(heic())

    done = run(home, "--image", str(image))

    assert done.returncode == 0, done.stdout + done.stderr
    assert "heic→jpeg" in told(done)
    assert (home / "pictures" / "sent.jpg").read_bytes().startswith(b"\xff\xd8\xff")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"I am a picture.", "These bytes are plain text, not a picture."),
        (b"", "the API refused the picture (422)."),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(500), "The pixel data are broken"),
        (b"\xff\xd8\xff" + bytes(34_000_000), "The picture is larger than the 33,554,432 bytes that are taken in"),
    ],
    ids=["text", "empty", "broken-HEIC", "too-large"],
)
def test_ones_own_picture_that_breaks_the_rule_is_refused_in_words_and_leaves_nothing_running(
    tmp_path: Path, new_home: NewHome, content: bytes, sentence: str
) -> None:
    home, image = new_home("demo"), tmp_path / "photo.jpg"
    image.write_bytes(content)

    done = run(home, "--image", str(image))

    assert done.returncode == 1, done.stdout + done.stderr
    assert sentence in told(done)
    assert done.stderr == ""
    assert still_running(home) == []


def test_a_picture_that_is_not_there_is_told_before_anything_starts(tmp_path: Path) -> None:
    done = run(tmp_path / "home", "--image", str(tmp_path / "no[/thing].jpg"))

    assert done.returncode == 1
    assert "No such file" in told(done)
    assert "Logs are in" not in done.stdout
    assert not (tmp_path / "home").exists()


def test_the_demo_leaves_a_database_that_the_environment_names_alone(new_home: NewHome) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/real"

    done = run(new_home("demo"), PICHA_DATABASE_URL=nowhere, PICHA_PUBLIC_URL="https://api.shop.example")

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_demo_that_is_stopped_midway_stops_everything_it_started(tmp_path: Path, sign: signal.Signals) -> None:
    home = tmp_path / "home"
    # Whoever runs the tests in the background ignores Ctrl-C, and so would the demo.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    with subprocess.Popen(command(home), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "Everything is up" in line:
                break
        demo.send_signal(sign)
        said, complained = demo.communicate(timeout=60)

    assert demo.returncode == 130, said + complained
    assert "Stopped; nothing is left running." in said
    assert complained == ""
    assert still_running(home) == []
