"""Trouble with webhooks on purpose: what is asked for, and whether it strikes this time. Pure, and the same each time.

Each throw depends on the seed, on the place of the message among those that the trouble met, and on the status, but
not on when a webhook goes out. So a program that sends one after the other meets the same trouble again.
"""

import hashlib
from typing import Literal

import msgspec

from picha.cloudapi.limits import WEBHOOK_MAX_UPDATES
from picha.sandbox.chance import Chance
from picha.sandbox.faults import DELAY_MAX_MS

Kind = Literal[
    "duplicate", "reorder", "drop", "early_status", "skip_delivered", "failed_after_delivered", "unknown_wamid"
]
_KINDS: tuple[Kind, ...] = (
    "duplicate", "reorder", "drop", "early_status", "skip_delivered", "failed_after_delivered", "unknown_wamid",
)  # fmt: skip


class Trouble(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which trouble, how likely: a chance from 0 to 1, or true for always.

    - `batch`: up to so many updates travel in one POST, gathered for a fifth of a second.
    - `duplicate`: the webhook comes twice.
    - `reorder`: it waits until a later one of the same message has gone by, two seconds at most.
    - `delay_ms`: it waits so long, from least to most.
    - `drop`: it never comes.
    - `early_status`: the first status comes before the send's answer.
    - `skip_delivered`: no `delivered` before `read`.
    - `failed_after_delivered`: `failed` with 131026 in place of `read`.
    - `unknown_wamid`: beside a status there is one of a message that nobody sent.
    - `seed`: text or a number; drawn when left out.
    """

    batch: int = 1
    duplicate: bool | float = 0.0
    reorder: bool | float = 0.0
    delay_ms: tuple[int, int] = (0, 0)
    drop: bool | float = 0.0
    early_status: bool | float = 0.0
    skip_delivered: bool | float = 0.0
    failed_after_delivered: bool | float = 0.0
    unknown_wamid: bool | float = 0.0
    seed: str | int | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that mean nothing."""
        if not 1 <= self.batch <= WEBHOOK_MAX_UPDATES:
            raise ValueError(f"batch lies from 1 to {WEBHOOK_MAX_UPDATES}")
        if not 0 <= self.delay_ms[0] <= self.delay_ms[1] <= DELAY_MAX_MS:
            raise ValueError(f"delay_ms is two numbers from 0 to {DELAY_MAX_MS}, the lesser first")
        for kind in _KINDS:
            if not 0 <= getattr(self, kind) <= 1:
                raise ValueError(f"{kind} lies from 0 to 1, or is true or false")


class Troubles:
    """The trouble in force, if any, and which messages it has met."""

    def __init__(self, chance: Chance) -> None:
        self._chance = chance
        self._met: dict[str, str] = {}
        self._count = 0
        self.current: Trouble | None = None

    def begin(self, wish: Trouble) -> Trouble:
        """Put trouble in force, in place of any other, and return it with its seed."""
        self._met.clear()
        self._count = 0
        seed = self._chance.base62(16) if wish.seed is None else wish.seed
        self.current = msgspec.structs.replace(wish, seed=seed)
        return self.current

    def end(self) -> None:
        """Let everything go well again."""
        self.current = None

    def meet(self, about: str) -> None:
        """Give a message its place; to be called as soon as it is there, in an order that depends on nothing else."""
        if self.current is not None and about not in self._met:
            self._met[about] = str(self._count)
            self._count += 1

    def shadow(self, foreign: str, about: str) -> None:
        """Give a message that nobody sent a place that hangs on that of the message it is told beside."""
        self.meet(about)
        self._met[foreign] = f"{self._met[about]} shadow"

    def strikes(self, kind: Kind, about: str, step: str | None) -> bool:
        """Tell whether this trouble meets this step of this message."""
        if self.current is None:
            return False
        chance: float = getattr(self.current, kind)
        return chance > 0 and self._throw(kind, about, step) < chance

    def delay_s(self, about: str, step: str | None) -> float:
        """Return for how many seconds the webhook of this step waits."""
        if self.current is None:
            return 0.0
        least, most = self.current.delay_ms
        return (least + (most - least) * self._throw("delay", about, step)) / 1000

    def _throw(self, what: str, about: str, step: str | None) -> float:
        self.meet(about)
        text = f"{self.current and self.current.seed}:{what}:{self._met[about]}:{step}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6]) / 2**48
