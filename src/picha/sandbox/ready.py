"""What a sandbox says when it is ready: everything a program needs to talk to it."""

import msgspec


class ReadyNumber(msgspec.Struct, frozen=True, kw_only=True):
    """A number to send from, and the token that opens its account."""

    phone_number_id: str
    waba_id: str
    display_phone_number: str
    access_token: str


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """The line of JSON a started sandbox prints.

    `phone_number_id`, `waba_id` and `access_token` are those of the first of `numbers`. `control_token` is null where
    the control API wants none.
    """

    base_url: str
    access_token: str
    phone_number_id: str
    waba_id: str
    app_id: str
    app_secret: str
    verify_token: str
    control_url: str
    handset_url: str
    control_token: str | None = None
    numbers: tuple[ReadyNumber, ...]
