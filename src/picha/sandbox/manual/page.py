"""The documentation page: the OpenAPI document as a person reads it, written once, without any script."""

from collections.abc import Iterable

from picha.manual import writing
from picha.manual.fields import parameter_field
from picha.manual.operations import Operation, operations, titles
from picha.manual.schemas import Schema
from picha.manual.writing import POLICY, escaped, inline, prose
from picha.sandbox.manual import tables
from picha.sandbox.manual.curl import Commands
from picha.sandbox.manual.tables import Table
from picha.sandbox.ready import Ready

__all__ = ["POLICY", "page"]
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
    main = f"{_head(document, ready)}{body}{writer.webhooks()}{writer.refusals()}{''.join(map(_tables, _TABLES))}"
    return writing.frame("Picha sandbox: its calls", _contents(sections), main)


def _head(document: Schema, ready: Ready) -> str:
    facts = "".join(
        f"<dt>{name}</dt><dd><code>{escaped(getattr(ready, field))}</code></dd>"
        for name, field in _FACTS.items()
        if getattr(ready, field)
    )
    rows = [
        (number.display_phone_number, f"`{number.phone_number_id}`", f"`{number.waba_id}`", f"`{number.access_token}`")
        for number in ready.numbers
    ]
    numbers = Table(("number", "its id", "its account", "access token"), rows)
    return (
        f'<h1>Picha sandbox</h1>\n{prose(document["info"]["description"])}\n<dl class="facts">{facts}</dl>\n'
        f"{writing.table(*numbers) if len(rows) > 1 else ''}"
        "<p>Each command below can be pasted into a shell as it stands: a click selects it. Also here: "
        '<a href="/_sandbox/openapi.json">this page as an OpenAPI document</a>, '
        '<a href="/handset">the handset</a>, <a href="/_sandbox/ledger">the ledger</a>.</p>\n'
    )


def _contents(sections: dict[str, list[Operation]]) -> dict[str, writing.Links]:
    calls = {
        name: [(call.id, writing.call_link(call.method, call.path.removeprefix("/_sandbox"))) for call in some]
        for name, some in sections.items()
    }
    told = [("webhooks", "What your program is told"), ("refusals", "Refusals")]
    return {**calls, "Besides": [*told, *((place, title) for place, title, _, _ in _TABLES)]}


class _Writer:
    """Writes the parts of the page that show calls."""

    def __init__(self, document: Schema, ready: Ready) -> None:
        self._document = document
        self._components: Schema = document["components"]["schemas"]
        self._commands = Commands(document, ready)

    def section(self, name: str, calls: Iterable[Operation]) -> str:
        return f'<h2 id="{escaped(writing.slug(name))}">{escaped(name)}</h2>\n' + "".join(map(self._call, calls))

    def webhooks(self) -> str:
        told = self._document["webhooks"]["callback"]
        parts = "".join(
            f"<article><h3>{escaped(item['summary'])}</h3>"
            f'<p class="path">{writing.verb(method)} <code>your callback address</code></p>'
            f"{prose(item.get('description', ''))}{self._asked(item)}</article>\n"
            for method, item in told.items()
        )
        return f'<h2 id="webhooks">What your program is told</h2>\n{parts}'

    def _call(self, call: Operation) -> str:
        examples = "".join(self._example(call, title) for title in titles(call))
        return (
            f'<article id="{escaped(call.id)}">\n<h3>{inline(call.item["summary"])}</h3>\n'
            f'<p class="path">{writing.verb(call.method)} <code>{escaped(call.path)}</code></p>\n'
            f"{prose(call.item['description'])}\n{examples}{self._asked(call.item)}{self._answered(call.item)}"
            "</article>\n"
        )

    def _example(self, call: Operation, title: str) -> str:
        heading = f'<p class="title">{escaped(title)}</p>' if title else ""
        label = f"Command: {title or call.item['summary']}"
        return heading + writing.command(self._commands.write(call, title), label)

    def _asked(self, item: Schema) -> str:
        """Return the parameters and the body's fields, folded."""
        parts = writing.field_table(map(parameter_field, item.get("parameters", ())), is_asked=True)
        for media in item.get("requestBody", {}).get("content", {}).values():
            parts += self._shapes(media["schema"], is_asked=True)
        return writing.folded("Fields", parts)

    def _answered(self, item: Schema) -> str:
        shown: dict[str, list[str]] = {}
        for status, answer in item["responses"].items():
            if not status.endswith("XX"):
                shown.setdefault(self._answer(answer), []).append(status)
        parts = "".join(f"<h4>{' and '.join(statuses)}</h4>{answer}" for answer, statuses in shown.items())
        return writing.folded("Answers", f'{parts}<p>Or <a href="#refusals">a refusal</a>.</p>')

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
        return writing.shapes(schema, self._components, is_asked=is_asked)


def _tables(place: tuple[str, str, str, Iterable[object]]) -> str:
    anchor, title, text, makers = place
    shown = "".join(writing.table(*make()) for make in makers if callable(make))
    return f'<h2 id="{anchor}">{title}</h2>\n{prose(text)}\n{shown}'
