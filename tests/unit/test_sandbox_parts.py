import asyncio
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picha.kit.clock import ManualClock
from picha.sandbox import records
from picha.sandbox.chance import Chance
from picha.sandbox.clock import SandboxClock
from picha.sandbox.credentials import derive
from picha.sandbox.faults import Effect, Faults, FaultWish, Match, When
from picha.sandbox.journal import Journal, JournalDamaged, replay
from picha.sandbox.media_urls import MediaUrls

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def deleted(number: int) -> records.MediaDeleted:
    return records.MediaDeleted(id=str(number))


async def test_many_writers_share_the_journal_and_order_is_kept(tmp_path: Path) -> None:
    applied: list[records.AnyRecord] = []
    journal = Journal(tmp_path / "journal.jsonl", applied.append)

    await asyncio.gather(*(journal.append(deleted(2 * n), deleted(2 * n + 1)) for n in range(200)))
    await journal.close()

    assert applied == [deleted(n) for n in range(400)]
    assert list(replay(tmp_path / "journal.jsonl")) == applied


async def test_a_record_is_in_the_world_when_append_returns_and_not_before(tmp_path: Path) -> None:
    applied: list[records.AnyRecord] = []
    journal = Journal(tmp_path / "journal.jsonl", applied.append)

    appending = asyncio.create_task(journal.append(deleted(1)))
    await asyncio.sleep(0)
    before = list(applied)
    await appending
    on_disk = (tmp_path / "journal.jsonl").read_bytes()
    await journal.close()

    assert before == []
    assert applied == [deleted(1)]
    assert on_disk == records.encode(deleted(1)) + b"\n"


async def test_a_caller_that_goes_away_does_not_take_its_record_back(tmp_path: Path) -> None:
    applied: list[records.AnyRecord] = []
    journal = Journal(tmp_path / "journal.jsonl", applied.append)

    appending = asyncio.create_task(journal.append(deleted(1)))
    await asyncio.sleep(0)
    appending.cancel()
    await journal.append(deleted(2))
    await journal.close()

    assert applied == [deleted(1), deleted(2)]


async def test_what_a_caller_left_behind_is_written_before_the_journal_closes(tmp_path: Path) -> None:
    applied: list[records.AnyRecord] = []
    journal = Journal(tmp_path / "journal.jsonl", applied.append)

    appending = asyncio.create_task(journal.append(deleted(1)))
    await asyncio.sleep(0)
    appending.cancel()
    await asyncio.gather(appending, return_exceptions=True)
    await journal.close()

    assert applied == list(replay(tmp_path / "journal.jsonl")) == [deleted(1)]


@given(st.integers(min_value=0, max_value=80))
def test_wherever_the_last_line_is_torn_the_lines_before_it_stand(cut: int) -> None:
    whole = b"".join(records.encode(deleted(n)) + b"\n" for n in range(3))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        path.write_bytes(whole[: len(whole) - cut])

        read = list(replay(path))

        assert read == [deleted(n) for n in range(len(read))]
        assert path.read_bytes() == b"".join(records.encode(record) + b"\n" for record in read)


def test_a_broken_line_in_the_middle_is_told_and_not_cut(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'{"record":"nonsense"}\n' + records.encode(deleted(1)) + b"\n")

    with pytest.raises(JournalDamaged, match="line 1"):
        list(replay(path))

    assert path.read_bytes().count(b"\n") == 2


def test_every_record_comes_back_from_its_line() -> None:
    accepted = records.SendAccepted(
        wamid="wamid.x", phone_number_id="1", type="image", at=1.5, to="2", doom=(131047, "late"), caption="é\n😀"
    )

    assert records.decode(records.encode(accepted)) == accepted


