"""`python -m bench inbox`: how long the inbox's pages take when many conversations and messages are stored.

Each page is asked for again and again on one connection, signed in, about different threads, and the time is the whole
of it: from the request's first byte to the answer's last. The CPU that API and PostgreSQL spend on one is told beside:
it is the same on a busy machine. What a customer writes is timed from Meta's webhook to the line that the open page
hears; a picture that they send, to the last byte of what the page shows of it, asked for as the page asks; and both
until a real browser shows them. Whoever signs out is timed from their word to the end of their open page's stream.
What takes longer than is promised fails the run.
"""

import asyncio
import http.client
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from bench import arriving, scrolling
from bench.arriving import told
from bench.figures import running
from bench.ground import FIRST_CUSTOMER, Ground
from bench.inbox_ground import fill, signed_in
from bench.measuring import Spans, cpu

# By the share of the times, in milliseconds. Of a sign-out all count: until then somebody sees what they may not.
_PAGE: Mapping[float, float] = {0.5: 30}
_LIVE: Mapping[float, float] = {0.5: 1000, 0.95: 1000}
_OUT: Mapping[float, float] = {1.0: 5000}
_ASKED, _ARRIVALS, _SIGN_OUTS = 200, 50, 10
_PICTURE = re.compile(rb'src="(/inbox/pictures/[^"]+)"')


def report(ground: Ground, *, scale: int) -> Iterator[str]:
    """Fill the ground, and measure every page on it."""
    fill(ground, scale=scale)
    stored = ground.sql("SELECT count(*) FROM message")[0][0]
    yield f"{scrolling.threads(ground):,} conversations, {stored:,} messages"
    cookie = asyncio.run(signed_in(ground))
    missed = []
    for figure in _measured(ground, cookie):
        yield figure.line()
        if not figure.is_kept:
            missed.append(figure.line())
    if missed:
        raise AssertionError("\n".join(("more than what is promised:", *missed)))


def _measured(ground: Ground, cookie: str) -> Iterator[Spans | scrolling.Frames]:
    with running(ground, "showing", "api", "worker") as programs:
        for name, path in _pages(ground):
            before = cpu(ground.postgres, programs["api"])
            took = _asked(ground, cookie, path)
            spent = (cpu(ground.postgres, programs["api"]) - before) / _ASKED * 1e3
            yield Spans(name, took, _PAGE, f"   {spent:.1f} ms CPU")
        yield Spans("a message, from webhook to open page", _heard(ground, cookie), _LIVE)
        yield Spans("a picture, from webhook to open page", _shown(ground, cookie), _LIVE)
        yield Spans("a sign-out, until its open page hears no more", _signed_out(ground), _OUT)
        for kind, took in arriving.seen(ground, cookie):
            yield Spans(f"{kind}, until a browser shows it", took, _LIVE)
        yield from scrolling.measured(ground, cookie)


def _pages(ground: Ground) -> Iterator[tuple[str, Callable[[int], str]]]:
    def every(statement: str) -> Sequence[str]:
        return [str(row[0]) for row in ground.sql(statement)]

    threads = every("SELECT id FROM conversation WHERE last_message_at IS NOT NULL ORDER BY id")
    middle = every(
        "SELECT (SELECT id FROM message WHERE conversation_id = one.id ORDER BY id DESC OFFSET 5 LIMIT 1)"
        " FROM conversation AS one WHERE last_message_at IS NOT NULL ORDER BY id"
    )
    sent = every("SELECT message_id FROM attempt ORDER BY id")
    files = every(f"SELECT id FROM file WHERE id <> '{ground.file}' ORDER BY id")
    [hook] = every("SELECT id FROM webhook")
    deliveries = every("SELECT id FROM delivery WHERE status = 'failed' ORDER BY id LIMIT 1000")
    number = ground.senders[0][0]
    yield "the list", lambda _: "/inbox"
    yield "the unread ones", lambda _: "/inbox?show=unread"
    yield "the open ones", lambda _: "/inbox?show=open"
    yield "a search by name", lambda n: f"/inbox?search=mteja+{10_000 + 7 * n}"
    yield "a search that finds nobody", lambda n: f"/inbox?search=nobody+{n}"
    yield "a search by number", lambda n: f"/inbox?search={str(FIRST_CUSTOMER + 10_000 + 7 * n)[-6:]}"
    yield "the lines of ten threads", lambda n: "/inbox/list?" + "&".join(f"id={one}" for one in threads[n : n + 10])
    yield "a thread", lambda n: f"/inbox/conversations/{threads[n * 7 % len(threads)]}"
    place = "/inbox/conversations/{}/{}"
    yield "the newest of a thread", lambda n: place.format(threads[n * 7 % len(threads)], "newest")
    yield (
        "older ones of a thread",
        lambda n: place.format(threads[n * 7 % len(threads)], f"messages?before={middle[n * 7 % len(middle)]}"),
    )
    yield "what may be written in a thread", lambda n: place.format(threads[n * 7 % len(threads)], "composer")
    yield "a message's story", lambda n: f"/inbox/messages/{sent[n * 7 % len(sent)]}/story"
    yield "the overview of a day", lambda _: "/inbox/overview"
    yield "the overview of 30 days", lambda _: "/inbox/overview?range=30d"
    yield "the numbers", lambda _: "/inbox/numbers"
    yield "a number", lambda _: f"/inbox/numbers/{number}"
    yield "the pictures", lambda _: "/inbox/media"
    yield "a picture", lambda n: f"/inbox/media/{files[n * 7 % len(files)]}"
    yield "a picture that every message has", lambda _: f"/inbox/media/{ground.file}"
    yield "the webhooks", lambda _: "/inbox/webhooks"
    yield "a webhook, with its deliveries", lambda _: f"/inbox/webhooks/{hook}"
    yield "a delivery", lambda n: f"/inbox/webhooks/{hook}/deliveries/{deliveries[n % len(deliveries)]}"
    yield "the keys", lambda _: "/inbox/keys"
    yield "the people", lambda _: "/inbox/people"


