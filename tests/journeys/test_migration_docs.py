"""What the page about Karibu says of each operation and field is so; Briq's own client runs its program."""

import re
import sys
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from tests.journeys.pages import DOCS, blocks, moved, settle_in, terminal
from tests.journeys.running import Talk

from picha.gateway.api.routes import FORMER_SENDS, OTHER_SENDS, ROUTES
from picha.karibu import conversations, events, queries, reads, senders, sends, templates, webhooks
from picha.karibu.errors import Code, ErrorItem

PAGE = (DOCS / "karibu-migration.md").read_text()
NOBODY = str(UUID(int=0))
TARGET = set(sends.Target.__struct_fields__)
DOCUMENTS: dict[str, tuple[type[msgspec.Struct], set[str]]] = {
    "target of any send": (sends.Target, set()),
    "send of an image": (sends.SendImage, TARGET),
    "send of a text": (sends.SendText, TARGET),
    "send of a template": (sends.SendTemplate, TARGET),
    "query of messages": (queries.MessagesQuery, set()),
    "query of conversations": (queries.ConversationsQuery, set()),
    "query of the summary": (queries.SummaryQuery, set()),
    "query of senders": (queries.SendersQuery, set()),
    "query of templates": (queries.TemplatesQuery, set()),
    "conversation to mark as read": (conversations.MarkRead, set()),
    "new webhook": (webhooks.NewWebhook, set()),
    "change of a webhook": (webhooks.WebhookChange, set()),
    "query of a webhook's numbers": (queries.StatsQuery, set()),
    "answer to a send": (sends.SendAccepted, set()),
    "message": (reads.Message, set()),
    "content": (reads.Content, set()),
    "page of a list": (reads.Page, set()),
    "page of templates": (templates.TemplatePage, set()),
    "error": (ErrorItem, set()),
    "read receipt": (reads.ReadReceipt, set()),
    "conversation": (conversations.Conversation, set()),
    "window": (conversations.Window, set()),
    "summary": (conversations.ConversationSummary, set()),
    "conversation read": (conversations.ConversationRead, set()),
    "conversation deleted": (conversations.ConversationDeleted, set()),
    "sender": (senders.Sender, set()),
    "template": (templates.Template, set()),
    "webhook": (webhooks.Webhook, set()),
    "webhook's numbers": (webhooks.WebhookStats, set()),
    "event": (events.Event, set()),
    "event of a send, `data`": (events.StatusData, set()),
}


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table under a heading."""
    text = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"][2:]


def named(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


OPERATIONS = [(*named(what)[0].split(" ", 1), here) for what, here, _ in rows("Operations")]


def test_every_route_is_on_the_page_and_what_is_said_to_be_here_is() -> None:
    served = {(route.method, route.path) for route in ROUTES}
    aside = {tuple(call.split(" ", 1)) for call in re.findall(r"`((?:GET|POST) /[^`]*)`", PAGE) if " " in call}

    here = {(method, path) for method, path, verdict in OPERATIONS if verdict in {"equal", "differs", "ours"}}
    gone = {(method, path) for method, path, verdict in OPERATIONS if verdict in {"501", "404"}}

    assert len(here) + len(gone) == len(OPERATIONS)
    assert here <= served
    assert served <= here | aside
    assert not gone & served
    assert {path for _, path, verdict in OPERATIONS if verdict == "501"} == OTHER_SENDS


@pytest.mark.parametrize(("method", "path", "here"), [one for one in OPERATIONS if one[2] in {"501", "404"}])
async def test_what_is_said_not_to_be_here_answers_so(picha: Talk, method: str, path: str, here: str) -> None:
    told = await picha.api(method, path, json={"to": "255712345678"})

    assert (told.status, told.error["code"]) == (int(here), {"501": Code.NOT_IMPLEMENTED, "404": Code.NOT_FOUND}[here])
    if path in FORMER_SENDS | OTHER_SENDS:
        assert "/text or /template" in told.error["message"]


@pytest.mark.parametrize("row", rows("Fields"), ids=lambda row: row[0])
def test_every_field_is_on_the_page_once(row: list[str]) -> None:
    document, but = DOCUMENTS[row[0]]

    fields = named(row[1]) + named(row[2])

    assert len(fields) == len(set(fields))
    assert set(fields) == set(document.__struct_fields__) - but


def test_every_document_is_on_the_page() -> None:
    assert [row[0] for row in rows("Fields")] == list(DOCUMENTS)


@pytest.mark.parametrize("path", ["/v1/whatsapp/senders", "/v1/whatsapp/templates", "/v1/webhooks"])
async def test_the_bare_ones_refuse_bare(picha: Talk, path: str) -> None:
    for told in (
        await picha.api("GET", f"{path}/{NOBODY}"),
        await picha.api("GET", f"{path}/{NOBODY}", key="picha_test_wrong"),
        await picha.api("PUT", f"{path}/{NOBODY}"),
    ):
        assert told.status in {401, 404, 405}
        assert set(told.document) == {"detail"}


async def test_briqs_own_client_runs_the_program_of_the_page(picha: Talk, tmp_path: Path) -> None:
    settle_in(picha, tmp_path)
    await picha.hear("16505551234")
    (tmp_path / "moved.py").write_text(moved(blocks("karibu-migration.md")["moved.py"], picha))

    async with terminal(tmp_path) as shell:
        said = await shell.types(f"{sys.executable} moved.py")

    assert re.fullmatch(r"(pending|sent|delivered|read)\n", said)
