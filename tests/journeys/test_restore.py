"""A backup is put back: nobody gets a picture twice, nothing is sent until it is confirmed, then all goes on."""

import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from tests.journeys.hosting import PictureHost
from tests.journeys.running import House, Talk, picture, talking, until
from tests.journeys.test_doctor_command import examined, picha_command
from tests.journeys.test_survives import captions, greeted, spoil

pytestmark = pytest.mark.timeout(300)

Raise = Callable[..., AbstractContextManager[House]]


class Story:
    """What happened before the backup, after it, and after it was put back."""

    def __init__(self) -> None:
        self.customers: list[str] = []
        self.file_id = ""
        self.messages: dict[str, str] = {}
        self.ports: dict[str, int] = {}

    async def send(self, picha: Talk, caption: str, customer: int, **body: Any) -> str:
        """Have a send accepted, told apart by its caption."""
        wanted = {"file_id": self.file_id} | body
        answer = await picha.send(to=self.customers[customer], caption=caption, **wanted)
        assert answer.status == 202, answer.body
        self.messages[caption] = answer.data["message_id"]
        return self.messages[caption]


async def until_the_backup(house: House, story: Story) -> None:
    """Send one picture, let one wait and one be on its way, and let the power fail."""
    async with talking(house) as picha:
        story.ports = house.ports
        story.customers = await greeted(picha, 5)
        story.file_id = (await picha.upload(picture())).data["file_id"]
        await picha.becomes(await story.send(picha, "delivered before", 0), "read")
        to = {"match": {"route": "messages", "to": story.customers[1]}}
        await picha.control("POST", "/faults", json={"effect": {"error": 131056}, "when": {"mode": "always"}} | to)
        await story.send(picha, "waited", 1)
        # Meta takes it, and neither the answer nor a webhook tells of it before the power fails.
        await picha.control("POST", "/trouble", json={"drop": True})
        await spoil(picha, {"hang": True, "at": "after"}, mode="next", n=1)
        await story.send(picha, "on its way", 2)

        async def amid() -> bool:
            waited = await picha.message(story.messages["waited"])
            return waited["attempts"] > 0 and (await captions(picha))["on its way"] == 1

        await until(amid)
        house.kill()


async def after_the_backup(house: House, story: Story) -> None:
    """Send what waited, and more."""
    async with talking(house) as picha:
        await picha.control("DELETE", "/faults")
        await picha.becomes(story.messages["waited"], "read", within_s=60)
        await picha.becomes(await story.send(picha, "sent after", 3), "read")


async def put_back(house: House, story: Story, host: PictureHost) -> None:
    """See that nothing is sent, confirm, and see that all goes on and nothing is sent twice."""
    home = house.home
    async with talking(house) as picha:
        new = await story.send(picha, "accepted while held", 4)
        link = host.put("/held.jpg", picture(shade=33))
        fetched = await story.send(picha, "accepted by link", 4, file_id=None, media_url=link)
        # The worker works: it hears, and fetches what customers send.
        heard = await picha.hear(story.customers[4], caption="Are you there?")
        assert heard["content"]["state"] == "stored"
        code, out, _ = await picha_command("restore", "status", "--home", str(home))
        assert code == 1
        assert "2 messages waited" in out
        assert set((await examined(home))[1]) == {"restored"}
        metrics = (await picha.call("GET", picha.ready.worker_metrics_url)).body.decode()
        assert "picha_restored 1.0" in metrics
        assert "picha restore confirm" in (home / "logs" / "worker.log").read_text()
        assert (await picha.message(new))["phase"] == "queued"
        assert (await picha.api("GET", f"/v1/whatsapp/messages/{story.messages['sent after']}")).status == 404

        code, out, _ = await picha_command("restore", "confirm", "--home", str(home))
        assert (code, out.split(".")[0]) == (0, "Sending goes on")
        for message in (new, fetched):
            await picha.becomes(message, "read")
        for caption in ("waited", "on its way"):
            message = await picha.message(story.messages[caption])
            assert (message["phase"], message["status"]) == ("unknown", "pending"), caption
        told = [item["text"] for item in await picha.story(story.messages["waited"])]
        assert any("put back to an earlier state" in text for text in told), told
        everything = (
            "delivered before",
            "waited",
            "on its way",
            "sent after",
            "accepted while held",
            "accepted by link",
        )
        assert await captions(picha) == Counter(everything)
        assert (await picha_command("restore", "status", "--home", str(home)))[0] == 0
        assert (await examined(home))[1].keys() <= {"unknown"}


async def test_after_a_backup_was_put_back_nothing_doubles_and_nothing_goes_out_until_it_is_confirmed(
    raise_house: Raise, tmp_path: Path, host: PictureHost
) -> None:
    story, backup = Story(), tmp_path / "backup"
    with raise_house() as house:
        await until_the_backup(house, story)
    shutil.copytree(house.home / "postgres" / "data", backup)
    with raise_house(**story.ports) as house:
        await after_the_backup(house, story)
    shutil.rmtree(house.home / "postgres" / "data")
    shutil.copytree(backup, house.home / "postgres" / "data")

    with raise_house(**story.ports) as house:
        await put_back(house, story, host)
