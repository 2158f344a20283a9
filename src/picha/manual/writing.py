"""The parts of a documentation page, which needs no script and nothing from elsewhere."""

import base64
import hashlib
import html
import re
from collections.abc import Iterable, Mapping, Sequence

from picha.manual.fields import Field, fields_of, prose_of
from picha.manual.schemas import Schema
from picha.manual.style import STYLE

_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy of a page: it may be styled by its one sheet, and nothing else."""

Links = Sequence[tuple[str, str]]
"""Places in the page, and what the link to each shows, in HTML."""


def frame(title: str, contents: Mapping[str, Links], main: str) -> str:
    """Return a page: its list of calls, by heading, beside what it says, in HTML."""
    parts = "".join(f"<h2>{escaped(name)}</h2>\n{_list(links)}\n" for name, links in contents.items())
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escaped(title)}</title>\n<style>{STYLE}</style>\n"
        '<a class="skip" href="#main">Skip the list of calls</a>\n'
        f'<div class="frame">\n<nav id="calls" aria-label="Calls">{parts}</nav>\n'
        f'<main id="main">\n<p class="narrow"><a href="#calls">All calls</a></p>\n{main}</main>\n</div>\n</html>\n'
    )


def _list(links: Links) -> str:
    return "<ul>" + "".join(f'<li><a href="#{escaped(place)}">{shown}</a></li>' for place, shown in links) + "</ul>"


def call_link(method: str, path: str) -> str:
    """Return how a call stands in the list: what varies is left out, and a line may break at each slash."""
    short = path if path.count("/") == 1 else re.sub(r"\{\w+\}", "…", path)
    return f"{verb(method)}<span>{escaped(short.replace('/', '/' + chr(0x200B)))}</span>"


def prose(text: str) -> str:
    """Return paragraphs of text, with what stands in backticks as code."""
    return "".join(f"<p>{inline(part)}</p>" for part in text.split("\n\n") if part.strip())


def shapes(schema: Schema, components: Schema, *, is_asked: bool) -> str:
    """Return the fields of a body, or of each that it may be."""
    parts = ""
    for choice in schema.get("anyOf", [schema]):
        struct = components.get(str(choice.get("$ref", "")).rpartition("/")[2], choice)
        parts += prose(prose_of(struct)) + field_table(fields_of(choice, components), is_asked=is_asked)
    return parts


def field_table(fields: Iterable[Field], *, is_asked: bool) -> str:
    """Return the fields in rows; where they are asked for, those that must be there say so."""
    needed = {True: ' <span class="needed">required</span>' * is_asked, False: ""}
    rows = "".join(
        f"<tr><td><code>{escaped(field.name)}</code>{needed[field.is_required]}</td>"
        f"<td>{escaped(field.type)}</td><td>{inline(field.meaning)}</td></tr>"
        for field in fields
    )
    head = "<tr><th>field</th><th>type</th><th>meaning</th></tr>"
    return f'<div class="wide" tabindex="0"><table class="fields">{head}{rows}</table></div>' if rows else ""


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return a table whose cells may have code in backticks."""
    shown = "".join(f"<th>{escaped(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{inline(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide" tabindex="0"><table><tr>{shown}</tr>{body}</table></div>\n'


def command(text: str, label: str) -> str:
    """Return a command that a click selects; `label` names it to whoever does not see it."""
    return f'<pre tabindex="0" aria-label="{escaped(label)}"><code>{escaped(text)}</code></pre>\n'


def folded(title: str, inner: str) -> str:
    """Return something that opens at a click, or nothing where there is nothing in it."""
    return f"<details><summary>{escaped(title)}</summary>{inner}</details>\n" if inner else ""


def verb(method: str) -> str:
    """Return the method of a call in its colour."""
    return f'<span class="method {escaped(method.lower())}">{escaped(method.upper())}</span>'


def slug(name: str) -> str:
    """Return a name as a place in the page."""
    return re.sub(r"\W+", "-", name.lower())


def inline(text: object) -> str:
    """Return text as HTML, with what stands in backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped(text))


def escaped(text: object) -> str:
    """Return text as HTML that means the text itself."""
    return html.escape(str(text))
