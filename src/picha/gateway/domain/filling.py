"""Which template a send means, and what it says when it is filled.

Sources: Meta's message templates reference: a body's places are `{{1}}`, `{{2}}` or have names; a header is a text, a
picture, or of another kind.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

_PLACE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
APPROVED = "APPROVED"


@dataclass(frozen=True, slots=True)
class Filling:
    """What a send asks for: a template by name, in `language` where it has several, with a value for each place."""

    name: str
    variables: Mapping[str, str]
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """A template as filling it needs it. `header` is its kind, such as IMAGE or TEXT, None where there is none.

    `others` tells that it has places beside those of its body, which this gateway cannot fill.
    """

    id: UUID
    account_id: UUID
    name: str
    language: str
    status: str
    body: str
    is_named: bool
    header: str | None
    others: bool = False

    @property
    def places(self) -> list[str]:
        """The names of the body's places; see `places`."""
        return places(self.body, is_named=self.is_named)


@dataclass(frozen=True, slots=True)
class Filled:
    """A template with its values in the order of its places, and the text that the customer reads."""

    template_id: UUID
    name: str
    language: str
    values: Sequence[tuple[str, str]]
    is_named: bool
    text: str


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why a template cannot be filled that way: one of the API's stable codes, in a sentence, about a field."""

    code: str
    message: str
    field: str


def places(body: str, *, is_named: bool) -> list[str]:
    """Return the names of a body's places, each once: in their order, or by number where they are numbers."""
    found = list(dict.fromkeys(_PLACE.findall(body)))
    return found if is_named else sorted(found, key=lambda one: (len(one), one))


def fill(filling: Filling, forms: Sequence[Form], *, has_picture: bool) -> Filled | Unfit:
    """Fill the template that is meant; `forms` are those of that name, of the sending number's account."""
    form = _meant(filling, forms)
    if isinstance(form, Unfit):
        return form
    if (unfit := _header(form, has_picture=has_picture) or _variables(form, filling.variables)) is not None:
        return unfit
    values = [(place, filling.variables[place]) for place in form.places]
    text = _PLACE.sub(lambda place: filling.variables[place[1]], form.body)
    return Filled(form.id, form.name, form.language, values, form.is_named, text)


def _meant(filling: Filling, forms: Sequence[Form]) -> Form | Unfit:
    in_language = [one for one in forms if filling.language in {None, one.language}]
    approved = [one for one in in_language if one.status == APPROVED]
    if len(approved) == 1:
        return approved[0]
    if approved:
        languages = ", ".join(sorted(one.language for one in approved))
        return Unfit("VALIDATION_ERROR", f"The template has several languages: name one of {languages}.", "language")
    if in_language:
        told = f"The template is {in_language[0].status}, and only APPROVED ones may be sent."
        return Unfit("TEMPLATE_NOT_APPROVED", told, "template_name")
    others = f" It is there in {', '.join(sorted(one.language for one in forms))}." if forms else ""
    told = (
        f"The sender's account has no such template.{others} GET /v1/whatsapp/templates lists them; a new one is seen "
        "within 10 minutes, or at once after `picha senders check`."
    )
    return Unfit("TEMPLATE_NOT_FOUND_OR_UNAPPROVED", told, "template_name")


def _header(form: Form, *, has_picture: bool) -> Unfit | None:
    if form.others or form.header not in {None, "TEXT", "IMAGE"}:
        told = "This gateway fills a template's text and an image in its header, and this template has more to fill."
        return Unfit("NOT_IMPLEMENTED", told, "template_name")
    if form.header == "IMAGE" and not has_picture:
        return Unfit("VALIDATION_ERROR", "The template has a picture in its header: give header.", "header")
    if form.header != "IMAGE" and has_picture:
        return Unfit("VALIDATION_ERROR", "The template has no picture in its header: leave header out.", "header")
    return None


def _variables(form: Form, variables: Mapping[str, str]) -> Unfit | None:
    if set(form.places) == set(variables):
        return None
    places = ", ".join(form.places) or "none"
    return Unfit("VALIDATION_ERROR", f"The template's variables are these and no others: {places}.", "variables")
