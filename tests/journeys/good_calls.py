"""A good call to every route of the sandbox, for tests that make it wrong."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

NUMBER, ACCOUNT, APP = "106540352242922", "102290129340398", "634974688087057"
MEDIA = "1479537139650973"
PERSON = "16505551234"


class Call(NamedTuple):
    """A good call: the route's name, and what it takes."""

    name: str
    method: str
    path: str
    query: Mapping[str, str] = MappingProxyType({})
    body: Any = None


_IMAGE = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": PERSON, "type": "image"}
_HEADER = {"type": "header", "parameters": [{"type": "image", "image": {"id": MEDIA}}]}
_TEMPLATE = {"name": "picha_photo", "language": {"code": "en_US"}, "components": [_HEADER]}
_OVERRIDE = {"override_callback_uri": "http://127.0.0.1:1/", "verify_token": "t"}
_SUBSCRIBE = {"object": "whatsapp_business_account", "callback_url": "http://127.0.0.1:1/", "verify_token": "t"}
_SECRETS = {"client_id": APP, "client_secret": "s", "grant_type": "client_credentials"}
_FAULT = {
    "match": {"route": "number", "to": "1"},
    "when": {"mode": "every", "n": 2},
    "effect": {"status": 503, "at": "after", "delay_ms": 1},
}
_TROUBLE = {
    "batch": 3, "duplicate": 0.5, "reorder": 0.5, "delay_ms": [0, 1], "drop": 0.5, "early_status": 0, "seed": "s",
    "skip_delivered": True, "failed_after_delivered": 0.5, "unknown_wamid": 0.5,
}  # fmt: skip
_BLOCKED = {
    "messaging_product": "whatsapp", "block_users": [{"user": PERSON}, {"user_id": "US.13491208655302741918"}],
}  # fmt: skip
_SPOKEN = {
    "from": "255712345678", "name": "Asha", "caption": "Habari", "reply_to": "wamid.x", "identity_key_hash": "h=",
    "user_id": "US.13491208655302741918", "referral": {"source_type": "ad", "source_id": "1"},
}  # fmt: skip

