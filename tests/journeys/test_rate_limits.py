"""Who calls too often is told so, in time, and nobody else notices."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from tests.journeys.running import House, Talk, Told, raised, talking, until
from tests.journeys.test_bad_input import NOWHERE, is_refused
from tests.journeys.test_keys_program import made

PER_SECOND, AT_ONCE = 2, 20
MESSAGES = "/v1/whatsapp/messages"
STANDS = re.compile(r'"key";r=([0-9]+);t=([0-9]+)')


@pytest.fixture(scope="module")
def house(new_home: Callable[[str], Path]) -> Iterator[House]:
    settings = {"PICHA_REQUESTS_PER_SECOND": str(PER_SECOND), "PICHA_REQUESTS_AT_ONCE": str(AT_ONCE)}
    with raised(new_home("rates"), settings=settings) as raised_house:
        yield raised_house


@pytest.fixture
async def slow(house: House) -> AsyncIterator[Talk]:
    async with talking(house) as talk:
        yield talk


def left(told: Told) -> int:
    """Return how many requests the answer says are left."""
    found = STANDS.fullmatch(told.headers["RateLimit"])
    assert found
    assert told.headers["RateLimit-Policy"] == f'"key";q={AT_ONCE};w={AT_ONCE // PER_SECOND}'
    return int(found[1])


async def test_past_its_allowance_a_key_is_refused_in_the_envelope_and_bare_and_served_again(slow: Talk) -> None:
    key = (await made(slow))["key"]
    served = [await slow.api("GET", MESSAGES, key=key) for _ in range(AT_ONCE)]
    while (last := await slow.api("GET", MESSAGES, key=key)).status == 200:
        served.append(last)
    bare = await slow.api("GET", f"/v1/whatsapp/senders/{NOWHERE}", key=key)

    assert {one.status for one in served} == {200}
    stands = [left(one) for one in served]
    assert stands[0] == AT_ONCE - 1
    assert stands == sorted(stands, reverse=True) or len(stands) > AT_ONCE
    is_refused(last, "RATE_LIMITED")
    assert left(last) == 0
    assert last.headers["Retry-After"] == "1"
    assert (bare.status, list(bare.document), bare.headers["Retry-After"]) == (429, ["detail"], "1")
    other = await slow.api("GET", MESSAGES, key=(await made(slow))["key"])
    assert (other.status, left(other)) == (200, AT_ONCE - 1)

    async def is_served() -> bool:
        return (await slow.api("GET", MESSAGES, key=key)).status == 200

    await until(is_served)


async def test_a_refusal_counts_and_tells_how_the_key_stands(slow: Talk) -> None:
    key = (await made(slow, "--scope", "read"))["key"]

    missing = await slow.api("GET", f"{MESSAGES}/{NOWHERE}", key=key)
    forbidden = await slow.api("POST", f"{MESSAGES}/image", json={}, key=key)

    assert (missing.status, forbidden.status) == (404, 403)
    assert left(missing) == AT_ONCE - 1
    assert left(forbidden) <= AT_ONCE - 1


async def test_what_takes_no_key_is_not_counted(slow: Talk) -> None:
    for path in ("/health/live", "/version", "/docs"):
        for _ in range(AT_ONCE + 5):
            told = await slow.api("GET", path)
            assert (told.status, "RateLimit" in told.headers) == (200, False)


async def test_an_address_with_ever_new_wrong_keys_is_refused_and_a_key_that_is_known_is_not(slow: Talk) -> None:
    key = (await made(slow))["key"]
    assert (await slow.api("GET", MESSAGES, key=key)).status == 200

    async def refused() -> Told | None:
        tries = [slow.api("GET", MESSAGES, key=f"picha_test_{number}") for number in range(100)]
        return next((told for told in await asyncio.gather(*tries) if told.status != 401), None)

    told = await until(refused)

    is_refused(told, "RATE_LIMITED")
    assert "RateLimit" not in told.headers
    assert int(told.headers["Retry-After"]) >= 1
    assert (await slow.api("GET", MESSAGES, key=None)).status == 401
    assert (await slow.api("GET", MESSAGES, key=key)).status == 200
