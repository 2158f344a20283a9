"""`picha senders` on a running product: a second tenant's number is set up at Meta, works, and is held and let go."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.journeys.running import House, Talk, talking, until
from tests.journeys.sandbox_program import SandboxProgram, running
from tests.journeys.terminal import typed
from tests.journeys.test_doctor_command import account_of, picha_command
from tests.journeys.test_keys_program import done, refused

WABA, PNID, DISPLAY = "10229012934039111", "10654035224292111", "15550783111"
OTHER_PNID, OTHER_DISPLAY = "10654035224292112", "15550783112"


@dataclass(frozen=True)
class Stage:
    """A house, a second tenant's key to it, and the Meta of that tenant."""

    talk: Talk
    meta: SandboxProgram
    workspace: str
    key: str
    files: Path

    def add(self, **instead: str) -> tuple[str, ...]:
        """Return the words of a `senders add`, with something put in the place of what is right."""
        ready = self.meta.ready
        told = {"token": ready.numbers[0].access_token, "secret": ready.app_secret, "verify": ready.verify_token}
        told |= {"url": f"{ready.base_url}/v25.0", "workspace": self.workspace, "number": PNID, "waba": WABA} | instead
        for name in ("token", "secret", "verify"):
            (self.files / name).write_text(told[name] + "\n")
        return (
            *("senders", "add", "--test", "--workspace", told["workspace"], "--waba-id", told["waba"]),
            *("--phone-number-id", told["number"], "--app-id", ready.app_id, "--graph-url", told["url"]),
            *("--access-token-file", str(self.files / "token"), "--app-secret-file", str(self.files / "secret")),
            *("--verify-token-file", str(self.files / "verify")),
        )


@pytest.fixture
async def stage(raise_house: Callable[..., AbstractContextManager[House]], tmp_path: Path) -> AsyncIterator[Stage]:
    config = tmp_path / "sandbox.toml"
    config.write_text(
        f'[[accounts]]\nwaba_id = "{WABA}"\nname = "Duka"\n[[accounts.numbers]]\n'
        f'phone_number_id = "{PNID}"\ndisplay_phone_number = "{DISPLAY}"\n[[accounts.numbers]]\n'
        f'phone_number_id = "{OTHER_PNID}"\ndisplay_phone_number = "{OTHER_DISPLAY}"\n'
    )
    with raise_house(settings={"PICHA_USE_DEFAULT_SENDER": "true"}) as house:
        async with (
            talking(house) as talk,
            running("--callback", f"{house.ready.api_url}/webhooks/whatsapp", "--config", str(config)) as meta,
        ):
            [shop] = await done(talk, "workspaces", "create", "Duka")
            [key] = await done(talk, "keys", "create", "--app", "Duka")
            yield Stage(talk, meta, shop["workspace_id"], key["key"], tmp_path)


async def test_a_second_tenants_number_is_set_up_heard_checked_held_and_let_go(stage: Stage) -> None:
    talk, home = stage.talk, str(stage.talk.house.home)

    await nothing_is_set_up_that_meta_does_not_know(stage)
    [added] = await done(talk, *stage.add())
    assert (added["display_number"], added["state"], added["is_default"]) == (DISPLAY, "sending", True)
    assert added["callback_url"] == f"{talk.ready.api_url}/webhooks/whatsapp"
    [again] = await done(talk, *stage.add())
    assert again["id"] == added["id"]
    assert "Another workspace" in await refused(talk, *stage.add(workspace="Default"))

    [mine] = (await talk.api("GET", "/v1/whatsapp/senders", key=stage.key)).document
    [others] = (await talk.api("GET", "/v1/whatsapp/senders")).document
    assert mine["id"] == added["id"] != others["id"]
    await it_is_heard(stage)
    await it_is_held_and_let_go(stage, added)

    code, out, _ = await picha_command("senders", "list", "--home", home)
    assert code == 0
    assert len(out.splitlines()) == 3
    assert stage.meta.ready.app_secret not in out
    [report] = await done(talk, "senders", "check", f"+{DISPLAY}")
    assert report["ok"] is True
    about = {finding["about"] for finding in report["findings"] if finding["check"] in {"number", "backlog", "pause"}}
    assert about == {added["id"]}
    assert [one["text"] for one in report["findings"] if one["check"] == "templates"] == [
        "2 templates are known, as of now."
    ]
    await what_is_wrong_at_metas_side_is_found(stage)
    await of_two_numbers_the_default_one_stands_in(stage)
    await a_test_key_sees_no_live_number(stage, added)


