"""The header readers against mutants of the odd files: thousands here, a million and more in `make soak`."""

import random
from functools import cache

import pytest
from hypothesis import settings
from tests.pictures import ODD
from tests.pictures.making import LIMIT

from picha.images.lossless import strip
from picha.images.plan import plan
from picha.images.probe import inspect, probe

INPUTS = 1_200_000 if settings.get_current_profile_name() == "soak" else 10_000
ROUNDS = 20
SMALL = 4096
WORDS = (
    b"\xff\xd8", b"\xff\xd9", b"\xff\xda", b"\xff\xc0\0\x11\x08", b"\xff\xe1", b"\xff\xe2", b"\xff\xfe\0\2",
    b"\xff\xff", b"Exif\0\0II*\0", b"Exif\0\0MM\0*", b"ICC_PROFILE\0", b"JFIF\0", b"Adobe", b"IHDR", b"IDAT", b"IEND",
    b"PLTE", b"acTL", b"eXIf", b"iCCP", b"tRNS", b"ftypheic", b"ftypavif", b"ispe\0\0\0\0", b"RIFF", b"WEBP", b"VP8X",
    b"GIF89a", b"BM", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\0\1", b"\0\0\0\1",
)  # fmt: skip


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_no_mutant_of_any_odd_file_makes_the_readers_raise_or_contradict_themselves(seed: int) -> None:
    chance, files = random.Random(seed), _files()
    for _ in range(INPUTS // ROUNDS):
        _look(_mutant(chance, files))


@cache
def _files() -> list[bytes]:
    return [data for odd in ODD if len(data := odd.make()) <= SMALL and data]


def _mutant(chance: random.Random, files: list[bytes]) -> bytes:
    data = bytearray(chance.choice(files))
    if chance.random() < 0.1:
        other = chance.choice(files)
        data = data[: chance.randrange(len(data) + 1)] + other[chance.randrange(len(other)) :]
    for _ in range(chance.randint(1, 4)):
        at = chance.randint(0, len(data))
        match chance.randrange(4):
            case 0 if at < len(data):
                data[at] = chance.randrange(256)
            case 1:
                word = chance.choice(WORDS)
                data[at : at + len(word)] = word
            case 2:
                data[at:at] = chance.choice(WORDS)
            case _:
                del data[at : at + chance.randint(1, 40)]
    return bytes(data)


def _look(data: bytes) -> None:
    facts, inspection = probe(data), inspect(data)
    assert facts.kind == inspection.facts.kind, data
    assert 0 <= inspection.end <= len(data), data
    assert 0 <= inspection.metadata_bytes <= inspection.end, data
    auto, strict = (plan(inspection, len(data), policy, max_bytes=LIMIT) for policy in ("auto", "strict"))
    assert strict.step in {"keep", "trim", "refuse"}, data
    if auto.step == "strip":
        lean, _ = strip(data, inspection)
        again = inspect(lean)
        assert (again.flaws, again.metadata_bytes, again.end) == ((), 0, len(lean)), data
        assert plan(again, len(lean), "auto", max_bytes=LIMIT).step == "keep", data
