"""Every odd file gets its pinned verdict, and what auto makes of it stands up to our own look and to Pillow's."""

import io
import time
import tracemalloc

import pytest
from PIL import Image
from tests.pictures import ODD
from tests.pictures.making import LIMIT, Odd
from tests.pictures.pngs import bomb

from picha.images.normalise import Compliant, Unusable, normalise
from picha.images.plan import plan
from picha.images.probe import inspect, probe
from picha.images.rules import verdict
from picha.sandbox.pictures import flaw_of

EACH = pytest.mark.parametrize("odd", ODD, ids=[odd.name for odd in ODD])
REPAIRED = frozenset({"keep", "trim", "strip", "redraw"})


def test_there_are_more_than_150_files_each_with_a_name_of_its_own() -> None:
    assert len({odd.name for odd in ODD}) == len(ODD) > 150


@EACH
def test_each_odd_file_gets_its_verdict_and_its_plan(odd: Odd) -> None:
    data = odd.make()

    inspection = inspect(data)
    flaws = verdict(inspection, len(data), max_bytes=LIMIT)
    todo = plan(inspection, len(data), "auto", max_bytes=LIMIT)

    assert " ".join(flaw.code for flaw in flaws) == odd.flaws
    assert todo.step in ({odd.auto} if odd.auto != "broken" else REPAIRED)
    assert (todo.step == "refuse") == (todo.step != "redraw" and bool(todo.flaws))
    assert probe(data).kind == inspection.facts.kind


@EACH
def test_under_strict_each_odd_file_goes_with_its_own_bytes_or_not_at_all(odd: Odd) -> None:
    data = odd.make()

    todo = plan(inspect(data), len(data), "strict", max_bytes=LIMIT)
    result = _normalised(data, "strict")

    assert todo.step in {"keep", "trim", "refuse"}
    if isinstance(result, Compliant):
        assert data.startswith(result.data)
        assert verdict(inspect(result.data), len(result.data), max_bytes=LIMIT) == ()


@EACH
def test_what_auto_can_repair_is_compliant_by_our_look_and_by_pillow_s(odd: Odd) -> None:
    data = odd.make()
    begun = time.process_time()

    result = _normalised(data, "auto")

    assert time.process_time() - begun < 2, "no file may keep a child busy for long"
    assert isinstance(result, Compliant) == (odd.auto in REPAIRED), result
    if isinstance(result, Unusable):
        assert str(result)
    else:
        inspection = inspect(result.data)
        assert verdict(inspection, len(result.data), max_bytes=LIMIT) == ()
        assert (inspection.facts, inspection.facts.orientation in {None, 1}) == (result.facts, True)
        assert (inspection.metadata_bytes, inspection.end) == (0, len(result.data))
        assert bool(result.changes) == (result.data != data)
        assert flaw_of(result.data, result.facts.mime_type or "") is None  # the sandbox's own look
        _look_from_outside(result)


def test_177_megapixels_are_refused_from_the_header_within_50_ms_and_50_mb() -> None:
    data = bomb()
    assert len(data) < 700_000
    begun = time.process_time()
    tracemalloc.start()

    results = [_normalised(data, policy) for policy in ("auto", "strict")]

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert time.process_time() - begun < 0.1
    assert peak < 50_000_000
    assert [[flaw.code for flaw in result.flaws] for result in results if isinstance(result, Unusable)] == [
        ["too_many_pixels"]
    ] * 2


def _normalised(data: bytes, policy: str) -> Compliant | Unusable:
    try:
        return normalise(data, "auto" if policy == "auto" else "strict", max_bytes=LIMIT)
    except Unusable as refusal:
        return refusal


def _look_from_outside(result: Compliant) -> None:
    with Image.open(io.BytesIO(result.data)) as image:
        image.load()
        assert (image.format, image.size) == (result.facts.kind.upper(), (result.facts.width, result.facts.height))
        assert image.mode in {"RGB", "RGBA"}
        assert image.getexif().get(0x0112) is None
        assert not {"exif", "comment", "xmp"} & set(image.info)
