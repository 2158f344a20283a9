"""`picha check` and `picha fix` as a person or a script runs them."""

import asyncio
import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from tests.nursery import Done, ran
from tests.pictures.jpegs import EXIF, scans
from tests.pictures.making import GPS, LIMIT, drawn, lying
from tests.pictures.others import HEIC
from tests.pictures.pngs import bomb

PROGRAM = [sys.executable, "-m", "picha.cli"]
FIELDS = [
    "file", "verdict", "kind", "width", "height", "bit_depth", "channels", "size_bytes", "orientation",
    "flaws", "notes", "would_change",
]  # fmt: skip


@pytest.fixture
def album(tmp_path: Path) -> Path:
    files = {
        "plain.jpg": drawn(),
        "sideways.jpg": drawn(exif=EXIF + lying(6)),
        "place.jpg": drawn(exif=EXIF + GPS) + b"tail",
        "phone.heic": HEIC,
        "print.jpg": drawn("CMYK"),
        "note.jpg": b"Dear customer, the picture is attached.",
        "cut.jpg": drawn()[:-40],
        "broken.png": drawn(form="PNG")[:41] + b"\0\0\0\0" + drawn(form="PNG")[45:],
        "bomb.png": bomb(),
        "really-a-png.jpg": drawn(form="PNG"),
        "empty.png": b"",
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def run(folder: Path, *words: str, given: bytes = b"") -> Done:
    return asyncio.run(ran(*words, given=given, folder=folder))


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (["plain.jpg"], 0),
        (["sideways.jpg", "place.jpg", "really-a-png.jpg"], 0),
        (["phone.heic"], 1),
        (["plain.jpg", "print.jpg"], 1),
        (["note.jpg"], 2),
        (["empty.png"], 2),
        (["bomb.png"], 2),
        (["broken.png"], 2),
        (["plain.jpg", "phone.heic", "cut.jpg"], 2),
        ([], 64),
        (["missing.jpg"], 64),
        (["plain.jpg", "."], 64),
        (["--nonsense", "plain.jpg"], 64),
    ],
)
def test_check_ends_with_what_the_worst_file_deserves(album: Path, names: list[str], code: int) -> None:
    done = run(album, "check", *names)

    assert (done.code, b"Traceback" in done.err) == (code, False)


def test_check_tells_a_program_everything_as_one_object_a_line(album: Path) -> None:
    done = run(album, "check", "--json", "sideways.jpg", "phone.heic", "note.jpg", "really-a-png.jpg")

    sideways, phone, note, png = (json.loads(line) for line in done.out.splitlines())
    assert done.code == 2
    assert all(list(each) == FIELDS for each in (sideways, phone, note, png))
    assert (sideways["verdict"], sideways["orientation"], sideways["flaws"]) == ("ok", 6, [])
    assert sideways["would_change"] == ["rotated 90°", "metadata removed"]
    assert (sideways["width"], sideways["height"], sideways["bit_depth"], sideways["channels"]) == (40, 30, 8, 3)
    assert (phone["verdict"], phone["would_change"]) == ("repairable", ["heic→jpeg"])
    assert list(phone["flaws"][0]) == ["code", "message", "remedy"]
    assert (note["verdict"], note["kind"], note["size_bytes"]) == ("hopeless", "text", 39)
    assert [each["code"] for each in png["notes"]] == ["wrong_name"]


def test_check_tells_a_person_what_is_wrong_and_what_to_do(album: Path) -> None:
    text = run(album, "check", "plain.jpg", "place.jpg", "phone.heic", "bomb.png").out.decode()

    assert "ok  plain.jpg: jpeg, 40 x 30 pixels\n" in text
    assert "Note: The picture carries the place where it was taken (GPS)." in text
    assert "picha fix would change: metadata removed, tail of 4 bytes cut" in text
    assert "This is a HEIC picture; WhatsApp takes JPEG and PNG. Save it as JPEG, or as PNG." in text
    assert "13,312 x 13,312 pixels" in text
    assert text.endswith("4 files: 2 may go as they are, 1 can be repaired, 1 cannot.\n")


def test_check_reads_standard_input(album: Path) -> None:
    done = run(album, "check", "--json", "-", given=drawn())

    assert (done.code, json.loads(done.out)["file"]) == (0, "-")


def test_a_bar_shows_on_a_terminal_and_the_lines_still_go_where_they_are_sent(album: Path) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*PROGRAM, "check", *["plain.jpg"] * 30],
        cwd=album,
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm"},  # noqa: TID251 - handed on to the program under test
    ) as process:
        os.close(theirs)
        out, _ = process.communicate(timeout=100)

    assert out.count(b"ok  plain.jpg") == 30
    assert b"Looking" in os.read(ours, 65536)
    os.close(ours)


def test_what_is_logged_goes_to_the_standard_error_and_not_between_the_answers(album: Path) -> None:
    (album / "slow.jpg").write_bytes(scans(9_000))
    words = ["/bin/sh", "-c", 'ulimit -t 3; exec "$@"', "-", *PROGRAM, "check", "--json", "slow.jpg"]

    done = subprocess.run(words, cwd=album, capture_output=True, timeout=100, check=False)

    [answer] = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, [flaw["code"] for flaw in answer["flaws"]]) == (2, ["too_hard"])
    assert b"a child that opens pictures died" in done.stderr


