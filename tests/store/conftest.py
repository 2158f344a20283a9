"""The ground every store test stands on, and the places that keep bytes."""

from collections.abc import AsyncIterator, Iterator

import pytest
from tests.buckets import s3_server
from tests.store.ground import Ground, open_ground


@pytest.fixture
async def ground(database: str) -> AsyncIterator[Ground]:
    async with open_ground(database) as opened:
        yield opened


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an S3-compatible server that runs for the session."""
    with s3_server(tmp_path_factory.mktemp("s3") / "log") as address:
        yield address
