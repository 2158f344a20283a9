"""The documents Graph answers with where no wire module has them, for telling of them and for holding answers to them.

An answer with `fields` has those that were asked for, so that all are optional but the id. No other members come.
"""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from picha.cloudapi.errors import GraphError


class GraphRefusal(msgspec.Struct, frozen=True, kw_only=True):
    """Graph's error envelope."""

    error: GraphError


class Inability(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why an entity keeps messages from being sent."""

    error_code: int
    error_description: str
    possible_solution: str


class Ability(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether one entity keeps messages from being sent."""

    entity_type: str
    id: str
    can_send_message: str
    errors: list[Inability] | UnsetType = UNSET


class Health(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether messages can be sent."""

    can_send_message: str
    entities: list[Ability]


class MediaTold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What there is to tell of media; `url` lives five minutes and wants the bearer token."""

    messaging_product: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    mime_type: str | UnsetType = UNSET
    sha256: str | UnsetType = UNSET
    file_size: str | int | UnsetType = UNSET
    id: str


class Throughput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How fast a number may send."""

    level: str


class WebhookConfiguration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The addresses that are set, of which the number's wins over the account's, and that over the app's."""

    phone_number: str | UnsetType = UNSET
    whatsapp_business_account: str | UnsetType = UNSET
    application: str | UnsetType = UNSET


class Number(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A business phone number; without `fields` the first four."""

    id: str
    display_phone_number: str | UnsetType = UNSET
    verified_name: str | UnsetType = UNSET
    quality_rating: str | UnsetType = UNSET
    code_verification_status: str | UnsetType = UNSET
    name_status: str | UnsetType = UNSET
    status: str | UnsetType = UNSET
    throughput: Throughput | UnsetType = UNSET
    platform_type: str | UnsetType = UNSET
    is_on_biz_app: bool | UnsetType = UNSET
    whatsapp_business_manager_messaging_limit: str | UnsetType = UNSET
    webhook_configuration: WebhookConfiguration | UnsetType = UNSET
    health_status: Health | UnsetType = UNSET


class BusinessAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A WhatsApp business account; without `fields` the first four."""

    id: str
    name: str | UnsetType = UNSET
    timezone_id: str | UnsetType = UNSET
    message_template_namespace: str | UnsetType = UNSET
    health_status: Health | UnsetType = UNSET


class Cursors(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a page begins and ends."""

    before: str
    after: str


class Paging(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A page's place."""

    cursors: Cursors


class Numbers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A page of numbers."""

    data: list[Number]
    paging: Paging | UnsetType = UNSET


class TemplateTold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A template."""

    id: str
    name: str | UnsetType = UNSET
    parameter_format: str | UnsetType = UNSET
    components: list[dict[str, Any]] | UnsetType = UNSET
    language: str | UnsetType = UNSET
    status: str | UnsetType = UNSET
    category: str | UnsetType = UNSET


class Templates(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A page of templates, with the summary that was asked for."""

    data: list[TemplateTold]
    paging: Paging | UnsetType = UNSET
    summary: dict[str, Any] | UnsetType = UNSET


class SubscribedApps(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The apps that hear of an account, each with its id, link and name, and the address that overrides its own."""

    data: list[dict[str, Any]]


class Subscriptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an app hears of, and where."""

    data: list[dict[str, Any]]


class BlockChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What became of each who was named; with anybody failed there is an `error` beside it, and HTTP 400."""

    messaging_product: str
    block_users: dict[str, list[dict[str, Any]]]


class BlockedUsers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A page of people who are blocked, each by number, or by user id where that is hidden."""

    data: list[dict[str, Any]]
    paging: Paging | UnsetType = UNSET


class AppToken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The token that speaks for the app."""

    access_token: str
    token_type: str


class TokenTold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What there is to tell of a token; one that is not ours has `is_valid` false and an `error`."""

    is_valid: bool
    scopes: list[str]
    app_id: str | UnsetType = UNSET
    type: str | UnsetType = UNSET
    application: str | UnsetType = UNSET
    expires_at: int | UnsetType = UNSET
    data_access_expires_at: int | UnsetType = UNSET
    user_id: str | UnsetType = UNSET
    granular_scopes: list[dict[str, Any]] | UnsetType = UNSET
    error: dict[str, Any] | UnsetType = UNSET


class Debugged(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The answer about a token."""

    data: TokenTold
