"""`python -m bench images`: the header readers and the normaliser against bare Pillow, measured in one run.

What each may take of its baseline's time is promised: a median above it fails the run.
"""

import io
import resource
import time
from collections.abc import Callable, Iterator
from statistics import median

from PIL import Image, ImageOps

from picha.images.normalise import normalise
from picha.images.probe import inspect, probe

MAX_BYTES = 5_242_880


def report(*, rounds: int) -> None:
    """Print each figure as a ratio of times: ours to the baseline's, so that less is better."""
    print("\npictures: ratios of times, so that less is better")
    for line in _figures(rounds):
        print(line, flush=True)


def _figures(rounds: int) -> Iterator[str]:
    photo = jpeg(4000, 3000, quality=92)
    large = jpeg(4700, 3500, quality=95)
    head = photo[: 64 * 1024]
    name = f"a 12 megapixel JPEG of {len(photo) / 1e6:.1f} MB"
    yield _line(
        f"probe of {name}, to decoding it", lambda: probe(head), lambda: _decode(photo), rounds, 1 / 500, times=200
    )
    yield _line(
        f"inspect of {name}, to decoding it", lambda: inspect(photo), lambda: _decode(photo), rounds, 1 / 20, times=5
    )
    yield _line(
        f"normalise of a JPEG of {len(large) / 1e6:.1f} MB, to bare Pillow",
        lambda: normalise(large, "auto", max_bytes=MAX_BYTES),
        lambda: _bare(large),
        rounds,
        1.1,
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield f"(the most memory this took: {before // 1024} MB)"


def _line(
    name: str, ours: Callable[[], object], baseline: Callable[[], object], rounds: int, most: float, *, times: int = 1
) -> str:
    baseline(), ours()
    pairs = [(_took(ours, times), _took(baseline, 1)) for _ in range(rounds)]
    ratios = [mine / bare for mine, bare in pairs]
    if median(ratios) > most:
        raise AssertionError(f"{name} took {median(ratios):.4f} of its time, and {most:.4f} is promised")
    inverse = f" = 1/{1 / median(ratios):,.0f}" if median(ratios) < 0.5 else ""
    took = f"{median(mine for mine, _ in pairs) * 1e3:.2f} ms against {median(bare for _, bare in pairs) * 1e3:.0f} ms"
    return f"{name:<70} {median(ratios):.4f}{inverse}  ({min(ratios):.4f} to {max(ratios):.4f})   {took}"


def _took(work: Callable[[], object], times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - began) / times


def _decode(data: bytes) -> None:
    with Image.open(io.BytesIO(data)) as image:
        image.load()


def _bare(data: bytes) -> bytes:
    """Do what a short script does: open, turn upright, save at lower and lower quality until it fits."""
    with Image.open(io.BytesIO(data)) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    for quality in (90, 85, 80, 75):
        out = io.BytesIO()
        upright.save(out, "JPEG", quality=quality)
        if out.tell() <= MAX_BYTES:
            return out.getvalue()
    raise AssertionError("the picture was chosen so that it fits")


def jpeg(width: int, height: int, quality: int, **options: object) -> bytes:
    """Return a photo-like picture: soft shapes with grain, the same in every run."""
    coarse = Image.radial_gradient("L").resize((width, height))
    grain = Image.frombytes("L", (512, 512), bytes((i * i * 7919 + i * 104729 >> 7) & 255 for i in range(512 * 512)))
    tiled = Image.new("L", (width, height))
    for left in range(0, width, 512):
        for top in range(0, height, 512):
            tiled.paste(grain, (left, top))
    channels = [Image.blend(coarse, tiled.rotate(turn), 0.18) for turn in (0, 90, 180)]
    out = io.BytesIO()
    Image.merge("RGB", channels).save(out, "JPEG", quality=quality, **options)
    return out.getvalue()
