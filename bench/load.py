"""A cheap HTTP load: prebuilt requests over keep-alive connections, one at a time on each.

`python -m bench.load PORT CONNECTIONS COUNT` reads requests from standard input, each behind its length (4 bytes),
sends COUNT of them in turn over and over, and prints when it began, when the last was answered, and how long one in a
hundred waited at least, on the steady clock that all processes of a machine share. Any status but 200, 201 and 202 is
fatal.
"""

import asyncio
import itertools
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple, cast

import uvloop

from bench.ground import APP_SECRET
from picha.cloudapi import signature

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_GOOD = (b"HTTP/1.1 200", b"HTTP/1.1 201", b"HTTP/1.1 202")


class Loaded(NamedTuple):
    """When a load began and ended, and what one in a hundred of its requests waited at least, in seconds."""

    begun: float
    ended: float
    p99: float

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.begun


class Connection(asyncio.Protocol):
    """Sends the next request as soon as the last is answered, until there are none; notes how long each waited."""

    def __init__(self, requests: Iterator[bytes], done: "asyncio.Future[None]", waits: list[float]) -> None:
        self._requests, self._done, self._waits, self._buffer, self._asked = requests, done, waits, b"", 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._next()

    def _next(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._transport.close()
            self._done.set_result(None)
        else:
            self._asked = time.perf_counter()
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        length = _LENGTH.search(self._buffer, 0, head)
        if len(self._buffer) < head + 4 + (int(length[1]) if length else 0):
            return
        if not self._buffer.startswith(_GOOD):
            self._done.set_exception(RuntimeError(self._buffer[:500].decode()))
            return
        self._buffer = b""
        self._waits.append(time.perf_counter() - self._asked)
        self._next()


async def fire(port: int, connections: int, requests: Sequence[bytes], count: int) -> Loaded:
    """Send `count` requests, each as soon as a connection has its answer to the last."""
    loop = asyncio.get_running_loop()
    waits: list[float] = []
    queue = itertools.islice(itertools.cycle(requests), count)
    dones = [loop.create_future() for _ in range(connections)]
    begun = time.perf_counter()
    for done in dones:
        await loop.create_connection(partial(Connection, queue, done, waits), "127.0.0.1", port)
    await asyncio.gather(*dones)
    return Loaded(begun, time.perf_counter(), sorted(waits)[len(waits) * 99 // 100])


def load(port: int, requests: Sequence[bytes], *, connections: int, count: int) -> Loaded:
    """Fire from a process of its own."""
    told = subprocess.run(
        [sys.executable, "-m", "bench.load", str(port), str(connections), str(count)],
        input=packed(requests),
        capture_output=True,
        check=False,
        timeout=120,
    )
    if told.returncode:
        raise RuntimeError(told.stderr.decode()[-1500:])
    return Loaded(*map(float, told.stdout.split()))


def packed(requests: Sequence[bytes]) -> bytes:
    """Return requests as one stream, each behind its length."""
    return b"".join(len(one).to_bytes(4) + one for one in requests)


def unpacked(raw: bytes) -> list[bytes]:
    """Return the requests of a stream."""
    requests = []
    while raw:
        size = int.from_bytes(raw[:4])
        requests.append(raw[4 : 4 + size])
        raw = raw[4 + size :]
    return requests


def request(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """Return the bytes of a POST."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def webhook(phone_number_id: str, items: Mapping[str, object]) -> bytes:
    """Return the bytes of a signed webhook to a gateway about one number's `statuses` or `messages`."""
    value = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": phone_number_id}, **items}
    change = {"field": "messages", "value": value}
    envelope = {"object": "whatsapp_business_account", "entry": [{"id": "102290129340398", "changes": [change]}]}
    body = json.dumps(envelope).encode()
    headers = {"Content-Type": "application/json", signature.HEADER: signature.sign(APP_SECRET, body)}
    return request("/webhooks/whatsapp", body, headers)


def main() -> None:
    port, connections, count = map(int, sys.argv[1:])
    print(*uvloop.run(fire(port, connections, unpacked(sys.stdin.buffer.read()), count)))


if __name__ == "__main__":
    main()