CALLS = (
    Call("messages", "POST", f"/v24.0/{NUMBER}/messages", body=_IMAGE | {
        "image": {"id": MEDIA, "caption": "é"}, "context": {"message_id": "wamid.x"},
        "biz_opaque_callback_data": "order 7", "recipient_identity_key_hash": "h",
    }),
    Call("messages", "POST", f"/{NUMBER}/messages", body=_IMAGE | {"image": {"link": "http://127.0.0.1:1/a.png"}}),
    Call("messages", "POST", f"/{NUMBER}/messages", body=_IMAGE | {"type": "text", "text": {"body": "Hi"}}),
    Call("messages", "POST", f"/{NUMBER}/messages", body=_IMAGE | {"type": "template", "template": _TEMPLATE}),
    Call("messages", "POST", f"/{NUMBER}/messages", body={
        "messaging_product": "whatsapp", "status": "read", "message_id": "wamid.x",
        "typing_indicator": {"type": "text"},
    }),
    Call("messages", "POST", f"/{NUMBER}/messages", body=_IMAGE | {
        "recipient_type": "group", "to": "Y2FwaV9ncm91cDoxZD", "image": {"id": MEDIA},
    }),
    Call("media", "POST", f"/v24.0/{NUMBER}/media", body={"messaging_product": "whatsapp", "type": "image/png"}),
    Call("describe", "GET", f"/{MEDIA}", {"phone_number_id": NUMBER}),
    Call("delete", "DELETE", "/1479537139650974", {"phone_number_id": NUMBER}),
    Call("download", "GET", "/whatsapp_business/attachments/", {"mid": MEDIA, "ext": "1700000000", "hash": "AT"}),
    Call("number", "GET", f"/{NUMBER}", {"fields": "status,health_status"}),
    Call("configure_number", "POST", f"/{NUMBER}/", body={"webhook_configuration": _OVERRIDE}),
    Call("register", "POST", f"/{NUMBER}/register", body={"messaging_product": "whatsapp", "pin": "123456"}),
    Call("settings", "POST", f"/{NUMBER}/settings", body={"user_identity_change": {"enabled": True}}),
    Call("blocked_users", "GET", f"/{NUMBER}/block_users", {"limit": "5"}),
    Call("block_users", "POST", f"/{NUMBER}/block_users", body=_BLOCKED),
    Call("unblock_users", "DELETE", f"/{NUMBER}/block_users", body=_BLOCKED),
    Call("account", "GET", f"/{ACCOUNT}", {"fields": "name"}),
    Call("phone_numbers", "GET", f"/{ACCOUNT}/phone_numbers", {"limit": "5", "after": "MAZDZD"}),
    Call("templates", "GET", f"/{ACCOUNT}/message_templates", {"name": "picha_photo", "status": "APPROVED"}),
    Call("subscribed_apps", "GET", f"/{ACCOUNT}/subscribed_apps"),
    Call("subscribe_account", "POST", f"/{ACCOUNT}/subscribed_apps", body=_OVERRIDE),
    Call("unsubscribe_account", "DELETE", f"/{ACCOUNT}/subscribed_apps"),
    Call("subscriptions", "GET", f"/{APP}/subscriptions"),
    Call("subscribe_app", "POST", f"/{APP}/subscriptions", body=_SUBSCRIBE),
    Call("unsubscribe_app", "DELETE", f"/{APP}/subscriptions"),
    Call("app_token", "GET", "/oauth/access_token", _SECRETS),
    Call("app_token", "POST", "/oauth/access_token", body=_SECRETS),
    Call("debug_token", "GET", "/debug_token", {"input_token": "x"}),
    Call("front", "GET", "/"),
    Call("handset", "GET", "/handset"),
    Call("inbound", "POST", "/_sandbox/inbound", body=_SPOKEN),
    Call("inbound", "POST", "/_sandbox/inbound", body={"from": PERSON, "image_base64": "iVBORw0KGgo=", "as_is": True}),
    Call("inbound", "POST", "/_sandbox/inbound", body={"from": PERSON, "image_url": "http://127.0.0.1:1/a.png"}),
    Call("inbound", "POST", "/_sandbox/inbound", body={"from": PERSON, "type": "text", "text": "Hi"}),
    *(Call("inbound", "POST", "/_sandbox/inbound", body={"from": PERSON} | kind) for kind in (
        {"type": "reaction", "reaction": {"message_id": "wamid.x", "emoji": "é"}, "username": "asha"},
        {"type": "unsupported", "unsupported": {"type": "poll"}, "code": 131060}, {"type": "failed_image"},
        {"type": "edit", "original_message_id": "wamid.x", "caption": "é"}, {"group_id": "Y2FwaV9ncm91cDoxZD"},
        {"type": "user_changed_user_id", "new_user_id": "US.13491208655302741919"},
    )),
    Call("echo", "POST", "/_sandbox/echo", body={"to": PERSON, "caption": "é", "phone_number_id": NUMBER}),
    Call("echo", "POST", "/_sandbox/echo", body={"user_id": "US.13491208655302741918", "type": "text", "text": "Hi"}),
    Call("errors", "POST", "/_sandbox/errors", body={"code": 130429, "details": "é", "phone_number_id": NUMBER}),
    Call("groups", "POST", "/_sandbox/groups", body={
        "subject": "é", "participants": [PERSON, "US.13491208655302741918"], "phone_number_id": NUMBER,
    }),
    Call("photo", "GET", "/_sandbox/photo.jpg"),
    Call("clock", "GET", "/_sandbox/clock"),
    *(Call("clock", "POST", "/_sandbox/clock", body=wish) for wish in (
        {"advance_s": 86_400}, {"set": "2031-05-04T03:02:01Z"}, {"set": "9999-12-31T23:59:59.9Z"},
        {"set": "0001-01-01T00:00:00Z"}, {"set": "1969-12-31T23:59:59Z"}, {"freeze": True}, {"resume": True},
    )),
    Call("ledger", "GET", "/_sandbox/ledger", {"after": "wamid.x", "limit": "3"}),
    Call("ledger", "GET", "/_sandbox/ledger"),
    Call("ledger", "GET", "/_sandbox/ledger", {"last": "3"}),
    Call("live", "GET", "/_sandbox/live", {"for_s": "0.01", "person": PERSON}),
    Call("receipt", "GET", "/_sandbox/receipt.jpg"),
    Call("wait", "GET", "/_sandbox/wait", {"event": "send", "count": "1", "timeout_s": "0.01", "to": PERSON}),
    Call("faults", "GET", "/_sandbox/faults"),
    Call("faults", "POST", "/_sandbox/faults", body=_FAULT),
    Call("faults", "DELETE", "/_sandbox/faults"),
    Call("faults", "DELETE", "/_sandbox/faults/123"),
    Call("trouble", "GET", "/_sandbox/trouble"),
    Call("trouble", "POST", "/_sandbox/trouble", body=_TROUBLE),
    Call("trouble", "DELETE", "/_sandbox/trouble"),
    Call("deliveries", "GET", "/_sandbox/deliveries", {"limit": "3", "about": "wamid.x"}),
    Call("redeliver", "POST", "/_sandbox/deliveries/1/redeliver"),
    *(Call("people", "POST", f"/_sandbox/people/{PERSON}/{deed}") for deed in ("read", "deliver", "block", "unblock")),
    Call("people", "POST", f"/_sandbox/people/{PERSON}/change-number", body={"to": "255787654321"}),
    Call("people", "GET", f"/_sandbox/people/{PERSON}"),
    Call("conversations", "GET", "/_sandbox/conversations", {"phone_number_id": NUMBER, "limit": "3"}),
    Call("messages of", "GET", "/_sandbox/messages", {"with": PERSON, "before": "wamid.x", "limit": "3"}),
    Call("messages of", "GET", "/_sandbox/messages", {"with": "Y2FwaV9ncm91cDoxZD", "phone_number_id": NUMBER}),
    Call("pictures", "GET", f"/_sandbox/pictures/{'0' * 64}"),
    Call("switches", "GET", "/_sandbox/switches"),
    Call("switches", "POST", "/_sandbox/switches", body={"window_failure": "sync", "number_status": "OFFLINE"}),
    Call("docs", "GET", "/_sandbox/docs"),
    Call("openapi", "GET", "/_sandbox/openapi.json"),
    Call("state", "GET", "/_sandbox/state"),
    Call("state", "PUT", "/_sandbox/state", body={
        "version": 1, "record_count": 7, "chance": {"seed": "s", "start": 7}, "records": [], "media": {},
    }),
    Call("reset", "POST", "/_sandbox/reset"),
)  # fmt: skip
