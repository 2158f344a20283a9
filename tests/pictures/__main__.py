"""Write the odd pictures into a folder: `python -m tests.pictures FOLDER`."""

import sys
from pathlib import Path

from tests.pictures import ODD

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
for odd in ODD:
    (folder / odd.name).write_bytes(odd.make())
print(f"{len(ODD)} files in {folder}")  # noqa: T201 - a script's one line
