"""How the commands about keys and numbers read what they are told, at the boundaries of what they take."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
import typer

from picha.cli import asking, durations
from picha.cli import keys as keys_command
from picha.cli import senders as senders_command
from picha.gateway.api.keys import FRESH_S
from picha.gateway.api.routes import ROUTES, Route
from picha.gateway.domain.keys import OVERLAP_MAX, Scope
from picha.gateway.setup import fresh_key

ANY_KEY = {("GET", "/karibu/x-api-key")}
MANAGED = ("/v1/whatsapp/senders/", "/v1/webhooks")


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("0s", 0), ("90s", 90), ("15m", 900), ("24h", 86_400), ("30d", 30 * 86_400)]
)
def test_a_span_is_a_whole_number_with_its_unit(text: str, seconds: int) -> None:
    assert durations.duration(text, most=OVERLAP_MAX) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    ["", "24", "h", "-1h", "1.5h", "1 h", "1w", "2592001s", "31d", "999999999d", "9999999999s", "\u0661h", "1h\n"],
)  # fmt: skip
def test_a_span_of_another_form_or_past_thirty_days_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        durations.duration(text, most=OVERLAP_MAX)


def test_a_name_has_one_to_a_hundred_characters_that_can_be_printed() -> None:
    assert asking.name(" Duka la Asha ") == "Duka la Asha"
    assert asking.name("x" * asking.NAME_MAX) == "x" * 100
    for text in ("", "   ", "x" * 101, "a\nb", "a\x1b[31m"):
        with pytest.raises(typer.BadParameter):
            asking.name(text)


def test_a_key_is_named_by_its_public_part_and_a_whole_one_is_not_repeated() -> None:
    text, key = fresh_key("test")

    assert keys_command._public(key.public_id) == key.public_id
    for wrong in (text, text[:19], "short", "", "toolong123"):
        with pytest.raises(typer.BadParameter) as refused:
            keys_command._public(wrong)
        assert text[19:] not in str(refused.value)


@pytest.mark.parametrize(
    "text", ["https://graph.facebook.com/v25.0", "http://127.0.0.1:8090/v25.0", "http://localhost/"]
)
def test_a_graph_url_is_closed_to_others_or_on_this_machine(text: str) -> None:
    assert senders_command._graph_url(text) == text.rstrip("/")


@pytest.mark.parametrize(
    "text",
    [
        "", "graph.facebook.com", "http://graph.facebook.com/v25.0", "ftp://127.0.0.1/", "https:///v25.0",
        "https://a:b@graph.facebook.com/", "https://graph.facebook.com/?a=b", "https://graph.facebook.com/#a", "https://[",
    ],
)  # fmt: skip
def test_a_graph_url_that_would_show_the_token_or_is_none_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        senders_command._graph_url(text)


def test_an_id_of_metas_is_digits() -> None:
    assert senders_command._meta_id("1" * 32) == "1" * 32
    for wrong in ("", "1" * 33, "12a", "../me", "\u0661\u0662"):
        with pytest.raises(typer.BadParameter):
            senders_command._meta_id(wrong)


def test_a_secret_is_one_word_of_a_file_and_never_said_when_it_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "token"
    path.write_text("x" * 4096 + "\n")
    assert senders_command._secret("access token", "--access-token-file", path).reveal() == "x" * 4096

    for wrong in (b"", b"\n", b"two words", b"x" * 4097, "\u00e9clair".encode(), b"with\x00zero"):
        path.write_bytes(wrong)
        with pytest.raises(typer.Exit):
            senders_command._secret("access token", "--access-token-file", path)
    with pytest.raises(typer.Exit):
        senders_command._secret("access token", "--access-token-file", tmp_path / "none")
    with pytest.raises(typer.Exit):
        senders_command._secret("access token", "--access-token-file", None)

    said = capsys.readouterr().err
    assert said.count("picha: The access token") == 8
    assert "xxxx" not in said
    assert "clair" not in said
    assert "name a file that has it with --access-token-file" in said


@dataclass(frozen=True)
class Thing:
    id: UUID
    name: str


A, B, C = Thing(UUID(int=1), "Shop"), Thing(UUID(int=2), "Till"), Thing(UUID(int=3), "Till")


def test_what_is_chosen_has_that_id_or_name_or_is_the_only_one() -> None:
    assert asking.chosen([A], None, what="app", option="--app") is A
    assert asking.chosen([A, B, C], "Shop", what="app", option="--app") is A
    assert asking.chosen([A, B, C], str(C.id), what="app", option="--app") is C


@pytest.mark.parametrize(
    ("among", "called", "said"),
    [
        ([], None, "There is no app yet; `picha apps create NAME` makes one."),
        ([A, B], None, "There are 2 apps: name one with --app"),
        ([A, B], "Nobody", "No app has the id or name 'Nobody'"),
        ([A, B, C], "Till", "2 apps are called 'Till': name one by its id"),
    ],
)
def test_what_cannot_be_chosen_is_told_in_words(among: list[Thing], called: str | None, said: str) -> None:
    with pytest.raises(asking.RefusedError, match=said.replace("(", r"\(")):
        asking.chosen(among, called, what="app", option="--app")


@pytest.mark.parametrize("route", ROUTES, ids=[f"{route.method} {route.path}" for route in ROUTES])
def test_every_route_that_takes_a_key_names_the_scope_it_needs(route: Route) -> None:
    takes_keys = route.needs_key or route.scope is not None

    if (route.method, route.path) in ANY_KEY or not takes_keys:
        assert route.scope is None
    elif route.path.endswith("/secret"):
        assert route.scope is Scope.MANAGE
    elif route.method == "GET":
        assert route.scope is Scope.READ
    else:
        assert route.scope is (Scope.MANAGE if route.path.startswith(MANAGED) else Scope.SEND)


def test_a_revoked_key_is_believed_for_a_second_at_most() -> None:
    assert FRESH_S <= 1
