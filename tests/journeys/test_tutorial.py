"""The tutorial, typed from its first line to its last."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, get_args

import pytest
from tests.journeys.pages import DOCS, blocks, moved, settle_in, terminal, untitled
from tests.journeys.running import Talk, raised, talking, until

from picha.karibu.reads import MessageStatus, Phase

PAGE = "tutorial.md"


@pytest.fixture
async def picha(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Talk]:
    """A product that nobody used before, as the reader's is, and of which nothing was made before."""
    with raised(tmp_path_factory.mktemp("reader") / "home") as house:
        async with talking(house) as talk:
            yield talk


async def test_whoever_types_the_tutorial_receives_sends_follows_and_reads(picha: Talk, tmp_path: Path) -> None:
    settle_in(picha, tmp_path)
    step = {title: moved(code, picha) for title, code in blocks(PAGE).items()}
    (tmp_path / "shop.py").write_text(step.pop("shop.py"))

    async with terminal(tmp_path) as shell:

        async def typed(title: str) -> str:
            return await shell.types(step.pop(title))

        async def seen(title: str, what: str) -> str:
            """Look again and again, as a reader does, until it is there."""
            code = step.pop(title)

            async def look() -> str | None:
                said = await shell.types(code)
                return said if re.search(what, said) else None

            return await until(look)

        await typed("start")
        assert json.loads(await typed("inbound"))["message_id"].startswith("wamid.")
        message = json.loads(await seen("received", 'this one.*"state":"stored"'))["data"]["items"][0]
        assert (message["status"], message["content"]["caption"]) == ("received", "Do you still have this one?")
        assert (await typed("photo")).startswith("ok  photo.jpg: jpeg")
        await typed("upload")
        await typed("send")
        await seen("status", "^read$")
        assert without_times(await typed("timeline")) == without_times(untitled(PAGE, "text")[0])
        assert re.search(r"received .* Do you still have this one\?", await typed("events"))
        assert json.loads(await typed("after"))["data"]["items"] == []
        told = (await typed("run")).splitlines()
        assert told[0].startswith("read 20")
        assert "whatsapp.received Do you still have this one?" in told
        assert any(line.startswith("whatsapp.read ") for line in told)
        refused: Any = json.loads(await typed("refused"))
        assert refused["errors"][0]["code"] == "WINDOW_CLOSED"
    assert step == {}


def without_times(story: str) -> str:
    return re.sub(r"^[0-9:.]+", "", story, flags=re.MULTILINE)


@pytest.mark.parametrize("page", ["tutorial.md", "how-to-test.md"])
def test_what_a_page_starts_with_is_what_the_tests_start(page: str) -> None:
    """`make up` is the one command that a test types otherwise."""
    assert "make up\n" in untitled(page, "sh")
    assert re.search(r"^up: .*\n\t@\$\(BIN\)/picha up$", (DOCS.parent / "Makefile").read_text(), re.MULTILINE)


def test_the_figure_of_a_messages_life_has_every_phase_and_status() -> None:
    figure = (DOCS / "images" / "life.svg").read_text()
    words = set(re.findall(r'class="word"[^>]*>([a-z_]+)<', figure))

    assert words | {"pending", "received"} == {*get_args(Phase), *get_args(MessageStatus)}
