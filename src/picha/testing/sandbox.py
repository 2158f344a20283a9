"""The sandbox as a test holds it: who it is, what people write, what was sent, what time it is, what goes wrong."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Literal, TypedDict, Unpack, overload

import msgspec

from picha.sandbox.faults import Effect, FaultWish, Match, Route, When
from picha.sandbox.handset import Message
from picha.sandbox.happenings import DeliveryItem, InboundItem, LedgerItem, StatusItem
from picha.sandbox.ready import Ready, ReadyNumber
from picha.sandbox.switches import Switches
from picha.testing.wire import call
from picha.testing.writing import Writing

_LEDGER_PAGE = 10_000
_MARGIN_S = 10.0

Event = Literal["send", "status", "inbound", "delivery"]
_ITEMS: dict[str, type[msgspec.Struct]] = {
    "send": LedgerItem,
    "status": StatusItem,
    "inbound": InboundItem,
    "delivery": DeliveryItem,
}


class RefusedError(Exception):
    """The sandbox refused what a test asked of it; the message says why."""


class Matching(TypedDict, total=False):
    """What `Sandbox.wait` looks for; what is left out matches everything."""

    wamid: str
    phone_number_id: str
    to: str
    status: str
    callback_data: str


class Sandbox(Writing):
    """A running sandbox; every member here may be called from any thread, while any program talks to it."""

    def __init__(self, ready: Ready) -> None:
        self._ready = ready
        self.clock = Clock(self)

    # Who it is: what the program under test is configured with.

    @property
    def base_url(self) -> str:
        """What stands in place of `https://graph.facebook.com`, without a slash at its end and without a version."""
        return self._ready.base_url

    @property
    def access_token(self) -> str:
        """The bearer token of the business."""
        return self._ready.access_token

    @property
    def phone_number_id(self) -> str:
        """The id of the number that sends, the first of `numbers`."""
        return self._ready.phone_number_id

    @property
    def waba_id(self) -> str:
        """The id of the WhatsApp business account."""
        return self._ready.waba_id

    @property
    def numbers(self) -> tuple[ReadyNumber, ...]:
        """Every number to send from, with its account and the token that opens that."""
        return self._ready.numbers

    @property
    def app_id(self) -> str:
        """The id of the app."""
        return self._ready.app_id

    @property
    def app_secret(self) -> str:
        """The secret that webhooks are signed with."""
        return self._ready.app_secret

    @property
    def verify_token(self) -> str:
        """The token that the sandbox shows in the handshake with a callback address."""
        return self._ready.verify_token

    @property
    def control_url(self) -> str:
        """Where the control API is, for what this class has no member for."""
        return self._ready.control_url

    @property
    def photo_url(self) -> str:
        """The address of a picture that can be sent by link."""
        return f"{self.control_url}/photo.jpg"

    def subscribe(self, callback_url: str, verify_token: str | None = None) -> None:
        """Send webhooks to `callback_url` from now on, after Meta's handshake with it.

        Raises:
            RefusedError: the address failed the handshake.
        """
        wish = {
            "object": "whatsapp_business_account",
            "callback_url": callback_url,
            "verify_token": self.verify_token if verify_token is None else verify_token,
        }
        token = f"{self.app_id}|{self.app_secret}"
        status, answer = call(
            "POST", f"{self.base_url}/{self.app_id}/subscriptions", body=msgspec.json.encode(wish), token=token
        )
        if status != HTTPStatus.OK:
            raise RefusedError(answer.decode(errors="replace"))

    # What was sent, and what came of it.

    @property
    def sent(self) -> list[LedgerItem]:
        """Every send that was accepted, oldest first; what is here was answered or is about to be."""
        items: list[LedgerItem] = []
        while True:
            query = {"limit": str(_LEDGER_PAGE)} | ({"after": items[-1].wamid} if items else {})
            page = _read(self.control("GET", "/ledger", query=query), LedgerItem)
            items += page
            if len(page) < _LEDGER_PAGE:
                return items

    @overload
    def wait(
        self, event: Literal["send"], *, count: int = 1, timeout_s: float = 10, **match: Unpack[Matching]
    ) -> list[LedgerItem]: ...
    @overload
    def wait(
        self, event: Literal["status"], *, count: int = 1, timeout_s: float = 10, **match: Unpack[Matching]
    ) -> list[StatusItem]: ...
    @overload
    def wait(
        self, event: Literal["inbound"], *, count: int = 1, timeout_s: float = 10, **match: Unpack[Matching]
    ) -> list[InboundItem]: ...
    @overload
    def wait(
        self, event: Literal["delivery"], *, count: int = 1, timeout_s: float = 10, **match: Unpack[Matching]
    ) -> list[DeliveryItem]: ...
    def wait(
        self, event: Event, *, count: int = 1, timeout_s: float = 10, **match: Unpack[Matching]
    ) -> Sequence[msgspec.Struct]:
        """Return the first `count` things that happened, and wait for those that have not happened yet.

        A `send` is an accepted send, a `status` one a send reached, an `inbound` a person's message, and a `delivery` a
        webhook that was taken or given up. The past counts: what happened before the call is found too, as far as it is
        among the last 50,000 things.

        Raises:
            TimeoutError: `timeout_s` real seconds were not enough; the message says what was seen.
            RefusedError: the question makes no sense.
        """
        query: dict[str, Any] = {"event": event, "count": count, "timeout_s": timeout_s, **match}
        status, answer = self._call("GET", "/wait", query=query, patience_s=timeout_s + _MARGIN_S)
        if status == HTTPStatus.REQUEST_TIMEOUT:
            seen = answer.decode(errors="replace")
            raise TimeoutError(f"{count} of {event} {match or ''} did not happen in {timeout_s:g} s; seen: {seen}")
        return _read(_answered(status, answer), _ITEMS[event])

    def conversation(self, who: str, *, phone_number_id: str | None = None) -> list[Message]:
        """Return the last 1,000 messages with a person or group in order, as the person sees them.

        `who` is a number, a user id of somebody without one, or a group's id; the business's number is the first unless
        `phone_number_id` names another.

        Raises:
            RefusedError: there is no such number.
        """
        query = {"with": who, "limit": "1000"} | ({"phone_number_id": phone_number_id} if phone_number_id else {})
        return _read(self.control("GET", "/messages", query=query), Message)

    def picture(self, message: Message) -> bytes:
        """Return the bytes of a message's picture.

        Raises:
            RefusedError: it has none, or none that is kept.
        """
        status, answer = self._call("GET", f"/pictures/{message.sha256}")
        if status != HTTPStatus.OK:
            raise RefusedError(f"{status}: {answer.decode(errors='replace')}")
        return answer

    # What goes wrong.

    def fail_next(
        self, effect: int | Effect, *, count: int = 1, route: Route | None = "messages", to: str | None = None
    ) -> str:
        """Spoil the next `count` requests and return the rule's id: `effect` is a code of Meta's, or how to spoil them.

        `route` None spoils calls of every kind; `to` spoils only sends to that number.
        """
        what = Effect(error=effect) if isinstance(effect, int) else effect
        return self.add_fault(FaultWish(effect=what, match=Match(route=route, to=to), when=When(mode="next", n=count)))

    def add_fault(self, fault: FaultWish) -> str:
        """Put any rule of trouble in force and return its id."""
        return str(self.control("POST", "/faults", fault)["id"])

    def clear_faults(self) -> None:
        """Take all rules of trouble away."""
        self.control("DELETE", "/faults")

    def switch(self, **positions: str) -> Switches:
        """Turn switches, such as `window_failure="sync"`, leave the others, and return all.

        Raises:
            RefusedError: there is no such switch, or it has no such value; then none is turned.
        """
        return msgspec.convert(self.control("POST", "/switches", positions)["switches"], Switches)

    # The rest.

    def control(self, method: str, path: str, body: Any = None, *, query: dict[str, str] | None = None) -> Any:
        """Call the control API below `control_url` and return its JSON answer, None for an empty one.

        Raises:
            RefusedError: the answer is not a success.
        """
        sent = None if body is None else msgspec.json.encode(body)
        return _answered(*self._call(method, path, query=query, body=sent))

    def _call(self, method: str, path: str, **request: Any) -> tuple[int, bytes]:
        return call(method, self.control_url + path, token=self._ready.control_token, **request)


class Clock:
    """The sandbox's time: windows, lives of URLs and media and webhook retries follow it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def now(self) -> datetime:
        """Return the sandbox's moment, in UTC."""
        return self._told(self._sandbox.control("GET", "/clock"))

    def advance(self, by: timedelta) -> datetime:
        """Move the clock on by `by` and return the new moment."""
        return self._move({"advance_s": by.total_seconds()})

    def set(self, moment: datetime) -> datetime:
        """Move the clock to `moment`, which must be aware, and return it."""
        return self._move({"set": moment})

    def freeze(self) -> datetime:
        """Stop the clock and return the moment it stands at."""
        return self._move({"freeze": True})

    def resume(self) -> datetime:
        """Let the clock run on from its moment."""
        return self._move({"resume": True})

    def _move(self, wish: dict[str, Any]) -> datetime:
        return self._told(self._sandbox.control("POST", "/clock", wish))

    @staticmethod
    def _told(answer: Any) -> datetime:
        return msgspec.convert(answer["now"], datetime)


def _answered(status: int, answer: bytes) -> Any:
    if status >= HTTPStatus.BAD_REQUEST:
        raise RefusedError(f"{status}: {answer.decode(errors='replace')}")
    return msgspec.json.decode(answer) if answer else None


def _read(answer: Any, kind: type[Any]) -> list[Any]:
    return [msgspec.convert(item, kind) for item in answer["items"]]
