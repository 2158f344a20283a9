"""The approved templates of an account, which carry an image and reach people whose window is closed. Pure.

Sources: Meta's template messages page and message templates reference; details of refusals as observed.
"""

import re
from dataclasses import dataclass
from typing import Any

from picha.sandbox import nodes, refusals
from picha.sandbox.chance import Chance
from picha.sandbox.credentials import WABA_ID

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Template:
    """A template with a picture in its header; `{{1}}` and so on in its body are filled by each send."""

    name: str
    body: str
    id: str
    examples: tuple[str, ...] = ()


NAME = "picha_photo"
LANGUAGE = "en_US"
_TEMPLATES = {
    one.name: one
    for one in (
        _Template(
            NAME, "Here is the picture you asked for. Reply to this message to talk to us.", id="1213829506974421"
        ),
        _Template(
            "picha_receipt",
            "Hello {{1}}, here is the receipt for your order {{2}}. Thank you for buying from us.",
            id="1213829506974438",
            examples=("Sheena", "4711"),
        ),
    )
}
NAMES = tuple(_TEMPLATES)
_FILTERS = ("name", "status", "language", "category")
_VARIABLE = re.compile(r"\{\{([0-9]+)\}\}")


def listed(waba_id: str, wanted: Document, sample_url: str) -> list[Document]:
    """Return an account's templates that fit `name`, `status`, `language` and `category`, cut to `fields` if any.

    All but the name may list several values with commas between.

    Raises:
        Refusal: `fields` names one that no template has.
    """
    shown = [_shown(one, waba_id, sample_url) for one in _TEMPLATES.values()]
    chosen = [nodes.chosen(nodes.TEMPLATE, one, wanted.get("fields")) for one in shown]
    return [
        cut
        for one, cut in zip(shown, chosen, strict=True)
        if all(one[key] in str(wanted.get(key, one[key])).split(",") for key in _FILTERS)
    ]


def _shown(one: _Template, waba_id: str, sample_url: str) -> Document:
    body: Document = {"type": "BODY", "text": one.body}
    if one.examples:
        body["example"] = {"body_text": [list(one.examples)]}
    return {
        "name": one.name,
        "parameter_format": "POSITIONAL",
        "components": [{"type": "HEADER", "format": "IMAGE", "example": {"header_handle": [sample_url]}}, body],
        "language": LANGUAGE,
        "status": "APPROVED",
        "category": "UTILITY",
        "id": one.id if waba_id == WABA_ID else Chance(f"template {one.name} of {waba_id}").digits(16),
    }


def summary(found: int, wanted: Document) -> Document:
    """Return the `summary` of a list of templates as a member of its page, if it is asked for, with what it names."""
    everything: Document = {
        "total_count": found,
        "message_template_count": len(_TEMPLATES),
        "message_template_limit": 6000,
        "are_translations_complete": True,
    }
    named = str(wanted.get("summary") or "").split(",")
    chosen = {name: value for name, value in everything.items() if name in named}
    return {"summary": chosen} if chosen else {}


def read(template: Document) -> tuple[Document, str]:
    """Return the image object of the header in a send's `template`, and its text as the person sees it.

    Raises:
        Refusal: there is no such template, or the parameters are not those it takes.
    """
    name, language = template.get("name"), template.get("language")
    if not isinstance(name, str):
        raise refusals.missing("template['name']")
    code = language.get("code") if isinstance(language, dict) else None
    if not isinstance(code, str):
        raise refusals.missing("template['language']['code']")
    one = _TEMPLATES.get(name)
    if one is None or code != LANGUAGE:
        raise refusals.of_code(132001, f"template name ({name[:512]}) does not exist in {code[:20]}")
    header: Document | None = None
    values: list[str] | None = None
    for component in _objects(template.get("components"), "template['components']"):
        kind, parameters = str(component.get("type")).lower(), _objects(component.get("parameters"), "parameters")
        if kind not in ("header", "body"):
            raise refusals.one_of("template['components'][]['type']", ("header", "body"), kind[:100])
        _count(kind, len(parameters), 1 if kind == "header" else len(one.examples))
        if kind == "header":
            header = _image(parameters[0])
        else:
            values = [_value(parameter) for parameter in parameters]
    if header is None:
        raise refusals.of_code(132012, "header: Format mismatch, expected IMAGE, received UNKNOWN")
    if values is None:
        _count("body", 0, len(one.examples))
    return header, _VARIABLE.sub(lambda found: (values or [])[int(found[1]) - 1], one.body)


def _count(kind: str, given: int, expected: int) -> None:
    if given != expected:
        raise refusals.of_code(
            132000,
            f"{kind}: number of localizable_params ({given}) does not match the expected number of params ({expected})",
        )


def _image(parameter: Document) -> Document:
    image = parameter.get("image")
    if str(parameter.get("type")).lower() != "image" or not isinstance(image, dict):
        given = str(parameter.get("type")).upper()[:100]
        raise refusals.of_code(132012, f"header: Format mismatch, expected IMAGE, received {given}")
    for key in image:
        if key not in ("id", "link"):
            raise refusals.unexpected(key, "image")
    return image


def _value(parameter: Document) -> str:
    text = parameter.get("text")
    if str(parameter.get("type")).lower() != "text" or not isinstance(text, str):
        given = str(parameter.get("type")).upper()[:100]
        raise refusals.of_code(132012, f"body: Format mismatch, expected TEXT, received {given}")
    if not text:
        raise refusals.of_code(131008, "Parameter of type text is missing text value")
    return text


def _objects(value: object, name: str) -> list[Document]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise refusals.wrong_type(name, "an array of JSON objects")
    return value
