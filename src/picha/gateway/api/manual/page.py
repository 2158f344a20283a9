"""The documentation page: the OpenAPI document as a person reads it, and every error code, without any script."""

from collections.abc import Iterable

from picha.gateway.api.manual.curl import command, setting
from picha.gateway.api.manual.openapi import FROM_META
from picha.karibu.errors import FAILURES, RETRYABLE, STATUS, WORDS, Code, Words
from picha.manual import writing
from picha.manual.fields import parameter_field
from picha.manual.operations import Operation, operations, titles
from picha.manual.schemas import Schema
from picha.manual.writing import escaped, inline, prose

_UPLOAD = "A file"
_ERRORS = """Every error carries one of these codes, which are stable, and a sentence that says what to do. Bare answers
have the sentence alone."""
_FAILURES = """A send that was accepted and failed later has an `error_code`: a number of Meta's, with the remedy in
`error_detail`, or one of these words of ours."""
_LIMITS = """`RateLimit-Policy` tells how many requests a key may make in how many seconds (`q`, `w`), and `RateLimit`
how many are left at once and in how many seconds all are (`r`, `t`), as draft-ietf-httpapi-ratelimit-headers-10 has it.
Past it the answer is 429 `RATE_LIMITED`, with `Retry-After`. Each process of the gateway counts by itself."""


def page(document: Schema, here: str) -> str:
    """Return the page that shows the document of the gateway whose address is `here`."""
    writer = _Writer(document)
    sections = {
        tag["name"]: [call for call in operations(document) if tag["name"] in call.item["tags"]]
        for tag in document["tags"]
    }
    first = [name for name in sections if not name.startswith(("The ", "From "))]
    ordered = {name: sections[name] for name in (*first, *(name for name in sections if name not in first))}
    body = "".join(writer.section(name, calls) for name, calls in ordered.items())
    main = f"{_head(document, here)}{body}{writer.envelope()}{_rate_limits()}{_errors()}{_failures()}"
    return writing.frame("Picha: its calls", _contents(ordered), main)


def _head(document: Schema, here: str) -> str:
    return (
        f"<h1>Picha</h1>\n{prose(document['info']['description'])}\n"
        "<p>The commands below work in a shell that knows this; a click selects one. What stands for your own ids in "
        "them begins with <code>01900000</code>. Also here: "
        '<a href="/openapi.json">this page as an OpenAPI document</a>.</p>\n'
        f"{writing.command(setting(here), 'What the commands need')}"
    )


def _contents(sections: dict[str, list[Operation]]) -> dict[str, writing.Links]:
    calls = {
        name: [(call.id, writing.call_link(call.method, _short(call.path))) for call in some]
        for name, some in sections.items()
    }
    errors = [(str(code), f"<code>{code}</code>") for code in STATUS]
    failures = [(code, f"<code>{code}</code>") for code in FAILURES]
    besides = [("envelope", "The envelope"), ("rate-limits", "Rate limits")]
    return {**calls, "Besides": besides, "Error codes": errors, "Failed sends": failures}


def _short(path: str) -> str:
    return path.removeprefix("/v1").removeprefix("/whatsapp") if path.startswith("/v1/") else path


