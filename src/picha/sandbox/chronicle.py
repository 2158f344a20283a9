"""Everything that happened, in order, and those who listen for what happens next."""

from collections import defaultdict
from collections.abc import Callable

from picha.sandbox.happenings import DeliveryItem, Happening, Inbound, LedgerItem, StatusItem, inbound_item
from picha.sandbox.on_the_way import Send
from picha.sandbox.records import WebhookQueued


class Chronicle:
    """Keeps what happened and tells it to every listener at once."""

    def __init__(self) -> None:
        self.all: list[Happening] = []
        self.listeners: set[Callable[[Happening], None]] = set()
        self._of: defaultdict[str, list[Happening]] = defaultdict(list)

    def of(self, wamid: str | None) -> list[Happening]:
        """Return everything that happened to one message, or everything at all, in order."""
        return self.all if wamid is None else self._of.get(wamid, [])

    def inbound(self, record: Inbound, kind: str, key: str) -> None:
        """A person wrote, or there is news about them."""
        number = record.phone_number_id
        item = inbound_item(record, kind)
        self._tell(Happening(event="inbound", wamid=record.id, to=key, phone_number_id=number, item=item))

    def of_send(
        self, send: Send, event: str, item: LedgerItem | StatusItem | DeliveryItem, status: str | None = None
    ) -> None:
        """A send was accepted, reached a status, or had a webhook of it delivered."""
        self._tell(
            Happening(
                event=event,
                wamid=send.item.wamid,
                to=send.key or send.item.group_id,
                status=status,
                callback_data=send.item.biz_opaque_callback_data,
                phone_number_id=send.item.phone_number_id,
                item=item,
            )
        )

    def delivery(self, owed: WebhookQueued, to: str | None, item: DeliveryItem) -> None:
        """A webhook that is of no send was taken or given up."""
        self._tell(
            Happening(
                event="delivery",
                wamid=owed.about,
                to=to,
                status=owed.status,
                phone_number_id=owed.phone_number_id,
                item=item,
            )
        )

    def _tell(self, happening: Happening) -> None:
        self.all.append(happening)
        self._of[happening.wamid].append(happening)
        for listener in tuple(self.listeners):
            listener(happening)
