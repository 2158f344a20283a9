"""What Meta tells of an account's message templates.

Source: Meta's message templates reference (`GET /<WABA_ID>/message_templates`).
"""

import re
from typing import Any

import msgspec

from picha.cloudapi.fields import decoded

FIELDS = ("id", "name", "language", "status", "category", "parameter_format", "components", "quality_score")
"""The fields that `TemplateTold` reads."""
PAGE = 100

_PLACE = re.compile(r"\{\{")


class QualityScore(msgspec.Struct, frozen=True):
    """How people take a template: GREEN, YELLOW, RED or UNKNOWN."""

    score: str | None = None


class TemplateTold(msgspec.Struct, frozen=True, kw_only=True):
    """One template in one language; its components are objects with `type`, and `format` or `text`."""

    id: str
    name: str
    language: str
    status: str
    category: str = ""
    parameter_format: str | None = None
    components: list[dict[str, Any]] = []
    quality_score: QualityScore | None = None
    rejected_reason: str | None = None

    @property
    def is_named(self) -> bool:
        """Whether its places have names; otherwise they are numbered."""
        return self.parameter_format == "NAMED"

    @property
    def body(self) -> str:
        """The text of its body, with its places."""
        return str((self._part("BODY") or {}).get("text") or "")

    @property
    def header(self) -> str | None:
        """The kind of its header, such as IMAGE or TEXT."""
        header = self._part("HEADER")
        return None if header is None else str(header.get("format") or "TEXT").upper()

    @property
    def others(self) -> bool:
        """Whether anything but its body and a picture in its header is to be filled, or is of a kind unknown here."""
        kinds = [str(one.get("type")).upper() for one in self.components]
        header = self._part("HEADER") or {}
        has_header_place = bool(_PLACE.search(str(header.get("text") or "")))
        has_button_place = any(_is_filled(button) for button in self._buttons())
        return has_header_place or has_button_place or not set(kinds) <= {"HEADER", "BODY", "FOOTER", "BUTTONS"}

    def _part(self, kind: str) -> dict[str, Any] | None:
        return next((one for one in self.components if str(one.get("type")).upper() == kind), None)

    def _buttons(self) -> list[dict[str, Any]]:
        buttons = (self._part("BUTTONS") or {}).get("buttons")
        return [one for one in buttons if isinstance(one, dict)] if isinstance(buttons, list) else []


def _is_filled(button: dict[str, Any]) -> bool:
    """Tell whether a button takes a value with each send; quick replies, fixed links and numbers take none."""
    kind = str(button.get("type")).upper()
    return kind not in {"QUICK_REPLY", "PHONE_NUMBER", "URL"} or bool(_PLACE.search(str(button.get("url") or "")))


class _Cursors(msgspec.Struct, frozen=True):
    after: str | None = None


class _Paging(msgspec.Struct, frozen=True):
    cursors: _Cursors = _Cursors()
    next: str | None = None


class TemplatePage(msgspec.Struct, frozen=True):
    """A part of the list; `after` is the cursor to ask for the next with, None at the end."""

    data: list[TemplateTold]
    paging: _Paging = _Paging()

    @property
    def after(self) -> str | None:
        """The cursor of the next page."""
        return self.paging.cursors.after if self.paging.next else None


_page = msgspec.json.Decoder(TemplatePage)


def decode_page(body: bytes) -> TemplatePage:
    """Return a part of the list of templates; msgspec's errors tell what is wrong with the answer."""
    return decoded(_page, body)
