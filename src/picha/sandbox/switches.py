"""Where Meta's documents and captures disagree, which side the sandbox takes: one switch for each, its default first.

Each description is what docs/reference/sandbox-switches.md says of the switch.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Annotated, Literal, get_args, get_type_hints

import msgspec

from picha.cloudapi.limits import WEBHOOK_RETRY_FOR

_RETRY_FOR = {"7d": WEBHOOK_RETRY_FOR, "36h": timedelta(hours=36)}


class SwitchError(ValueError):
    """A switch was named that is none, or was given a value that it does not have; the message says which there are."""


def _says(description: str) -> msgspec.Meta:
    return msgspec.Meta(description=description)


class Switches(msgspec.Struct, frozen=True, kw_only=True):
    """The position of every switch."""

    rate_limit_http: Annotated[Literal["429", "400"], _says("HTTP status of 130429, the number's rate.")] = "429"
    pair_limit_http: Annotated[
        Literal["400", "429"], _says("HTTP status of 131056, the rate of messages to one person.")
    ] = "400"
    app_limit_http: Annotated[Literal["400", "429"], _says("HTTP status of 4, the app's rate of calls.")] = "400"
    missing_token: Annotated[
        Literal["401/104", "400/104", "401/190"], _says("HTTP status and code for a request without a token.")
    ] = "401/104"  # noqa: S105 - a status and a code
    missing_parameter: Annotated[Literal["100", "131008"], _says("Code for a parameter that is not there.")] = "100"
    unknown_id: Annotated[
        Literal["400/100", "404/803"],
        _says("HTTP status and code for an object that does not exist; 100 comes with subcode 33."),
    ] = "400/100"
    unknown_message: Annotated[
        Literal["131009", "100"],
        _says("Code for a read mark on a message that never came or is too old; 100 comes with subcode 33."),
    ] = "131009"
    recipient_type: Annotated[
        Literal["optional", "required"], _says("Whether a send without `recipient_type` goes to an individual.")
    ] = "optional"
    image_type: Annotated[
        Literal["required", "optional"],
        _says("Whether an image needs `type`; what has neither `type` nor an image is a text either way."),
    ] = "required"
    country_code: Annotated[
        Literal["off", "prefix"],
        _says("`prefix` puts the business number's country code before a `to` without `+`, as Meta documents it."),
    ] = "off"
    wa_id: Annotated[
        Literal["as_sent", "normalised"],
        _says("`normalised` knows Brazilian mobiles without their ninth digit and Mexican ones with a 1."),
    ] = "as_sent"
    message_status: Annotated[
        Literal["omit", "accepted"],
        _says("`message_status` in the answer to an image or text; templates always have it."),
    ] = "omit"
    user_id_with_phone: Annotated[
        Literal["absent", "present"],
        _says("Whether `contacts[].user_id` is in the answer to a send that names a phone."),
    ] = "absent"
    window_failure: Annotated[
        Literal["async", "sync"],
        _says("How 131047 comes outside the 24 hours: as a failed status, or as HTTP 400 with nothing in the ledger."),
    ] = "async"
    reaction_opens_window: Annotated[
        Literal["on", "off"], _says("Whether a reaction opens the 24 hours as any other message does.")
    ] = "on"
    participant_key: Annotated[
        Literal["recipient_participant_id", "participant_recipient_id"],
        _says("What a status of a send to a group calls the member it is about."),
    ] = "recipient_participant_id"
    upload_type: Annotated[
        Literal["optional", "required"], _says("Whether an upload may come without its part `type`.")
    ] = "optional"
    image_size_check: Annotated[
        Literal["send", "upload"],
        _says("When an image of more than 5 MB fails: with 131053 once it is sent, or with 100 at upload."),
    ] = "send"
    file_size: Annotated[
        Literal["string", "number"], _says("How `file_size` is written in the description of media.")
    ] = "string"
    media_sha256: Annotated[
        Literal["base64", "hex"],
        _says("How `sha256` is written in the description of media; webhooks do not follow it."),
    ] = "base64"
    link_failure_code: Annotated[
        Literal["131053", "131052"], _says("Code of the failed status of a link that leads to no picture.")
    ] = "131053"
    webhook_retries: Annotated[
        Literal["7d", "36h"], _says("How long an untaken webhook is tried again, by the sandbox's clock.")
    ] = "7d"
    number_status: Annotated[
        Literal["CONNECTED", "PENDING", "OFFLINE", "DISCONNECTED", "FLAGGED"],
        _says("`status` of the number; all but CONNECTED and FLAGGED refuse sends with 133010."),
    ] = "CONNECTED"

    @property
    def retry_for(self) -> timedelta:
        """How long an untaken webhook is tried again."""
        return _RETRY_FOR[self.webhook_retries]

    @property
    def is_registered(self) -> bool:
        """Whether the number may send."""
        return self.number_status in ("CONNECTED", "FLAGGED")


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to say of one switch; the first of `values` is the default."""

    name: str
    values: tuple[str, ...]
    description: str


def described() -> list[Described]:
    """Return every switch, in the order in which they are documented."""
    found = []
    for name, hint in get_type_hints(Switches, include_extras=True).items():
        values, meta = get_args(hint)
        found.append(Described(name=name, values=get_args(values), description=meta.description))
    return found


def turned(texts: Mapping[str, str], start: Switches | None = None) -> Switches:
    """Return `start`, or the defaults, with the switches in `texts` turned to the values they have there.

    Raises:
        SwitchError: there is no such switch, or it has no such value.
    """
    values = {switch.name: switch.values for switch in described()}
    for name, value in texts.items():
        if name not in values:
            raise SwitchError(f"there is no switch {name[:100]!r}; the switches are {', '.join(values)}")
        if value not in values[name]:
            raise SwitchError(f"the switch {name} is {' or '.join(values[name])}, not {str(value)[:100]!r}")
    return msgspec.structs.replace(start or Switches(), **texts)


def pairs(parts: Iterable[str]) -> dict[str, str]:
    """Return the names and values in texts such as `window_failure=sync,file_size=number`.

    Raises:
        SwitchError: a part has no equals sign.
    """
    found = {}
    for part in (piece.strip() for text in parts for piece in text.split(",") if piece.strip()):
        name, sign, value = part.partition("=")
        if not sign:
            raise SwitchError(f"a switch is set as name=value, not as {part[:100]!r}")
        found[name.strip()] = value.strip()
    return found


class Switchboard:
    """The switches in force, which can be turned while the sandbox runs; `restore` turns all back to the start."""

    def __init__(self, start: Switches) -> None:
        self._start = start
        self.current = start

    def turn(self, texts: Mapping[str, str]) -> Switches:
        """Turn the switches that are named, leave the others, and return all.

        Raises:
            SwitchError: there is no such switch, or it has no such value; then none is turned.
        """
        self.current = turned(texts, self.current)
        return self.current

    def restore(self) -> None:
        """Turn every switch as it was at the start."""
        self.current = self._start
