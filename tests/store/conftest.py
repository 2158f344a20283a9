"""The ground every store test stands on."""

from collections.abc import AsyncIterator

import pytest
from tests.store.ground import Ground, open_ground


@pytest.fixture
async def ground(database: str) -> AsyncIterator[Ground]:
    async with open_ground(database) as opened:
        yield opened