async def test_a_sleeper_wakes_when_the_clock_is_moved_past_its_moment() -> None:
    clock = SandboxClock(ManualClock(NOON))
    sleeping = asyncio.create_task(clock.sleep_until(NOON + timedelta(days=7)))

    clock.place(*clock.moved_by(timedelta(days=6)))
    await asyncio.sleep(0.01)
    early = sleeping.done()
    clock.place(*clock.moved_by(timedelta(days=1)))
    await asyncio.wait_for(sleeping, 5)

    assert not early


def test_a_frozen_clock_stands_until_it_is_resumed() -> None:
    machine = ManualClock(NOON)
    clock = SandboxClock(machine)

    clock.place(*clock.frozen())
    machine.advance(timedelta(hours=1))
    frozen = clock.now()
    clock.place(*clock.moved_by(timedelta(hours=5)))
    moved = clock.now()
    clock.place(*clock.resumed())
    machine.advance(timedelta(hours=1))

    assert frozen == NOON
    assert moved == NOON + timedelta(hours=5)
    assert clock.now() == NOON + timedelta(hours=6)


def test_chance_is_the_same_for_the_same_seed_and_place_only() -> None:
    def draw(seed: str, start: int) -> tuple[str, str, str, float]:
        chance = Chance(seed, start)
        return chance.token_hex(9), chance.digits(16), chance.base62(48), chance.fraction()

    assert draw("7", 0) == draw("7", 0)
    assert len({draw("7", 0), draw("7", 1), draw("8", 0)}) == 3


@given(st.text(max_size=20), st.integers(0, 10**9), st.integers(1, 40))
def test_what_is_drawn_has_the_form_asked_for(seed: str, start: int, length: int) -> None:
    chance = Chance(seed, start)

    digits, letters, token = chance.digits(length), chance.base62(length), chance.token_hex(length)

    assert digits.isdigit()
    assert digits[0] != "0"
    assert len(digits) == len(letters) == length
    assert letters.isalnum()
    assert len(bytes.fromhex(token)) == length
    assert 0 <= chance.fraction() < 1


def test_a_given_verify_token_replaces_the_derived_one_and_nothing_else() -> None:
    derived, given_token = derive("7"), derive("7", "mine")

    assert given_token.verify_token == "mine"
    assert (derived.access_token, derived.app_secret) == (given_token.access_token, given_token.app_secret)


def strikes(when: When, count: int) -> list[bool]:
    faults = Faults(Chance("7"))
    faults.add(FaultWish(effect=Effect(hang=True), when=when))
    return [faults.strike("messages", "1", lambda: frozenset({"2"})) is not None for _ in range(count)]


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (When(), [True, True, True, True]),
        (When(mode="next", n=2), [True, True, False, False]),
        (When(mode="every", n=2), [False, True, False, True]),
        (When(mode="probability", p=0), [False] * 4),
        (When(mode="probability", p=1), [True] * 4),
    ],
)
def test_a_rule_strikes_as_often_as_it_says(when: When, expected: list[bool]) -> None:
    assert strikes(when, 4) == expected


def test_a_probability_is_about_kept_and_the_same_for_the_same_seed() -> None:
    once = strikes(When(mode="probability", p=0.3), 1000)

    assert once == strikes(When(mode="probability", p=0.3), 1000)
    assert 200 < sum(once) < 400


@pytest.mark.parametrize(
    ("match", "is_struck"),
    [
        (Match(), True),
        (Match(route="messages", phone_number_id="1", to="2"), True),
        (Match(route="media"), False),
        (Match(phone_number_id="9"), False),
        (Match(to="9"), False),
    ],
)
def test_a_rule_is_only_for_what_it_matches(match: Match, *, is_struck: bool) -> None:
    faults = Faults(Chance("7"))
    faults.add(FaultWish(effect=Effect(hang=True), match=match))

    assert (faults.strike("messages", "1", lambda: frozenset({"2"})) is not None) is is_struck


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=40))
def test_no_made_up_download_address_is_good(media_id: str, ext: str, presented: str) -> None:
    assert not MediaUrls("http://127.0.0.1", "key").check(media_id, ext, presented, NOON)
