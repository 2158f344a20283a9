"""No hostile address in any disguise is connected to, whichever way it comes; watched at the sockets of a child."""

import json
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest

OUTSIDE = "127.0.0.5"


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    command = [sys.executable, "-W", "error", "-m", "tests.unit.hostile_fetches"]
    child = subprocess.run(command, capture_output=True, check=False, timeout=100)
    assert child.returncode == 0, child.stderr.decode()
    answer: dict[str, Any] = json.loads(child.stdout)
    return answer


def test_there_are_many_ways_in(told: dict[str, Any]) -> None:
    ways = Counter(one["way"] for one in told["told"])

    assert ways["at once"] == ways["by redirect"] > 800
    assert ways["alone"] == ways["before"] == ways["after"] == ways["rebind"] > 200


def test_the_watch_sees_connections(told: dict[str, Any]) -> None:
    (honest,) = (one for one in told["told"] if one["way"] == "honest")

    assert (honest["outcome"], honest["connected"]) == ("fetched", [OUTSIDE, OUTSIDE])


def test_every_hostile_url_is_refused_before_any_name_is_looked_up_and_any_socket_made(told: dict[str, Any]) -> None:
    at_once = [one for one in told["told"] if one["way"] == "at once"]

    assert {one["outcome"] for one in at_once} <= {"malformed", "scheme", "userinfo", "host", "port", "address"}
    assert [one for one in at_once if one["connected"]] == []


def test_no_redirect_leads_to_a_refused_address(told: dict[str, Any]) -> None:
    redirected = [one for one in told["told"] if one["way"] == "by redirect"]

    assert [one for one in redirected if set(one["connected"]) != {OUTSIDE}] == []
    assert [one for one in redirected if one["outcome"] == "fetched"] == []


@pytest.mark.parametrize("way", ["alone", "before", "after"])
def test_a_name_with_one_answer_inside_is_connected_to_nowhere(told: dict[str, Any], way: str) -> None:
    named = [one for one in told["told"] if one["way"] == way]

    assert {(one["outcome"], *one["connected"]) for one in named} == {("address",)}


def test_a_name_that_changes_its_answer_between_two_hops_is_refused_at_the_second(told: dict[str, Any]) -> None:
    rebound = [one for one in told["told"] if one["way"] == "rebind"]

    assert {(one["outcome"], *one["connected"]) for one in rebound} == {("address", OUTSIDE)}


def test_the_systems_resolver_is_asked_nothing(told: dict[str, Any]) -> None:
    assert told["system"] == []
