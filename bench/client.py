"""The bare client that dispatching is measured against: the same HTTP library and body, and no database.

`python -m bench.client URL FLYING COUNT` posts COUNT sends, FLYING at a time, and prints how many seconds it took.
"""

import asyncio
import subprocess
import sys
import time

import aiohttp
import uvloop

from picha.cloudapi.messages import ImageObject, ImageSend, encode_send


async def fire(url: str, flying: int, count: int) -> float:
    """Post `count` sends and read every answer; return the seconds."""
    body = encode_send(ImageSend(to="+255700000001", image=ImageObject(id="1479537139650973", caption="Your receipt")))
    headers = {"Authorization": "Bearer x", "Content-Type": "application/json"}
    left = iter(range(count))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=flying)) as session:

        async def loop() -> None:
            for _ in left:
                async with session.post(url, data=body, headers=headers) as answer:
                    await answer.json()

        begun = time.perf_counter()
        await asyncio.gather(*(loop() for _ in range(flying)))
        return time.perf_counter() - begun


def seconds(url: str, *, flying: int, count: int) -> float:
    """Fire from a process of its own; return the seconds it took."""
    words = [sys.executable, "-m", "bench.client", url, str(flying), str(count)]
    return float(subprocess.run(words, capture_output=True, check=True, timeout=120).stdout)


if __name__ == "__main__":
    print(uvloop.run(fire(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
