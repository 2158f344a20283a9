"""A sandbox whose clock stands still and the business that listens to it, for tests of what the business hears."""

import contextlib
import hashlib
import hmac
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from tests.journeys.sandbox_program import Call, Receiver, SandboxProgram, running

from picha.cloudapi import signature, webhooks


class House:
    """A running sandbox, its receiver, and the second that its clock stands at."""

    def __init__(self, sandbox: SandboxProgram, receiver: Receiver, stamp: str) -> None:
        self.sandbox, self.receiver, self.stamp = sandbox, receiver, stamp

    async def told(self, wamid: str) -> Any:
        """Return the one value of the webhook that told of a message, once it came: signed, and read without loss."""
        await self.sandbox.wait("delivery", wamid=wamid)
        (call,) = [call for call in self.receiver.calls if wamid in str(call.value)]
        self.check(call)
        return call.value

    def check(self, call: Call) -> None:
        """See that a webhook is signed and that our own reading of it understands every item wholly."""
        expected = hmac.new(self.sandbox.ready.app_secret.encode(), call.body, hashlib.sha256).hexdigest()
        assert call.headers[signature.HEADER] == f"sha256={expected}"
        reading = webhooks.read(call.body)
        assert reading.troubles == []
        for item in reading.items:
            assert not isinstance(item, webhooks.OtherItem)
            assert getattr(item, "left_out", ()) == ()

    async def speak(self, **spoken: Any) -> str:
        """Let a person write and return the message's id."""
        status, answer = await self.sandbox.control("POST", "/inbound", json=spoken)
        assert status == 200, answer
        message_id = answer["message_id"]
        assert isinstance(message_id, str)
        return message_id

    async def hear(self, **spoken: Any) -> tuple[Any, Any]:
        """Let a person write and return the message and the whole value that the business heard."""
        message_id = await self.speak(**spoken)
        value = await self.told(message_id)
        (message,) = value["messages"]
        assert message["id"] == message_id
        assert message["timestamp"] == self.stamp
        return message, value


@contextlib.asynccontextmanager
async def listening(*arguments: str) -> AsyncIterator[House]:
    """Start a sandbox with a receiver, and stop its clock."""
    async with Receiver("shaken").listening() as receiver:
        callback = ("--callback", receiver.url, "--verify-token", receiver.verify_token)
        async with running("--ladder", "0,0,0", *callback, *arguments) as sandbox:
            _, clock = await sandbox.control("POST", "/clock", json={"freeze": True})
            stamp = str(int(datetime.fromisoformat(clock["now"]).timestamp()))
            yield House(sandbox, receiver, stamp)
