"""The files of the handset's page: ours, small, and under one address that changes with any of them."""

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import NamedTuple

_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
TEMPLATE = "handset.html"


class PageFiles(NamedTuple):
    """The page's template, and each other file by its name; `digest` is of all of them."""

    template: str
    files: Mapping[str, bytes]
    digest: str


@cache
def page_files() -> PageFiles:
    """Return the files as they were installed."""
    folder = resources.files("picha.sandbox") / "page"
    files = {one.name: one.read_bytes() for one in sorted(folder.iterdir(), key=lambda one: one.name)}
    known = {name: data for name, data in files.items() if type_of(name) is not None}
    whole = hashlib.sha256(b"".join(name.encode() + b"\0" + data + b"\0" for name, data in known.items()))
    return PageFiles(files[TEMPLATE].decode(), known, whole.hexdigest()[:16])


def type_of(name: str) -> str | None:
    """Return the media type of a file that is served by its name, None of one that is not."""
    return _TYPES.get(name[name.rfind(".") :])
