"""Who may send what to whom: pure decisions."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from picha.gateway.domain.admission import Admitted, Known, Opening, Refusal, Send, Sender, Thread, admit

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
ACCOUNT = UUID(int=50)
SENDER = Sender(UUID(int=1), ACCOUNT, "test", "106540352242922", "15550783881", is_active=True, image_policy="auto")
OTHER = Sender(UUID(int=2), ACCOUNT, "test", "206540352242922", "15550783882", is_active=True, image_policy="auto")
THREAD = Thread(UUID(int=10), SENDER.id, UUID(int=20), NOW + timedelta(hours=1))
COMMAND = Send(UUID(int=90), UUID(int=91), "test", to="16505551234", media_url="https://shop.example/a.jpg")
KNOWN = Known(senders=[SENDER], threads=[THREAD])


def decide(command: Send = COMMAND, known: Known = KNOWN, now: datetime = NOW) -> Admitted | Opening | Refusal:
    return admit(command, known, {ACCOUNT: now})


def code(decided: Admitted | Opening | Refusal) -> str:
    assert isinstance(decided, Refusal)
    return decided.code


def test_a_customer_who_wrote_today_may_be_sent_a_picture() -> None:
    assert decide() == Admitted(SENDER, THREAD, None)


@pytest.mark.parametrize("sender", ["15550783881", "+1 555 078-3881", "106540352242922"])
def test_a_sender_is_named_by_number_or_phone_number_id(sender: str) -> None:
    assert isinstance(decide(replace(COMMAND, sender=sender), replace(KNOWN, senders=[OTHER, SENDER])), Admitted)


def test_the_deprecated_sender_id_is_accepted_and_sender_wins_over_it() -> None:
    both = replace(KNOWN, senders=[OTHER, SENDER])

    assert isinstance(decide(replace(COMMAND, sender_id=SENDER.id), both), Admitted)
    assert isinstance(decide(replace(COMMAND, sender="15550783881", sender_id=OTHER.id), both), Admitted)


def test_with_two_active_senders_one_must_be_named() -> None:
    assert code(decide(known=replace(KNOWN, senders=[SENDER, OTHER]))) == "SENDER_AMBIGUOUS"


def test_with_two_active_senders_the_default_one_stands_in_where_it_is_told_to() -> None:
    default = replace(SENDER, is_default=True)
    both = replace(KNOWN, senders=[OTHER, default], falls_back=True)

    assert decide(known=both) == Admitted(default, THREAD, None)
    assert decide(replace(COMMAND, sender=OTHER.display_number), both) != Admitted(default, THREAD, None)
    asleep = replace(both, senders=[OTHER, replace(default, is_active=False), replace(OTHER, id=UUID(int=9))])
    assert code(decide(known=asleep)) == "SENDER_AMBIGUOUS"


def test_the_only_active_sender_needs_no_name() -> None:
    asleep = replace(OTHER, is_active=False)

    assert isinstance(decide(known=replace(KNOWN, senders=[asleep, SENDER])), Admitted)


def test_an_unknown_sender_is_not_found() -> None:
    assert code(decide(replace(COMMAND, sender="15559999999"))) == "SENDER_NOT_FOUND"
    assert code(decide(replace(COMMAND, sender=f"shop{SENDER.display_number}"))) == "SENDER_NOT_FOUND"
    assert code(decide(known=Known(senders=[], threads=[]))) == "SENDER_NOT_FOUND"


def test_a_sender_that_is_switched_off_sends_nothing() -> None:
    asleep = replace(SENDER, is_active=False)

    assert code(decide(replace(COMMAND, sender="15550783881"), replace(KNOWN, senders=[asleep]))) == "SENDER_INACTIVE"


def test_a_conversation_wins_over_to_and_sender() -> None:
    command = replace(COMMAND, conversation_id=THREAD.id, sender="15559999999")

    assert isinstance(decide(command), Admitted)


def test_an_unknown_conversation_and_one_of_another_environment_are_not_found() -> None:
    command = replace(COMMAND, conversation_id=UUID(int=11))

    assert code(decide(command)) == "CONVERSATION_NOT_FOUND"
    assert (
        code(decide(replace(COMMAND, conversation_id=THREAD.id), replace(KNOWN, senders=[])))
        == "CONVERSATION_NOT_FOUND"
    )


def test_a_file_that_is_not_there_is_not_found() -> None:
    command = replace(COMMAND, media_url=None, file_id=UUID(int=7))

    assert code(decide(command)) == "MEDIA_NOT_FOUND"
    assert isinstance(decide(command, replace(KNOWN, has_file=True, is_file_fit=True)), Admitted)
    unfit = decide(command, replace(KNOWN, has_file=True))
    assert isinstance(unfit, Refusal)
    assert (unfit.code, unfit.field) == ("IMAGE_NOT_SUPPORTED", "file_id")


def test_a_reply_to_an_unknown_message_is_not_found() -> None:
    command = replace(COMMAND, reply_to=UUID(int=8))

    assert code(decide(command)) == "MESSAGE_NOT_FOUND"
    assert decide(command, replace(KNOWN, replied_to="wamid.X")) == Admitted(SENDER, THREAD, "wamid.X")


def test_someone_who_never_wrote_has_a_closed_window() -> None:
    assert code(decide(known=replace(KNOWN, threads=[]))) == "WINDOW_CLOSED"
    assert code(decide(known=replace(KNOWN, threads=[replace(THREAD, window_until=None)]))) == "WINDOW_CLOSED"


def test_the_window_closes_at_its_very_end() -> None:
    end = NOW + timedelta(hours=1)

    assert isinstance(decide(now=end - timedelta(microseconds=1)), Admitted)
    assert code(decide(now=end)) == "WINDOW_CLOSED"
