"""The world as the journal tells it: what is, who wrote, what is owed, and everything that happened, in order.

Only `apply` changes it, one record at a time, and it decides nothing.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import singledispatchmethod
from itertools import islice

import msgspec

from picha.cloudapi.limits import UPLOADED_MEDIA_LIFE
from picha.sandbox import records
from picha.sandbox.accounts import Accounts, AccountWish
from picha.sandbox.bell import Bell
from picha.sandbox.chance import Place
from picha.sandbox.chronicle import Chronicle
from picha.sandbox.clock import SandboxClock, from_stamp
from picha.sandbox.conversations import Conversations
from picha.sandbox.deliveries import Deliveries
from picha.sandbox.happenings import LedgerItem, delivery_item, ledger_item
from picha.sandbox.on_the_way import Send
from picha.sandbox.person import Group, Person, is_user_id, user_id_of
from picha.sandbox.subscriptions import Callback, Subscriptions


class World:
    """Everything one sandbox knows."""

    def __init__(self, clock: SandboxClock) -> None:
        self.clock = clock
        self.accounts = Accounts()
        self.seed: str | None = None
        # The accounts that were named at a start, None if none ever were.
        self.named: tuple[AccountWish, ...] | None = None
        self.record_count = 0
        self.placed: records.Placed | None = None
        self.media: dict[str, records.MediaStored] = {}
        # By key: the number, or the user id of those who hide theirs.
        self.people: dict[str, Person] = {}
        self.groups: dict[str, Group] = {}
        # Numbers of the business, each with a person who blocks it.
        self.blocked: set[tuple[str, str]] = set()
        # Numbers of the business, each with a person whom it blocks, in the order they came.
        self.barred: dict[tuple[str, str], None] = {}
        # Numbers of the business that have said whether they want the hash of people's identity keys.
        self.wants_identity: dict[str, bool] = {}
        self.conversations = Conversations(clock)
        self.moved: dict[str, str] = {}
        self.heard: dict[str, records.MessageHeard] = {}
        self.sends: dict[str, Send] = {}
        self.echoes: dict[str, records.Echoed] = {}
        self.owed: dict[str, records.WebhookQueued] = {}
        self.deliveries = Deliveries()
        self.callbacks = Subscriptions()
        self.chronicle = Chronicle()
        self.bell = Bell()
        self._by_user_id: dict[str, str] = {}
        # What people were known by, and what they were known by next.
        self._joined: dict[str, str] = {}

    # What a decision asks.

    def live_media(self, media_id: str, phone_number_id: str | None = None) -> records.MediaStored | None:
        """Return the media with this id if it is alive and, when asked, belongs to `phone_number_id`."""
        media = self.media.get(media_id)
        if media is None or self.clock.now().timestamp() >= media.expires_at:
            return None
        return media if phone_number_id in (None, media.phone_number_id) else None

    def key_of(self, wa_id: str | None, user_id: str | None) -> str:
        """Return what a person is known by: the number, also one that was told with the user id, else the user id."""
        return wa_id or self.wa_id_of(user_id or "") or user_id or ""

    def writer_of(self, heard: records.MessageHeard) -> str:
        """Return what the person who wrote a message is known by now, whatever they were known by then."""
        key = self.key_of(heard.wa_id, heard.user_id)
        while key in self._joined:
            key = self._joined[key]
        return key

    def person(self, key: str) -> Person:
        """Return the person with this number or user id, made up on the spot if they never wrote."""
        known = self.people.get(key)
        if known is not None:
            return known
        return Person(wa_id=None, user_id=key) if is_user_id(key) else Person(wa_id=key, user_id=user_id_of(key))

    def wa_id_of(self, user_id: str) -> str | None:
        """Return the number behind a business-scoped user id, if that person has ever shown it."""
        return self._by_user_id.get(user_id)

    def number_of(self, wamid: str) -> str | None:
        """Return the id of the number whose conversation a message is in, if there is such a message."""
        heard, send = self.heard.get(wamid), self.sends.get(wamid)
        if heard is not None:
            return heard.phone_number_id
        return None if send is None else send.accepted.phone_number_id

    def callback(self, phone_number_id: str) -> Callback | None:
        """Return where webhooks of a number go, if they go anywhere."""
        return self.callbacks.of(self.accounts.number(phone_number_id))

    def last_of_ledger(self, count: int) -> list[LedgerItem]:
        """Return the last `count` accepted sends in order."""
        return [ledger_item(send) for send in islice(reversed(self.sends.values()), count)][::-1]

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
                yield ledger_item(send)
            found = found or wamid == after

    def digests(self) -> set[str]:
        """Return the digests of the pictures that are of use: of media, and of links for as long as media lives."""
        young = self.clock.now().timestamp() - UPLOADED_MEDIA_LIFE.total_seconds()
        sends = (send for send in self.sends.values() if send.accepted.link is not None and send.accepted.at > young)
        linked = {send.sha256 for send in sends if send.sha256 is not None}
        return linked | {media.digest for media in self.media.values()}

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
        own = {"clock": self.clock, "accounts": self.accounts, "named": self.named, "bell": self.bell}
        other.conversations.clock, other.chronicle.listeners = self.clock, self.chronicle.listeners
        vars(self).update(vars(other) | own)
        self.bell.ring("world")

    def apply(self, record: records.AnyRecord) -> None:
        """Let a record that is on disk have happened."""
        self.record_count += 1
        # The same as `self._apply(record)`, which would make a new function each time.
        _deeds[type(record)](self, record)
        if self.bell.listeners:
            self.bell.heard(record)

    @singledispatchmethod
    def _apply(self, record: object) -> None:
        raise TypeError(f"the world knows no {type(record).__name__}")

    @_apply.register
    def _(self, record: records.Born) -> None:
        self.seed = record.seed

    @_apply.register
    def _(self, record: records.AccountsNamed) -> None:
        self.named = record.accounts

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
        key = self.key_of(record.wa_id, record.user_id)
        hidden = self.people.pop(record.user_id, None) if record.wa_id else None
        if hidden is not None:
            # One who had hidden their number shows it now.
            self._join(record.user_id, key)
        known = self.people.get(key) or hidden
        self.moved.pop(key, None)
        self._joined.pop(key, None)
        self.people[key] = Person(
            wa_id=None if is_user_id(key) else key,
            user_id=record.user_id,
            name=record.name or (known.name if known else None),
            username=record.username or (known.username if known else None),
            identity_key_hash=record.identity_key_hash or (known.identity_key_hash if known else None),
        )
        if record.wa_id is not None:
            self._by_user_id[record.user_id] = record.wa_id
        self.conversations.heard(record, key)
        if record.group_id is not None:
            group = self.groups.setdefault(record.group_id, Group(record.phone_number_id))
            group.participants |= {key: None}
        self.heard[record.id] = record
        self.chronicle.inbound(record, record.type, key)

    @_apply.register
    def _(self, record: records.MarkedRead) -> None:
        heard = self.heard.get(record.message_id)
        if heard is None:
            return
        self.conversations.marked(record, heard, self.writer_of(heard))

    @_apply.register
    def _(self, record: records.SendAccepted) -> None:
        send = self.sends[record.wamid] = Send.of(record)
        self.conversations.sent(record.phone_number_id, record.group_id or send.key, record.wamid)
        number, group = record.phone_number_id, self.groups.get(record.group_id or "")
        members = () if group is None else group.participants
        if members:
            send.participants = {key: "sent" for key in members if (number, key) not in self.blocked}
        send.is_withheld = not send.participants if send.is_for_group else (number, send.key) in self.blocked
        self.chronicle.of_send("send", send)

    @_apply.register
    def _(self, record: records.Echoed) -> None:
        self.echoes[record.id] = record
        self.conversations.sent(record.phone_number_id, record.person, record.id)

    @_apply.register
    def _(self, record: records.LinkFetched) -> None:
        send = self.sends.get(record.wamid)
        if send is None:
            return
        send.sha256 = record.sha256
        send.doom = record.doom
        send.is_link_due = False

    @_apply.register
    def _(self, record: records.StatusMade) -> None:
        send = self.sends.get(record.wamid)
        if send is None:
            return
        send.reach(record)
        for participant in record.participants or (None,):
            self.chronicle.of_send("status", send, record, participant)

    @_apply.register
    def _(self, record: records.PersonBlocked) -> None:
        pair = (record.phone_number_id, record.wa_id)
        if not record.is_blocked:
            self.blocked.discard(pair)
            return
        self.blocked.add(pair)
        for send in self.sends.values():
            if send.accepted.phone_number_id != record.phone_number_id:
                continue
            if send.is_for_group and send.participants.get(record.wa_id) == "sent":
                del send.participants[record.wa_id]
                send.is_withheld = not send.participants
            elif send.key == record.wa_id and send.status in (None, "sent"):
                send.is_withheld = True

    @_apply.register
    def _(self, record: records.UserBarred) -> None:
        for key in record.keys:
            self.barred.pop((record.phone_number_id, key), None)
            if record.is_barred:
                self.barred[record.phone_number_id, key] = None

    @_apply.register
    def _(self, record: records.SettingsChanged) -> None:
        self.wants_identity[record.phone_number_id] = record.identity_key_check

    @_apply.register
    def _(self, record: records.NumberChanged) -> None:
        self.people.pop(record.wa_id, None)
        self.people[record.new_wa_id] = Person(wa_id=record.new_wa_id, user_id=record.user_id, name=record.name)
        self._by_user_id.pop(record.previous_user_id, None)
        self._by_user_id[record.user_id] = record.new_wa_id
        self.moved[record.wa_id] = record.new_wa_id
        self.moved.pop(record.new_wa_id, None)
        self._join(record.wa_id, record.new_wa_id)
        self.chronicle.inbound(record, "system", record.wa_id)

    @_apply.register
    def _(self, record: records.UserIdChanged) -> None:
        old, new = record.wa_id or record.previous_user_id, record.wa_id or record.user_id
        # Each number of the business hears of it; what the first has changed stays.
        known = self.people.pop(old, None) or self.person(new)
        self.people[new] = msgspec.structs.replace(known, user_id=record.user_id)
        self._by_user_id.pop(record.previous_user_id, None)
        if record.wa_id is not None:
            self._by_user_id[record.user_id] = record.wa_id
        self._join(old, new)
        self.chronicle.inbound(record, "system", new)

    @_apply.register
    def _(self, record: records.GroupMade) -> None:
        self.groups[record.id] = Group(record.phone_number_id, dict.fromkeys(record.participants))

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
        item = delivery_item(owed, record)
        send, heard = self.sends.get(owed.about), self.heard.get(owed.about)
        if send is not None:
            self.chronicle.of_send("delivery", send, item)
        else:
            # A status on purpose of a message that nobody sent has nobody it is for.
            to = None if heard is None else self.key_of(heard.wa_id, heard.user_id)
            self.chronicle.delivery(owed, to, item)

    def _join(self, old: str, new: str) -> None:
        """Let a person who is known by something else now keep the places they had, and who blocks whom."""
        if old == new:
            return
        # Whoever is known by `new` is so from now on: no way leads from there to anything else.
        self._joined.pop(new, None)
        self._joined[old] = new
        self.blocked = {(number, new if key == old else key) for number, key in self.blocked}
        self.barred = {(number, new if key == old else key): None for number, key in self.barred}
        self.conversations.rename(old, new)
        for group in self.groups.values():
            group.participants = {new if key == old else key: None for key in group.participants}


_deeds = vars(World)["_apply"].dispatcher.registry
