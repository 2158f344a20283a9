"""Fixtures of the proofs."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.buckets import new_bucket, s3_server, settings_of
from tests.proofs.fleet import Fleet


@pytest.fixture
def sail(tmp_path: Path, database: str) -> Callable[..., AbstractAsyncContextManager[Fleet]]:
    """Set up a database of the test's own with a sandbox, ready for programs; see `Fleet.sailing`."""

    def sailing(*flags: str, **wish: Any) -> AbstractAsyncContextManager[Fleet]:
        (tmp_path / "fleet").mkdir()
        return Fleet.sailing(tmp_path / "fleet", database, *flags, **wish)

    return sailing


@pytest.fixture
def kept_in(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[str], Any]:
    """Say with which settings pictures are kept in a `folder` or a `bucket`, and keep its server for so long.

    What is proved with a folder in every run of the tests is proved with a bucket by `make soak`.
    """

    @contextmanager
    def keeping(place: str) -> Iterator[Mapping[str, str]]:
        if place == "folder":
            yield {}
            return
        if not request.config.getoption("--cycles"):
            pytest.skip("`make soak` walks with the pictures in a bucket")
        with s3_server(tmp_path / "s3.log") as address:
            new_bucket(address, "pictures")
            yield settings_of(address, "pictures")

    return keeping
