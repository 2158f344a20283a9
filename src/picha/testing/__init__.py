"""A real sandbox for the tests of any Cloud API program, in whatever way that program sends and hears.

With pytest nothing needs to be imported: the fixture `sandbox` is there once Picha is installed with its `[server]`
extra. Each test gets a sandbox of its own, a program on a free port with a fresh world:

    def test_a_receipt_is_sent(sandbox):
        my_program.send_receipt(sandbox.base_url, sandbox.access_token, sandbox.phone_number_id)
        (sent,) = sandbox.sent
        assert sent.caption == "Your receipt"

Override the fixture `sandbox_options` to start it otherwise, and use `running` to start one without pytest or for more
than one test. The interface is synchronous, and harmless to call from a test with an event loop: it never needs the
loop, only blocks it for a moment; give `sandbox.wait` to `asyncio.to_thread` if your program answers on that loop.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from picha.sandbox.faults import Effect, FaultWish, Match, When
    from picha.sandbox.handset import Message
    from picha.sandbox.happenings import DeliveryItem, InboundItem, LedgerItem, StatusItem
    from picha.sandbox.ready import ReadyNumber
    from picha.testing.program import NotStartedError, SandboxOptions, running
    from picha.testing.sandbox import Clock, RefusedError, Sandbox
    from picha.testing.writing import Referral, Writer

_HOMES = {
    "Clock": "picha.testing.sandbox",
    "DeliveryItem": "picha.sandbox.happenings",
    "Effect": "picha.sandbox.faults",
    "FaultWish": "picha.sandbox.faults",
    "InboundItem": "picha.sandbox.happenings",
    "LedgerItem": "picha.sandbox.happenings",
    "Match": "picha.sandbox.faults",
    "Message": "picha.sandbox.handset",
    "NotStartedError": "picha.testing.program",
    "ReadyNumber": "picha.sandbox.ready",
    "Referral": "picha.testing.writing",
    "RefusedError": "picha.testing.sandbox",
    "Sandbox": "picha.testing.sandbox",
    "SandboxOptions": "picha.testing.program",
    "StatusItem": "picha.sandbox.happenings",
    "When": "picha.sandbox.faults",
    "Writer": "picha.testing.writing",
    "running": "picha.testing.program",
}

__all__ = [
    "Clock",
    "DeliveryItem",
    "Effect",
    "FaultWish",
    "InboundItem",
    "LedgerItem",
    "Match",
    "Message",
    "NotStartedError",
    "ReadyNumber",
    "Referral",
    "RefusedError",
    "Sandbox",
    "SandboxOptions",
    "StatusItem",
    "When",
    "Writer",
    "running",
]


def __getattr__(name: str) -> Any:
    """Return a name of the interface, imported when it is first asked for: pytest loads this package in every run."""
    from importlib import import_module  # noqa: PLC0415 - as the sentence above says

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
