"""What pages are drawn from: templates, and the files beside them, read once and served under their content's hash."""

import hashlib
import mimetypes
import posixpath
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from uuid import UUID

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from picha.gateway.inbox.links import linked
from picha.gateway.inbox.numerals import masked, spaced

# What is written in parts and served as one, since each file is a request: of a script, those before which others need.
_SHEETS = {"conversations.css": ("list.css", "thread.css", "composer.css")}
_SCRIPTS = {
    "list.js": (
        *(f"list/{part}.js" for part in ("row", "asking", "lines", "end", "looking", "renewing", "keys")),
        "list.js",
    )
}
_IMPORT = re.compile(r'^import (?:\{ ([^}]+) \} from )?"([^"]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export ", re.MULTILINE)

Shape = Literal["thumb", "shown", "full"]

_HERE = Path(__file__).parent
_HASH_CHARACTERS = 16
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".webmanifest": "application/json"}


def picture_url(file: UUID, shape: Shape) -> str:
    """Return the address of a picture: a thumbnail of it, as customers see it, or to be saved as it came."""
    return f"/inbox/pictures/{file}/{shape}"


def _joined(parts: Mapping[str, str]) -> str:
    """Make one module of some that have no name twice; they import from each other, and from what lies beside it."""
    others: dict[str, set[str]] = {}
    for part, text in parts.items():
        for names, path in _IMPORT.findall(text):
            there = posixpath.normpath(posixpath.join(posixpath.dirname(part), path))
            if there not in parts:
                others.setdefault(there, set()).update(names.split(", "))
    imports = [f'import {{ {", ".join(sorted(names))} }} from "./{there}";\n' for there, names in others.items()]
    return "".join([*imports, *(_EXPORT.sub("", _IMPORT.sub("", text)) for text in parts.values())])


class Looks:
    """The templates, and the files that pages load.

    All files share one hash: a module that imports another by a relative path gets the one it was written with.
    """

    def __init__(self) -> None:
        folder = _HERE / "static"
        found = sorted(path for path in folder.rglob("*") if path.is_file())
        self._files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
        for sheet, parts in _SHEETS.items():
            self._files[sheet] = b"".join(self._files[part] for part in parts)
        for script, sources in _SCRIPTS.items():
            self._files[script] = _joined({part: self._files.pop(part).decode() for part in sources}).encode()
        whole = hashlib.sha256()
        for name, content in self._files.items():
            whole.update(f"{name}\0{len(content)}\0".encode() + content)
        self.hash = whole.hexdigest()[:_HASH_CHARACTERS]
        self._templates = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates.globals |= {"static": self.address, "icon": self.icon, "picture_url": picture_url}
        self._templates.filters |= {"masked": masked, "spaced": spaced, "linked": linked}

    def address(self, name: str) -> str:
        """Return the address of a file; raises KeyError where there is none."""
        assert name in self._files, name  # noqa: S101 - a template names what is there
        return f"/inbox/static/{self.hash}/{name}"

    def icon(self, name: str) -> Markup:
        """Return a drawing of `static/icons` as a part of the page; it says nothing to who cannot see it."""
        drawing = self._files[f"icons/{name}.svg"].decode()
        return Markup(drawing.replace("<svg", '<svg class="icon" aria-hidden="true" focusable="false"', 1))  # noqa: S704 - ours

    def file(self, name: str) -> tuple[bytes, str] | None:
        """Return a file's content and type."""
        content = self._files.get(name)
        if content is None:
            return None
        return content, _TYPES.get(Path(name).suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"

    def draw(self, template: str, **context: object) -> str:
        """Return a template as it reads with these words; whatever they contain is text, and no markup."""
        return self._templates.get_template(template).render(**context)
