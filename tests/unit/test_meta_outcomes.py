"""What Meta's answers mean, and whose token is ours."""

import json
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picha.gateway.domain.outcomes import Accepted, Ambiguous, Rejected, Throttled
from picha.gateway.meta import tokens
from picha.gateway.meta.classify import classify, read_doubted

KEY = b"k" * 32


def graph_error(code: int, details: str = "") -> bytes:
    return json.dumps(
        {
            "error": {
                "message": f"(#{code}) no",
                "type": "OAuthException",
                "code": code,
                "error_data": {"details": details},
            }
        }
    ).encode()


def test_a_named_message_is_accepted() -> None:
    body = b'{"messaging_product":"whatsapp","contacts":[{"input":"+1","wa_id":"1"}],"messages":[{"id":"wamid.A"}]}'

    assert classify(200, body) == Accepted("wamid.A")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"messages":[]}',
        b'{"messages":[{"id":"wamid.A"',
        b"<html>",
        b"null",
        b'{"messages":[{"id":"\xff"}]}',
        b'{"error":' + b"[" * 100_000,
    ],
)
@pytest.mark.parametrize("status", [200, 201, 302, 404, 500, 502])
def test_anything_unreadable_is_ambiguous_whatever_the_status(status: int, body: bytes) -> None:
    assert isinstance(classify(status, body), Ambiguous)


@pytest.mark.parametrize("code", [4, 80007, 130429, 131056, 2, 131016, 131057, 133004])
@pytest.mark.parametrize("status", [200, 400, 429, 500])
def test_codes_that_say_not_processed_are_sent_again_whatever_the_status(status: int, code: int) -> None:
    outcome = classify(status, graph_error(code))

    assert isinstance(outcome, Throttled)
    assert outcome.code == str(code)


@pytest.mark.parametrize("code", [2, 131016, 131057, 133004])
def test_a_code_that_is_doubted_is_ambiguous_and_the_others_are_not(code: int) -> None:
    outcome = classify(503, graph_error(code), doubted=frozenset({code}))

    assert isinstance(outcome, Ambiguous)
    assert outcome.code == str(code)
    for other in {2, 131016, 131057, 133004} - {code}:
        assert isinstance(classify(503, graph_error(other), doubted=frozenset({code})), Throttled)


@pytest.mark.parametrize(("text", "codes"), [("", set()), ("131016", {131016}), (" 2, 133004,", {2, 133004})])
def test_the_doubted_codes_are_read_between_commas(text: str, codes: set[int]) -> None:
    assert read_doubted(text) == codes


@pytest.mark.parametrize("text", ["130429", "131026", "two", "02", "131016;2", "999999"])
def test_only_what_is_taken_for_not_processed_can_be_doubted(text: str) -> None:
    with pytest.raises(ValueError, match="is none of 2, 131016, 131057, 133004"):
        read_doubted(text)


@pytest.mark.parametrize("code", [1, 131000])
def test_codes_of_a_fault_inside_meta_are_ambiguous(code: int) -> None:
    assert isinstance(classify(500, graph_error(code)), Ambiguous)


@pytest.mark.parametrize("code", [100, 131009, 131021, 131026, 131047, 131030, 999_999])
def test_other_codes_are_refusals_that_tell_what_to_do(code: int) -> None:
    outcome = classify(400, graph_error(code, "What Meta said."))

    assert isinstance(outcome, Rejected)
    assert outcome.code == str(code)
    assert outcome.detail.startswith("What Meta said. ")
    assert len(outcome.detail) > len("What Meta said. ")


@given(st.integers(100, 599), st.binary())
def test_no_answer_breaks_the_classification(status: int, body: bytes) -> None:
    classify(status, body)


@given(st.uuids())
def test_a_token_proves_its_attempt_and_only_with_our_key(attempt: UUID) -> None:
    token = tokens.make(KEY, attempt)

    assert len(token) == 32
    assert tokens.read([KEY], token) == attempt
    assert tokens.read([b"another key"], token) is None


def test_a_token_of_a_former_key_proves_its_attempt_as_long_as_that_is_on_the_ring() -> None:
    attempt = UUID(int=7)
    token = tokens.make(KEY, attempt)

    assert tokens.read([b"newer", KEY], token) == attempt
    assert tokens.read([b"newer"], token) is None
    assert tokens.read([], token) is None


@given(st.text())
def test_a_strangers_callback_data_binds_nothing(text: str) -> None:
    assert tokens.read([KEY], text) is None


def test_a_status_without_callback_data_has_no_token() -> None:
    assert tokens.read([KEY], None) is None