class _Writer:
    """Writes the parts of the page that show calls."""

    def __init__(self, document: Schema) -> None:
        self._components: Schema = document["components"]["schemas"]
        self._responses: Schema = document["components"]["responses"]

    def section(self, name: str, calls: Iterable[Operation]) -> str:
        return f'<h2 id="{escaped(writing.slug(name))}">{escaped(name)}</h2>\n' + "".join(map(self._call, calls))

    def envelope(self) -> str:
        """Return the forms of a refusal, once for all calls."""
        shown = {"A refusal": "Refusal", "A bare refusal": "Detail"}
        parts = "".join(
            f"<article><h3>{title}</h3>{self._shapes({'$ref': f'/{name}'}, is_asked=False)}</article>\n"
            for title, name in shown.items()
        )
        return f'<h2 id="envelope">The envelope</h2>\n{parts}'

    def _call(self, call: Operation) -> str:
        examples = "".join(self._example(call, title) for title in shown_titles(call))
        return (
            f'<article id="{escaped(call.id)}">\n<h3>{inline(call.item["summary"])}</h3>\n'
            f'<p class="path">{writing.verb(call.method)} <code>{escaped(call.path)}</code></p>\n'
            f"{prose(call.item['description'])}\n{examples}{self._asked(call.item)}{self._answered(call.item)}"
            "</article>\n"
        )

    def _example(self, call: Operation, title: str) -> str:
        heading = f'<p class="title">{escaped(title)}</p>' if title else ""
        return heading + writing.command(command(call, title), f"Command: {title or call.item['summary']}")

    def _asked(self, item: Schema) -> str:
        parts = writing.field_table(map(parameter_field, item["parameters"]), is_asked=True)
        for media_type, media in item.get("requestBody", {}).get("content", {}).items():
            parts += f"<h4>{escaped(media_type)}</h4>" + self._shapes(media["schema"], is_asked=True)
        return writing.folded("Fields", parts)

    def _answered(self, item: Schema) -> str:
        good = {status: answer for status, answer in item["responses"].items() if status.startswith("2")}
        parts = f"<h4>{' and '.join(good)}</h4>{self._answer(next(iter(good.values())))}"
        codes = [code for answer in item["responses"].values() for code in self._followed(answer).get("x-codes", ())]
        links = ", ".join(f'<a href="#{code}"><code>{code}</code></a>' for code in codes)
        return writing.folded("Answers", f"{parts}<h4>Or an error</h4><p>{links}</p>")

    def _answer(self, answer: Schema) -> str:
        content: Schema = answer.get("content", {})
        parts = prose("" if content else answer["description"])
        for media_type, media in content.items():
            is_json = media_type == "application/json"
            schema = media["schema"]
            data = schema.get("properties", {}).get("data")
            parts += prose("In `data` of [the envelope]:") if data and is_json else ""
            parts += self._shapes(data or schema, is_asked=False) if is_json else prose(f"`{media_type}`")
        return parts.replace("[the envelope]", '<a href="#envelope">the envelope</a>')

    def _followed(self, answer: Schema) -> Schema:
        found: Schema = self._responses[answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer
        return found

    def _shapes(self, schema: Schema, *, is_asked: bool) -> str:
        if schema.get("type") == "array":
            return prose("A list of:") + self._shapes(schema["items"], is_asked=is_asked)
        return writing.shapes(schema, self._components, is_asked=is_asked)


def shown_titles(call: Operation) -> list[str]:
    """Return the titles of a call's commands; a body that may be a form has one for that, and what Meta calls none."""
    if FROM_META in call.item["tags"]:
        return []
    has_form = "multipart/form-data" in call.item.get("requestBody", {}).get("content", {})
    return [*([_UPLOAD] if has_form else []), *titles(call)]


def _rate_limits() -> str:
    return f'<h2 id="rate-limits">Rate limits</h2>\n<article>{prose(_LIMITS)}</article>\n'


def _errors() -> str:
    return f'<h2 id="errors">Error codes</h2>\n{prose(_ERRORS)}' + "".join(
        _code(str(code), words, f"HTTP {STATUS[code]}" + _again(code)) for code, words in WORDS.items()
    )


def _again(code: Code) -> str:
    return ", may pass by itself" if code in RETRYABLE else ""


def _failures() -> str:
    return f'<h2 id="failures">Failed sends</h2>\n{prose(_FAILURES)}' + "".join(
        _code(code, words, "Failed after it was accepted") for code, words in FAILURES.items()
    )


def _code(code: str, words: Words, where: str) -> str:
    return (
        f'<article id="{code}"><h3><code>{code}</code></h3>\n<p class="title">{escaped(where)}</p>\n'
        f"{prose(words.meaning)}\n<p><strong>What to do:</strong> {inline(words.remedy)}</p></article>\n"
    )
