"""Fixtures of the journeys: one running product for the run, and a caller to it for each test."""

import functools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from tests.journeys.hosting import PictureHost, hosting
from tests.journeys.running import House, Talk, raised, talking, until
from tests.journeys.sandbox_program import Receiver


@pytest.fixture(scope="session")
def running_house(new_home: Callable[[str], Path]) -> Iterator[House]:
    """One `picha up` for all tests that neither stop it, nor move its clock, nor spoil its network."""
    with raised(new_home("running")) as house:
        yield house


@pytest.fixture
async def picha(running_house: House) -> AsyncIterator[Talk]:
    """A caller to the shared product."""
    async with talking(running_house) as talk:
        # The sandbox's first person writes by herself; a test that counts must not be surprised by her.
        await until(talk.total)
        yield talk


@pytest.fixture
def raise_house(new_home: Callable[[str], Path]) -> Callable[..., AbstractContextManager[House]]:
    """Make a product of the test's own; called again, it is started again on the same home (see `House.ports`)."""
    return functools.partial(raised, new_home("own"))


@pytest.fixture
async def host() -> AsyncIterator[PictureHost]:
    """A web server of the customer's, whose pictures media_url names."""
    async with hosting() as server:
        yield server


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver of a sandbox's webhooks."""
    async with Receiver("shaken").listening() as listening:
        yield listening
