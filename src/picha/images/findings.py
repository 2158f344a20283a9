"""Collects flaws and notes on the way through a file, the first of each code."""

from picha.images.facts import Flaw, Note

PARTS_MAX = 10_000

_SAVE_ANEW = "Open it in an image editor and save it anew."


class Findings:
    """Flaws and notes in the order they were met; a file that is broken in a thousand places is told once."""

    def __init__(self) -> None:
        self._flaws: dict[str, Flaw] = {}
        self._notes: dict[str, Note] = {}

    @property
    def flaws(self) -> tuple[Flaw, ...]:
        """Return the first flaw of each code."""
        return tuple(self._flaws.values())

    @property
    def notes(self) -> tuple[Note, ...]:
        """Return the first note of each code."""
        return tuple(self._notes.values())

    def corrupt(self, message: str) -> None:
        """Record that the file contradicts its own format."""
        self._flaw("corrupt", message, _SAVE_ANEW)

    def coding(self, message: str) -> None:
        """Record that the file is sound but coded in a way that phones do not read."""
        self._flaw("coding", message, _SAVE_ANEW)

    def truncated(self, what: str, size: int) -> None:
        """Record that the file ends early, after `size` bytes."""
        message = f"The {what} ends after {size:,} bytes, before its end mark."
        self._flaw("truncated", message, "Copy or download it again: the end is missing.")

    def zero_size(self, width: int, height: int) -> None:
        """Record that a side has no pixels."""
        self._flaw("zero_size", f"The header says {width} x {height} pixels.", _SAVE_ANEW)

    def too_many_parts(self, what: str) -> None:
        """Record that the walk was given up after `PARTS_MAX` parts."""
        self._flaw("too_many_parts", f"The file has more than {PARTS_MAX:,} {what}.", _SAVE_ANEW)

    def trailing(self, count: int) -> None:
        """Note bytes behind the picture's end, if there are any."""
        if count > 0:
            noun = "byte follows" if count == 1 else "bytes follow"
            self._note("trailing_bytes", f"{count:,} {noun} the end of the picture; they are not part of it.")

    def stray(self, at: int) -> None:
        """Note bytes between two parts that belong to neither."""
        self._note("stray_bytes", f"There are stray bytes at offset {at:,}.")

    def gps(self) -> None:
        """Note that the file tells where it was taken."""
        self._note("gps", "The picture carries the place where it was taken (GPS).")

    def _flaw(self, code: str, message: str, remedy: str) -> None:
        self._flaws.setdefault(code, Flaw(code, message, remedy))

    def _note(self, code: str, message: str) -> None:
        self._notes.setdefault(code, Note(code, message))
