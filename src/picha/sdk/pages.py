"""Lists that are longer than a page, gone through so that nothing comes twice while new things arrive."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, Protocol, TypeVar

from picha.karibu.reads import Page
from picha.sdk.errands import Errand

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

OFFSET_MAX = 10_000
"""How far into a list the gateway counts on from its beginning."""

# Two processes of a gateway may not have quite the same time, and ids tell their order.
_SLACK = timedelta(seconds=1)


class Parts(Protocol[T_co]):
    """A list that comes in parts: `following` returns the next one, and None at the end."""

    def following(self) -> Errand[Sequence[T_co] | None]: ...  # noqa: D102 - see the class


@dataclass(frozen=True, slots=True)
class Question:
    """Which part of a list is asked for: so many passed over, and only what was made before a moment."""

    offset: int = 0
    until: datetime | None = None


Asked = Callable[[Question], Errand[Page[T]]]


class _Listed(Generic[T]):
    """A list by offset: what is new pushes the rest on, so that some of it is seen again, and dropped."""

    def __init__(self, asked: Asked[T], key: Callable[[T], Hashable], made_at: Callable[[T], datetime] | None) -> None:
        self._asked, self._key, self._made_at = asked, key, made_at
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
            return Question(offset, question.until)
        if self._made_at is None:
            return None
        # Past the last offset the list is asked for anew, from where it was left.
        oldest = self._made_at(page.items[-1])
        until = oldest + _SLACK
        if question.until is not None and until >= question.until:
            until = min(oldest + timedelta(microseconds=1), question.until - timedelta(microseconds=1))
        return Question(0, until)


def newest_first(
    asked: Asked[T], *, key: Callable[[T], Hashable], made_at: Callable[[T], datetime] | None = None
) -> Parts[T]:
    """Go through a list whose items keep their places among one another.

    However long it is, if `made_at` tells what `Question.until` is about; otherwise as far as the last offset.
    """
    return _Listed(asked, key, made_at)


class _Moving(_Listed[T]):
    """A list whose items move to its head: at its end, what moved meanwhile is looked at again, for what was missed."""

    def __init__(self, asked: Asked[T], key: Callable[[T], Hashable], moved_at: Callable[[T], datetime | None]) -> None:
        super().__init__(self._asking(asked), key, None)
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
    """Go through a list whose items move to its head when something happens to them."""
    return _Moving(asked, key, moved_at)
