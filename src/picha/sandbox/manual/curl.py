"""A command for every example of the OpenAPI document, which does what it says when it is pasted into a shell."""

import json
import re
import shlex
import textwrap
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from picha.sandbox.manual.schemas import Schema
from picha.sandbox.ready import Ready

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
    methods = ("get", "post", "put", "delete")
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
        yield media["examples"]
    for parameter in operation.item["parameters"]:
        yield parameter.get("examples", {})


class Commands:
    """Writes commands for one sandbox's document."""

    def __init__(self, document: Schema, ready: Ready) -> None:
        self._document = document
        self._ready = ready
        self._operations = {operation.id: operation for operation in operations(document)}

    def write(self, operation: Operation, title: str = "") -> str:
        """Return the command for the example of this title, or for the bare call."""
        parts = [f"curl -sS {self._address(operation, title)}"]
        has_body = "requestBody" in operation.item
        if operation.method != ("POST" if has_body else "GET"):
            parts[0] = f"curl -sS -X {operation.method} {self._address(operation, title)}"
        parts += self._token(operation)
        parts += self._body(operation, title)
        if self._is_file(operation):
            parts.append("-o photo.jpg")
        pipe = f"curl -sS {shlex.quote(self._ready.control_url + '/photo.jpg')} |\n" if _form(operation) else ""
        return pipe + " \\\n  ".join(parts)

    def _address(self, operation: Operation, title: str) -> str:
        found = operation.item.get("x-found", {})
        if "" in found:
            return f'"{self._looked_up(found[""])}"'
        url, looked_up = self._base(operation) + operation.path, False
        for parameter in operation.item["parameters"]:
            if parameter["in"] == "path":
                is_found = parameter["name"] in found
                looked_up = looked_up or is_found
                value = self._looked_up(found[parameter["name"]]) if is_found else _example(parameter)
                url = url.replace("{" + parameter["name"] + "}", value)
        query = {
            parameter["name"]: parameter["examples"][title]["value"]
            for parameter in operation.item["parameters"]
            if title in parameter.get("examples", ())
        }
        url += f"?{urlencode(query, safe=',')}" if query else ""
        return f'"{url}"' if looked_up else shlex.quote(url)

    def _base(self, operation: Operation) -> str:
        path: Schema = self._document["paths"][operation.path]
        servers: list[Schema] = path.get("servers") or self._document["servers"]
        server = servers[0]
        url: str = server["url"]
        for name, variable in server.get("variables", {}).items():
            url = url.replace("{" + name + "}", variable["default"])
        return url

    def _looked_up(self, found: Schema) -> str:
        """Return what asks another call, inside double quotes, for a value of its answer."""
        other = self._operations[found["operationId"]]
        steps = "".join(
            f"[{step}]" if step.isdigit() else f"['{step}']" for step in found["pointer"].strip("/").split("/")
        )
        request = " ".join([f"curl -sS {self._address(other, _needed(other))}", *self._token(other)])
        return f'$({request} | python3 -c "import json, sys; print(json.load(sys.stdin){steps})")'

    def _token(self, operation: Operation) -> list[str]:
        schemes = [name for choice in operation.item["security"] for name in choice]
        tokens = {
            "access_token": self._ready.access_token,
            "app_token": f"{self._ready.app_id}|{self._ready.app_secret}",
            "control_token": self._ready.control_token,
        }
        return [f"-H {shlex.quote(f'Authorization: Bearer {tokens[schemes[0]]}')}"] if schemes else []

    def _body(self, operation: Operation, title: str) -> list[str]:
        form = _form(operation)
        if form:
            fields = form["examples"][title]["value"]
            files = {"file": "file=@-;filename=photo.jpg;type=image/jpeg"}
            return [f"-F {shlex.quote(files.get(name, f'{name}={value}'))}" for name, value in fields.items()]
        if "requestBody" not in operation.item:
            return []
        media = operation.item["requestBody"]["content"]["application/json"]
        return ["-H 'Content-Type: application/json'", f"-d {shlex.quote(_written(media['examples'][title]['value']))}"]

    def _is_file(self, operation: Operation) -> bool:
        content = operation.item["responses"].get("200", {}).get("content", {})
        return bool(content) and "application/json" not in content


def _needed(operation: Operation) -> str:
    """Return the title of the example that brings what a call cannot do without, none where the bare call does."""
    needed = [one for one in operation.item["parameters"] if one["in"] == "query" and one.get("required")]
    return next(iter(needed[0].get("examples", {})), "") if needed else ""


def _written(body: Schema) -> str:
    """Return a body as JSON, with a line for each of its members when it is long."""
    text = json.dumps(body, ensure_ascii=False)
    if len(text) <= _LINE_MAX:
        return text
    members = ",\n".join(f"    {json.dumps(name)}: {_member(value)}" for name, value in body.items())
    return f"{{\n{members}\n  }}"


def _member(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LINE_MAX else textwrap.indent(json.dumps(value, indent=2), "    ").strip()


def _form(operation: Operation) -> Schema:
    content: Schema = operation.item.get("requestBody", {}).get("content", {})
    form: Schema = content.get("multipart/form-data", {}) if "application/json" not in content else {}
    return form


def _example(parameter: Schema) -> str:
    """Return a value for a parameter in a path: its example, its usual value, or its name in capitals."""
    schema: Schema = parameter["schema"]
    choices: list[Any] = [parameter.get("example"), *schema.get("examples", []), schema.get("default")]
    for choice in choices:
        if choice is not None:
            return quote(str(choice), safe="")
    return re.sub(r"\W", "_", parameter["name"]).upper()
