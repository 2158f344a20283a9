"""A command for every example of the OpenAPI document, for a shell that knows PICHA_URL and PICHA_API_KEY."""

import shlex
from urllib.parse import urlencode

from picha.manual.operations import Operation, written
from picha.manual.schemas import Schema

_JSON = "application/json"


def setting(here: str) -> str:
    """Return what tells a shell where the gateway is, and with which key to call it."""
    return f"export PICHA_URL={shlex.quote(here)}\nexport PICHA_API_KEY=picha_test_…"


def command(call: Operation, title: str = "") -> str:
    """Return the command for the example of this title, or for the bare call."""
    path = call.path
    for parameter in call.item["parameters"]:
        if parameter["in"] == "path":
            path = path.replace("{" + parameter["name"] + "}", parameter["example"])
    query = {
        parameter["name"]: parameter["examples"][title]["value"]
        for parameter in call.item["parameters"]
        if title in parameter.get("examples", ())
    }
    path += f"?{urlencode(query, doseq=True, safe=',')}" if query else ""
    body = _body(call, title)
    verb = "" if call.method == ("POST" if body else "GET") else f"-X {call.method} "
    parts = [f'curl -sS {verb}"$PICHA_URL{path}"', *_key(call), *body]
    if _is_file(call):
        parts.append("-o picture.jpg")
    return " \\\n  ".join(parts)


def _key(call: Operation) -> list[str]:
    wants_key = any("api_key" in choice for choice in call.item["security"])
    return ['-H "X-API-Key: $PICHA_API_KEY"'] if wants_key else []


def _body(call: Operation, title: str) -> list[str]:
    content: Schema = call.item.get("requestBody", {}).get("content", {})
    examples = content.get(_JSON, {}).get("examples", {})
    if title in examples:
        return [f"-H 'Content-Type: {_JSON}'", f"-d {shlex.quote(written(examples[title]['value']))}"]
    return ["-F file=@picture.jpg"] if "multipart/form-data" in content else []


def _is_file(call: Operation) -> bool:
    content = call.item["responses"].get("200", {}).get("content", {})
    return any(media_type.startswith("image/") for media_type in content)
