"""What a sandbox is started with."""

from pathlib import Path

import msgspec

from picha.sandbox.accounts import AccountWish
from picha.sandbox.dialect import Dialect
from picha.sandbox.ladder import Ladder
from picha.sandbox.switches import Switches


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How one sandbox runs.

    Without a `home` everything is forgotten at the end. `ladder` holds the pauses before sent, delivered and read in
    milliseconds, None where the person decides. `port` 0 takes a free one. `callback` is the app's webhook address,
    taken on trust. `limits` makes Meta's rates count, `window` its 24 hours. A `control_token` is what the control API
    wants; without one it wants none on loopback, and one made from the seed elsewhere.
    Without `accounts` there are those that the home was last started with, or else the one of Meta's documents.
    `inbox_url` is where the business reads its messages, for the handset to lead to.
    `switches` say which side is taken where Meta's documents disagree.
    """

    home: Path | None = None
    host: str = "127.0.0.1"
    port: int = 0
    seed: str | None = None
    callback: str | None = None
    verify_token: str | None = None
    ladder: Ladder = (150, 400, 1000)
    dialect: Dialect = Dialect.Y2026
    limits: bool = True
    window: bool = True
    control_token: str | None = None
    accounts: tuple[AccountWish, ...] | None = None
    inbox_url: str | None = None
    switches: Switches = Switches()
