"""`picha demo` shows the main job, checks it, and leaves nothing running."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(180)


def run(home: Path, *more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "picha.cli", "demo", "--home", str(home), *more],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def still_running(home: Path) -> list[str]:
    """Return the command lines of processes that speak of `home`."""
    lines = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(process.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return [line for line in lines if str(home) in line]


def test_the_demo_tells_the_whole_story_and_ends_with_zero(tmp_path: Path) -> None:
    home = tmp_path / "home"

    done = run(home)

    assert done.returncode == 0, done.stdout + done.stderr
    for promised in (
        "SHA-256 as announced; the 24-hour window is open",
        "422 WINDOW_CLOSED",
        "Both pictures were sent, delivered and read",
        "131053. The picture at media_url could not be used. These bytes are plain text",
        "messages, of both directions",
        "The customer read it",
        str(home / "pictures"),
    ):
        assert promised in done.stdout.replace("\n", " "), done.stdout
    assert {picture.name for picture in (home / "pictures").iterdir()} == {"received.jpg", "sent.jpeg"}
    assert still_running(home) == []
    assert "wamid" not in done.stdout
    assert "16505551234" not in done.stdout
    assert "picha_test_" not in done.stdout


def test_ones_own_picture_that_is_none_is_refused_in_words_and_leaves_nothing_running(tmp_path: Path) -> None:
    home, image = tmp_path / "home", tmp_path / "photo.jpg"
    image.write_text("I am a picture.")

    done = run(home, "--image", str(image))

    assert done.returncode == 1
    assert "These bytes are plain text, not a picture." in done.stdout.replace("\n", " ")
    assert still_running(home) == []


def test_a_picture_that_is_not_there_is_told_before_anything_starts(tmp_path: Path) -> None:
    done = run(tmp_path / "home", "--image", str(tmp_path / "nothing.jpg"))

    assert done.returncode == 1
    assert "No such file" in done.stdout.replace("\n", " ")
    assert not (tmp_path / "home").exists()
