"""Who the sandbox's business is: ids as Meta's documents print them, secrets derived from the seed.

The ids are the same in every sandbox, so that commands copied from Meta's pages work here with the token exchanged.
"""

import msgspec

from picha.sandbox.chance import Chance

PHONE_NUMBER_ID = "106540352242922"
DISPLAY_PHONE_NUMBER = "15550783881"
WABA_ID = "102290129340398"
APP_ID = "634974688087057"
VERIFIED_NAME = "Lucky Shrub"

# A token that says where it is from: a gateway that serves live numbers refuses it.
TOKEN_MARK = "EAATestPichaSandbox"  # noqa: S105 - a prefix, not a secret


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What a program needs to be this business, and what it needs to use the control API where that wants a token."""

    access_token: str
    app_secret: str
    verify_token: str
    control_token: str

    @property
    def app_token(self) -> str:
        """The token that speaks for the app itself, as Graph spells it."""
        return f"{APP_ID}|{self.app_secret}"


def derive(seed: str, verify_token: str | None = None) -> Credentials:
    """Return the credentials of the sandbox with this seed; `verify_token` replaces the derived one."""
    chance = Chance(f"credentials of {seed}")
    access_token = TOKEN_MARK + chance.base62(48)
    app_secret = chance.token_hex(16).lower()
    return Credentials(
        access_token=access_token,
        app_secret=app_secret,
        verify_token=verify_token or chance.base62(20),
        control_token=Chance(f"control token of {seed}").base62(40),
    )
