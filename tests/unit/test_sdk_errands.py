"""What the SDK decides, driven in memory: a gateway of a few lines answers, and nothing waits."""

import contextlib
import itertools
import pickle
from collections.abc import Callable, Hashable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from picha.images.plan import AUTO_MAX_BYTES
from picha.karibu.batches import Batch
from picha.karibu.errors import STATUS, Code, ErrorItem, encode_detail, encode_error, encode_ok
from picha.karibu.reads import Message, Page
from picha.kit.clock import ManualClock
from picha.kit.ids import Ids
from picha.sdk import errors, messages, pictures
from picha.sdk.calls import Answered, Call, reader
from picha.sdk.errands import Ask, Do, Errand, Open, Opened, Rest, Tools, ask
from picha.sdk.errors import BY_CODE, NoAnswerError, RefusedError, StrangeAnswerError
from picha.sdk.feed import events
from picha.sdk.pages import OFFSET_MAX, Parts, Question, latest_first, newest_first
from picha.sdk.sse import BLOCK_MAX_BYTES, Blocks

T = TypeVar("T")
START = datetime(2026, 1, 31, 12, tzinfo=UTC)
MESSAGE = {
    "id": str(UUID(int=7)), "conversation_id": str(UUID(int=8)), "sender_id": str(UUID(int=9)), "sender": "15550783881",
    "is_outbound": True, "status": "pending", "content": {}, "created_at": "2026-01-31T12:00:00Z",
}  # fmt: skip
NO_ANSWER = NoAnswerError("nobody there")
Given = Answered | Exception


class Driven:
    """Drives errands: answers what is asked in turn, passes time on a clock that stands still, keeps what it saw."""

    def __init__(self, *answers: Given, retries: int = 3) -> None:
        self.clock = ManualClock(START)
        self.tools = Tools(clock=self.clock, ids=Ids(), retries=retries)
        self.answers = list(answers)
        self.asked: list[Call[Any]] = []
        self.rests: list[float] = []

    def do(self, errand: Errand[T]) -> T:
        given: Any = None
        problem: Exception | None = None
        try:
            while True:
                step = errand.throw(problem) if problem else errand.send(given)
                given = problem = None
                if isinstance(step, Rest):
                    self.rests.append(step.seconds)
                    self.clock.advance(timedelta(seconds=step.seconds))
                elif isinstance(step, Do):
                    given = step.work()
                else:
                    assert isinstance(step, Ask | Open)
                    self.asked.append(step.call)
                    answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                    if isinstance(answer, Exception):
                        problem = answer
                    else:
                        given = answer if isinstance(step, Ask) else Opened(answer, None)
        except StopIteration as end:
            value: T = end.value
            return value


def ok(data: Any) -> Answered:
    return Answered(200, {"content-type": "application/json"}, encode_ok(data, "r"))


def refusal(code: Code, **headers: str) -> Answered:
    return Answered(STATUS[code], headers, encode_error([ErrorItem(code, "Do better.", "field")], "r"))


def a_get(**call: Any) -> Call[Any]:
    return Call(method="GET", path="/", reads=reader(dict), **call)


@pytest.mark.parametrize("code", Code)
def test_every_code_has_an_exception_of_its_own(code: Code) -> None:
    with pytest.raises(BY_CODE[code]) as caught:
        a_get().read(refusal(code, **{"retry-after": "7"}))

    error = caught.value
    assert type(error) is not RefusedError
    assert (error.code, error.message, error.field, error.request_id) == (code, "Do better.", "field", "r")
    assert (error.status, error.retry_after) == (STATUS[code], timedelta(seconds=7))
    assert error.retryable is (
        code in {"IDEMPOTENCY_IN_PROGRESS", "RATE_LIMITED", "BACKLOG_FULL", "UNAVAILABLE", "MEDIA_UNREACHABLE"}
    )
    assert type(error).retryable is error.retryable


