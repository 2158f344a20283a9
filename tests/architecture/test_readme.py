"""The README leads nowhere that is not there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_link_of_the_readme_leads_to_a_file() -> None:
    links = re.findall(r"\]\(([^)#]+)", (ROOT / "README.md").read_text())

    assert links
    assert [link for link in links if "://" not in link and not (ROOT / link).is_file()] == []


def test_whoever_reads_the_readme_is_done_soon() -> None:
    """It has grown before: what belongs on a page of its own goes there."""
    assert len((ROOT / "README.md").read_text().splitlines()) <= 110
