"""The documentation page: the OpenAPI document as a person reads it, written once, without any script."""

import base64
import hashlib
import html
import re
from collections.abc import Iterable

from picha.sandbox.manual import tables
from picha.sandbox.manual.curl import Commands, Operation, operations, titles
from picha.sandbox.manual.fields import Field, fields_of, parameter_field, prose_of
from picha.sandbox.manual.schemas import Schema
from picha.sandbox.manual.style import STYLE
from picha.sandbox.manual.tables import Table
from picha.sandbox.ready import Ready

_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_FACTS = {
    "Base URL": "base_url",
    "Access token": "access_token",
    "Phone number id": "phone_number_id",
    "Business account id": "waba_id",
    "App id": "app_id",
    "App secret": "app_secret",
    "Verify token": "verify_token",
    "Control token": "control_token",
}
_TABLES = (
    ("magic-recipients", "Magic recipients", tables.MAGIC, (tables.recipients,)),
    ("limits", "Limits", tables.LIMITS, (tables.rates, tables.sizes, tables.lives)),
)


def page(document: Schema, ready: Ready) -> str:
    """Return the page that shows a sandbox's document."""
    writer = _Writer(document, ready)
    sections = {
        tag["name"]: [call for call in operations(document) if tag["name"] in call.item["tags"]]
        for tag in document["tags"]
    }
    body = "".join(writer.section(name, calls) for name, calls in sections.items())
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Picha sandbox: its calls</title>\n<style>{STYLE}</style>\n"
        '<a class="skip" href="#main">Skip the list of calls</a>\n'
        f'<div class="frame">\n{_contents(sections)}\n<main id="main">\n{_head(document, ready)}{body}'
        f"{writer.webhooks()}{writer.refusals()}{''.join(map(_tables, _TABLES))}</main>\n</div>\n</html>\n"
    )


def _head(document: Schema, ready: Ready) -> str:
    facts = "".join(
        f"<dt>{name}</dt><dd><code>{_e(getattr(ready, field))}</code></dd>"
        for name, field in _FACTS.items()
        if getattr(ready, field)
    )
    rows = [
        (number.display_phone_number, f"`{number.phone_number_id}`", f"`{number.waba_id}`", f"`{number.access_token}`")
        for number in ready.numbers
    ]
    numbers = Table(("number", "its id", "its account", "access token"), rows)
    return (
        '<p class="narrow"><a href="#calls">All calls</a></p>\n'
        f'<h1>Picha sandbox</h1>\n{prose(document["info"]["description"])}\n<dl class="facts">{facts}</dl>\n'
        f"{_table(numbers) if len(rows) > 1 else ''}"
        "<p>Each command below can be pasted into a shell as it stands: a click selects it. Also here: "
        '<a href="/_sandbox/openapi.json">this page as an OpenAPI document</a>, '
        '<a href="/handset">the handset</a>, <a href="/_sandbox/ledger">the ledger</a>.</p>\n'
    )


def _contents(sections: dict[str, list[Operation]]) -> str:
    parts = []
    for name, calls in sections.items():
        links = "".join(
            f'<li><a href="#{_e(call.id)}">{_method(call)}<span>{_e(_short(call))}</span></a></li>' for call in calls
        )
        parts.append(f"<h2>{_e(name)}</h2>\n<ul>{links}</ul>\n")
    told = [("webhooks", "What your program is told"), ("refusals", "Refusals")]
    more = [*told, *((place, title) for place, title, _, _ in _TABLES)]
    links = "".join(f'<li><a href="#{place}">{title}</a></li>' for place, title in more)
    return f'<nav id="calls" aria-label="Calls">{"".join(parts)}<h2>Besides</h2>\n<ul>{links}</ul></nav>'