async def nothing_is_set_up_that_meta_does_not_know(stage: Stage) -> None:
    wrong = {
        "Error validating access token|access token|token": {"token": "EAAwrong"},
        "could not be reached": {"url": "http://127.0.0.1:9/v25.0"},
        "does not tell which number": {"number": "999999"},
        "No workspace has the id or name": {"workspace": "Nobody's"},
        "one word": {"secret": "two words"},
    }
    for said, instead in wrong.items():
        error = await refused(stage.talk, *stage.add(**instead))
        assert any(word in error for word in said.split("|")), error
        assert "EAAwrong" not in error
    assert [one["workspace"] for one in await done(stage.talk, "senders", "list")] == ["Default"]


async def of_two_numbers_the_default_one_stands_in(stage: Stage) -> None:
    await done(stage.talk, *stage.add(number=OTHER_PNID))
    customer = stage.talk.stranger()
    for number in (PNID, OTHER_PNID):
        said = {"from": customer, "type": "text", "text": "Habari", "phone_number_id": number}
        assert (await stage.talk.call("POST", f"{stage.meta.ready.control_url}/inbound", json=said)).status < 300

    async def sent_from() -> str | None:
        body = {"to": customer, "body": "Karibu"}
        told = await stage.talk.api("POST", "/v1/whatsapp/messages/text", key=stage.key, json=body)
        assert told.status == 202 or told.error["code"] == "WINDOW_CLOSED", told.body
        return str(told.data["sender"]) if told.status == 202 else None

    assert await until(sent_from) == PNID
    await done(stage.talk, "senders", "default", OTHER_DISPLAY)
    assert await until(sent_from) == OTHER_PNID
    defaults = {one["phone_number_id"]: one["is_default"] for one in await done(stage.talk, "senders", "list")}
    assert (defaults[PNID], defaults[OTHER_PNID]) == (False, True)


async def it_is_heard(stage: Stage) -> None:
    """Let a customer of the second tenant write: the running programs know the number already."""
    customer, caption = stage.talk.stranger(), secrets.token_hex(8)
    said = {"from": customer, "caption": caption}
    told = await stage.talk.call("POST", f"{stage.meta.ready.control_url}/inbound", json=said)
    assert told.status < 300, told.body

    async def come() -> Any:
        items = (await stage.talk.api("GET", "/v1/whatsapp/messages", key=stage.key)).data["items"]
        return [one for one in items if one["content"]["caption"] == caption and one["content"]["state"] == "stored"]

    [message] = await until(come)
    body = {"to": customer, "file_id": message["content"]["file_id"]}
    sent = await stage.talk.api("POST", "/v1/whatsapp/messages/image", key=stage.key, json=body)
    assert sent.status == 202, sent.body
    path = f"/v1/whatsapp/messages/{sent.data['message_id']}"

    async def is_read() -> bool:
        return bool((await stage.talk.api("GET", path, key=stage.key)).data["status"] == "read")

    await until(is_read)
    assert (await stage.talk.api("GET", path)).status == 404


async def it_is_held_and_let_go(stage: Stage, added: Any) -> None:
    talk = stage.talk

    async def state() -> Any:
        return (await talk.api("GET", f"/v1/whatsapp/senders/{added['id']}", key=stage.key)).document["state"]

    [paused] = await done(talk, "senders", "pause", PNID)
    assert (paused["id"], paused["state"], await state()) == (added["id"], "paused", "paused")
    [waiting] = (await talk.api("GET", "/v1/whatsapp/messages?direction=inbound&limit=1", key=stage.key)).data["items"]
    body = {"conversation_id": waiting["conversation_id"], "file_id": waiting["content"]["file_id"]}
    sent = await talk.api("POST", "/v1/whatsapp/messages/image", key=stage.key, json=body)
    assert sent.status == 202, sent.body
    [listed] = await done(talk, "senders", "list", "--workspace", "Duka")
    assert listed["backlog_s"] > 0
    assert listed["messages_per_second"] == 80
    [flushed] = await done(talk, "senders", "flush", added["id"])
    assert flushed == {"id": added["id"], "state": "paused", "backlog_s": 0, "cancelled": 1}
    [resumed] = await done(talk, "senders", "resume", DISPLAY)
    assert (resumed["state"], await state()) == ("sending", "sending")
    assert "No number is called that" in await refused(talk, "senders", "pause", "15550000000")


