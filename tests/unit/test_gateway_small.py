"""Settings, sealed secrets and signed links."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picha.gateway.domain.decisions import Kind
from picha.gateway.domain.outcomes import NAMES
from picha.gateway.domain.status import KNOWN_STATUSES
from picha.gateway.run import open_ground
from picha.gateway.settings import Settings, SettingsError, load
from picha.gateway.store.vault import Vault, VaultError, ensure_ring, read_ring
from picha.gateway.telling.links import LINK_LIFE, Links
from picha.gateway.telling.story import WORDS
from picha.kit.clock import ManualClock
from picha.kit.secrets import Secret

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
OLD, NEW = {"oldkey00": b"o" * 32}, {"newkey00": b"n" * 32}
WORKSPACE, FILE = UUID(int=1), UUID(int=2)


def test_settings_are_read_from_the_environment_with_their_types() -> None:
    settings = load({"PICHA_DATABASE_URL": "postgresql://x/y", "PICHA_PORT": "9000", "PICHA_LOG_JSON": "true"})

    assert settings == Settings(database_url="postgresql://x/y", port=9000, log_json=True)
    assert settings.home == Path(".picha")
    assert settings.base_url == "http://127.0.0.1:9000"


def test_a_public_url_wins_for_links() -> None:
    settings = load({"PICHA_DATABASE_URL": "x", "PICHA_PUBLIC_URL": "https://api.shop.example/"})

    assert settings.base_url == "https://api.shop.example"


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({}, "PICHA_DATABASE_URL"),
        ({"PICHA_DATABASE_URL": "x", "PICHA_PORT": "many"}, "PICHA_PORT"),
        ({"PICHA_DATABASE_URL": "x", "PICHA_PORT": "70000"}, "PICHA_PORT"),
        ({"PICHA_DATABASE_URL": "x", "PICHA_LOG_JSON": "perhaps"}, "PICHA_LOG_JSON"),
    ],
)
def test_a_wrong_setting_is_named_by_its_variable(environment: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        load(environment)


async def test_a_code_that_nobody_can_doubt_is_told_before_the_database_is_asked(tmp_path: Path) -> None:
    ensure_ring(tmp_path / "keys")
    settings = Settings(database_url="postgresql://nowhere.invalid/x", home=tmp_path, ambiguous_codes="190")

    with pytest.raises(SettingsError, match="PICHA_AMBIGUOUS_CODES: '190' is none of 2, 131016, 131057, 133004"):
        async with open_ground(settings):
            pass


def test_every_outcome_and_every_decision_has_words_for_the_timeline() -> None:
    assert {*Kind, *NAMES.values(), "started", *KNOWN_STATUSES} <= set(WORDS)


@given(st.text())
def test_what_is_sealed_opens_in_its_own_place(text: str) -> None:
    vault = Vault(OLD)

    assert vault.open(vault.seal(Secret(text), WORKSPACE, "account"), WORKSPACE, "account").reveal() == text


def test_a_sealed_value_moved_to_another_row_does_not_open() -> None:
    vault = Vault(OLD)
    sealed = vault.seal(Secret("token"), WORKSPACE, "account", FILE, "access_token")

    for place in ((UUID(int=9), "account", FILE, "access_token"), (WORKSPACE, "account", FILE, "app_secret")):
        with pytest.raises(VaultError, match="moved"):
            vault.open(sealed, *place)


def test_one_changed_bit_does_not_open() -> None:
    vault = Vault(OLD)
    sealed = bytearray(vault.seal(Secret("token"), "place"))
    sealed[-1] ^= 1

    with pytest.raises(VaultError, match="changed"):
        vault.open(bytes(sealed), "place")


def test_after_a_new_key_old_values_open_and_without_the_old_key_they_do_not() -> None:
    sealed = Vault(OLD).seal(Secret("token"), "place")

    assert Vault({**NEW, **OLD}).open(sealed, "place").reveal() == "token"
    with pytest.raises(VaultError, match="oldkey00"):
        Vault(NEW).open(sealed, "place")


@given(st.binary())
def test_any_bytes_are_refused_in_words(junk: bytes) -> None:
    with pytest.raises(VaultError):
        Vault(OLD).open(junk, "place")


def test_a_ring_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keys"

    ring = ensure_ring(path)

    assert ensure_ring(path) == ring
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", ["short:AAAA", "eightcha:not base64", "eightcha:AAAA", "no colon"])
def test_a_bad_line_of_a_ring_is_named(text: str) -> None:
    with pytest.raises(VaultError, match="Line 1"):
        read_ring(text)


def test_an_empty_ring_is_refused() -> None:
    with pytest.raises(VaultError, match="empty"):
        Vault(read_ring("\n"))


def query(link: str) -> tuple[str, str]:
    pairs = dict(pair.split("=") for pair in link.partition("?")[2].split("&"))
    return pairs["expires"], pairs["signature"]


def test_a_link_holds_for_its_file_and_workspace_until_it_expires() -> None:
    clock = ManualClock(NOON)
    links = Links(lambda: [b"key"], clock, "https://api.shop.example")
    expires, signature = query(links.make(WORKSPACE, FILE))

    assert links.holds(WORKSPACE, FILE, expires, signature)
    assert not links.holds(UUID(int=9), FILE, expires, signature)
    assert not links.holds(WORKSPACE, UUID(int=9), expires, signature)
    assert not links.holds(WORKSPACE, FILE, str(int(expires) + 1), signature)
    assert not Links(lambda: [b"other"], clock, "").holds(WORKSPACE, FILE, expires, signature)
    clock.advance(LINK_LIFE - timedelta(seconds=1))
    assert links.holds(WORKSPACE, FILE, expires, signature)
    clock.advance(timedelta(seconds=1))
    assert not links.holds(WORKSPACE, FILE, expires, signature)


def test_a_link_of_a_former_key_holds_as_long_as_that_is_on_the_ring() -> None:
    clock, keys = ManualClock(NOON), [b"key"]
    links = Links(lambda: keys, clock, "")
    expires, signature = query(links.make(WORKSPACE, FILE))

    keys.insert(0, b"newer")
    assert links.holds(WORKSPACE, FILE, expires, signature)
    assert query(links.make(WORKSPACE, FILE))[1] != signature
    keys.pop()
    assert not links.holds(WORKSPACE, FILE, expires, signature)


@given(st.text(), st.text())
def test_no_forged_link_holds_or_breaks_anything(expires: str, signature: str) -> None:
    assert not Links(lambda: [b"key"], ManualClock(NOON), "").holds(WORKSPACE, FILE, expires, signature)
