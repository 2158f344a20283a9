"""A send between its acceptance and its last status."""

from picha.sandbox import records
from picha.sandbox.clock import from_stamp
from picha.sandbox.happenings import LedgerItem


class Send:
    """An accepted send and how far it has come; one that is withheld from its person comes no further than `sent`."""

    def __init__(self, accepted: records.SendAccepted) -> None:
        self.accepted = accepted
        self.item = LedgerItem(
            wamid=accepted.wamid,
            phone_number_id=accepted.phone_number_id,
            to=accepted.to,
            recipient=accepted.recipient,
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