def test_a_code_that_is_not_known_here_is_a_refusal_all_the_same() -> None:
    body = encode_error([ErrorItem("MOON_IN_THE_WAY", "Wait for the moon.")], "r")

    for status in (422, 429, 503):
        with pytest.raises(RefusedError, match="MOON_IN_THE_WAY: Wait for the moon") as caught:
            a_get().read(Answered(status, {}, body))

        assert type(caught.value) is RefusedError
        assert caught.value.retryable is (status != 422)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, errors.UnauthorizedError), (403, errors.ScopeRequiredError), (404, errors.SenderNotFoundError),
        (405, errors.MethodNotAllowedError), (422, errors.ValidationFailedError), (429, errors.RateLimitedError),
        (503, errors.UnavailableError),
    ],
)  # fmt: skip
def test_a_bare_refusal_has_the_code_that_its_status_stands_for(status: int, kind: type[RefusedError]) -> None:
    call = a_get(is_enveloped=False, means=(Code.SENDER_NOT_FOUND,))

    with pytest.raises(kind, match=r"Do better\.") as caught:
        call.read(Answered(status, {"x-request-id": "r"}, encode_detail("Do better.")))

    assert (caught.value.request_id, caught.value.status) == ("r", status)


@pytest.mark.parametrize(
    "answered",
    [
        Answered(200, {}, b""), Answered(200, {}, b"<html>"), Answered(200, {}, b"[1]"), Answered(200, {}, b"\xff"),
        Answered(200, {}, b'{"success": true, "data": [1]}'), Answered(200, {}, b'{"success": "yes"}'),
        Answered(200, {}, b'{"success": false, "errors": []}'), Answered(500, {}, b"oops"), Answered(404, {}, b"{}"),
        Answered(302, {"location": "https://elsewhere.example"}, b""), Answered(422, {}, encode_detail("not here")),
        Answered(502, {"content-type": "text/html"}, b"<html>Bad gateway</html>"),
    ],
)  # fmt: skip
def test_what_is_not_of_this_api_is_said_to_be_strange(answered: Answered) -> None:
    with pytest.raises(StrangeAnswerError, match="GET /") as caught:
        a_get().read(answered)

    assert (caught.value.status, caught.value.retryable) == (answered.status, answered.status == 502)


@given(st.integers(100, 599), st.binary(max_size=300), st.booleans())
def test_whatever_answers_there_is_a_value_or_an_exception_of_ours(status: int, body: bytes, bare: bool) -> None:  # noqa: FBT001
    with contextlib.suppress(errors.PichaError):
        a_get(is_enveloped=not bare).read(Answered(status, {}, body))


@pytest.mark.parametrize(
    "answer",
    [
        NO_ANSWER, refusal(Code.UNAVAILABLE), refusal(Code.RATE_LIMITED), refusal(Code.IDEMPOTENCY_IN_PROGRESS),
        Answered(502, {}, b""),
    ],
)  # fmt: skip
def test_what_fails_for_a_moment_is_asked_again_under_the_same_key(answer: Given) -> None:
    driven = Driven(answer, answer, ok(MESSAGE))

    message = driven.do(messages.cancel(driven.tools, UUID(int=7)))

    assert message.id == UUID(int=7)
    assert len({call.headers["Idempotency-Key"] for call in driven.asked}) == 1
    assert len(driven.asked) == 3
    assert 0.125 <= driven.rests[0] <= 0.25 <= driven.rests[1] <= 0.5


def test_two_calls_have_two_keys_and_a_key_of_the_callers_is_kept() -> None:
    driven = Driven(ok(MESSAGE))

    for key in (None, None, "order-7"):
        driven.do(messages.cancel(driven.tools, UUID(int=7), idempotency_key=key))

    first, second, third = (call.headers["Idempotency-Key"] for call in driven.asked)
    assert first != second
    assert third == "order-7"
    for wrong in ("", "two words", "x" * 256, "caf\u00e9", "a\nb"):
        with pytest.raises(ValueError, match="An idempotency key is one word"):
            driven.do(messages.cancel(driven.tools, UUID(int=7), idempotency_key=wrong))
    driven.do(messages.cancel(driven.tools, UUID(int=7), idempotency_key="x" * 255))


def test_asking_again_ends_after_so_many_tries_and_the_last_failure_is_told() -> None:
    driven = Driven(NO_ANSWER, retries=2)

    with pytest.raises(NoAnswerError):
        driven.do(ask(driven.tools, a_get()))

    assert len(driven.asked) == 3
    once = Driven(NO_ANSWER, retries=0)
    with pytest.raises(NoAnswerError):
        once.do(ask(once.tools, a_get()))
    assert (len(once.asked), once.rests) == (1, [])


