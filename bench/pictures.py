"""Pictures through the whole gateway: one upload for all who get a picture, and a loop that runs on meanwhile.

One upload, and a memory that does not grow, are promises and asserted. The pauses of the loop are told beside an idle
program's, which are the machine's.
"""

import io
import json
import urllib.request
from collections.abc import Iterator, Sequence

from PIL import Image

from bench.figures import running, wait
from bench.ground import CUSTOMERS, FIRST_CUSTOMER, Ground
from bench.images import jpeg
from bench.load import load, request
from bench.measuring import peak

_SENDS = 10_000
_CONVERSIONS = 60
_GROWTH_MAX_MB = 16
_BOUNDARY = "bench"


def report(ground: Ground, *, scale: int) -> None:
    """Print what was found."""
    for line in (*_one_upload(ground, _SENDS), *_converted(ground, _CONVERSIONS // scale)):
        print(line, flush=True)


def _one_upload(ground: Ground, count: int) -> Iterator[str]:
    """Send one picture to many from one number, and see that it was uploaded once and that no process grew."""
    with running(ground, "counting", "api", "worker") as programs:
        asks = list(_asks(ground, _uploaded(ground, _photo(1600, 1200))))
        sizes = []
        for part in (count // 5, count - count // 5):
            load(ground.ports.api, asks, connections=64, count=part)
            wait(
                lambda: not ground.sql("SELECT 1 FROM message WHERE phase IN ('queued', 'sending') LIMIT 1"), every=0.1
            )
            sizes.append({name: peak(programs[name]) for name in ("api", "worker")})
        ground.done("phase = 'submitted'", count)
        uploads = int(_got(ground.ports.stub, "/uploads"))
    if uploads != 1:
        raise AssertionError(f"one picture to {count:,} people was uploaded {uploads} times")
    memory = ", ".join(f"{name} {sizes[0][name]} MB after a fifth, {sizes[1][name]} MB at the end" for name in sizes[0])
    yield f"{count:,} sends of one picture: {uploads} upload (most memory: {memory})"


def _converted(ground: Ground, count: int) -> Iterator[str]:
    """Upload pictures that have to be made anew, and see how late the API's loop comes round meanwhile."""
    bodies = [_form(data) for data in (_photo(4000, 3000), _photo(4700, 3500), _photo(7200, 5400), _deep(1500, 1100))]
    megabytes = "/".join(f"{len(one) / 1e6:.1f}" for one in bodies)
    with running(ground, "watched", "idle") as programs:
        posts = _posts(ground, bodies)
        load(ground.ports.api, posts[2:3], connections=3, count=9)
        before = peak(programs["watched"])
        _pauses(ground.ports.api), _pauses(ground.ports.bare)
        seconds = load(ground.ports.api, posts, connections=3, count=count).seconds
        ours, idle = _pauses(ground.ports.api), _pauses(ground.ports.bare)
        after = peak(programs["watched"])
    if after - before > _GROWTH_MAX_MB:
        raise AssertionError(f"the API took {before} MB at most, and {after} MB after {count} conversions")
    yield f"{count} conversions of {megabytes} MB, 3 at a time: {count / seconds:.1f}/s"
    yield f"  the API's loop came round late by {_spread(ours['all'])}"
    yield f"  of that with work of its own for {_spread(ours['own'])}"
    yield f"  an idle program's loop meanwhile by {_spread(idle['all'])}"
    yield f"  (most memory of the API: {before} MB after 9 of the largest, before them, {after} MB at the end)"


def _asks(ground: Ground, file_id: str) -> Iterator[bytes]:
    headers = {"X-API-Key": ground.key, "Content-Type": "application/json"}
    _, _, display = ground.senders[0]
    for n in range(CUSTOMERS):
        asked = {"to": str(FIRST_CUSTOMER + n), "sender": display, "file_id": file_id}
        yield request("/v1/whatsapp/messages/image", json.dumps(asked).encode(), headers)


def _uploaded(ground: Ground, data: bytes) -> str:
    headers = {"X-API-Key": ground.key, "Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}
    url = f"http://127.0.0.1:{ground.ports.api}/v1/whatsapp/media"
    with urllib.request.urlopen(urllib.request.Request(url, _form(data), headers)) as answer:
        file_id: str = json.load(answer)["data"]["file_id"]
        return file_id


def _posts(ground: Ground, bodies: Sequence[bytes]) -> list[bytes]:
    headers = {"X-API-Key": ground.key, "Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}
    return [request("/v1/whatsapp/media", body, headers) for body in bodies]


def _form(data: bytes) -> bytes:
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    return head.encode() + data + f"\r\n--{_BOUNDARY}--\r\n".encode()


def _photo(width: int, height: int) -> bytes:
    """Return a photo that lies on its side, so that it has to be made anew."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return jpeg(width, height, quality=93, exif=exif)


def _deep(width: int, height: int) -> bytes:
    """Return a scan of 16 bits a pixel."""
    out = io.BytesIO()
    Image.effect_noise((width, height), 40).convert("I;16").save(out, "PNG", compress_level=1)
    return out.getvalue()


def _pauses(port: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = json.loads(_got(port, "/pauses"))
    return found


def _got(port: int, path: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
        told: bytes = answer.read()
        return told


def _spread(pauses: Sequence[float]) -> str:
    shares = (("half of the time", 0.5), ("1 %", 0.99), ("1 in 1,000", 0.999))
    told = ", ".join(f"{pauses[int(len(pauses) * share)]:.1f} ms ({name})" for name, share in shares)
    return f"{told}, {pauses[-1]:.1f} ms at most, of {len(pauses):,} looks"
