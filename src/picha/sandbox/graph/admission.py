"""Who may call: the token a request brings, and whether it opens what the request is about.

An account is opened by its own token, or by the common one. The app's token opens what is the app's only.
Sources: Meta's access tokens page (a token without access to an asset is code 200) and what was observed.
"""

import re

from starlette.requests import Request

from picha.kit.secrets import Secret
from picha.sandbox import refusals
from picha.sandbox.credentials import Credentials
from picha.sandbox.graph.roads import ROADS, Road
from picha.sandbox.world import World

_BEARER = re.compile(r"(?i)(?:bearer|oauth) +(\S+) *\Z")
_APP_TOKEN_ROADS = frozenset({"subscriptions", "subscribe_app", "unsubscribe_app", "debug_token"})
_NUMBER_ROADS = frozenset(road for (_, kind, _), road in ROADS.items() if kind == "number")


class Admission:
    """Judges tokens."""

    def __init__(self, world: World, ours: Credentials) -> None:
        self._world = world
        self._app_token = Secret(ours.app_token)
        self._tokens = [(Secret(account.access_token), account.waba_id) for account in world.accounts.all]

    def check(self, token: object, road: Road, number: str | None) -> None:
        """Return if `token` is good for a road, and for the business's `number` that the request is about.

        Raises:
            Refusal: there is no token, it is nobody's, or it opens another account.
        """
        if not isinstance(token, str):
            raise refusals.no_token()
        is_app = road.name in _APP_TOKEN_ROADS and self._app_token.matches(token)
        if is_app or road.name == "app_token":
            return
        opened = [waba_id for secret, waba_id in self._tokens if secret.matches(token)]
        if not opened:
            raise refusals.bad_token()
        ours = self._world.accounts.number(number or "")
        waba_id = road.object_id if ours is None else ours.waba_id
        if self._world.accounts.account(waba_id) is not None and waba_id not in opened:
            raise refusals.of_code(200)

    def number_of(self, road: Road, request: Request) -> str | None:
        """Return the id of the business's number that a request is about: its object, or the owner of its media."""
        if road.name in _NUMBER_ROADS:
            return road.object_id
        media_id = request.query_params.get("mid", "") if road.name == "download" else road.object_id
        media = self._world.media.get(media_id)
        return None if media is None else media.phone_number_id


def header_token(header: str | None) -> str | None:
    """Return the token in an `Authorization` header, whichever scheme it names, or None without the header."""
    if header is None:
        return None
    match = _BEARER.match(header)
    return match[1] if match else header