def test_the_gateway_says_how_long_to_wait_and_what_is_too_long_is_told_at_once() -> None:
    driven = Driven(refusal(Code.RATE_LIMITED, **{"retry-after": "60"}), ok({"a": 1}))
    assert driven.do(ask(driven.tools, a_get())) == {"a": 1}
    assert driven.rests == [60.0]

    driven = Driven(refusal(Code.RATE_LIMITED, **{"retry-after": "61"}), ok({"a": 1}))
    with pytest.raises(errors.RateLimitedError):
        driven.do(ask(driven.tools, a_get()))
    assert driven.rests == []


@pytest.mark.parametrize("code", [Code.WINDOW_CLOSED, Code.BACKLOG_FULL, Code.MEDIA_UNREACHABLE, Code.UNAUTHORIZED])
def test_what_does_not_pass_in_a_moment_is_not_asked_again(code: Code) -> None:
    driven = Driven(refusal(code), ok({}))

    with pytest.raises(BY_CODE[code]):
        driven.do(ask(driven.tools, a_get()))

    assert len(driven.asked) == 1


def test_a_delete_whose_answer_is_lost_is_not_repeated_since_a_second_one_finds_nothing() -> None:
    for answer, count in ((NO_ANSWER, 1), (refusal(Code.UNAVAILABLE), 1), (refusal(Code.RATE_LIMITED), 4)):
        driven = Driven(answer)
        with pytest.raises(errors.PichaError):
            driven.do(ask(driven.tools, Call(method="DELETE", path="/", reads=bytes)))
        assert len(driven.asked) == count


def test_a_wait_ends_in_its_time_with_how_the_message_stands() -> None:
    driven = Driven(ok(MESSAGE))

    with pytest.raises(errors.NotYetError, match="is pending after 60 s, not yet read"):
        driven.do(messages.wait(driven.tools, UUID(int=7), until="read"))

    assert sum(driven.rests) == pytest.approx(60)
    assert max(driven.rests) <= 2
    once = Driven(ok(MESSAGE))
    with pytest.raises(TimeoutError):
        once.do(messages.wait(once.tools, UUID(int=7), timeout=0))
    assert once.rests == []


@pytest.mark.parametrize(
    ("until", "enough"),
    [("sent", {"sent", "delivered", "read"}), ("delivered", {"delivered", "read"}), ("read", {"read"})],
)
def test_a_stage_is_reached_by_every_later_one(until: messages.Stage, enough: set[str]) -> None:
    for status in ("sent", "delivered", "read"):
        driven = Driven(ok(MESSAGE | {"status": status}), ok(MESSAGE | {"status": "read"}))
        driven.do(messages.wait(driven.tools, UUID(int=7), until=until))
        assert len(driven.asked) == (1 if status in enough else 2)
    driven = Driven(ok(MESSAGE))
    with pytest.raises(ValueError, match="until is sent, delivered, read"):
        driven.do(messages.wait(driven.tools, UUID(int=7), until="gone"))  # type: ignore[arg-type]


def test_an_upload_for_a_send_with_a_key_of_its_own_has_a_key_that_follows_from_it() -> None:
    media = {"file_id": str(UUID(int=1)), "mime_type": "image/jpeg", "size_bytes": 1, "sha256": "", "width": 1}
    media |= {"height": 1, "expires_at": "2026-01-31T12:00:00Z"}
    accepted = dict.fromkeys(("message_id", "conversation_id", "sender_id"), MESSAGE["id"]) | {"sender": "1"}
    keys = []
    for _ in range(2):
        driven = Driven(ok(media), ok(accepted))
        driven.do(messages.send_image(driven.tools, to="255712345678", image=b"bytes", idempotency_key="order-7"))
        keys.append([call.headers["Idempotency-Key"] for call in driven.asked])

    assert keys[0] == keys[1]
    assert keys[0][1] == "order-7" != keys[0][0]


# Lists.


def page_of(items: Sequence[int], question: Question, limit: int) -> Page[int]:
    shown = list(items)
    if question.before is not None:
        shown = [item for item in items if item < msgspec.convert(question.before, int)]
    part = list(shown[question.offset : question.offset + limit])
    return Page(items=part, total=min(len(shown), 10_000), limit=limit, offset=question.offset)


def same(item: int) -> Hashable:
    return item


def gone_through(parts: Parts[T], meanwhile: Callable[[], None] = lambda: None) -> list[T]:
    driven, found = Driven(NO_ANSWER), list[T]()
    while (part := driven.do(parts.following())) is not None:
        found.extend(part)
        meanwhile()
    return found