async def what_is_wrong_at_metas_side_is_found(stage: Stage) -> None:
    wish = {"number_status": "DISCONNECTED"}
    told = await stage.talk.call("POST", f"{stage.meta.ready.control_url}/switches", json=wish)
    assert told.status == 200, told.body

    home = str(stage.talk.house.home)
    code, out, _ = await picha_command("senders", "check", PNID, "--home", home)
    assert code == 1
    assert "DISCONNECTED" in out
    code, _, _ = await picha_command("senders", "check", stage.talk.ready.phone_number_id, "--home", home)
    assert code == 0


async def a_test_key_sees_no_live_number(stage: Stage, added: Any) -> None:
    """Set the same number up once more, as a live one: each kind of key sees its own alone.

    It comes last: what a customer writes may come to either of the two then.
    """
    talk = stage.talk
    words = ("--live" if word == "--test" else word for word in stage.add())
    [live] = await done(talk, *words)
    [key] = await done(talk, "keys", "create", "--app", "Duka", "--live")

    for shown, hidden, own in ((added, live, stage.key), (live, added, key["key"])):
        seen = {
            one["id"]: one["environment"] for one in (await talk.api("GET", "/v1/whatsapp/senders", key=own)).document
        }
        assert seen[shown["id"]] == shown["environment"]
        assert hidden["id"] not in seen
        for verb in ("", "/pause", "/resume", "/flush"):
            path = f"/v1/whatsapp/senders/{hidden['id']}{verb}"
            assert (await talk.api("POST" if verb else "GET", path, key=own)).status == 404
    assert "2 numbers are called that" in await refused(talk, "senders", "pause", PNID)


async def test_without_a_terminal_a_secret_must_lie_in_a_file(picha: Talk) -> None:
    words = ("senders", "add", "--live", "--waba-id", "1", "--phone-number-id", "2", "--app-id", "3")

    assert "name a file that has it with --access-token-file" in await refused(picha, *words)


async def test_at_a_terminal_secrets_are_asked_for_and_shown_to_nobody(picha: Talk) -> None:
    account = await account_of(picha.house)
    secret = {
        "The access token": account.access_token.reveal(),
        "The app secret": account.app_secret.reveal(),
        "The verify token": account.verify_token.reveal(),
    }

    code, shown = await typed(
        *("senders", "add", "--test", "--waba-id", account.waba_id, "--workspace", "Default"),
        *("--phone-number-id", picha.ready.phone_number_id, "--app-id", account.meta_app_id),
        *("--graph-url", account.graph_url, "--home", str(picha.house.home)),
        # What is typed between the question and the blank behind it is thrown away: the echo is switched off there.
        answers=[(f"{question}: ", answer) for question, answer in secret.items()],
    )

    assert code == 0, shown
    assert f"The number {picha.ready.sender} is set up as" in shown
    assert not [word for word in secret.values() if word in shown]
    assert await account_of(picha.house) == account


@pytest.mark.parametrize("where", [(), ("--graph-url", "https://graph.facebook.com/v25.0")])
async def test_a_test_number_is_no_number_of_metas(where: tuple[str, ...]) -> None:
    words = ("senders", "add", "--test", "--waba-id", "1", "--phone-number-id", "2", "--app-id", "3", *where)

    code, out, err = await picha_command(*words)

    assert (code, out) == (2, "")
    assert "sandbox" in err


async def test_whether_a_number_is_live_must_be_said() -> None:
    code, _, err = await picha_command("senders", "add", "--waba-id", "1", "--phone-number-id", "2", "--app-id", "3")

    assert code == 2
    assert "--live" in err
