"""The fields of a document, in rows, read off its JSON schema.

A field means what its own description says, or the line about it in the list (``- `name`: meaning``) of its struct's.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from picha.manual.schemas import Schema, without_null

_DEPTH_MAX = 4
_LISTED = re.compile(r"^- `(\w+)`: (.*(?:\n  .*)*)$", re.MULTILINE)


class Field(NamedTuple):
    """One field: its name with those of what it lies in, its type, whether it must be there, and what it means."""

    name: str
    type: str
    is_required: bool
    meaning: str


def parameter_field(parameter: Schema) -> Field:
    """Return the field that a parameter of a path or query is."""
    schema: Schema = parameter["schema"]
    said = {"description": parameter["description"]} if "description" in parameter else {}
    return Field(parameter["name"], _type(schema), parameter["required"], _meaning(schema | said))


def fields_of(schema: Schema, components: Schema, within: str = "", depth: int = 0) -> Iterator[Field]:
    """Yield the fields of an object's schema, each followed by those that lie in it."""
    struct = _followed(schema, components)
    listed = dict(_LISTED.findall(struct.get("description", "")))
    for name, declared in struct.get("properties", {}).items():
        plain = without_null(declared)
        target = _followed(plain, components)
        said = plain.get("description") or listed.get(name) or prose_of(target)
        shown = {key: value for key, value in target.items() if key != "description"}
        shown |= {"description": said} if said else {}
        if "default" in declared and not isinstance(declared["default"], dict):
            shown["default"] = declared["default"]
        is_required = name in struct.get("required", ())
        can_be_null = is_required and plain is not declared and {"type": "null"} in declared["anyOf"]
        yield Field(within + name, _type(target) + " or null" * can_be_null, is_required, _meaning(shown))
        inner = _followed(target.get("items") or {}, components) if target.get("type") == "array" else target
        if depth < _DEPTH_MAX and isinstance(inner, dict):
            mark = "[]." if inner is not target else "."
            yield from fields_of(inner, components, f"{within}{name}{mark}", depth + 1)


def prose_of(schema: Schema) -> str:
    """Return what the description of a struct says beside its list of fields."""
    return re.sub(r"\n{3,}", "\n\n", _LISTED.sub("", schema.get("description", ""))).strip()


def _followed(schema: Any, components: Schema) -> Schema:
    """Return the schema that a reference stands for, or the schema itself."""
    if not isinstance(schema, dict):
        return {}
    choice = without_null(schema)
    if "$ref" not in choice:
        return choice
    followed: Schema = components[choice["$ref"].rpartition("/")[2]]
    return followed


def _type(schema: Schema) -> str:
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(choice) for choice in schema["anyOf"]))
    if "$ref" in schema:
        return "object"
    if "enum" in schema:
        return "string" if all(isinstance(value, str) for value in schema["enum"]) else "number"
    return str(schema.get("format") if schema.get("format") in ("date-time", "binary") else schema.get("type", "any"))


def _meaning(schema: Schema) -> str:
    text = str(schema.get("description", ""))
    parts = [text[:1].upper() + text[1:].removesuffix(".") + "."] if text else []
    if "enum" in schema:
        choices = [f"`{value}`" for value in schema["enum"]]
        parts.append(f"{'One of' if len(choices) > 1 else 'Always'} {', '.join(choices)}.")
    words = {"minimum": "at least {:,}", "maximum": "at most {:,}", "maxLength": "at most {:,} characters"}
    limits = [text.format(schema[name]) for name, text in words.items() if name in schema]
    if limits:
        parts.append(" and ".join(limits).capitalize() + ".")
    if schema.get("default") not in (None, "", []):
        parts.append(f"`{_shown(schema['default'])}` when left out.")
    return " ".join(" ".join(parts).split())


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value) if isinstance(value, str) else json.dumps(value)
