"""A steady HTTP load with bursts: each request is due at its own moment, however slow the answers are.

`python -m bench.steady PORT PER_SECOND BURST EVERY_S SECONDS` reads requests as `bench.load` does, sends PER_SECOND of
them evenly and BURST more at once every EVERY_S seconds, over 64 connections, and prints the wait of each in seconds:
from the moment when it was due to its answer, the time until a connection was free included. Any status but 200 is
fatal.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

import uvloop

from bench.load import packed, unpacked

_CONNECTIONS = 64


def moments(per_second: int, burst: int, every_s: int, seconds: int) -> list[float]:
    """Return when each request is due, in seconds from the beginning."""
    evenly = [n / per_second for n in range(per_second * seconds)]
    at_once = [float(every_s * n) for n in range(1, seconds // every_s + 1) for _ in range(burst)]
    return sorted([*evenly, *at_once])


async def _lane(port: int, due: "asyncio.Queue[tuple[float, bytes] | None]", waits: list[float]) -> None:
    """Send what is due over one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (one := await due.get()) is not None:
        moment, request = one
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head[:500].decode())
        await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))
        waits.append(time.perf_counter() - moment)
    writer.close()


async def fire(port: int, requests: Iterator[bytes], plan: Sequence[float]) -> list[float]:
    """Send the requests by the plan; return how long each waited."""
    due: asyncio.Queue[tuple[float, bytes] | None] = asyncio.Queue()
    waits: list[float] = []
    lanes = [asyncio.create_task(_lane(port, due, waits)) for _ in range(_CONNECTIONS)]
    begun = time.perf_counter()
    for moment in plan:
        await asyncio.sleep(max(0.0, begun + moment - time.perf_counter()))
        due.put_nowait((begun + moment, next(requests)))
    for _ in lanes:
        due.put_nowait(None)
    await asyncio.gather(*lanes)
    return waits


def waits(
    port: int, requests: Sequence[bytes], *, per_second: int, burst: int, every_s: int, seconds: int
) -> list[float]:
    """Fire from a process of its own; return how long each request waited, in seconds."""
    words = map(str, (port, per_second, burst, every_s, seconds))
    told = subprocess.run(
        [sys.executable, "-m", "bench.steady", *words],
        input=packed(requests),
        capture_output=True,
        check=False,
        timeout=120 + seconds,
    )
    if told.returncode:
        raise RuntimeError(told.stderr.decode()[-1500:])
    return [float(one) for one in told.stdout.split()]


def main() -> None:
    port, per_second, burst, every_s, seconds = map(int, sys.argv[1:])
    requests = iter(unpacked(sys.stdin.buffer.read()))
    print(*uvloop.run(fire(port, requests, moments(per_second, burst, every_s, seconds))))


if __name__ == "__main__":
    main()
