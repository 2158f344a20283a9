"""What our API tells about senders; these routes answer bare, without the envelope."""

from collections.abc import Mapping
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from picha.karibu.sends import ImagePolicy
from picha.karibu.shape import read

MESSAGES_PER_SECOND_MAX = 1000
State = Literal["sending", "paused", "token_refused"]
STATES: Mapping[str | None, State] = {None: "sending", "operator": "paused", "token": "token_refused"}
"""What a number does, by what it is paused for: nothing, an operator's word, or its token."""


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """One business number. The fields after `is_active` are ours.

    - `display_number`: digits
    - `is_default`: it stands first in the list
    - `is_active`: it may send
    - `environment`: test or live
    - `image_policy`: holds for sends that name none
    - `messages_per_second`: its pace
    - `state`: token_refused as long as Meta refuses its token
    """

    id: UUID
    whatsapp_account_id: UUID
    phone_number_id: str
    display_number: str
    label: str
    is_default: bool
    is_active: bool
    environment: str
    image_policy: ImagePolicy
    messages_per_second: float
    state: State


class SenderChange(msgspec.Struct, frozen=True, kw_only=True):
    """What may be changed about a sender; what is absent stays as it is.

    `messages_per_second` is what Meta grants the number: 80 at first, 20 where the WhatsApp Business app shares it, up
    to 1,000.
    """

    image_policy: ImagePolicy | None = None
    messages_per_second: Annotated[float, Meta(ge=1, le=MESSAGES_PER_SECOND_MAX)] | None = None


class SenderState(msgspec.Struct, frozen=True, kw_only=True):
    """What a number does, and how many seconds it needs for what waits; ours.

    `cancelled` is how many messages a flush took out of the queue.
    """

    id: UUID
    state: State
    backlog_s: float
    cancelled: int | msgspec.UnsetType = msgspec.UNSET


def decode_change(body: bytes) -> SenderChange:
    """Return the change that `body` asks for; raises `Malformed`."""
    return read(
        body,
        SenderChange,
        {
            "image_policy": "image_policy is auto or strict.",
            "messages_per_second": f"messages_per_second is a number from 1 to {MESSAGES_PER_SECOND_MAX}.",
        },
    )
