"""From a stored message to what a thread shows of it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from picha.gateway.domain.outcomes import UNKNOWN
from picha.gateway.inbox.bubbles import Bubble, drawn
from picha.gateway.inbox.names import initial, named
from picha.gateway.inbox.prints import size_of
from picha.gateway.store.inbox_thread import Entry, Quoted, Said

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
ASHA, MESSAGE, FILE = UUID(int=1), UUID(int=2), UUID(int=3)
TEXT = Entry(
    id=MESSAGE,
    conversation_id=UUID(int=4),
    is_outbound=False,
    is_echo=False,
    message_type="text",
    phase="received",
    status="received",
    attempts=0,
    due_at=None,
    on_unknown="hold",
    caption=None,
    media_url=None,
    image_state=None,
    facts={"text": "Habari"},
    reply_to=None,
    error_code=None,
    error_message=None,
    error_detail=None,
    warning_detail=None,
    duplicates=0,
    created_at=NOON,
    sent_at=None,
    delivered_at=None,
    read_at=None,
    failed_at=None,
    author="Asha",
    author_phone="255712345678",
    file_id=None,
    mime_type=None,
    size_bytes=None,
    width=None,
    height=None,
    changes=None,
    notes=None,
    came=None,
    colleague=None,
    quoted=None,
    said=[],
)
SENT = replace(TEXT, is_outbound=True, phase="submitted", status="sent")
PICTURE = replace(
    SENT,
    message_type="image",
    facts={},
    file_id=FILE,
    image_state="stored",
    mime_type="image/jpeg",
    size_bytes=1_300_000,
    width=3000,
    height=4000,
)


def only(entry: Entry, **more: Any) -> Bubble:
    [bubble] = drawn([entry], **more)
    return bubble


def said(kind: str, **more: Any) -> Said:
    shape: dict[str, Any] = {"is_outbound": False, "contact_id": ASHA, "emoji": None, "text": None} | more
    return Said(kind, **shape)


def test_a_text_is_shown_with_who_wrote_it() -> None:
    bubble = only(TEXT)

    assert (bubble.who, bubble.text, bubble.author, bubble.standing) == ("Asha", "Habari", "", None)
    assert only(TEXT, is_group=True).author == "Asha"


@pytest.mark.parametrize(
    ("kind", "facts", "shown"),
    [
        ("video", {"media": {}}, "A video, which this inbox does not show."),
        ("audio", {"media": {"voice": True}}, "A voice message, which this inbox does not show."),
        ("audio", {"media": {}}, "An audio file, which this inbox does not show."),
        ("document", {"media": {"filename": "a.pdf"}}, "The document a.pdf, which this inbox does not show."),
        (
            "unsupported",
            {"unsupported": {"type": "poll"}},
            "A message of the kind poll, which WhatsApp does not pass on.",
        ),
        ("unsupported", {}, "A message that WhatsApp does not pass on."),
        ("hologram", {"hologram": 1}, "A message of the kind hologram, which this inbox does not show."),
        ("text", {"let_go": True}, "What it said is no longer kept."),
        ("text", {}, "What it said is no longer kept."),
    ],
)
def test_what_is_not_shown_says_what_it_is(kind: str, facts: dict[str, Any], shown: str) -> None:
    bubble = only(replace(TEXT, message_type=kind, facts=facts))

    assert (bubble.text, bubble.other) == ("", shown)


@pytest.mark.parametrize(
    ("kind", "own"),
    [
        ("button", {"text": "Yes", "payload": "y"}),
        ("interactive", {"type": "button_reply", "button_reply": {"id": "1", "title": "Yes"}}),
        ("interactive", {"type": "list_reply", "list_reply": {"id": "1", "title": "Yes"}}),
    ],
)
def test_a_choice_reads_as_what_was_chosen(kind: str, own: dict[str, Any]) -> None:
    assert only(replace(TEXT, message_type=kind, facts={kind: own})).text == "Yes"
    assert only(replace(TEXT, message_type=kind, facts={kind: "nonsense"})).text == ""


def test_a_picture_has_the_room_of_its_shape_and_its_caption_is_told() -> None:
    tall, wide = only(PICTURE).picture, only(replace(PICTURE, width=5000, height=100, caption="Two\nlines")).picture
    unmeasured = only(replace(PICTURE, width=None)).picture

    assert tall is not None
    assert (tall.width, tall.height, tall.alt) == (285, 380, "Picture without a caption")
    assert wide is not None
    assert (wide.width, wide.height, wide.alt) == (320, 96, "Two lines")
    assert unmeasured is not None
    assert (unmeasured.width, unmeasured.height) == (320, 240)


@pytest.mark.parametrize(
    ("more", "done"),
    [
        ({}, "Sent as it was given"),
        ({"is_outbound": False}, "Kept as it came"),
        (
            {
                "changes": ["heic→jpeg", "rotated 90°", "metadata removed", "4.1 MB→1.3 MB"],
                "came": {"mime_type": "image/heic", "size_bytes": 4_100_000, "width": 4000, "height": 3000},
            },
            "HEIC 4.1 MB → JPEG 1.3 MB, rotated 90°, hidden details removed (such as place and camera)",
        ),
    ],
)
def test_a_picture_tells_how_what_was_sent_differs_from_what_was_given(more: dict[str, Any], done: str) -> None:
    picture = only(replace(PICTURE, **more)).picture

    assert picture is not None
    assert (picture.done, picture.facts) == (done, "JPEG · 1.3 MB · 3000 \N{MULTIPLICATION SIGN} 4000")


@pytest.mark.parametrize(
    ("more", "coming", "gone"),
    [
        ({"image_state": "pending", "facts": {"media": {"mime_type": "image/jpeg"}}}, "JPEG on its way", ""),
        ({"image_state": "pending"}, "Picture on its way", ""),
        ({"image_state": None, "media_url": "https://x"}, "", "WhatsApp fetches this picture from its own address."),
        ({"image_state": "unavailable"}, "", "The picture is not here: it could not be fetched, or is no longer kept."),
    ],
)
def test_a_place_without_a_picture_says_why(more: dict[str, Any], coming: str, gone: str) -> None:
    bubble = only(replace(PICTURE, file_id=None, **more))

    assert (bubble.coming, bubble.gone, bubble.snippet) == (coming, gone, "Picture")


def test_of_each_person_the_last_reaction_counts() -> None:
    reactions = [
        said("reaction", emoji="👍"),
        said("reaction", emoji="❤"),
        said("reaction", emoji="👍", contact_id=UUID(int=9)),
        said("reaction", emoji="👍", is_outbound=True),
        said("reaction", emoji="👎", contact_id=UUID(int=8)),
        said("reaction", contact_id=UUID(int=8)),
    ]

    assert list(only(replace(TEXT, said=reactions)).reactions) == [("👍", 2), ("❤", 1)]


def test_an_edit_and_a_revoke_count_where_they_are_the_authors() -> None:
    mine = only(replace(TEXT, said=[said("edit", text="Habari?"), said("edit", text="Habari!"), said("revoke")]))
    others = only(replace(TEXT, said=[said("edit", text="x", is_outbound=True), said("revoke", is_outbound=True)]))

    assert (mine.text, mine.is_edited, mine.revoked) == ("Habari!", True, "Asha took this message back")
    assert (others.text, others.is_edited, others.revoked) == ("Habari", False, "")


def test_what_is_about_another_message_stands_there_or_in_a_line_of_its_own() -> None:
    quoted = Quoted(UUID(int=7), False, "text", "Hi", None, "Asha")
    reaction = replace(TEXT, message_type="reaction", facts={"reaction": {"message_id": "w", "emoji": "👍"}})
    revoke = replace(TEXT, message_type="revoke", facts={"revoke": {"original_message_id": "w"}})
    edit = replace(TEXT, message_type="edit", facts={"edit": {"original_message_id": "w"}})

    assert drawn([replace(reaction, quoted=quoted)]) == []
    assert only(reaction).sentence == "Asha reacted 👍 to a message that is not here"
    assert only(replace(reaction, facts={})).sentence == "Asha took a reaction back"
    assert only(revoke).sentence == "Asha took back a message that is not here"
    assert only(edit).sentence == "Asha changed a message that is not here"
    news = replace(TEXT, message_type="system", facts={"system": {"body": "Asha has a new number"}})
    assert only(news).sentence == "Asha has a new number"


@pytest.mark.parametrize(
    ("more", "state", "words", "again"),
    [
        ({"phase": "image_wait", "status": "pending"}, "pending", "Getting its picture ready", ""),
        ({"phase": "queued", "status": "pending"}, "pending", "Waiting to be sent", ""),
        ({"phase": "sending", "status": "pending"}, "pending", "Handing it to WhatsApp", ""),
        ({"phase": "unknown", "status": "pending", "due_at": NOON}, "unknown", "Confirming with WhatsApp", ""),
        ({"status": "read"}, "read", "Read", ""),
        ({"phase": "failed", "status": "failed", "error_code": "131026"}, "failed", "Not sent", "anew"),
        ({"phase": "failed", "status": "failed", "error_code": UNKNOWN}, "failed", "Not sent", "doubtful"),
        ({"phase": "cancelled", "status": "failed"}, "cancelled", "Cancelled", "anew"),
        ({"phase": "failed", "status": "failed", "message_type": "template"}, "failed", "Not sent", ""),
    ],
)
def test_a_send_tells_how_it_stands(more: dict[str, Any], state: str, words: str, again: str) -> None:
    standing = only(replace(SENT, **more)).standing

    assert standing is not None
    assert (standing.state, standing.words, standing.again) == (state, words, again)


def test_a_failure_is_told_in_words_and_a_late_one_as_a_caution() -> None:
    failed = only(replace(SENT, status="failed", phase="failed", error_detail="Why. What to do.")).standing
    late = only(replace(SENT, status="read", warning_detail="Odd.")).standing
    twice = only(replace(SENT, status="read", duplicates=1)).standing

    assert failed is not None
    assert failed.trouble == "Why. What to do."
    assert late is not None
    assert late.caution == "WhatsApp also reported a failure, although it arrived: Odd."
    assert twice is not None
    assert "twice" in twice.caution


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Asha", "Asha"),
        ("  two\nlines\t", "two lines"),
        ("\u202egnp.exe", "gnp.exe"),
        ("\u200b\ufeff", "+255 7•• ••• 678"),
        ("", "+255 7•• ••• 678"),
        (None, "+255 7•• ••• 678"),
        ("\U0001f469\u200d\U0001f467", "\U0001f469\u200d\U0001f467"),
        ("W" * 200, "W" * 120),
    ],
)
def test_a_name_is_one_line_that_is_seen(name: str | None, shown: str) -> None:
    assert named(name, "255712345678") == shown


def test_somebody_of_whom_nothing_is_known_is_somebody() -> None:
    assert (named(None), initial("+255 7"), initial("asha"), initial("!")) == ("Somebody", "2", "A", "")


def test_sizes_are_told_as_people_read_them() -> None:
    assert [size_of(count) for count in (10, 20_400, 1_340_000)] == ["1 kB", "20 kB", "1.3 MB"]
