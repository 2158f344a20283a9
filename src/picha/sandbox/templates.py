"""The one approved template of an account, which carries an image and reaches people whose window is closed. Pure.

Sources: Meta's template messages page and message templates reference; details of refusals as observed.
"""

from typing import Any

from picha.sandbox import nodes, refusals
from picha.sandbox.chance import Chance
from picha.sandbox.credentials import WABA_ID

Document = dict[str, Any]

NAME = "picha_photo"
LANGUAGE = "en_US"
_ID = "1213829506974421"
_FILTERS = ("name", "status", "language", "category")
_BODY = "Here is the picture you asked for. Reply to this message to talk to us."


def listed(waba_id: str, wanted: Document, sample_url: str) -> list[Document]:
    """Return an account's templates that fit `name`, `status`, `language` and `category`, cut to `fields` if any.

    All but the name may list several values with commas between.

    Raises:
        Refusal: `fields` names one that no template has.
    """
    template: Document = {
        "name": NAME,
        "parameter_format": "POSITIONAL",
        "components": [
            {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": [sample_url]}},
            {"type": "BODY", "text": _BODY},
        ],
        "language": LANGUAGE,
        "status": "APPROVED",
        "category": "UTILITY",
        "id": _ID if waba_id == WABA_ID else Chance(f"template of {waba_id}").digits(16),
    }
    shown = nodes.chosen(nodes.TEMPLATE, template, wanted.get("fields"))
    does_fit = all(template[key] in str(wanted.get(key, template[key])).split(",") for key in _FILTERS)
    return [shown] if does_fit else []


def summary(found: int, wanted: Document) -> Document:
    """Return the `summary` of a list of templates as a member of its page, if it is asked for, with what it names."""
    everything: Document = {
        "total_count": found,
        "message_template_count": 1,
        "message_template_limit": 6000,
        "are_translations_complete": True,
    }
    named = str(wanted.get("summary") or "").split(",")
    chosen = {name: value for name, value in everything.items() if name in named}
    return {"summary": chosen} if chosen else {}


def header_of(template: Document) -> Document:
    """Return the image object of the header in a send's `template`.

    Raises:
        Refusal: there is no such template, or the parameters are not those it takes.
    """
    name, language = template.get("name"), template.get("language")
    if not isinstance(name, str):
        raise refusals.missing("template['name']")
    code = language.get("code") if isinstance(language, dict) else None
    if not isinstance(code, str):
        raise refusals.missing("template['language']['code']")
    if (name, code) != (NAME, LANGUAGE):
        raise refusals.of_code(132001, f"template name ({name[:512]}) does not exist in {code[:20]}")
    header: Document | None = None
    for component in _objects(template.get("components"), "template['components']"):
        parameters = _objects(component.get("parameters"), "parameters")
        image = _header(component, parameters)
        header = header if image is None else image
    if header is None:
        raise refusals.of_code(132012, "header: Format mismatch, expected IMAGE, received UNKNOWN")
    return header


def _header(component: Document, parameters: list[Document]) -> Document | None:
    kind = str(component.get("type")).lower()
    if kind not in ("header", "body"):
        raise refusals.one_of("template['components'][]['type']", ("header", "body"), kind[:100])
    expected = 1 if kind == "header" else 0
    if len(parameters) != expected:
        raise refusals.of_code(
            132000,
            f"{kind}: number of localizable_params ({len(parameters)}) does not match the expected number of params "
            f"({expected})",
        )
    if not parameters:
        return None
    image = parameters[0].get("image")
    if str(parameters[0].get("type")).lower() != "image" or not isinstance(image, dict):
        given = str(parameters[0].get("type")).upper()[:100]
        raise refusals.of_code(132012, f"header: Format mismatch, expected IMAGE, received {given}")
    for key in image:
        if key not in ("id", "link"):
            raise refusals.unexpected(key, "image")
    return image


def _objects(value: object, name: str) -> list[Document]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise refusals.wrong_type(name, "an array of JSON objects")
    return value
