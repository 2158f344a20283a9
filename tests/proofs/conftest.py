"""Fixtures of the proofs."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from tests.proofs.fleet import Fleet


@pytest.fixture
def sail(tmp_path: Path, database: str) -> Callable[..., AbstractAsyncContextManager[Fleet]]:
    """Set up a database of the test's own with a sandbox, ready for programs; see `Fleet.sailing`."""

    def sailing(*flags: str, **wish: Any) -> AbstractAsyncContextManager[Fleet]:
        (tmp_path / "fleet").mkdir()
        return Fleet.sailing(tmp_path / "fleet", database, *flags, **wish)

    return sailing
