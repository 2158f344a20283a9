import json
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import msgspec
import pytest

from picha.karibu import conversations, errors, media, reads, sends

ID = UUID("018f6d2e-7a34-7c1b-9d6e-0f4f0a8f2b11")
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
STATUSES = {
    400: "MALFORMED_JSON WEBHOOK_EXISTS",
    401: "UNAUTHORIZED",
    403: "WORKSPACE_REQUIRED SCOPE_REQUIRED",
    404: "NOT_FOUND MESSAGE_NOT_FOUND CONVERSATION_NOT_FOUND SENDER_NOT_FOUND MEDIA_NOT_FOUND BATCH_NOT_FOUND "
    "APP_NOT_FOUND WEBHOOK_NOT_FOUND DELIVERY_NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    409: "IDEMPOTENCY_IN_PROGRESS NOT_CANCELLABLE NOT_RESENDABLE",
    413: "BODY_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    422: "VALIDATION_ERROR WINDOW_CLOSED SENDER_AMBIGUOUS SENDER_INACTIVE NOT_INBOUND IDEMPOTENCY_KEY_REUSED "
    "IMAGE_NOT_SUPPORTED IMAGE_TOO_LARGE IMAGE_UNREADABLE MEDIA_UNREACHABLE "
    # As an earlier generation of Karibu's API had them.
    "TEMPLATE_NOT_FOUND_OR_UNAPPROVED TEMPLATE_NOT_APPROVED",
    429: "RATE_LIMITED BACKLOG_FULL",
    501: "NOT_IMPLEMENTED",
    503: "UNAVAILABLE",
}
MESSAGE_FIELDS = (
    "id message_id provider_message_id conversation_id sender_id sender recipient is_outbound is_echo group_id "
    "message_type status phase waiting_for attempts content reply paired_message_id error_code error_message "
    "error_detail warnings client_reference batch_id created_at sent_at delivered_at read_at failed_at "
    "contact_profile_name"
)
CONTENT_FIELDS = (
    "caption mime_type sha256 size_bytes width height file_id media_url url changes state context referral facts"
)


def message() -> reads.Message:
    return reads.Message(
        id=ID,
        conversation_id=ID,
        sender_id=ID,
        sender="255700000001",
        is_outbound=False,
        status="received",
        content=reads.Content(context=reads.ContentContext(), referral=reads.Referral()),
        created_at=NOON,
    )


def test_every_code_has_the_status_of_the_contract() -> None:
    pinned = {code: status for status, codes in STATUSES.items() for code in codes.split()}

    assert {str(code): status for code, status in errors.STATUS.items()} == pinned
    assert set(errors.STATUS) == set(errors.Code)


def test_a_success_has_all_four_members() -> None:
    assert errors.encode_ok({"a": 1}, ID) == (
        b'{"success":true,"data":{"a":1},"errors":null,"request_id":"018f6d2e-7a34-7c1b-9d6e-0f4f0a8f2b11"}'
    )


def test_a_refusal_has_all_four_members_and_null_fields() -> None:
    written = errors.encode_error([errors.ErrorItem(errors.Code.WINDOW_CLOSED, "Wait.")], "r")

    assert written == (
        b'{"success":false,"data":null,"errors":[{"code":"WINDOW_CLOSED","message":"Wait.","field":null}],'
        b'"request_id":"r"}'
    )
    assert errors.encode_detail("Gone.") == b'{"detail":"Gone."}'


def test_a_message_writes_every_field_as_null_when_there_is_nothing_to_tell() -> None:
    written = json.loads(errors.encode_ok(message(), "r"))["data"]

    assert set(written) == set(MESSAGE_FIELDS.split())
    assert set(CONTENT_FIELDS.split()) <= set(written["content"])
    assert set(written["content"]["context"]) == {"forwarded", "frequently_forwarded", "message_id"}
    assert len(written["content"]["referral"]) == 11
    assert written["provider_message_id"] is None


def test_times_go_out_as_rfc_3339_with_a_z() -> None:
    later = msgspec.structs.replace(message(), sent_at=NOON + timedelta(microseconds=5))

    written = json.loads(errors.encode_ok(later, "r"))["data"]

    assert written["created_at"] == "2026-01-31T12:00:00Z"
    assert written["sent_at"] == "2026-01-31T12:00:00.000005Z"


def test_a_message_reads_back_as_written() -> None:
    page = reads.Page[reads.Message](items=[message()], total=1, limit=100, offset=0)

    read_back = msgspec.json.decode(msgspec.json.encode(page), type=reads.Page[reads.Message])

    assert read_back == page
    assert read_back.total_is_exact is True


@pytest.mark.parametrize("replay", [True, False])
def test_a_replay_says_so_and_a_first_answer_does_not(replay: bool) -> None:  # noqa: FBT001 - the case itself
    accepted = sends.SendAccepted(
        message_id=ID,
        conversation_id=ID,
        sender_id=ID,
        sender="1",
        idempotent_replay=True if replay else msgspec.UNSET,
    )

    written = json.loads(msgspec.json.encode(accepted))

    assert written.pop("idempotent_replay", False) is replay
    assert written == {
        "message_id": str(ID),
        "conversation_id": str(ID),
        "sender_id": str(ID),
        "sender": "1",
        "provider_message_id": None,
        "status": "pending",
    }


def test_media_and_conversations_write_their_contract_fields() -> None:
    picture = media.Media(
        file_id=str(ID),
        mime_type="image/png",
        size_bytes=1,
        sha256="00",
        width=1,
        height=1,
        expires_at=NOON.astimezone(timezone(timedelta(0))),
    )
    thread = conversations.Conversation(
        id=ID,
        sender_id=ID,
        window=conversations.Window(open=False),
        contact=conversations.ConversationContact(),
        created_at=NOON,
        updated_at=NOON,
    )

    names = "file_id mime_type size_bytes sha256 width height changes expires_at"
    assert set(json.loads(msgspec.json.encode(picture))) == set(names.split())
    written = json.loads(msgspec.json.encode(thread))
    assert written["window"] == {"open": False, "expires_at": None}
    assert written["recipient_phone"] is None
