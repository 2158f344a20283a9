"""What happened last, in order, and those who listen for what happens next."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable

from picha.sandbox.happenings import DeliveryItem, Event, Happening, Inbound, OfSend, inbound_item
from picha.sandbox.on_the_way import Send
from picha.sandbox.records import StatusMade, WebhookQueued

# Some seven happen to a send. What is forgotten here is still in the journal, and a send's line in the ledger.
HAPPENINGS_MAX = 50_000


class Chronicle:
    """Keeps the last `most` things that happened, and tells each to every listener at once.

    `forgotten` counts those that came before.
    """

    def __init__(self, most: int = HAPPENINGS_MAX) -> None:
        self.listeners: set[Callable[[Happening | OfSend], None]] = set()
        self.forgotten = 0
        self._most = most
        self._all: deque[Happening | OfSend] = deque()
        self._of: defaultdict[str, list[Happening | OfSend]] = defaultdict(list)

    def of(self, wamid: str | None) -> Iterable[Happening | OfSend]:
        """Return what is remembered of one message, or of all, in order."""
        return self._all if wamid is None else self._of.get(wamid, ())

    def inbound(self, record: Inbound, kind: str, key: str) -> None:
        """A person wrote, or there is news about them."""
        number = record.phone_number_id
        item = inbound_item(record, kind)
        self._tell(Happening(event="inbound", wamid=record.id, to=key, phone_number_id=number, item=item))

    def of_send(
        self, event: Event, send: Send, what: StatusMade | DeliveryItem | None = None, participant: str | None = None
    ) -> None:
        """A send was accepted, reached a status, or had a webhook of it delivered."""
        self._tell(OfSend(event, send, what, participant))

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

    def _tell(self, happening: Happening | OfSend) -> None:
        self._all.append(happening)
        self._of[happening.wamid].append(happening)
        if len(self._all) > self._most:
            self._forget(self._all.popleft())
        for listener in tuple(self.listeners):
            listener(happening)

    def _forget(self, oldest: Happening | OfSend) -> None:
        self.forgotten += 1
        left = self._of[oldest.wamid]
        # What is the oldest of all is the oldest of its message.
        del left[0]
        if not left:
            del self._of[oldest.wamid]
