"""How often a key may call, and an address that comes with keys which nobody knows."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picha.gateway.api.turnstile import Headers, TooOftenError, Turnstile
from picha.gateway.domain.pace import Allowance
from picha.kit.clock import ManualClock, SystemClock

EARLY = float("-inf")
allowances = st.builds(Allowance, st.floats(0.5, 5000), st.integers(1, 500))


@given(allowances)
def test_exactly_so_many_may_come_at_once(allowance: Allowance) -> None:
    paid_back_at = EARLY
    for left in reversed(range(allowance.burst)):
        assert allowance.wait(paid_back_at, 7.0) == 0
        paid_back_at = allowance.take(paid_back_at, 7.0)
        assert allowance.left(paid_back_at, 7.0) == left

    assert allowance.wait(paid_back_at, 7.0) == pytest.approx(1 / allowance.per_second, rel=0.01, abs=1e-5)


@given(allowances, st.lists(st.floats(0, 0.5), max_size=300))
def test_in_no_time_come_more_than_its_share_and_what_may_come_at_once(
    allowance: Allowance, pauses: list[float]
) -> None:
    now, paid_back_at, taken = 0.0, EARLY, 0
    for pause in pauses:
        now += pause
        if not allowance.wait(paid_back_at, now):
            paid_back_at, taken = allowance.take(paid_back_at, now), taken + 1

    assert taken <= allowance.burst + now * allowance.per_second + 0.01


@given(allowances)
def test_after_its_span_all_is_left_again(allowance: Allowance) -> None:
    paid_back_at = EARLY
    for _ in range(allowance.burst):
        paid_back_at = allowance.take(paid_back_at, 0.0)

    assert allowance.left(paid_back_at, allowance.span_s) == allowance.burst


def entered(stile: Turnstile, key: str) -> list[str]:
    told: Headers = []
    stile.enter(key, told)
    return [value.decode() for _, value in told]


def test_a_key_is_told_how_it_stands_and_refused_until_one_is_paid_back() -> None:
    clock = ManualClock(SystemClock().now())
    stile = Turnstile(clock, Allowance(per_second=2, burst=3))

    assert entered(stile, "a") == ['"key";q=3;w=2', '"key";r=2;t=1']
    assert entered(stile, "a")[1] == '"key";r=1;t=1'
    assert entered(stile, "a")[1] == '"key";r=0;t=2'
    told: Headers = []
    with pytest.raises(TooOftenError) as refused:
        stile.enter("a", told)

    assert refused.value.wait_s == 1
    assert told[1] == (b"ratelimit", b'"key";r=0;t=2')
    assert entered(stile, "b")[1] == '"key";r=2;t=1', "another key stands for itself"
    clock.advance(timedelta(seconds=0.5))
    assert entered(stile, "a")[1] == '"key";r=0;t=2'
    clock.advance(timedelta(hours=1))
    assert entered(stile, "a")[1] == '"key";r=2;t=1'


def test_without_a_limit_nothing_is_told_and_nobody_refused() -> None:
    stile = Turnstile(ManualClock(SystemClock().now()), None)

    assert all(entered(stile, "a") == [] for _ in range(10_000))


def test_a_network_of_ipv6_counts_as_one_address() -> None:
    stile = Turnstile(ManualClock(SystemClock().now()), None, Allowance(per_second=1, burst=2))
    stile.stranger("2001:db8::1")
    stile.stranger("2001:db8:0:0:ffff::2")

    for address in ("2001:db8::3", "2001:db8::1"):
        with pytest.raises(TooOftenError):
            stile.look(address)
    for address in ("2001:db8:0:1::1", "192.0.2.1", "::ffff:192.0.2.1", "", "a socket"):
        stile.look(address)


def test_whoever_owes_nothing_is_not_kept_and_no_more_than_so_many_are() -> None:
    clock = ManualClock(SystemClock().now())
    stile = Turnstile(clock, Allowance(per_second=1, burst=5), kept_max=100)
    for number in range(100):
        entered(stile, str(number))
    clock.advance(timedelta(seconds=2))
    entered(stile, "later")

    assert list(stile._keys) == ["later"]
    for number in range(1000):
        stile.stranger(f"192.0.2.{number}")
    assert len(stile._addresses) <= 100
