"""Whose phones are in somebody's hands: what is sent to them is read when it is seen there, and not by itself."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Screens:
    """The people whose phones are shown, each by the number, or the user id without one.

    `on_dark` hears of each person whose last phone went dark.
    """

    def __init__(self) -> None:
        self._lit: Counter[str] = Counter()
        self.on_dark: set[Callable[[str], None]] = set()

    def shows(self, key: str) -> bool:
        """Tell whether this person's phone is shown anywhere."""
        return key in self._lit

    @contextmanager
    def showing(self, key: str) -> Iterator[None]:
        """Show a person's phone as long as the context is open."""
        self._lit[key] += 1
        try:
            yield
        finally:
            self._lit[key] -= 1
            if not self._lit[key]:
                del self._lit[key]
                for listener in tuple(self.on_dark):
                    listener(key)
