"""Draws docs/images/timeline.svg from a real run of the demo."""

import asyncio
import io
import re
import tempfile
from pathlib import Path

from rich.console import Console

from picha.cli.performance import perform
from picha.cli.story import tell

PICTURE = Path(__file__).parent.parent / "docs" / "images" / "timeline.svg"
# rich names its own site and fonts of an outside host; the reader's own monospace font serves as well.
_OUTSIDE = re.compile(r"\s*@font-face \{.*?\}\n|\s*<!-- Generated with Rich .*?-->", re.DOTALL)


def main() -> None:
    """Run the demo once and draw the table that it ends with."""
    with tempfile.TemporaryDirectory(prefix="picha-") as folder:
        events = asyncio.run(perform(Console(), Path(folder), None))
    console = Console(record=True, width=96, file=io.StringIO(), force_terminal=True, highlight=False)
    tell(console, events)
    svg = console.export_svg(title="make demo")
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(_OUTSIDE.sub("", svg).replace("Fira Code", "ui-monospace, Menlo, Consolas"))


if __name__ == "__main__":
    main()
