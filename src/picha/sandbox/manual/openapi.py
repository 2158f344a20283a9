"""The OpenAPI document of one sandbox, made from its routes, Graph's roads and the structs that both take and answer.

A road of Graph's that is an object itself (`GET /<PHONE_NUMBER_ID>`) stands under the id it has in this sandbox, since
OpenAPI cannot tell two templates apart that differ only in their parameter's name.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from starlette.routing import Route

from picha import __version__
from picha.manual.schemas import Schema, Schemas, Shapes, kinds_in, said
from picha.sandbox.control_words import ControlRefusal
from picha.sandbox.first_day import DOCUMENTED_MEDIA_ID
from picha.sandbox.graph.answers import GraphRefusal
from picha.sandbox.graph.roads import ROADS
from picha.sandbox.graph.signposts import SECTIONS, Signpost
from picha.sandbox.manual.described import Described, description_of
from picha.sandbox.manual.webhook import Handshake, Webhook, webhooks
from picha.sandbox.ready import Ready

VERSION = "v24.0"
CONTROL = "Control API"
_SECURITY: dict[str, list[Schema]] = {
    "user": [{"access_token": []}, {"access_token_in_query": []}],
    "app": [{"app_token": []}, {"access_token": []}, {"access_token_in_query": []}],
    "nobody": [],
}
_SCHEMES = {
    "access_token": {"type": "http", "scheme": "bearer", "description": "The sandbox's access token."},
    "access_token_in_query": {"type": "apiKey", "in": "query", "name": "access_token"},
    "app_token": {"type": "http", "scheme": "bearer", "description": "APP_ID|APP_SECRET."},
    "control_token": {"type": "http", "scheme": "bearer", "description": "The control API's, where it wants one."},
}
_ABOUT = """A WhatsApp Cloud API for image messages on your machine, and the control API by which you are its users.

