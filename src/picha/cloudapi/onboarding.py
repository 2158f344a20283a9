"""What Meta tells of a token, a number and who hears of an account: the questions of a set-up, and of a check later.

Sources: Meta's debug_token reference, phone number reference, health status page and webhook override page.
"""

import msgspec

from picha.cloudapi.fields import decoded

MESSAGING, MANAGEMENT = "whatsapp_business_messaging", "whatsapp_business_management"
"""The two scopes that a business's token needs: to send, and to ask."""

NUMBER_FIELDS = (
    "status",
    "quality_rating",
    "platform_type",
    "throughput",
    "is_on_biz_app",
    "webhook_configuration",
    "health_status",
)
"""The fields of a number that `NumberFacts` reads; Graph tells only those that are asked for."""


class TokenError(msgspec.Struct, frozen=True):
    """Why a token is not valid."""

    code: int = 0
    message: str = ""


class GranularScope(msgspec.Struct, frozen=True):
    """A scope and the accounts that it was granted for; without `target_ids`, for all."""

    scope: str
    target_ids: tuple[str, ...] | None = None


class TokenFacts(msgspec.Struct, frozen=True):
    """What there is to tell of an access token; `expires_at` is in seconds since 1970, 0 for never."""

    is_valid: bool = False
    app_id: str = ""
    expires_at: int = 0
    data_access_expires_at: int = 0
    scopes: tuple[str, ...] = ()
    granular_scopes: tuple[GranularScope, ...] = ()
    error: TokenError | None = None

    def grants(self, scope: str, waba_id: str) -> bool:
        """Tell whether the token has a scope for an account."""
        granted = [one.target_ids for one in self.granular_scopes if one.scope == scope]
        return scope in self.scopes and all(ids is None or waba_id in ids for ids in granted)


class _Debugged(msgspec.Struct, frozen=True):
    data: TokenFacts


class WebhookConfiguration(msgspec.Struct, frozen=True):
    """Where a number's webhooks go: to its own address before its account's before the app's."""

    phone_number: str | None = None
    whatsapp_business_account: str | None = None
    application: str | None = None

    @property
    def url(self) -> str | None:
        """The address that counts."""
        return self.phone_number or self.whatsapp_business_account or self.application


class Throughput(msgspec.Struct, frozen=True):
    """How much a number may send: STANDARD or HIGH."""

    level: str = ""


class HealthStatus(msgspec.Struct, frozen=True):
    """Whether messages can be sent: AVAILABLE, LIMITED or BLOCKED."""

    can_send_message: str = ""


class NumberFacts(msgspec.Struct, frozen=True):
    """How a number is. `status` is CONNECTED when all is well; `quality_rating` GREEN, YELLOW, RED or UNKNOWN."""

    status: str = ""
    quality_rating: str = ""
    platform_type: str = ""
    throughput: Throughput = Throughput()
    is_on_biz_app: bool = False
    webhook_configuration: WebhookConfiguration = WebhookConfiguration()
    health_status: HealthStatus = HealthStatus()


class _AppData(msgspec.Struct, frozen=True):
    id: str = ""


class _Subscription(msgspec.Struct, frozen=True):
    whatsapp_business_api_data: _AppData = _AppData()


class _Subscriptions(msgspec.Struct, frozen=True):
    data: tuple[_Subscription, ...] = ()


_debugged = msgspec.json.Decoder(_Debugged)
_number = msgspec.json.Decoder(NumberFacts)
_subscriptions = msgspec.json.Decoder(_Subscriptions)


def decode_token(body: bytes) -> TokenFacts:
    """Return what an answer of debug_token tells; msgspec's errors tell what is wrong with it."""
    return decoded(_debugged, body).data


def decode_number(body: bytes) -> NumberFacts:
    """Return what an answer about a number tells; msgspec's errors tell what is wrong with it."""
    return decoded(_number, body)


def decode_subscribed(body: bytes) -> frozenset[str]:
    """Return the ids of the apps that hear of an account; msgspec's errors tell what is wrong with the answer."""
    return frozenset(one.whatsapp_business_api_data.id for one in decoded(_subscriptions, body).data)