@given(st.integers(0, 60), st.integers(1, 9), st.lists(st.integers(0, 4), max_size=80))
def test_a_list_is_gone_through_once_in_its_order_whatever_arrives_meanwhile(
    count: int, limit: int, arrivals: list[int]
) -> None:
    items = list(range(count, 0, -1))
    coming = iter(arrivals)

    def asked(question: Question) -> Errand[Page[int]]:
        yield from ()
        return page_of(items, question, limit)

    def meanwhile() -> None:
        for _ in range(next(coming, 0)):
            items.insert(0, items[0] + 1 if items else 1)

    found = gone_through(newest_first(asked, key=same, goes_on=True), meanwhile)

    assert [item for item in found if item <= count] == list(range(count, 0, -1))
    assert len(set(found)) == len(found)


def test_a_list_that_is_longer_than_the_last_offset_is_gone_through_to_its_end() -> None:
    count = 2 * OFFSET_MAX + 777
    items = list(range(count, 0, -1))
    asked_for: list[Question] = []

    def asked(question: Question) -> Errand[Page[int]]:
        yield from ()
        asked_for.append(question)
        return page_of(items, question, 200)

    assert gone_through(newest_first(asked, key=same, goes_on=True)) == items
    assert max(question.offset for question in asked_for) == OFFSET_MAX


@given(st.integers(0, 40), st.integers(1, 7), st.lists(st.lists(st.integers(0, 39), max_size=2), max_size=30))
def test_a_thread_that_moves_to_the_head_of_its_list_is_neither_missed_nor_told_twice(
    count: int, limit: int, moves: list[list[int]]
) -> None:
    """As long as nothing moves in the moment in which the head is looked at again."""
    items = list(range(count))
    at = {item: START - timedelta(seconds=item) for item in items}
    coming, now = iter(moves[: count // limit]), itertools.count(1)

    def asked(question: Question) -> Errand[Page[int]]:
        yield from ()
        return page_of(items, question, limit)

    def meanwhile() -> None:
        for item in next(coming, []):
            if item in items:
                items.remove(item)
                items.insert(0, item)
                at[item] = START + timedelta(seconds=next(now))

    found = gone_through(latest_first(asked, key=same, moved_at=at.__getitem__), meanwhile)

    assert sorted(found) == list(range(count))


# Pictures.


def test_what_stands_for_a_picture_is_told_apart(tmp_path: Path) -> None:
    filed = pictures.Filed(str(UUID(int=5)))

    assert pictures.understood(str(UUID(int=5))) == pictures.understood(UUID(int=5)) == filed
    for url in ("https://shop.example/a.jpg", "HTTP://shop.example/a.jpg"):
        assert pictures.understood(url) == pictures.Address(url)
    assert pictures.understood("a.jpg") == pictures.understood(Path("a.jpg")) == pictures.Bytes(Path("a.jpg"))
    for wrong in (7, None, object()):
        with pytest.raises(TypeError, match="An image is bytes, a path"):
            pictures.understood(wrong)  # type: ignore[arg-type]
    (tmp_path / "a.txt").write_text("text")
    with (tmp_path / "a.txt").open() as file, pytest.raises(TypeError, match="open it with mode 'rb'"):
        pictures.understood(file).load()  # type: ignore[arg-type, union-attr]


def test_a_picture_past_what_a_gateway_looks_at_is_refused_before_it_is_on_its_way() -> None:
    assert pictures.UPLOAD_MAX_BYTES == AUTO_MAX_BYTES
    whole = bytes(AUTO_MAX_BYTES)

    assert pictures.Bytes(whole).load() == (whole, "picture")
    with pytest.raises(errors.BodyTooLargeError, match="33,554,432 bytes") as refused:
        pictures.Bytes(whole + b"1").load()
    assert (refused.value.code, refused.value.status, refused.value.field) == ("BODY_TOO_LARGE", None, "file")


def test_a_file_name_cannot_break_out_of_its_line() -> None:
    head, data, tail = pictures.multipart(b"bytes", 'a"; x="\r\nEvil: 1\r\n\r\n.jpg', "strict", "b")

    assert head.count(b"\r\n") == 8
    assert b'filename="a%22; x=%22%0D%0AEvil: 1%0D%0A%0D%0A.jpg"' in head
    assert (data, tail) == (b"bytes", b"\r\n--b--\r\n")


# Events.

EVENTS = [
    {"event": "whatsapp.moon", "event_id": f"wa_{place}", "timestamp": "2026-01-31T12:00:00Z", "data": {"place": place}}
    for place in range(50)
]


@given(st.data(), st.booleans(), st.sampled_from([b"\n", b"\r\n"]))
def test_a_stream_means_the_same_however_it_is_cut(data: st.DataObject, comments: bool, end: bytes) -> None:  # noqa: FBT001
    lines: list[bytes] = []
    for place, event in enumerate(EVENTS[:5]):
        lines += [b": still here", b""] if comments else []
        lines += [f"id: {place}.0".encode(), b"event: whatsapp.moon", b"data: " + msgspec.json.encode(event), b""]
    text = b"".join(line + end for line in lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=20)))
    blocks = Blocks()

    found = [block for a, b in itertools.pairwise([0, *cuts, len(text)]) for block in blocks.feed(text[a:b])]

    assert [(block.id, block.kind) for block in found] == [(f"{place}.0", "whatsapp.moon") for place in range(5)]
    assert [msgspec.json.decode(block.data) for block in found] == EVENTS[:5]


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_no_bytes_make_a_stream_fail_otherwise_than_it_says(pieces: list[bytes]) -> None:
    blocks = Blocks()
    for piece in pieces:
        blocks.feed(piece)