Graph's calls are served under any version and under none. Their parameters may come as JSON, as a form, or in the
query, and the token in the query too. Their refusals are Graph's error envelope; those of the control API are
`{"error": "<a sentence>"}`."""


class NotDescribed(Exception):  # noqa: N818 - says what it is
    """A route has no docstring or no description."""


def document(ready: Ready, own: Sequence[Route]) -> Schema:
    """Return the document of the sandbox that has these routes of its own.

    Raises:
        NotDescribed: a route below `/_sandbox/` does not say what it is.
    """
    told = [(route, _told(route)) for route in own if route.path.startswith("/_sandbox/")]
    posts = [(section, name, post) for section, some in SECTIONS.items() for name, post in some.items()]
    schemas = Schemas(_kinds([*(post.takes for _, _, post in posts), *(description for _, description in told)]))
    writer = _Writer(ready, schemas)
    for section, name, post in posts:
        writer.road(section, name, post)
    for route, description in told:
        writer.route(route, description)
    whole: Schema = {
        "openapi": "3.1.0",
        "info": {"title": "Picha sandbox", "version": __version__, "description": _ABOUT},
        "servers": [{"url": ready.base_url}],
        "tags": [{"name": name} for name in (*SECTIONS, CONTROL)],
        "paths": writer.paths,
        "webhooks": webhooks(schemas),
        "components": {"schemas": schemas.components, "securitySchemes": _SCHEMES},
    }
    words = {name: word for name, word in msgspec.structs.asdict(ready).items() if isinstance(word, str)}
    return {name: _filled(part, words) for name, part in whole.items()}


def _told(route: Route) -> Described:
    description = description_of(route.endpoint)
    if description is None or not said(route.endpoint)[0]:
        raise NotDescribed(f"{route.path}: give its handler a docstring and @described(…)")
    return description


def _kinds(descriptions: Iterable[Described]) -> Iterator[type]:
    yield from (GraphRefusal, ControlRefusal, Webhook, Handshake)
    for takes in descriptions:
        yield from (kind for kind in (takes.path, takes.query, takes.form) if kind is not None)
        for shapes in (takes.body, takes.answer, *takes.also.values()):
            yield from kinds_in(shapes)


class _Writer:
    """Writes the operations of one sandbox."""

    def __init__(self, ready: Ready, schemas: Schemas) -> None:
        self._schemas = schemas
        self._objects = {
            "number": ("phone_number_id", ready.phone_number_id),
            "account": ("waba_id", ready.waba_id),
            "app": ("app_id", ready.app_id),
            "media": ("media_id", DOCUMENTED_MEDIA_ID),
        }
        versioned = {"default": VERSION, "description": "Any version; what it changes is not told apart."}
        with_version = {"url": ready.base_url + "/{version}", "variables": {"version": versioned}}
        self._control_security: list[Schema] = [] if ready.control_token is None else [{"control_token": []}]
        self._servers = [with_version, {"url": ready.base_url}]
        self.paths: dict[str, Schema] = {}

    def road(self, section: str, name: str, post: Signpost) -> None:
        """Write a road of Graph's, once for each method that it goes by."""
        for place in (place for place, road in ROADS.items() if road == name):
            path, parameters = self._path(*place[1:])
            operation_id = name if _is_first(place) else f"{name}_by_{place[0].lower()}"
            takes = post.takes
            if place[0] == "POST" and takes.body is None and takes.query is not None:
                takes = msgspec.structs.replace(takes, body=takes.query, query=None)
            checks = f"Checked: {post.checks}." if post.checks else ""
            self.paths.setdefault(path, {"servers": self._servers})[place[0].lower()] = {
                "operationId": operation_id,
                "tags": [section],
                "summary": post.title,
                "description": "\n\n".join(part for part in (post.text, checks) if part),
                "security": _SECURITY[post.whose],
                **self._operation(takes, parameters),
                "x-road": name,
            }
            self._answer(path, place[0], takes, GraphRefusal, "4XX", "5XX")

    def route(self, route: Route, takes: Described) -> None:
        """Write a route of the sandbox's own, once for each of its methods."""
        title, text = said(route.endpoint)
        words = re.findall(r"\w+", route.path_format.removeprefix("/_sandbox"))
        in_path = {parameter["name"]: parameter for parameter in self._schemas.parameters(takes.path, "path")}
        bare = {"in": "path", "required": True, "schema": {"type": "string"}}
        parameters = [in_path.get(name, {"name": name, **bare}) for name in route.param_convertors]
        for method in sorted((route.methods or set()) - {"HEAD"}):
            self.paths.setdefault(route.path_format, {})[method.lower()] = {
                "operationId": "_".join([method.lower(), *words]),
                "tags": [CONTROL],
                "summary": title,
                "description": text,
                "security": self._control_security,
                **self._operation(takes, parameters),
            }
            self._answer(route.path_format, method, takes, ControlRefusal, "4XX")

    def _path(self, kind: str, edge: str) -> tuple[str, list[Schema]]:
        """Return the path of a road and the parameters in it; an object itself stands under its id, but for media."""
        if kind not in self._objects:
            return f"/{kind}/{edge}".rstrip("/"), []
        name, example = self._objects[kind]
        if not edge and kind != "media":
            return f"/{example}", []
        parameter = {"name": name, "in": "path", "required": True, "schema": {"type": "string"}, "example": example}
        return f"/{{{name}}}/{edge}".rstrip("/"), [parameter]

    def _operation(self, takes: Described, in_path: list[Schema]) -> Schema:
        content = self._schemas.content(takes.body) | self._schemas.content(takes.form, "multipart/form-data")
        query = self._schemas.parameters(takes.query, "query")
        if not content:
            _add_examples(query, takes)
        for media in content.values():
            media["examples"] = {title: {"value": body} for title, body in takes.examples.items()}
        found = {
            name: {"operationId": place.operation, "pointer": place.pointer} for name, place in takes.found.items()
        }
        return {
            "parameters": [*in_path, *query],
            **({"requestBody": {"required": True, "content": content}} if content else {}),
            **({"x-found": found} if found else {}),
        }

    def _answer(self, path: str, method: str, takes: Described, refusal: type, *statuses: str) -> None:
        answers = {str(takes.status): takes.answer} | {str(status): shapes for status, shapes in takes.also.items()}
        self.paths[path][method.lower()]["responses"] = {
            status: self._response(shapes) for status, shapes in (answers | dict.fromkeys(statuses, refusal)).items()
        }

    def _response(self, shapes: Shapes) -> Schema:
        titles = [said(kind)[0] for kind in kinds_in(shapes)]
        content = self._schemas.content(shapes)
        return {"description": "; or: ".join(titles) or "Done"} | ({"content": content} if content else {})


def _is_first(place: tuple[str, str, str]) -> bool:
    return next(other for other, name in ROADS.items() if name == ROADS[place]) == place


def _add_examples(query: list[Schema], takes: Described) -> None:
    for parameter in query:
        named = {
            title: {"value": asked[parameter["name"]]}
            for title, asked in takes.examples.items()
            if parameter["name"] in asked
        }
        if named:
            parameter["examples"] = named


def _filled(part: Any, words: dict[str, str]) -> Any:
    """Return a part of the document in whose examples this sandbox's own words stand for `{base_url}` and the like."""
    if isinstance(part, dict):
        return {name: _filled(value, words) for name, value in part.items()}
    if isinstance(part, list):
        return [_filled(value, words) for value in part]
    if isinstance(part, str) and part.startswith("{"):
        for name, word in words.items():
            part = part.replace("{" + name + "}", word)
    return part
