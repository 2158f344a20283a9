"""The world as the journal tells it: what is, who wrote, what is owed, and everything that happened, in order.

Only `apply` changes it, one record at a time, and it decides nothing.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import singledispatchmethod

from picha.cloudapi.limits import SERVICE_WINDOW, TYPING_LIFE
from picha.sandbox import records
from picha.sandbox.accounts import Accounts
from picha.sandbox.chance import Place
from picha.sandbox.clock import SandboxClock, from_stamp
from picha.sandbox.deliveries import Deliveries
from picha.sandbox.happenings import DeliveryItem, Happening, InboundItem, LedgerItem, StatusItem
from picha.sandbox.on_the_way import Send
from picha.sandbox.person import Person, user_id_of
from picha.sandbox.subscriptions import Callback, Subscriptions


class World:
    """Everything one sandbox knows."""

    def __init__(self, clock: SandboxClock) -> None:
        self.clock = clock
        self.accounts = Accounts()
        self.seed: str | None = None
        self.record_count = 0
        self.placed: records.Placed | None = None
        self.media: dict[str, records.MediaStored] = {}
        self.people: dict[str, Person] = {}
        self.blocked: set[tuple[str, str]] = set()
        self.moved: dict[str, str] = {}
        self.heard: dict[str, records.MessageHeard] = {}
        self.sends: dict[str, Send] = {}
        self.owed: dict[str, records.WebhookQueued] = {}
        self.deliveries = Deliveries()
        self.callbacks = Subscriptions()
        self.happenings: list[Happening] = []
        self._happenings_of: defaultdict[str, list[Happening]] = defaultdict(list)
        self.listeners: set[Callable[[Happening], None]] = set()
        self._last_heard: dict[tuple[str, str], float] = {}
        self._unread: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        self._typing_since: dict[tuple[str, str], float] = {}
        self._by_user_id: dict[str, str] = {}

    # What a decision asks.

    def live_media(self, media_id: str, phone_number_id: str | None = None) -> records.MediaStored | None:
        """Return the media with this id if it is alive and, when asked, belongs to `phone_number_id`."""
        media = self.media.get(media_id)
        if media is None or self.clock.now().timestamp() >= media.expires_at:
            return None
        return media if phone_number_id in (None, media.phone_number_id) else None

    def is_window_open(self, phone_number_id: str, wa_id: str) -> bool:
        """Tell whether this person wrote to this number within the last 24 hours of the sandbox's clock."""
        closes_at = self.window_closes_at(phone_number_id, wa_id)
        return closes_at is not None and self.clock.now() < closes_at

    def window_closes_at(self, phone_number_id: str, wa_id: str) -> datetime | None:
        """Return when the window that this person opened last closes or closed, None if they never opened one."""
        last = self._last_heard.get((phone_number_id, wa_id))
        return None if last is None else from_stamp(last) + SERVICE_WINDOW

    def is_typing(self, phone_number_id: str, wa_id: str) -> bool:
        """Tell whether this person sees the number typing: for 25 seconds, or until it sends something."""
        since = self._typing_since.get((phone_number_id, wa_id))
        return since is not None and self.clock.now() < from_stamp(since) + TYPING_LIFE

    def unread(self, phone_number_id: str, wa_id: str) -> list[str]:
        """Return the ids of this person's messages that the number has not marked as read, the oldest first."""
        return list(self._unread.get((phone_number_id, wa_id), ()))

    def person(self, wa_id: str) -> Person:
        """Return the person with this number, made up on the spot if nobody has written from it."""
        return self.people.get(wa_id) or Person(wa_id=wa_id, user_id=user_id_of(wa_id))

    def wa_id_of(self, user_id: str) -> str | None:
        """Return the number behind a business-scoped user id, if that person has ever written."""
        return self._by_user_id.get(user_id)

    def numbers_of(self, wa_id: str) -> list[str]:
        """Return the ids of the business's numbers that this person has written to."""
        return [number for number, person in self._last_heard if person == wa_id]

    def number_of(self, wamid: str) -> str | None:
        """Return the id of the number whose conversation a message is in, if there is such a message."""
        heard, send = self.heard.get(wamid), self.sends.get(wamid)
        if heard is not None:
            return heard.phone_number_id
        return None if send is None else send.item.phone_number_id

    def callback(self, phone_number_id: str) -> Callback | None:
        """Return where webhooks of a number go, if they go anywhere."""
        return self.callbacks.of(self.accounts.number(phone_number_id))

    def ledger(self, after: str | None, limit: int) -> Iterator[LedgerItem]:
        """Yield up to `limit` accepted sends in order, from the one after the wamid `after`.

        Raises:
            KeyError: no send has the wamid `after`.
        """
        if after is not None and after not in self.sends:
            raise KeyError(after)
        found = after is None
        for wamid, send in self.sends.items():
            if limit <= 0:
                return
            if found:
                limit -= 1
                yield send.item
            found = found or wamid == after

    def happened(self, wamid: str | None) -> list[Happening]:
        """Return everything that happened to one message, or everything at all, in order."""
        return self.happenings if wamid is None else self._happenings_of.get(wamid, [])

    def chance(self) -> Place:
        """Return where ids go on after a start: at a place of their own, so that none is ever given twice."""
        placed = self.placed
        if placed is not None and placed.record_count == self.record_count:
            # Nothing has happened since it was told anew.
            return placed.chance
        seed = placed.chance.seed if placed else self.seed or ""
        return Place(seed=seed, start=self.record_count)

    # What changes it.

    def become(self, other: "World") -> None:
        """Be another world from now on, of the same accounts; whoever listens hears what happens in it."""
        self.clock.place(other.clock.shift, other.clock.frozen_at)
        own = {"clock": self.clock, "accounts": self.accounts, "listeners": self.listeners}
        vars(self).update(vars(other) | own)

    def apply(self, record: records.AnyRecord) -> None:
        """Let a record that is on disk have happened."""
        self.record_count += 1
        self._apply(record)

    @singledispatchmethod
    def _apply(self, record: object) -> None:
        raise TypeError(f"the world knows no {type(record).__name__}")

    @_apply.register
    def _(self, record: records.Born) -> None:
        self.seed = record.seed

    @_apply.register
    def _(self, _record: records.Renewed) -> None:
        fresh = World(self.clock.another())
        # As in a world that has heard of its birth alone.
        fresh.seed, fresh.record_count = self.seed, 1
        fresh.callbacks = self.callbacks
        self.become(fresh)

    @_apply.register
    def _(self, record: records.Placed) -> None:
        self.record_count, self.placed = record.record_count, record

    @_apply.register
    def _(self, record: records.ClockPlaced) -> None:
        frozen_at: datetime | None = None if record.frozen_at is None else from_stamp(record.frozen_at)
        self.clock.place(timedelta(seconds=record.shift), frozen_at)

    @_apply.register
    def _(self, record: records.MediaStored) -> None:
        self.media[record.id] = record

    @_apply.register
    def _(self, record: records.MediaDeleted) -> None:
        self.media.pop(record.id, None)

    @_apply.register
    def _(self, record: records.CallbackSet) -> None:
        self.callbacks.apply(record)

    @_apply.register
    def _(self, record: records.MessageHeard) -> None:
        known = self.people.get(record.wa_id)
        self.moved.pop(record.wa_id, None)
        self.people[record.wa_id] = Person(
            wa_id=record.wa_id,
            user_id=record.user_id,
            name=record.name or (known.name if known else None),
            identity_key_hash=record.identity_key_hash or (known.identity_key_hash if known else None),
        )
        self._by_user_id[record.user_id] = record.wa_id
        if record.opens_window:
            self._last_heard[record.phone_number_id, record.wa_id] = record.at
        self.heard[record.id] = record
        self._unread[record.phone_number_id, record.wa_id].append(record.id)
        item = InboundItem(
            message_id=record.id,
            phone_number_id=record.phone_number_id,
            from_=record.wa_id,
            type=record.type,
            media_id=record.media_id,
            at=from_stamp(record.at),
        )
        self._tell_inbound(item)

    @_apply.register
    def _(self, record: records.MarkedRead) -> None:
        heard = self.heard.get(record.message_id)
        if heard is None:
            return
        key = heard.phone_number_id, heard.wa_id
        unread = self._unread[key]
        if record.message_id in unread:
            del unread[: unread.index(record.message_id) + 1]
        if record.typing:
            self._typing_since[key] = record.at

    @_apply.register
    def _(self, record: records.SendAccepted) -> None:
        self._typing_since.pop((record.phone_number_id, record.to or ""), None)
        send = self.sends[record.wamid] = Send(record)
        send.is_withheld = record.to is not None and (record.phone_number_id, record.to) in self.blocked
        self._tell_of(send, "send", send.item)

    @_apply.register
    def _(self, record: records.LinkFetched) -> None:
        send = self.sends.get(record.wamid)
        if send is None:
            return
        send.item.sha256 = record.sha256
        send.doom = record.doom
        send.is_link_due = False

    @_apply.register
    def _(self, record: records.StatusMade) -> None:
        send = self.sends.get(record.wamid)
        if send is None:
            return
        send.status = record.status
        item = StatusItem(
            wamid=record.wamid,
            status=record.status,
            to=send.item.to,
            recipient=send.item.recipient,
            biz_opaque_callback_data=send.item.biz_opaque_callback_data,
            code=record.code,
            details=record.details,
            at=from_stamp(record.at),
        )
        self._tell_of(send, "status", item, record.status)

    @_apply.register
    def _(self, record: records.PersonBlocked) -> None:
        pair = (record.phone_number_id, record.wa_id)
        if not record.is_blocked:
            self.blocked.discard(pair)
            return
        self.blocked.add(pair)
        for send in self.sends.values():
            if (send.item.phone_number_id, send.item.to) == pair and send.status in (None, "sent"):
                send.is_withheld = True

    @_apply.register
    def _(self, record: records.NumberChanged) -> None:
        self.people.pop(record.wa_id, None)
        self.people[record.new_wa_id] = Person(wa_id=record.new_wa_id, user_id=record.user_id, name=record.name)
        self._by_user_id.pop(record.previous_user_id, None)
        self._by_user_id[record.user_id] = record.new_wa_id
        self.moved[record.wa_id] = record.new_wa_id
        self.moved.pop(record.new_wa_id, None)
        item = InboundItem(
            message_id=record.id,
            phone_number_id=record.phone_number_id,
            from_=record.wa_id,
            type="system",
            media_id=None,
            at=from_stamp(record.at),
        )
        self._tell_inbound(item)

    @_apply.register
    def _(self, record: records.WebhookQueued) -> None:
        self.owed[record.id] = record
        self.deliveries.queued(record)

    @_apply.register
    def _(self, record: records.WebhookSettled) -> None:
        owed = self.owed.pop(record.id, None)
        if owed is None:
            return
        self.deliveries.settled(record)
        item = DeliveryItem(
            id=record.id,
            kind=owed.kind,
            about=owed.about,
            status=owed.status,
            url=owed.url,
            taken=record.taken,
            attempts=record.attempts,
            http=record.http,
            at=from_stamp(record.at),
        )
        send, heard = self.sends.get(owed.about), self.heard.get(owed.about)
        if send is not None:
            self._tell_of(send, "delivery", item, owed.status)
        else:
            # A status on purpose of a message that nobody sent has nobody it is for.
            to = None if heard is None else heard.wa_id
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

    def _tell_inbound(self, item: InboundItem) -> None:
        self._tell(
            Happening(
                event="inbound",
                wamid=item.message_id,
                to=item.from_,
                phone_number_id=item.phone_number_id,
                item=item,
            )
        )

    def _tell_of(
        self, send: Send, event: str, item: LedgerItem | StatusItem | DeliveryItem, status: str | None = None
    ) -> None:
        self._tell(
            Happening(
                event=event,
                wamid=send.item.wamid,
                to=send.item.to,
                status=status,
                callback_data=send.item.biz_opaque_callback_data,
                phone_number_id=send.item.phone_number_id,
                item=item,
            )
        )

    def _tell(self, happening: Happening) -> None:
        self.happenings.append(happening)
        self._happenings_of[happening.wamid].append(happening)
        for listener in tuple(self.listeners):
            listener(happening)
