"""The OpenAPI document of the gateway, made from its table of routes and the structs that these take and answer."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import NODEFAULT, Meta, inspect

from picha import __version__
from picha.gateway.api.manual import samples
from picha.gateway.api.route import Route
from picha.karibu.errors import STATUS, WORDS, Code, Detail, ErrorItem
from picha.karibu.events import StatusData, WebhookNews
from picha.karibu.reads import Message
from picha.manual.schemas import Schema, Schemas, kinds_in, said

BESIDE = "The gateway itself"
FROM_META = "From Meta"
_PLACE = "#/components/schemas/"
_ABOUT = """WhatsApp image messages through Karibu's REST API, and what this gateway adds to it.

Most answers are an envelope, `{success, data, errors, request_id}`. Those of senders, webhooks and the gateway itself
are bare, and their errors are `{detail}`, as Karibu has it. Unknown fields of a JSON body are ignored, and `null` is
the same as no such field. Every path is served with and without a slash at its end, and nothing redirects."""
_STATE = """What a request asks for may be well-formed and refused all the same, because of how things stand: a closed
window, a key used for something else, a picture that cannot be read. So a 422 may answer whatever fits the schema."""
_SCHEMES = {
    "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "A key of `picha keys create`."},
    "signed_link": {
        "type": "apiKey",
        "in": "query",
        "name": "signature",
        "description": "Of a link in `content.url`, with `expires`; it holds ten minutes.",
    },
}
_HEADERS: dict[str, Schema] = {
    "X-Request-Id": {
        "description": "The id under which our log has the request, if anything is to be found there.",
        "schema": {"type": "string", "format": "uuid"},
    },
    "RateLimit-Policy": {
        "description": "How many requests the key may make (`q`) in so many seconds (`w`).",
        "schema": {"type": "string"},
    },
    "RateLimit": {
        "description": "How many requests are left at once (`r`), and in how many seconds all are (`t`).",
        "schema": {"type": "string"},
    },
    "Idempotency-Replayed": {
        "description": "`true` where this is what was answered to the key before; nothing was done again, and the "
        "data has `idempotent_replay` beside it.",
        "schema": {"const": "true"},
    },
    "Retry-After": {
        "description": "In how many seconds to ask again.",
        "schema": {"type": "integer", "minimum": 1},
    },
}


class _Idempotent(msgspec.Struct, frozen=True, kw_only=True, rename={"key": "Idempotency-Key"}):
    """What makes a request that is sent again one and the same request."""

    key: (
        Annotated[
            str, Meta(pattern="^[!-~]{1,255}$", description="A word of your own, such as a UUID; good for 7 days.")
        ]
        | None
    ) = None


def document(routes: Sequence[Route]) -> Schema:
    """Return the document of these routes."""
    schemas = Schemas(_kinds(routes))
    _write_always(schemas.components, [kind for route in routes for kind in _structs(route.answer)])
    _allow_null(schemas.components, [kind for route in routes for kind in _structs(route.body)])
    schemas.components["Refusal"] = _refusal()
    responses: Schema = {}
    paths: dict[str, Schema] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas, responses)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Picha", "version": __version__, "description": _ABOUT},
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in dict.fromkeys(section(route.path) for route in routes)],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.components.items())),
            "responses": dict(sorted(responses.items())),
            "headers": _HEADERS,
            "securitySchemes": _SCHEMES,
        },
    }


def section(path: str) -> str:
    """Return under what a path is told: what it is about by its first words after the version."""
    if path.startswith("/webhooks/"):
        return FROM_META
    found = re.match(r"/v1/(?:whatsapp/)?(\w+)", path)
    return found[1].capitalize() if found else BESIDE


def _kinds(routes: Iterable[Route]) -> Iterator[Any]:
    # The last three are what an event's data may be.
    yield from (ErrorItem, Detail, _Idempotent, StatusData, Message, WebhookNews)
    for route in routes:
        yield from (kind for kind in (route.query, route.headers, route.form) if kind is not None)
        yield from (*kinds_in(route.body), *kinds_in(route.answer))


def _structs(kind: Any) -> Iterator[inspect.StructType]:
    """Yield every struct that is, or lies in, a kind."""
    waiting, seen = [inspect.type_info(one) for one in kinds_in(kind)], set()
    while waiting:
        one = waiting.pop()
        if isinstance(one, inspect.StructType):
            if one.cls in seen:
                continue
            seen.add(one.cls)
            yield one
            waiting += [field.type for field in one.fields]
        for name in ("types", "item_types"):
            waiting += getattr(one, name, ())
        for name in ("type", "item_type", "value_type"):
            waiting += [inner] if isinstance(inner := getattr(one, name, None), inspect.Type) else []


def _named(kind: Any) -> str:
    """Return the title that msgspec gives to the schema of a struct."""
    arguments = getattr(kind, "__args__", ())
    return f"{kind.__name__}[{', '.join(map(_named, arguments))}]" if arguments else str(kind.__name__)


def _write_always(components: Schema, structs: Iterable[inspect.StructType]) -> None:
    """Say of answers what is true of them: every member is written, but those that are left out when unset."""
    titled = {schema["title"]: schema for schema in components.values()}
    for struct in structs:
        schema = titled[_named(struct.cls)]
        schema["required"] = [field.encode_name for field in struct.fields if not _may_be_unset(field)]
        for declared in schema["properties"].values():
            declared.pop("default", None)


def _may_be_unset(field: inspect.Field) -> bool:
    """Tell whether a member is left out when unset; msgspec tells of no other default of such a one."""
    return not field.required and field.default is NODEFAULT and field.default_factory is NODEFAULT


def _allow_null(components: Schema, structs: Iterable[inspect.StructType]) -> None:
    """Say of bodies that null is the same as absent."""
    titled = {schema["title"]: schema for schema in components.values()}
    for struct in structs:
        schema = titled[_named(struct.cls)]
        for name, declared in schema["properties"].items():
            choices = declared.get("anyOf", ())
            if name in schema["required"] or {"type": "null"} in choices:
                continue
            default = {"default": declared.pop("default")} if "default" in declared else {}
            schema["properties"][name] = {"anyOf": [declared, {"type": "null"}], **default}


def _operation(route: Route, schemas: Schemas, shared: Schema) -> Schema:
    title, text = said(route.handler)
    scope = f"Needs a key of the scope `{route.scope}`." if route.scope else ""
    query, headers = schemas.parameters(route.query, "query"), schemas.parameters(route.headers, "header")
    if Code.IDEMPOTENCY_KEY_REUSED in route.refusals:
        headers += schemas.parameters(_Idempotent, "header")
    body = _body(route, schemas)
    if not body:
        _add_examples(query, route.examples)
    return {
        "operationId": route.handler.__name__,
        "tags": [section(route.path)],
        "summary": title,
        "description": "\n\n".join(part for part in (text, scope) if part),
        "security": _security(route),
        "parameters": [*_path(route.path), *query, *headers],
        **body,
        "responses": _responses(route, schemas, shared),
        **({"x-scope": str(route.scope)} if route.scope else {}),
    }


def _security(route: Route) -> list[Schema]:
    if route.needs_key:
        return [{"api_key": []}]
    return [{"api_key": []}, {"signed_link": []}] if route.scope else []


def _path(path: str) -> list[Schema]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "format": "uuid"},
            "example": samples.IN_PATH.get(name, samples.ANYTHING),
        }
        for name in re.findall(r"\{(\w+)\}", path)
    ]


def _body(route: Route, schemas: Schemas) -> Schema:
    content = schemas.content(route.body)
    for media in content.values():
        media["examples"] = {title: {"value": body} for title, body in route.examples.items()}
    content |= schemas.content(route.form, "multipart/form-data")
    if not content:
        return {}
    return {"requestBody": {"required": Code.MALFORMED_JSON in route.codes, "content": content}}


def _add_examples(query: list[Schema], examples: Mapping[str, Mapping[str, Any]]) -> None:
    for parameter in query:
        named = {
            title: {"value": asked[parameter["name"]]}
            for title, asked in examples.items()
            if parameter["name"] in asked
        }
        if named:
            parameter["examples"] = named


def _responses(route: Route, schemas: Schemas, shared: Schema) -> Schema:
    """Return the answers of a route; a refusal that others have too is described in `shared`."""
    answers = {str(status): _answer(route, schemas) for status in route.statuses}
    by_status: dict[int, list[Code]] = {}
    for code in route.refusals:
        by_status.setdefault(STATUS[code], []).append(code)
    refused: Schema = {}
    for status, codes in sorted(by_status.items()):
        refused[str(status)] = _refused(route, status, codes)
        if len(codes) == 1:
            name = f"{codes[0]}{'' if route.is_enveloped else '_bare'}{'' if route.takes_key else '_open'}"
            shared[name] = refused[str(status)]
            refused[str(status)] = {"$ref": f"#/components/responses/{name}"}
    return answers | refused


def _answer(route: Route, schemas: Schemas) -> Schema:
    content = schemas.content(route.answer)
    if route.is_enveloped and "application/json" in content:
        content = {"application/json": {"schema": _enveloped(content["application/json"]["schema"])}}
    content |= schemas.content(route.also)
    replayed = ("Idempotency-Replayed",) if Code.IDEMPOTENCY_KEY_REUSED in route.refusals else ()
    titles = [said(kind)[0] for kind in kinds_in(route.answer) if isinstance(kind, type)]
    return {
        "description": "; or: ".join(titles) or "Done",
        "headers": _headers(route, "X-Request-Id", *replayed),
        **({"content": content} if content else {}),
    }


def _headers(route: Route, *others: str) -> Schema:
    names = [*others, "RateLimit-Policy", "RateLimit"] if route.takes_key else others
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _enveloped(data: Schema) -> Schema:
    return {
        "type": "object",
        "required": ["success", "data", "errors", "request_id"],
        "properties": {
            "success": {"const": True},
            "data": data,
            "errors": {"type": "null"},
            "request_id": {"type": "string", "format": "uuid"},
        },
    }


def _refusal() -> Schema:
    return {
        "title": "Refusal",
        "description": "A refusal in the envelope; its code is stable, its message says what to do.",
        "type": "object",
        "required": ["success", "data", "errors", "request_id"],
        "properties": {
            "success": {"const": False},
            "data": {"type": "null"},
            "errors": {"type": "array", "minItems": 1, "items": {"$ref": f"{_PLACE}ErrorItem"}},
            "request_id": {"type": "string", "format": "uuid"},
        },
    }


def _refused(route: Route, status: int, codes: Sequence[Code]) -> Schema:
    told = " ".join(f"`{code}`: {WORDS[code].meaning} {WORDS[code].remedy}" for code in codes)
    why = f"{_STATE} " if status == STATUS[Code.VALIDATION_ERROR] and len(codes) > 1 else ""
    schema: Schema = {"$ref": f"{_PLACE}Detail"}
    if route.is_enveloped:
        one_of_these = {"properties": {"code": {"enum": [str(code) for code in codes]}}}
        coded = {"properties": {"errors": {"items": one_of_these}}}
        schema = {"allOf": [{"$ref": f"{_PLACE}Refusal"}, coded]}
    retry = ("Retry-After",) if status in {429, 503} or Code.IDEMPOTENCY_IN_PROGRESS in codes else ()
    return {
        "description": why + told,
        "headers": _headers(route, "X-Request-Id", *retry),
        "content": {"application/json": {"schema": schema}},
        "x-codes": [str(code) for code in codes],
    }
