"""Lists that are longer than a page, gone through so that nothing comes twice while new things arrive."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, Protocol, TypeVar

from picha.karibu.reads import Page
from picha.sdk.errands import Errand

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

OFFSET_MAX = 10_000
"""How far into a list the gateway counts on from its beginning."""


class Parts(Protocol[T_co]):
    """A list that comes in parts: `following` returns the next one, and None at the end."""

    def following(self) -> Errand[Sequence[T_co] | None]: ...  # noqa: D102 - see the class


@dataclass(frozen=True, slots=True)
class Question:
    """Which part of a list is asked for: so many passed over, behind the item with the id `before`."""

    offset: int = 0
    before: Hashable = None


Asked = Callable[[Question], Errand[Page[T]]]


class _Listed(Generic[T]):
    """A list by offset: what is new pushes the rest on, so that some of it is seen again, and dropped."""

    def __init__(self, asked: Asked[T], key: Callable[[T], Hashable], *, goes_on: bool) -> None:
        self._asked, self._key, self._goes_on = asked, key, goes_on
        self._seen: set[Hashable] = set()
        self._next: Question | None = Question()

    def following(self) -> Errand[Sequence[T] | None]:
        """Return what is new in the next page; it may be nothing."""
        question = self._next
        if question is None:
            return None
        page = yield from self._asked(question)
        fresh = [item for item in page.items if self._key(item) not in self._seen]
        self._seen.update(map(self._key, fresh))
        self._next = self._after(question, page)
        return fresh

    def _after(self, question: Question, page: Page[T]) -> Question | None:
        if len(page.items) < page.limit or not page.items:
            return None
        offset = question.offset + len(page.items)
        if offset <= OFFSET_MAX:
            return Question(offset, question.before)
        # Past the last offset the list is asked for from where it was left.
        return Question(0, self._key(page.items[-1])) if self._goes_on else None


def newest_first(asked: Asked[T], *, key: Callable[[T], Hashable], goes_on: bool = False) -> Parts[T]:
    """Go through a list whose items keep their places among one another.

    It `goes_on` past the last offset, if the list takes the `key` of an item as `Question.before`.
    """
    return _Listed(asked, key, goes_on=goes_on)


class _Moving(_Listed[T]):
    """A list whose items move to its head: at its end, what moved meanwhile is looked at again, for what was missed."""

    def __init__(self, asked: Asked[T], key: Callable[[T], Hashable], moved_at: Callable[[T], datetime | None]) -> None:
        super().__init__(self._asking(asked), key, goes_on=True)
        self._moved_at, self._began_at = moved_at, datetime.min.replace(tzinfo=UTC)
        self._pages, self._is_again = 0, False

    def _asking(self, asked: Asked[T]) -> Asked[T]:
        def look(question: Question) -> Errand[Page[T]]:
            page = yield from asked(question)
            moments = [moment for one in page.items if (moment := self._moved_at(one)) is not None]
            self._pages += 1
            if self._pages == 1 and moments:
                self._began_at = max(moments)
            self._is_past = not moments or min(moments) < self._began_at
            return page

        return look

    def _after(self, question: Question, page: Page[T]) -> Question | None:
        following = super()._after(question, page)
        if self._is_again:
            return None if self._is_past else following
        if following is None and self._pages > 1:
            self._is_again = True
            return Question()
        return following


def latest_first(
    asked: Asked[T], *, key: Callable[[T], Hashable], moved_at: Callable[[T], datetime | None]
) -> Parts[T]:
    """Go through a list whose items move to its head when something happens to them, and that takes a `before`."""
    return _Moving(asked, key, moved_at)
