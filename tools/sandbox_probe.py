"""Asks running sandboxes what they do, for the pages about them: their description, their refusals, their webhooks."""

import functools
import json
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from picha.sandbox.first_day import DOCUMENTED_MEDIA_ID, PERSON
from picha.testing import Sandbox, SandboxOptions, running

Members = dict[str, dict[str, set[str]]]
"""For each member of a webhook, in which of the columns it is there, and there in which dialects."""

COLUMNS = (
    "image", "image in a group", "number change", "echo", "error", "sent", "delivered", "read", "failed",
    "status in a group",
)  # fmt: skip
# Nobody listens on the discard port: webhooks stay in the log, which is all that is wanted.
_NOWHERE = "http://127.0.0.1:9/"
_UNDELIVERABLE = "9991131026"


class Refused(NamedTuple):
    """How a call of Graph's was refused."""

    http: int
    code: int
    subcode: int | None
    message: str

    def __str__(self) -> str:
        """The status and the code, as the other tables write them."""
        subcode = "" if self.subcode is None else f", subcode {self.subcode}"
        return f"HTTP {self.http}, code {self.code}{subcode}"


class Probe(NamedTuple):
    """What was found."""

    document: dict[str, Any]
    not_covered: dict[tuple[str, str], Refused]
    types: dict[str, Refused]
    people_write: str
    members: Members


@functools.cache
def probe(calls: tuple[tuple[str, str], ...]) -> Probe:
    """Return what sandboxes of both dialects say, and how one refuses these calls of Graph's."""
    members: Members = {}
    with _started("2026") as sandbox:
        document = _control(sandbox, "GET", "/openapi.json")
        not_covered = {call: _refusal(sandbox, *call) for call in calls}
        types = {
            kind: _refusal(sandbox, "POST", "/{phone_number_id}/messages", _send(kind)) for kind in _types(sandbox)
        }
        people_write = _control(sandbox, "POST", "/inbound", {"from": PERSON, "type": "?"})["error"]
        _gather(sandbox, "2026", members)
    with _started("2025") as sandbox:
        _gather(sandbox, "2025", members)
    return Probe(document, not_covered, types, people_write, members)


def _started(dialect: Literal["2026", "2025"]) -> Any:
    return running(SandboxOptions(ladder=(0, 0, 0), seed="reference", dialect=dialect, callback=_NOWHERE))


def _send(kind: str) -> dict[str, Any]:
    return {"messaging_product": "whatsapp", "to": PERSON, "type": kind}


def _types(sandbox: Sandbox) -> list[str]:
    """Return the types of message that Graph knows, as the refusal of one that it does not know lists them."""
    refused = _refusal(sandbox, "POST", "/{phone_number_id}/messages", _send("?"))
    return refused.message.partition("{")[2].partition("}")[0].split(", ")


def _refusal(sandbox: Sandbox, method: str, path: str, body: dict[str, Any] | None = None) -> Refused:
    filled = path.format(phone_number_id=sandbox.phone_number_id, waba_id=sandbox.waba_id, app_id=sandbox.app_id)
    answer = _call(sandbox.base_url + filled, method, body, sandbox.access_token)
    error = json.loads(answer[1]).get("error")
    if error is None:
        raise RuntimeError(f"{method} {path} is not refused any more: take it from the list of what is not covered")
    return Refused(answer[0], error["code"], error.get("error_subcode"), error["message"])


def _control(sandbox: Sandbox, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    text = _call(sandbox.control_url + path, method, body)[1]
    return json.loads(text) if text else None


def _call(url: str, method: str, body: dict[str, Any] | None, token: str | None = None) -> tuple[int, str]:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    try:
        with urlopen(Request(url, data, headers, method=method)) as answer:  # noqa: S310 - a sandbox started here
            return answer.status, answer.read().decode()
    except HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


def _gather(sandbox: Sandbox, dialect: str, members: Members) -> None:
    """Let every kind of webhook be written, and note the members of each."""
    image = {"image": {"id": DOCUMENTED_MEDIA_ID, "caption": "A picture"}, "biz_opaque_callback_data": "order-17"}
    path = f"{sandbox.base_url}/{sandbox.phone_number_id}/messages"
    for to, last in ((PERSON, "read"), (_UNDELIVERABLE, "failed")):
        _call(path, "POST", _send("image") | image | {"to": to}, sandbox.access_token)
        _control(sandbox, "GET", f"/wait?event=status&to={to}&status={last}&timeout_s=60")
    group = _control(sandbox, "POST", "/groups", {"participants": [PERSON]})["group_id"]
    _control(sandbox, "POST", "/inbound", {"from": PERSON, "group_id": group})
    _call(path, "POST", _send("image") | image | {"to": group, "recipient_type": "group"}, sandbox.access_token)
    _control(sandbox, "GET", f"/wait?event=status&to={group}&status=read&timeout_s=60")
    _control(sandbox, "POST", "/echo", {"to": PERSON, "caption": "From the shop's phone"})
    _control(sandbox, "POST", "/errors", {"code": 130429})
    _control(sandbox, "POST", f"/people/{PERSON}/change-number", {"to": "16505559876"})
    for delivery in reversed(_control(sandbox, "GET", "/deliveries?limit=1000")["items"]):
        value = delivery["body"]["entry"][0]["changes"][0]["value"]
        for member in _paths(value):
            members.setdefault(member, {}).setdefault(_column(delivery["kind"], value), set()).add(dialect)


def _column(kind: str, value: dict[str, Any]) -> str:
    """Return what a webhook of this kind tells of."""
    match kind:
        case "status":
            (status, *_) = value["statuses"]
            return "status in a group" if status.get("recipient_type") == "group" else str(status["status"])
        case "inbound":
            (message,) = value["messages"]
            in_group = "image in a group" if "group_id" in message else "image"
            return "number change" if message["type"] == "system" else in_group
        case _:
            return kind


def _paths(part: Any, path: str = "") -> Iterator[str]:
    """Yield where the values of a document are."""
    if isinstance(part, dict):
        for name, inner in part.items():
            yield from _paths(inner, f"{path}.{name}".lstrip("."))
    elif isinstance(part, list):
        for inner in part:
            yield from _paths(inner, f"{path}[]")
    else:
        yield path
