"""Which path leads where: any version or none, a trailing slash or none. Pure."""

import re
from typing import NamedTuple

from picha.sandbox import refusals
from picha.sandbox.accounts import Accounts
from picha.sandbox.credentials import APP_ID
from picha.sandbox.refusals import Refusal

_PATH = re.compile(r"(?:/v\d+\.\d+)?/([^/]+)(?:/([^/]+))?/?\Z")
_PLACES = frozenset({"oauth", "whatsapp_business", "debug_token"})

ROADS = {
    ("POST", "number", "messages"): "messages",
    ("POST", "number", "media"): "media",
    ("GET", "number", ""): "number",
    ("POST", "number", ""): "configure_number",
    ("GET", "media", ""): "describe",
    ("DELETE", "media", ""): "delete",
    ("GET", "whatsapp_business", "attachments"): "download",
    ("POST", "number", "register"): "register",
    ("POST", "number", "settings"): "settings",
    ("GET", "number", "block_users"): "blocked_users",
    ("POST", "number", "block_users"): "block_users",
    ("DELETE", "number", "block_users"): "unblock_users",
    ("GET", "account", ""): "account",
    ("GET", "account", "phone_numbers"): "phone_numbers",
    ("GET", "account", "message_templates"): "templates",
    ("GET", "account", "subscribed_apps"): "subscribed_apps",
    ("POST", "account", "subscribed_apps"): "subscribe_account",
    ("DELETE", "account", "subscribed_apps"): "unsubscribe_account",
    ("GET", "app", "subscriptions"): "subscriptions",
    ("POST", "app", "subscriptions"): "subscribe_app",
    ("DELETE", "app", "subscriptions"): "unsubscribe_app",
    ("GET", "oauth", "access_token"): "app_token",
    ("POST", "oauth", "access_token"): "app_token",
    ("GET", "debug_token", ""): "debug_token",
}
"""The name of each road by method, kind of object and edge; `picha.sandbox.graph.signposts` tells where it leads."""

_EDGES = frozenset(edge for _, _, edge in ROADS)


class Road(NamedTuple):
    """Where a request goes; `refusal` stands in when it leads nowhere, and `name` is then empty."""

    name: str
    object_id: str
    refusal: Refusal | None = None

    def check(self) -> None:
        """Return if it leads somewhere.

        Raises:
            Refusal: it does not.
        """
        if self.refusal is not None:
            raise self.refusal


def find(method: str, path: str, accounts: Accounts) -> Road:
    """Return the road of a request; HEAD goes the way of GET."""
    match = _PATH.match(path)
    if match is None:
        return Road("", "", refusals.unknown_path(path))
    object_id, edge = match[1], match[2] or ""
    kind = _kind(object_id, accounts)
    name = ROADS.get(("GET" if method == "HEAD" else method, kind, edge))
    if edge not in _EDGES:
        return Road("", object_id, refusals.unknown_path(f"/{edge}"))
    if kind == "media" and not (object_id.isascii() and object_id.isdigit()):
        return Road("", object_id, refusals.unknown_path(f"/{object_id}"))
    if name is None:
        return Road("", object_id, refusals.no_such_object(object_id, method))
    return Road(name, object_id)


def _kind(object_id: str, accounts: Accounts) -> str:
    if object_id in _PLACES:
        return object_id
    if accounts.number(object_id) is not None:
        return "number"
    if accounts.account(object_id) is not None:
        return "account"
    return "app" if object_id == APP_ID else "media"
