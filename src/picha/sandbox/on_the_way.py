"""An accepted send on its way to a person, or to each participant of a group."""

import msgspec

from picha.sandbox.records import SendAccepted, StatusMade

# How far a status has come. A person who reads while the ladder climbs makes one that the ladder must not make again.
RANKS = {"sent": 1, "delivered": 2, "read": 3, "failed": 3}


# Most sends go to no group: they share this, which nobody adds to.
_NOBODY: dict[str, str] = {}


class Send(msgspec.Struct, gc=False):
    """An accepted send and how far it has come; one that is withheld from its person comes no further than `sent`.

    `participants` of the group it went to, if it did, each have come their own way; `status` is what all have reached.
    What is behind its link, if it has one, changes `sha256` and `doom`.
    """

    accepted: SendAccepted
    participants: dict[str, str] = msgspec.field(default_factory=lambda: _NOBODY)
    status: str | None = None
    sha256: str | None = None
    doom: tuple[int, str] | None = None
    is_link_due: bool = False
    is_withheld: bool = False

    @classmethod
    def of(cls, accepted: SendAccepted) -> "Send":
        """Return a send at the beginning of its way."""
        is_link_due = accepted.link is not None and accepted.doom is None
        return cls(accepted, sha256=accepted.sha256, doom=accepted.doom, is_link_due=is_link_due)

    @property
    def key(self) -> str:
        """Who it is for: the number, the user id without one; empty where it is for a group."""
        return self.accepted.to or self.accepted.recipient or ""

    @property
    def is_for_group(self) -> bool:
        """Whether it went to a group."""
        return self.accepted.group_id is not None

    def stage(self, key: str) -> str | None:
        """Return how far it has come for one person; None if it is not on its way to them."""
        if not self.is_for_group:
            return self.status if key == self.key and not self.is_withheld else None
        return self.status and self.participants.get(key)

    def left(self, status: str) -> tuple[str, ...]:
        """Return the participants of its group who have not come as far as `status`."""
        return tuple(key for key, stage in self.participants.items() if RANKS[stage] < RANKS[status])

    def reach(self, record: StatusMade) -> None:
        """Come as far as a status."""
        for key in record.participants:
            self.participants[key] = record.status
        if not record.participants:
            self.status = record.status
        elif self.status != "failed":
            self.status = min(self.participants.values(), key=RANKS.__getitem__)
