"""The TOML file of `picha sandbox --config`, and which of flag, environment, file and default wins."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer
from tests.journeys.sandbox_program import running
from tests.nursery import PLAIN, ran

from picha.cli.program import program as picha
from picha.cli.sandbox_file import ConfigError, load

EXAMPLE = Path(__file__).parents[2] / "docs" / "sandbox-example.toml"
PAGE = EXAMPLE.with_name("sandbox.md")
TOKEN = "EAATestPichaSandboxOne"


async def refused(*arguments: str, **environment: str) -> tuple[int, str]:
    """Return the exit code and what was said by a sandbox that does not start."""
    code, out, said = await ran("sandbox", "--json", *arguments, environment=PLAIN | environment)
    assert out == b""
    return code, said.decode()


def written(folder: Path, text: str) -> str:
    path = folder / "sandbox.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


async def test_the_example_of_the_docs_starts_what_it_says() -> None:
    async with running("--config", str(EXAMPLE)) as sandbox, running("--config", str(EXAMPLE)) as again:
        numbers = sandbox.ready.numbers
        _, answer = await sandbox.send_image(id="1479537139650973")
        theirs = {"Authorization": f"Bearer {numbers[2].access_token}"}
        _, wool = await sandbox.graph("GET", f"/{numbers[2].waba_id}", headers=theirs)
        _, support = await sandbox.graph("GET", f"/{numbers[1].phone_number_id}")
        await sandbox.wait("status", wamid=answer["messages"][0]["id"], status="delivered")

    assert [number.waba_id for number in numbers[:2]] == ["102290129340398"] * 2
    assert wool["name"] == "Wind & Wool"
    assert support["verified_name"] == "Lucky Shrub Support"
    assert re.fullmatch("[1-9][0-9]{14}", numbers[1].phone_number_id)
    assert again.ready.numbers == numbers


async def test_a_flag_wins_over_the_environment_over_the_file_over_the_default(tmp_path: Path) -> None:
    config = written(tmp_path, 'seed = "file"\nverify_token = "file"\ncallback = "http://file"\n')
    environment = {
        "PICHA_SANDBOX_CONFIG": config,
        "PICHA_SANDBOX_SEED": "environment",
        "PICHA_SANDBOX_VERIFY_TOKEN": "environment",
    }

    async with (
        running("--seed", "flag", environment=environment) as sandbox,
        running("--seed", "flag") as flag,
        running("--seed", "environment") as other,
    ):
        app = {"Authorization": f"Bearer {sandbox.ready.app_id}|{sandbox.ready.app_secret}"}
        _, told = await sandbox.graph("GET", f"/{sandbox.ready.app_id}/subscriptions", headers=app)

    assert sandbox.ready.verify_token == "environment"
    assert told["data"][0]["callback_url"] == "http://file"
    assert sandbox.ready.access_token == flag.ready.access_token != other.ready.access_token
    assert sandbox.ready.base_url.startswith("http://127.0.0.1:")


async def test_switches_have_a_table_in_the_file(tmp_path: Path) -> None:
    config = written(tmp_path, '[switches]\nwindow_failure = "sync"\nrate_limit_http = 400\n')

    async with running("--config", config) as sandbox:
        _, told = await sandbox.control("GET", "/switches")

    assert (told["switches"]["window_failure"], told["switches"]["rate_limit_http"]) == ("sync", "400")


async def test_every_flag_may_stand_in_the_file(tmp_path: Path) -> None:
    config = written(
        tmp_path,
        f"""
        home = "{tmp_path / "home"}"
        host = "127.0.0.1"
        port = 0
        seed = 7
        callback = "http://127.0.0.1:1/hook"
        verify-token = "mine"
        ladder = "0,-,-"
        dialect = 2025
        limits = "off"
        window = "off"
        control-token = "a-token-of-mine"
        json = true
        """,
    )

    async with running("--config", config) as sandbox:
        _, answer = await sandbox.send_image(to="255712345678", id="1479537139650973")
        (sent,) = await sandbox.wait("status", wamid=answer["messages"][0]["id"])

    assert sent["status"] == "sent"
    assert (sandbox.ready.verify_token, sandbox.ready.control_token) == ("mine", "a-token-of-mine")
    assert (tmp_path / "home" / "journal.jsonl").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("switches = 1", "switches is a table"),
        ("[switches]\nmade_up = 1", "switch: there is no switch 'made_up'; the switches are "),
        ('switch = "file_size=number"\n[switches]', "give switch or the table switches, not both"),
        ("ladders = 1", "there is no ladders; there are home, host, port, "),
        ('config = "other.toml"', "there is no config;"),
        ('"" = 1', "there is no ;"),
        ('port = "many"', "port: "),
        ("port = 70000", "port: "),
        ("verify-token = 1\nverify_token = 1", "verify_token is there twice"),
        ("port = " + "[" * 100_000, "it is nested too deep"),
        ("port = 1.5", "port: this is a text in quotes, or a whole number"),
        ("limits = true", "limits: this is a text in quotes"),
        ('limits = "maybe"', "limits: "),
        ('dialect = "1999"', "dialect: "),
        ("ladder = [1, 2, 3]", "ladder: this is a text in quotes"),
        ('ladder = "1,2"', "ladder: three numbers of milliseconds"),
        ('json = "yes"', "json: this is true or false"),
        ('control_token = "short"', "control_token: 8 or more letters"),
        ("seed = ", "Invalid value (at end of document)"),
        ("seed = 1\nseed = 2", "Cannot overwrite a value"),
        ("accounts = 1", "accounts: Expected `array`, got `int`"),
        ("accounts = []", "accounts: there is one account at least"),
        ("[accounts]", "accounts: Expected `array`, got `object`"),
        ("[[accounts]]", "accounts[0]: Object missing required field `numbers`"),
        ("[[accounts]]\nnumbers = []", "accounts[0]: an account has one number at least"),
        ("[[accounts]]\nwaba = 1\n[[accounts.numbers]]", "accounts[0]: Object contains unknown field `waba`"),
        (
            "[[accounts]]\nwaba_id = 12345\n[[accounts.numbers]]",
            "accounts[0].waba_id: Expected `str | null`, got `int`",
        ),
        ('[[accounts]]\nwaba_id = "12a"\n[[accounts.numbers]]', "accounts[0]: waba_id is 5 to 20 digits"),
        ('[[accounts]]\nname = ""\n[[accounts.numbers]]', "accounts[0]: name has 1 to 512 characters"),
        ('[[accounts]]\naccess_token = "EAALive"\n[[accounts.numbers]]', "accounts[0]: access_token is EAATestPicha"),
        (f'[[accounts]]\naccess_token = "{TOKEN} "\n[[accounts.numbers]]', "accounts[0]: access_token is EAATestPicha"),
        ('[[accounts]]\n[[accounts.numbers]]\nphone = "1"', "accounts[0].numbers[0]: Object contains unknown field"),
        (
            '[[accounts]]\n[[accounts.numbers]]\ndisplay_phone_number = "+1555"',
            "accounts[0].numbers[0]: display_phone_number is 7 to 15 digits",
        ),
        (
            '[[accounts]]\nwaba_id = "12345"\n[[accounts.numbers]]\nphone_number_id = "12345"',
            "accounts: 12345 is there twice",
        ),
        ('[[accounts]]\nwaba_id = "634974688087057"\n[[accounts.numbers]]', "accounts: 634974688087057 is there twice"),
    ],
)
def test_what_means_nothing_in_a_file_is_told_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text)

    with pytest.raises(ConfigError) as why:
        load(Path(path), context())

    assert str(why.value).startswith(f"{path}: {said}")
    assert "\n" not in str(why.value)


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"port = true", b"[[accounts]]"])
async def test_a_file_that_cannot_be_used_ends_the_program_with_one_line(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "sandbox.toml"
    if content is not None:
        path.write_bytes(content)

    by_flag = await refused("--config", str(path))
    by_environment = await refused(PICHA_SANDBOX_CONFIG=str(path))

    assert by_flag == by_environment
    code, said = by_flag
    assert code == 2
    assert said.startswith(f"picha sandbox: {path}: ")
    assert said.count("\n") == 1


async def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert await refused("--config", str(tmp_path)) == (2, f"picha sandbox: {tmp_path}: Is a directory\n")


def context() -> typer.Context:
    command: Any = typer.main.get_command(picha)
    made: typer.Context = command.commands["sandbox"].make_context("sandbox", [])
    return made


def test_every_flag_has_its_variable_and_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for option in context().command.params:
        flag = option.opts[0]
        assert option.envvar == f"PICHA_SANDBOX_{flag.removeprefix('--').replace('-', '_').upper()}"
        assert f"`{flag}" in page, f"{flag} is not in docs/sandbox.md"