def test_an_event_that_never_ends_is_refused_at_its_limit() -> None:
    blocks = Blocks()
    assert blocks.feed(b"data: " + bytes(BLOCK_MAX_BYTES - 6)) == []
    with pytest.raises(StrangeAnswerError):
        blocks.feed(b"1")


@given(st.integers(0, 50), st.integers(1, 10), st.integers(0, 50))
def test_whoever_goes_on_from_the_cursor_is_told_each_event_once(count: int, limit: int, stop: int) -> None:
    """A reader stops anywhere, and another goes on from the cursor that it kept: what comes twice has the same id."""
    log = EVENTS[:count]

    def page(call: Call[Any]) -> Answered:
        asked = dict(call.query)
        start, most = int(asked.get("after", "0")), int(asked["limit"])
        part = log[start : start + most]
        return ok({"items": part, "cursor": str(start + len(part)), "has_gap": False})

    def read(after: str | None, most: int) -> tuple[list[str], str | None]:
        feed, told = events(Driven(NO_ANSWER).tools, after=after, page_size=limit), list[str]()
        while True:
            errand = feed.following()
            try:
                step = next(errand)
                assert isinstance(step, Ask)
                errand.send(page(step.call))
            except StopIteration as end:
                if end.value is None:
                    return told, feed.cursor
                for event, cursor in end.value:
                    if len(told) == most:
                        return told, feed.cursor
                    told.append(event.event_id)
                    feed.cursor = cursor or feed.cursor

    first, cursor = read(None, stop)
    rest, last = read(cursor, 1000)

    ids = [event["event_id"] for event in log]
    assert first == ids[:stop]
    assert list(dict.fromkeys(first + rest)) == ids
    assert len(rest) - (count - len(first)) < limit
    assert last == str(count)


def test_a_stream_that_is_refused_is_told_and_one_that_is_away_is_waited_for_a_minute() -> None:
    driven = Driven(refusal(Code.UNAUTHORIZED))
    with pytest.raises(errors.UnauthorizedError):
        driven.do(events(driven.tools, follow=True).following())
    assert driven.rests == []

    driven = Driven(NO_ANSWER)
    with pytest.raises(NoAnswerError):
        driven.do(events(driven.tools, after="7.1", follow=True).following())
    assert 50 < sum(driven.rests) <= 60
    assert max(driven.rests) <= 5
    assert {call.query for call in driven.asked} == {(("after", "7.1"),)}

    driven = Driven(ok({}))
    with pytest.raises(StrangeAnswerError):
        driven.do(events(driven.tools, follow=True).following())


# Errors go from one process to another.


def test_an_error_comes_out_of_another_process_as_it_went_in() -> None:
    message = msgspec.convert(MESSAGE, Message)
    batch = Batch(**dict.fromkeys(Batch.__struct_fields__))  # type: ignore[arg-type] # it is only carried

    for error in (
        errors.NotYetError(message, "read", 3.0),
        errors.MessageFailedError(message),
        errors.BatchNotDoneError(batch, 3.0),
        StrangeAnswerError("odd", status=502),
    ):
        other = pickle.loads(pickle.dumps(error))
        assert (type(other), str(other), vars(other)) == (type(error), str(error), vars(error))
