"""Memory that is let go of goes back to the system, whatever the C library would rather keep."""

import ctypes
from contextlib import suppress

_M_MMAP_THRESHOLD = -3  # in glibc's malloc.h
_LARGE_BYTES = 1024 * 1024


def give_back_large_blocks() -> None:
    """Let blocks of a megabyte and more be mappings of their own, which end when they are freed.

    glibc raises that size to as much as 32 MB once such a block is freed, and cuts later ones out of heaps that hardly
    shrink: a process through which pictures went held on to 100 MB. Other C libraries have neither habit nor call.
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