def test_a_file_name_that_is_no_text_is_printed_all_the_same(album: Path) -> None:
    name = os.fsdecode(b"\xff\x1b[31m.jpg")
    (album / name).write_bytes(drawn())

    for words in (["check"], ["check", "--json"]):
        done = run(album, *words, name)
        assert (done.code, b"\x1b" in done.out) == (0, False)


@pytest.mark.parametrize("name", ["plain.jpg", "sideways.jpg", "place.jpg", "phone.heic", "print.jpg"])
def test_what_fix_writes_check_lets_go_and_would_not_change_again(album: Path, name: str) -> None:
    done = run(album, "fix", name, "-o", "out.jpg")

    assert done.code == 0
    again = run(album, "check", "--json", "out.jpg")
    assert (again.code, json.loads(again.out)["would_change"]) == (0, [])


def test_fix_says_what_it_changed_and_leaves_nothing_else_behind(album: Path) -> None:
    before = set(album.iterdir())

    done = run(album, "fix", "phone.heic", "-o", "out.jpg")

    assert "phone.heic → out.jpg (image/jpeg): heic→jpeg" in done.err.decode()
    assert set(album.iterdir()) - before == {album / "out.jpg"}
    with Image.open(album / "out.jpg") as image:
        assert image.size == (40, 30)


def test_fix_says_when_the_copy_s_name_claims_another_kind_than_it_is(album: Path) -> None:
    (album / "logo.webp").write_bytes(drawn("RGBA", "WEBP", lossless=True))
    veiled = Image.open(album / "logo.webp")
    veiled.putalpha(100)
    veiled.save(album / "logo.webp", lossless=True)

    told = {name: run(album, "fix", "logo.webp", "-o", name).err.decode() for name in ("logo.jpg", "logo.png", "logo")}

    assert "Note: The name says jpeg, the bytes are png; the bytes count." in told["logo.jpg"]
    assert "Note:" not in told["logo.png"] + told["logo"]


def test_fix_works_in_a_pipe(album: Path) -> None:
    done = run(album, "fix", "-", "-o", "-", given=HEIC)

    assert (done.code, Image.open(io.BytesIO(done.out)).format) == (0, "JPEG")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["place.jpg", "--strict", "-o", "out"], 0),
        (["phone.heic", "--strict", "-o", "out"], 1),
        (["note.jpg", "-o", "out"], 2),
        (["bomb.png", "-o", "out"], 2),
        (["broken.png", "-o", "out"], 2),
        (["plain.jpg"], 64),
        (["-o", "out"], 64),
        (["missing.jpg", "-o", "out"], 64),
        (["plain.jpg", "-o", "no/such/folder/out"], 64),
        (["plain.jpg", "-o", "."], 64),
    ],
)
def test_fix_ends_with_what_became_of_the_picture(album: Path, words: list[str], code: int) -> None:
    done = run(album, "fix", *words)

    assert (done.code, b"Traceback" in done.err) == (code, False)
    assert (album / "out").exists() == (code == 0)


@pytest.mark.parametrize(("tail", "codes"), [(-1, (0, 0, 0)), (0, (0, 0, 0)), (1, (1, 1, 0))])
def test_a_tail_past_whatsapp_s_limit_is_what_only_auto_cuts(album: Path, tail: int, codes: tuple[int, ...]) -> None:
    (album / "long.jpg").write_bytes(drawn().ljust(LIMIT + tail, b"\0"))

    ways = (["check", "long.jpg"], ["fix", "long.jpg", "--strict", "-o", "a"], ["fix", "long.jpg", "-o", "b"])

    assert tuple(run(album, *words).code for words in ways) == codes


def test_fix_under_strict_cuts_the_tail_and_keeps_the_rest(album: Path) -> None:
    run(album, "fix", "place.jpg", "--strict", "-o", "out.jpg")

    assert (album / "out.jpg").read_bytes() == (album / "place.jpg").read_bytes()[:-4]


def test_fix_writes_behind_a_link_and_leaves_the_file_s_rights_as_they_were(album: Path) -> None:
    target, link = album / "target.jpg", album / "link.jpg"
    target.write_bytes(b"old")
    target.chmod(0o640)
    link.symlink_to(target)

    assert run(album, "fix", "print.jpg", "-o", "link.jpg").code == 0

    assert link.is_symlink()
    assert target.read_bytes().startswith(b"\xff\xd8\xff")
    assert target.stat().st_mode & 0o777 == 0o640


def test_fix_never_puts_a_file_in_a_device_s_place_and_says_when_it_takes_nothing(album: Path) -> None:
    done = run(album, "fix", "print.jpg", "-o", "/dev/full")

    assert (done.code, b"No space left" in done.err) == (64, True)
    assert Path("/dev/full").is_char_device()
