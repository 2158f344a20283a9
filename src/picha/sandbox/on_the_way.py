"""An accepted send on its way to a person, or to each participant of a group."""

from picha.sandbox.clock import from_stamp
from picha.sandbox.happenings import LedgerItem
from picha.sandbox.records import SendAccepted, StatusMade

# How far a status has come. A person who reads while the ladder climbs makes one that the ladder must not make again.
RANKS = {"sent": 1, "delivered": 2, "read": 3, "failed": 3}


class Send:
    """An accepted send and how far it has come; one that is withheld from its person comes no further than `sent`.

    `participants` of the group it went to, if it did, each have come their own way; `status` is what all have reached.
    """

    def __init__(self, accepted: SendAccepted) -> None:
        self.accepted = accepted
        self.key = accepted.to or accepted.recipient or ""
        self.participants: dict[str, str] = {}
        self.item = LedgerItem(
            wamid=accepted.wamid,
            phone_number_id=accepted.phone_number_id,
            to=accepted.to,
            recipient=accepted.recipient,
            group_id=accepted.group_id,
            type=accepted.type,
            sha256=accepted.sha256,
            caption=accepted.caption,
            biz_opaque_callback_data=accepted.biz_opaque_callback_data,
            accepted_at=from_stamp(accepted.at),
        )
        self.doom = accepted.doom
        self.is_link_due = accepted.link is not None and accepted.doom is None
        self.status: str | None = None
        self.is_withheld = False

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
