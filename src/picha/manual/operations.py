"""The calls of an OpenAPI document, and their examples."""

import json
import textwrap
from collections.abc import Iterator
from typing import Any, NamedTuple

from picha.manual.schemas import Schema

_LINE_MAX = 72


class Operation(NamedTuple):
    """One call of the document."""

    method: str
    path: str
    item: Schema

    @property
    def id(self) -> str:
        """The operation id."""
        return str(self.item["operationId"])


def operations(document: Schema) -> list[Operation]:
    """Return every call of the document, in its order."""
    methods = ("get", "post", "put", "patch", "delete")
    return [
        Operation(method.upper(), path, item[method])
        for path, item in document["paths"].items()
        for method in methods
        if method in item
    ]


def titles(operation: Operation) -> list[str]:
    """Return the titles of an operation's examples; one without examples has one without a title."""
    found = dict.fromkeys(title for part in _examples(operation) for title in part)
    return list(found) or [""]


def _examples(operation: Operation) -> Iterator[Schema]:
    for media in operation.item.get("requestBody", {}).get("content", {}).values():
        yield media.get("examples", {})
    for parameter in operation.item["parameters"]:
        yield parameter.get("examples", {})


def written(body: Schema) -> str:
    """Return a body as JSON, with a line for each of its members when it is long."""
    text = json.dumps(body, ensure_ascii=False)
    if len(text) <= _LINE_MAX:
        return text
    members = ",\n".join(f"    {json.dumps(name)}: {_member(value)}" for name, value in body.items())
    return f"{{\n{members}\n  }}"


def _member(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LINE_MAX else textwrap.indent(json.dumps(value, indent=2), "    ").strip()
