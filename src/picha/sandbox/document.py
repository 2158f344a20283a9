"""The state document: one JSON object with a whole world in it, pictures included, and what makes one unfit."""

import hashlib
from datetime import timedelta
from typing import Annotated, Literal

import msgspec

from picha.sandbox.callbacks import documents
from picha.sandbox.chance import Place
from picha.sandbox.clock import SandboxClock, from_stamp
from picha.sandbox.records import (
    AccountsNamed,
    AnyRecord,
    Born,
    MediaStored,
    MessageHeard,
    Placed,
    Renewed,
    SendAccepted,
    WebhookQueued,
)
from picha.sandbox.world import World

# What the control API takes, so that whatever is given can be taken.
STATE_MAX_BYTES = 192 << 20
VERSION: Literal[1] = 1
_NOT_TOLD = (Born, AccountsNamed, Renewed, Placed)
_LONGEST_LIFE = timedelta(days=366)


class Unfit(Exception):  # noqa: N818 - what a document is
    """A document is not the state of a sandbox, or would be too long; the message says why."""


class StateDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A world: the records that make it, in order, and the bytes of its media by their hexadecimal SHA-256.

    `record_count` is how many records it has seen, those included that nothing is left of; `chance` is where its ids
    go on.
    """

    version: Literal[1]
    record_count: Annotated[int, msgspec.Meta(ge=1, lt=2**53)]
    chance: Place
    records: list[AnyRecord]
    media: dict[str, bytes]

    def world(self, clock: SandboxClock, seed: str) -> World:
        """Return the world that this tells of, on a clock of its own; `seed` is that of its credentials.

        Raises:
            Unfit: something in it contradicts itself.
        """
        self._check_media()
        world = World(clock)
        world.apply(Born(seed=seed))
        names: set[tuple[str, str]] = set()
        for number, record in enumerate(self.records):
            try:
                self._check(record, names)
                world.apply(record)
            except (ValueError, OverflowError, TypeError, OSError, msgspec.MsgspecError) as why:
                raise Unfit(f"records[{number}]: {why}") from None
        world.apply(self.placed(0))
        try:
            _ = clock.now() - _LONGEST_LIFE, clock.now() + _LONGEST_LIFE
        except OverflowError:
            raise Unfit("the clock is beyond the calendar") from None
        return world

    def placed(self, size: int) -> Placed:
        """Return the record that ends this telling, which took `size` bytes."""
        return Placed(size=size, record_count=self.record_count, chance=self.chance)

    def _check_media(self) -> None:
        for digest, data in self.media.items():
            if hashlib.sha256(data).hexdigest() != digest:
                raise Unfit(f"media: these are not the bytes with the SHA-256 {digest[:64]!r}")

    def _check(self, record: AnyRecord, names: set[tuple[str, str]]) -> None:
        if isinstance(record, _NOT_TOLD):
            raise ValueError(f"{record.__struct_config__.tag} is no part of a state")  # noqa: TRY004 - a value of the document
        for field in record.__struct_fields__:
            if field == "at" or field.endswith("_at"):
                # Whatever is reckoned from it must be a date.
                _ = from_stamp(getattr(record, field) or 0.0) + _LONGEST_LIFE
        digest = getattr(record, "digest", None)
        if digest is not None and digest not in self.media:
            raise ValueError("media has no bytes for its digest")
        if isinstance(record, MediaStored) and record.size != len(self.media[record.digest]):
            raise ValueError("size is not the number of its bytes")
        if isinstance(record, WebhookQueued):
            # What is delivered, and shown in the log, is a webhook.
            documents.merged([record.body.encode("ascii")] * 2)
        name = getattr(record, "wamid" if isinstance(record, SendAccepted) else "id", None)
        if isinstance(record, (SendAccepted, WebhookQueued, MessageHeard)) and name is not None:
            if (record.__class__.__name__, name) in names:
                raise ValueError(f"{name[:100]} is there twice")
            names.add((record.__class__.__name__, name))
