"""What a sandbox says when it is ready: everything a program needs to talk to it."""

import msgspec


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """The line of JSON a started sandbox prints."""

    base_url: str
    access_token: str
    phone_number_id: str
    waba_id: str
    app_id: str
    app_secret: str
    verify_token: str
    control_url: str
    handset_url: str
