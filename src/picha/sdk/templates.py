"""What is done with templates: list them, look at one."""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from picha.karibu.templates import Template, TemplatePage
from picha.sdk.calls import Call, identifier, query, reader
from picha.sdk.errands import Errand, Tools, ask
from picha.sdk.pages import Parts

_PATH = "/v1/whatsapp/templates"
Sort = Literal["updated_desc", "updated_asc", "created_desc", "name_asc", "name_desc"]


class _Templates:
    """The list in parts, each of which names the next."""

    def __init__(self, tools: Tools, asked: dict[str, object]) -> None:
        self._tools, self._asked = tools, asked
        self._cursor: str | None = None
        self._is_over = False

    def following(self) -> Errand[Sequence[Template] | None]:
        if self._is_over:
            return None
        call = Call(
            method="GET",
            path=_PATH,
            reads=reader(TemplatePage),
            query=query(**self._asked, cursor=self._cursor),
            is_enveloped=False,
        )
        page = yield from ask(self._tools, call)
        self._cursor = page.cursor_next
        self._is_over = page.cursor_next is None
        return page.items


def templates(
    tools: Tools,
    *,
    sender_id: UUID | str | None = None,
    status: str | Sequence[str] | None = None,
    category: str | Sequence[str] | None = None,
    language: str | Sequence[str] | None = None,
    name_or_content: str | None = None,
    sort: Sort = "updated_desc",
    page_size: int = 50,
) -> Parts[Template]:
    """Go through the templates of the key's environment; several of a kind mean any of them."""
    asked: dict[str, object] = {
        "sender_id": sender_id,
        "status": _several(status),
        "category": _several(category),
        "language": _several(language),
        "name_or_content": name_or_content,
        "sort": sort,
        "limit": page_size,
    }
    return _Templates(tools, asked)


def template(tools: Tools, template_id: UUID | str) -> Errand[Template]:
    """Return one template, by its id."""
    path = f"{_PATH}/{identifier(template_id, 'template_id')}"
    return (yield from ask(tools, Call(method="GET", path=path, reads=reader(Template), is_enveloped=False)))


def _several(words: str | Sequence[str] | None) -> list[str] | None:
    if words is None:
        return None
    return [words] if isinstance(words, str) else list(words)