def _asked(ground: Ground, cookie: str, path: Callable[[int], str]) -> list[float]:
    """Return how many milliseconds each of some requests took, after a few that nobody counts."""
    connection = http.client.HTTPConnection("127.0.0.1", ground.ports.api, timeout=60)
    took = []
    for n in range(_ASKED):
        begun = time.perf_counter()
        _got(connection, cookie, path(n))
        took.append((time.perf_counter() - begun) * 1e3)
    connection.close()
    return took[_ASKED // 10 :]


def _heard(ground: Ground, cookie: str) -> list[float]:
    """Return the milliseconds from each of some webhooks to the open page's hearing of its message."""
    waits = []
    with _open_page(ground, cookie) as stream:
        for n in range(_ARRIVALS):
            begun = told(ground, n, n, "text", {"body": "Habari"})
            _next_line(stream, b"event: message")
            waits.append((time.perf_counter() - begun) * 1e3)
    return waits


def _shown(ground: Ground, cookie: str) -> list[float]:
    """Return the milliseconds from each of some webhooks to the last byte of its picture, as the open page shows it."""
    waits, asking = [], http.client.HTTPConnection("127.0.0.1", ground.ports.api, timeout=60)
    with _open_page(ground, cookie) as stream:
        for n in range(_ARRIVALS):
            begun = told(ground, n, n, "image", {"id": f"14795371396{n:05}", "mime_type": "image/jpeg"})
            found = None
            while found is None:
                _next_line(stream, b"event: message")
                said = json.loads(stream.readline().removeprefix(b"data: "))
                path = f"/inbox/conversations/{said['conversation']}/messages?ids={said['id']}"
                found = _PICTURE.search(_got(asking, cookie, path))
            _got(asking, cookie, found[1].decode())
            waits.append((time.perf_counter() - begun) * 1e3)
    asking.close()
    return waits


def _signed_out(ground: Ground) -> list[float]:
    """Return the milliseconds from each of some sign-outs to the end of the stream of that person's open page."""
    waits = []
    for n in range(_SIGN_OUTS):
        cookie = asyncio.run(signed_in(ground, f"Leaver {n}"))
        asking = http.client.HTTPConnection("127.0.0.1", ground.ports.api, timeout=60)
        with _open_page(ground, cookie) as stream:
            begun = time.perf_counter()
            headers = {"Cookie": cookie, "Sec-Fetch-Site": "same-origin"}
            asking.request("POST", "/inbox/sign-out", headers=headers)
            asking.getresponse().read()
            while stream.readline():
                pass
            waits.append((time.perf_counter() - begun) * 1e3)
        asking.close()
    return waits


@contextmanager
def _open_page(ground: Ground, cookie: str) -> Iterator[http.client.HTTPResponse]:
    """Open the stream that a page listens to, and read its beginning."""
    connection = http.client.HTTPConnection("127.0.0.1", ground.ports.api, timeout=60)
    connection.request("GET", "/inbox/live", headers={"Cookie": cookie})
    stream = connection.getresponse()
    _next_line(stream, b"event: refresh")
    yield stream
    connection.close()


def _got(connection: http.client.HTTPConnection, cookie: str, path: str) -> bytes:
    connection.request("GET", path, headers={"Cookie": cookie})
    answer = connection.getresponse()
    if answer.status != 200:
        raise RuntimeError(f"{path} was answered {answer.status}")
    return answer.read()


def _next_line(stream: http.client.HTTPResponse, wanted: bytes) -> None:
    while not (line := stream.readline()).startswith(wanted):
        if not line:
            raise RuntimeError("the stream ended")
