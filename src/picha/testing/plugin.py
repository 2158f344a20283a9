"""The pytest plugin, loaded by its entry point; it imports nothing more until a test asks for a sandbox."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from picha.testing.program import SandboxOptions
    from picha.testing.sandbox import Sandbox


@pytest.fixture
def sandbox_options() -> "SandboxOptions":
    """How the fixture `sandbox` starts: override this fixture to start it otherwise."""
    from picha.testing.program import SandboxOptions  # noqa: PLC0415 - see the module's first line

    return SandboxOptions()


@pytest.fixture
def sandbox(sandbox_options: "SandboxOptions") -> Iterator["Sandbox"]:
    """A WhatsApp Cloud API of the test's own: a program on a free port, with a fresh world, ended after the test."""
    from picha.testing.program import running  # noqa: PLC0415 - see the module's first line

    with running(sandbox_options) as started:
        yield started
