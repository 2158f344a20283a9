"""What it takes for a name to outlive a power cut."""

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Return once the names in a folder are durable: new, renamed and removed ones.

    Raises:
        OSError: there is no such folder, or the disk refused.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