class _Writer:
    """Writes the parts of the page that show calls."""

    def __init__(self, document: Schema, ready: Ready) -> None:
        self._document = document
        self._components: Schema = document["components"]["schemas"]
        self._commands = Commands(document, ready)

    def section(self, name: str, calls: Iterable[Operation]) -> str:
        return f'<h2 id="{_e(_slug(name))}">{_e(name)}</h2>\n' + "".join(map(self._call, calls))

    def webhooks(self) -> str:
        told = self._document["webhooks"]["callback"]
        parts = "".join(
            f"<article><h3>{_e(item['summary'])}</h3>"
            f'<p class="path">{_verb(method)} <code>your callback address</code></p>'
            f"{prose(item.get('description', ''))}{self._asked(item)}</article>\n"
            for method, item in told.items()
        )
        return f'<h2 id="webhooks">What your program is told</h2>\n{parts}'

    def _call(self, call: Operation) -> str:
        examples = "".join(self._example(call, title) for title in titles(call))
        return (
            f'<article id="{_e(call.id)}">\n<h3>{_inline(call.item["summary"])}</h3>\n'
            f'<p class="path">{_method(call)} <code>{_e(call.path)}</code></p>\n{prose(call.item["description"])}\n'
            f"{examples}{self._asked(call.item)}{self._answered(call.item)}</article>\n"
        )

    def _example(self, call: Operation, title: str) -> str:
        heading = f'<p class="title">{_e(title)}</p>' if title else ""
        label = f"Command: {title or call.item['summary']}"
        command = _e(self._commands.write(call, title))
        return f'{heading}<pre tabindex="0" aria-label="{_e(label)}"><code>{command}</code></pre>\n'

    def _asked(self, item: Schema) -> str:
        """Return the parameters and the body's fields, folded."""
        parts = _fields([parameter_field(parameter) for parameter in item.get("parameters", ())], is_asked=True)
        for media in item.get("requestBody", {}).get("content", {}).values():
            parts += self._shapes(media["schema"], is_asked=True)
        return f"<details><summary>Fields</summary>{parts}</details>\n" if parts else ""

    def _answered(self, item: Schema) -> str:
        shown: dict[str, list[str]] = {}
        for status, answer in item["responses"].items():
            if not status.endswith("XX"):
                shown.setdefault(self._answer(answer), []).append(status)
        parts = "".join(f"<h4>{' and '.join(statuses)}</h4>{answer}" for answer, statuses in shown.items())
        refusal = '<p>Or <a href="#refusals">a refusal</a>.</p>'
        return f"<details><summary>Answers</summary>{parts}{refusal}</details>\n"

    def _answer(self, answer: Schema) -> str:
        content: Schema = answer.get("content", {})
        parts = prose("" if content else answer["description"])
        for media_type, media in content.items():
            is_json = media_type == "application/json"
            parts += self._shapes(media["schema"], is_asked=False) if is_json else prose(f"`{media_type}`")
        return parts

    def refusals(self) -> str:
        """Return the two forms of a refusal, once for all calls."""
        places = {"Of the Cloud API": "GraphRefusal", "Of the control API": "ControlRefusal"}
        shown = {title: self._shapes({"$ref": f"/{name}"}, is_asked=False) for title, name in places.items()}
        parts = "".join(f"<article><h3>{title}</h3>{table}</article>\n" for title, table in shown.items())
        return f'<h2 id="refusals">Refusals</h2>\n{parts}'

    def _shapes(self, schema: Schema, *, is_asked: bool) -> str:
        """Return the fields of a body, or of each that it may be."""
        parts = ""
        for choice in schema.get("anyOf", [schema]):
            struct = self._components.get(str(choice.get("$ref", "")).rpartition("/")[2], choice)
            about = prose(prose_of(struct))
            parts += about + _fields(list(fields_of(choice, self._components)), is_asked=is_asked)
        return parts


def prose(text: str) -> str:
    """Return paragraphs of text, with what stands in backticks as code."""
    return "".join(f"<p>{_inline(part)}</p>" for part in text.split("\n\n") if part.strip())


def _fields(fields: list[Field], *, is_asked: bool) -> str:
    if not fields:
        return ""
    needed = {True: ' <span class="needed">required</span>' * is_asked, False: ""}
    rows = "".join(
        f"<tr><td><code>{_e(field.name)}</code>{needed[field.is_required]}</td>"
        f"<td>{_e(field.type)}</td><td>{_inline(field.meaning)}</td></tr>"
        for field in fields
    )
    head = "<tr><th>field</th><th>type</th><th>meaning</th></tr>"
    return f'<div class="wide" tabindex="0"><table class="fields">{head}{rows}</table></div>'


def _tables(place: tuple[str, str, str, Iterable[object]]) -> str:
    anchor, title, text, makers = place
    shown = "".join(_table(make()) for make in makers if callable(make))
    return f'<h2 id="{anchor}">{title}</h2>\n{prose(text)}\n{shown}'


def _table(table: Table) -> str:
    head = "".join(f"<th>{_e(name)}</th>" for name in table.head)
    rows = "".join("<tr>" + "".join(f"<td>{_inline(cell)}</td>" for cell in row) + "</tr>" for row in table.rows)
    return f'<div class="wide" tabindex="0"><table><tr>{head}</tr>{rows}</table></div>\n'


def _method(call: Operation) -> str:
    return _verb(call.method)


def _verb(method: str) -> str:
    return f'<span class="method {_e(method.lower())}">{_e(method.upper())}</span>'


def _short(call: Operation) -> str:
    """Return a path for the list of calls: what varies is left out, and a line may break at each slash."""
    path = call.path.removeprefix("/_sandbox")
    return (path if path.count("/") == 1 else re.sub(r"\{\w+\}", "…", path)).replace("/", "/\u200b")


def _slug(name: str) -> str:
    return re.sub(r"\W+", "-", name.lower())


def _inline(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", _e(text))


def _e(text: object) -> str:
    return html.escape(str(text))
