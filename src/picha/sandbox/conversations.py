"""What there is between each number of the business and each person or group: what was said, the window, typing."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime

from picha.cloudapi.limits import SERVICE_WINDOW, TYPING_LIFE
from picha.sandbox.clock import SandboxClock, from_stamp
from picha.sandbox.records import MarkedRead, MessageHeard

_Pair = tuple[str, str]


class Conversations:
    """Every conversation by the number's id and the key of the person, or the id of the group."""

    def __init__(self, clock: SandboxClock) -> None:
        self.clock = clock
        self._met: dict[_Pair, None] = {}
        self._last_heard: dict[_Pair, float] = {}
        # Each message by its id, with its place among all that were ever heard.
        self._unread: defaultdict[_Pair, dict[str, int]] = defaultdict(dict)
        self._heard_count = 0
        self._typing_since: dict[_Pair, float] = {}
        # The ids of messages in both directions, in order.
        self._said: defaultdict[_Pair, list[str]] = defaultdict(list)

    def is_open(self, phone_number_id: str, key: str) -> bool:
        """Tell whether this person or group wrote to this number within the last 24 hours of the sandbox's clock."""
        closes_at = self.window_closes_at(phone_number_id, key)
        return closes_at is not None and self.clock.now() < closes_at

    def window_closes_at(self, phone_number_id: str, key: str) -> datetime | None:
        """Return when the window that they opened last closes or closed, None if they never opened one."""
        last = self._last_heard.get((phone_number_id, key))
        return None if last is None else from_stamp(last) + SERVICE_WINDOW

    def is_typing(self, phone_number_id: str, key: str) -> bool:
        """Tell whether they see the number typing: for 25 seconds, or until it sends something."""
        since = self._typing_since.get((phone_number_id, key))
        return since is not None and self.clock.now() < from_stamp(since) + TYPING_LIFE

    def unread(self, phone_number_id: str, key: str) -> list[str]:
        """Return the ids of their messages that the number has not marked as read, the oldest first."""
        return list(self._unread.get((phone_number_id, key), ()))

    def numbers_of(self, key: str) -> list[str]:
        """Return the ids of the business's numbers that this person has written to, in groups too."""
        return [number for number, person in self._met if person == key]

    def all(self) -> Iterator[tuple[str, str]]:
        """Yield each conversation in which anything was said: the number's id, and the person's key or the group's."""
        yield from self._said

    def said(self, phone_number_id: str, key: str) -> Sequence[str]:
        """Return the ids of what was said in a conversation, by either side, in order."""
        return self._said.get((phone_number_id, key), ())

    # What changes them.

    def heard(self, record: MessageHeard, key: str) -> None:
        """A person wrote."""
        place = record.phone_number_id, record.group_id or key
        self._met[record.phone_number_id, key] = None
        if record.opens_window:
            self._last_heard[place] = record.at
        self._heard_count += 1
        self._unread[place][record.id] = self._heard_count
        self._said[place].append(record.id)

    def marked(self, record: MarkedRead, heard: MessageHeard, key: str) -> None:
        """The number marked what this person wrote as read, and with it all that is earlier there."""
        place = heard.phone_number_id, heard.group_id or key
        unread = self._unread[place]
        last = unread.get(heard.id, 0)
        self._unread[place] = {message: count for message, count in unread.items() if count > last}
        if record.typing:
            self._typing_since[place] = record.at

    def sent(self, phone_number_id: str, key: str, wamid: str) -> None:
        """The number sent something to this person or group."""
        self._said[phone_number_id, key].append(wamid)
        self._typing_since.pop((phone_number_id, key), None)

    def rename(self, old: str, new: str) -> None:
        """Let a person be known by something else, with all but the window, which is still the old one's."""
        self._met = {(number, new if key == old else key): None for number, key in self._met}
        for number, key in [place for place in self._unread if place[1] == old]:
            both = self._unread.pop((number, key)) | self._unread[number, new]
            self._unread[number, new] = dict(sorted(both.items(), key=lambda one: one[1]))
        for number, key in [place for place in self._said if place[1] == old]:
            # What was said with the old one comes first, whenever it was said.
            self._said[number, new] = self._said.pop((number, key)) + self._said.get((number, new), [])
        for number, key in [place for place in self._typing_since if place[1] == old]:
            since = self._typing_since.pop((number, key))
            self._typing_since[number, new] = max(since, self._typing_since.get((number, new), since))
