"""JSON schemas of the documents that calls take and answer, made from their structs."""

import inspect
from collections.abc import Iterable
from typing import Any

import msgspec

Schema = dict[str, Any]
Shapes = type | tuple[type, ...] | str | None
"""A struct, several of which one fits, the MIME type of what is no JSON, or nothing at all."""

_PLACE = "#/components/schemas/"
_JSON = "application/json"


def said(documented: Any) -> tuple[str, str]:
    """Return a docstring's first sentence without its full stop, and what follows it up to the errors it raises."""
    first, _, rest = (inspect.getdoc(documented) or "").partition("\n\n")
    return " ".join(first.split()).removesuffix("."), rest.partition("Raises:")[0].strip()


def kinds_in(shapes: Shapes) -> tuple[type, ...]:
    """Return the structs among shapes."""
    if isinstance(shapes, tuple):
        return shapes
    return () if shapes is None or isinstance(shapes, str) else (shapes,)


class Schemas:
    """The schemas of some kinds of documents; parameters' structs have a place in it like all others."""

    def __init__(self, kinds: Iterable[type]) -> None:
        self._kinds = list(dict.fromkeys(kinds))
        references, components = msgspec.json.schema_components(self._kinds, ref_template=_PLACE + "{name}")
        self._references = dict(zip(self._kinds, references, strict=True))
        self.components: dict[str, Schema] = {name: _cleaned(schema) for name, schema in sorted(components.items())}

    def content(self, shapes: Shapes, media_type: str = _JSON) -> Schema:
        """Return what stands below `content` for a body of these shapes, nothing for no body."""
        if shapes is None:
            return {}
        if isinstance(shapes, str):
            return {shapes: {"schema": {"type": "string", "format": "binary"}}}
        schemas = [self._references[kind] for kind in kinds_in(shapes)]
        return {media_type: {"schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}}}

    def parameters(self, kind: type | None, place: str) -> list[Schema]:
        """Return the parameters that the fields of a struct are, in the `path` or the `query`."""
        if kind is None:
            return []
        struct = self.struct(kind)
        return [
            _parameter(name, place, schema, is_required=name in struct["required"])
            for name, schema in struct["properties"].items()
        ]

    def struct(self, kind: type) -> Schema:
        """Return the schema of a struct itself."""
        name = self._references[kind]["$ref"].removeprefix(_PLACE)
        return self.components[name]


def _parameter(name: str, place: str, schema: Schema, *, is_required: bool) -> Schema:
    plain = dict(without_null(schema))
    described = {"description": plain.pop("description")} if "description" in plain else {}
    if plain.get("default", 0) is None:
        del plain["default"]
    return {"name": name, "in": place, "required": is_required or place == "path", **described, "schema": plain}


def without_null(schema: Schema) -> Schema:
    """Return the schema of a value that is given, if null stands for one that is not."""
    choices: list[Schema] = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) != 1:
        return schema
    return {name: value for name, value in schema.items() if name not in ("anyOf", "default")} | choices[0]


def _cleaned(schema: Any) -> Any:
    """Return a schema whose descriptions have lost the indentation of the docstrings they were."""
    if isinstance(schema, list):
        return [_cleaned(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: inspect.cleandoc(value) if name == "description" and isinstance(value, str) else _cleaned(value)
        for name, value in schema.items()
    }
