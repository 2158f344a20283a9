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

# What is written in parts and served as one, since each file is a request: a page's script comes with all it imports.
_SHEETS = {"conversations.css": ("list.css", "thread.css", "composer.css")}
_SCRIPTS = ("shell.js", "list.js", "thread.js", "story.js", "desk.js", "clock.js")
_IMPORT = re.compile(r'^import (?:\{ ([^}]+) \} from )?"([^"]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:(?:async )?function|class|const) (?:\{ )?(\w+))", re.MULTILINE)

Shape = Literal["thumb", "shown", "full"]

_HERE = Path(__file__).parent
_HASH_CHARACTERS = 16
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".webmanifest": "application/json"}


def picture_url(file: UUID, shape: Shape) -> str:
    """Return the address of a picture: a thumbnail of it, as customers see it, or to be saved as it came."""
    return f"/inbox/pictures/{file}/{shape}"


def _joined(modules: Mapping[str, str], entry: str) -> str:
    """Make one script of a module and of all that it imports, each in a scope of its own behind those that it needs.

    What a module exports is a constant, and there is one name in each `export`; all else a browser refuses to read.
    """
    scopes: dict[str, str] = {}

    def add(module: str) -> None:
        text, imported = modules[module], ""
        for names, path in _IMPORT.findall(text):
            other = posixpath.normpath(posixpath.join(posixpath.dirname(module), path))
            if other not in scopes:
                add(other)
            imported += f"const {{ {names} }} = {_variable(other)};\n"
        exported, text = ", ".join(_EXPORT.findall(text)), _EXPORT.sub("", _IMPORT.sub("", text))
        scopes[module] = f"const {_variable(module)} = (() => {{\n{imported}{text}return {{ {exported} }};\n}})();\n"

    add(entry)
    return "".join(scopes.values())


def _variable(module: str) -> str:
    return re.sub(r"\W", "_", module)


class Looks:
    """The templates, and the files that pages load.

    All files share one hash: a page gets those that it was written with.
    """

    def __init__(self) -> None:
        folder = _HERE / "static"
        found = sorted(path for path in folder.rglob("*") if path.is_file())
        self._files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
        for sheet, parts in _SHEETS.items():
            self._files[sheet] = b"".join(self._files[part] for part in parts)
        modules = {name: self._files.pop(name).decode() for name in list(self._files) if name.endswith(".js")}
        self._files |= {name: _joined(modules, name).encode() for name in _SCRIPTS}
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
