"""Where a message stands as long as no evidence speaks."""

from datetime import UTC, datetime, timedelta

import pytest

from picha.gateway.domain.decisions import Kind
from picha.gateway.domain.ground import Answered, Ground, ground, is_healable

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
REJECTED = Answered("rejected", NOON, "131026", "Message undeliverable", "No such user.")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answered(None, None), Ground("sending")),
        (Answered("ambiguous", NOON), Ground("unknown", NOON + timedelta(minutes=15))),
        (Answered("not_sent", NOON), Ground("queued")),
        (Answered("throttled", NOON, "130429"), Ground("queued")),
        (REJECTED, Ground("failed", failure=REJECTED)),
    ],
)
def test_without_a_decision_the_newest_attempt_s_answer_counts(answer: Answered, expected: Ground) -> None:
    assert ground(answer, None) == expected


@pytest.mark.parametrize("kind", [Kind.RESENT, Kind.SENT_AGAIN, Kind.HEALING])
def test_a_decision_for_another_attempt_queues_the_message_whatever_the_answer_was(kind: Kind) -> None:
    for answer in (REJECTED, Answered("ambiguous", NOON), Answered("accepted", NOON)):
        assert ground(answer, Answered(kind, NOON)) == Ground("queued")


@pytest.mark.parametrize(
    ("kind", "phase"), [(Kind.GIVEN_UP, "failed"), (Kind.REFUSED, "failed"), (Kind.CANCELLED, "cancelled")]
)
def test_a_decision_that_ends_a_message_is_its_failure(kind: Kind, phase: str) -> None:
    decision = Answered(kind, NOON, "CODE", "Title", "Detail.")

    assert ground(Answered("ambiguous", NOON), decision) == Ground(phase, failure=decision)


def test_what_was_doubted_is_unknown_whatever_is_known_of_its_attempts() -> None:
    for answer in (Answered(None, None), Answered("ambiguous", NOON), REJECTED):
        expected = Ground("unknown", NOON + timedelta(minutes=25))

        assert ground(answer, Answered(Kind.DOUBTED, NOON + timedelta(minutes=10))) == expected


@pytest.mark.parametrize(
    ("code", "media_id", "was_healed", "heals"),
    [
        (131053, "7", False, True),
        (131052, "7", False, True),
        (131053, "7", True, False),
        (131053, None, False, False),
        (131026, "7", False, False),
        (131047, "7", False, False),
    ],
)
def test_a_new_upload_answers_a_media_failure_of_an_uploaded_picture_once(
    code: int, media_id: str | None, *, was_healed: bool, heals: bool
) -> None:
    assert is_healable(code, media_id, was_healed=was_healed) is heals
