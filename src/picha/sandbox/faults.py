"""Trouble on purpose: rules set at run time that spoil answers, matched by route, sender and recipient."""

from collections.abc import Callable
from typing import Literal

import msgspec

from picha.sandbox.chance import Chance
from picha.sandbox.person import bare

DELAY_MAX_MS = 600_000
_CODE_MAX = 9_999_999
_CUT_MAX_BYTES = 2**31

Moment = Literal["before", "after"]
Route = Literal[
    "messages", "media", "describe", "delete", "download", "number", "configure_number", "account", "subscribed_apps",
    "subscribe_account", "unsubscribe_account", "subscriptions", "subscribe_app", "unsubscribe_app", "app_token",
    "phone_numbers", "templates", "register", "debug_token", "settings", "blocked_users", "block_users",
    "unblock_users",
]  # fmt: skip


class Match(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which requests a rule is for; a field left out matches all.

    - `route`: the call of the Cloud API.
    - `phone_number_id`: the number that the call is about: the one in the path, or whose media it is.
    - `to`: the recipient of a send, a number however it is written or a business-scoped user id.
    """

    route: Route | None = None
    phone_number_id: str | None = None
    to: str | None = None


class When(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often a rule strikes: always, the next `n` times, every `n`th time, or with probability `p`.

    - `mode`: which of these.
    - `n`: how many, for next and every.
    - `p`: the chance, for probability.
    """

    mode: Literal["always", "next", "every", "probability"] = "always"
    n: int = 1
    p: float = 1.0

    def __post_init__(self) -> None:
        """Refuse counts and chances that mean nothing."""
        if self.n < 1 or not 0 <= self.p <= 1:
            raise ValueError("n is at least 1 and p lies from 0 to 1")


class Effect(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What happens to the request: exactly one of the effects, besides a delay.

    - `error`: Graph's error with this code is answered; nothing is processed.
    - `status`: this HTTP status is answered with a body that is not Graph's.
    - `drop`: the connection ends without an answer, before or after processing.
    - `reset`: the same, with a TCP reset.
    - `hang`: no answer ever comes, until the client gives up.
    - `cut_after_bytes`: the answer breaks off after so many bytes of its body.
    - `delay_ms`: the answer waits so long first.

    `at` says whether status, reset and hang come before or after the request was processed.
    """

    error: int | None = None
    status: int | None = None
    drop: Moment | None = None
    reset: bool = False
    hang: bool = False
    cut_after_bytes: int | None = None
    delay_ms: int = 0
    at: Moment = "before"

    def __post_init__(self) -> None:
        """Refuse effects that contradict each other or do nothing."""
        chosen = [self.error is not None, self.status is not None, self.drop is not None, self.reset, self.hang]
        chosen.append(self.cut_after_bytes is not None)
        if sum(chosen) > 1 or not (any(chosen) or self.delay_ms > 0):
            raise ValueError("an effect is one of error, status, drop, reset, hang, cut_after_bytes, or a delay_ms")
        if self.status is not None and not 400 <= self.status <= 599:  # noqa: PLR2004 - the statuses that tell trouble
            raise ValueError("status lies from 400 to 599")
        if not 0 <= (self.error or 0) <= _CODE_MAX:
            raise ValueError(f"error is one of Meta's codes, 0 to {_CODE_MAX}")
        if not (0 <= (self.cut_after_bytes or 0) <= _CUT_MAX_BYTES and 0 <= self.delay_ms <= DELAY_MAX_MS):
            raise ValueError(f"cut_after_bytes goes to {_CUT_MAX_BYTES}, delay_ms to {DELAY_MAX_MS}, neither below 0")

    @property
    def is_processed(self) -> bool:
        """Whether the request takes effect although its answer is spoilt."""
        if self.drop is not None:
            return self.drop == "after"
        if self.status is not None or self.reset or self.hang:
            return self.at == "after"
        return self.error is None


class FaultWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule as it is asked for."""

    effect: Effect
    match: Match = Match()
    when: When = When()


class Fault(msgspec.Struct, kw_only=True):
    """A rule in force: how many requests it matched, and how many of them it struck."""

    id: str
    match: Match
    when: When
    effect: Effect
    matched: int = 0
    struck: int = 0


class Faults:
    """The rules in force, oldest first."""

    def __init__(self, chance: Chance) -> None:
        self._chance = chance
        self._faults: dict[str, Fault] = {}

    def add(self, wish: FaultWish) -> Fault:
        """Put a rule in force and return it with its id."""
        fault = Fault(id=self._chance.digits(12), match=wish.match, when=wish.when, effect=wish.effect)
        self._faults[fault.id] = fault
        return fault

    def all(self) -> list[Fault]:
        """Return the rules, oldest first."""
        return list(self._faults.values())

    def remove(self, fault_id: str | None = None) -> bool:
        """Take one rule away, or all; tell whether there was one."""
        if fault_id is None:
            self._faults.clear()
            return True
        return self._faults.pop(fault_id, None) is not None

    def strike(self, route: str, phone_number_id: str | None, to: Callable[[], frozenset[str]]) -> Effect | None:
        """Return what the first rule that strikes does to this request; every rule that matches counts it.

        `to` tells its recipients, and is asked only where there is a rule.
        """
        if not self._faults:
            return None
        struck, recipients = None, to()
        for fault in self._faults.values():
            if not _matches(fault.match, route, phone_number_id, recipients):
                continue
            fault.matched += 1
            if struck is None and self._strikes(fault):
                fault.struck += 1
                struck = fault.effect
        return struck

    def _strikes(self, fault: Fault) -> bool:
        match fault.when.mode:
            case "always":
                return True
            case "next":
                return fault.struck < fault.when.n
            case "every":
                return fault.matched % fault.when.n == 0
            case "probability":
                return self._chance.fraction() < fault.when.p


def _matches(match: Match, route: str, phone_number_id: str | None, to: frozenset[str]) -> bool:
    return (
        match.route in (None, route)
        and match.phone_number_id in (None, phone_number_id)
        and (match.to is None or bare(match.to) in to)
    )
