"""Asks Meta how a token, a number and its webhooks are."""

from collections.abc import Callable
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import msgspec

from picha.cloudapi import onboarding
from picha.cloudapi.onboarding import NUMBER_FIELDS, NumberFacts, TokenFacts
from picha.gateway.meta.graph import Graph, GraphCallError
from picha.gateway.store.tenants import Account
from picha.kit.secrets import Secret

__all__ = ["SCOPES", "NumberFacts", "TokenFacts", "moment", "number", "subscribed", "token"]

SCOPES = (onboarding.MESSAGING, onboarding.MANAGEMENT)
T = TypeVar("T")


async def token(graph: Graph, account: Account) -> TokenFacts:
    """Ask about an account's access token, as the app that it is of; raises `GraphCallError`."""
    # The app's own token is its id and its secret (Meta, "Access tokens").
    app = Secret(f"{account.meta_app_id}|{account.app_secret.reveal()}")
    asked = {"input_token": account.access_token.reveal()}
    return _read(onboarding.decode_token, await graph.read(account, "debug_token", asked, bearer=app))


async def number(graph: Graph, account: Account, phone_number_id: str) -> NumberFacts:
    """Ask how a number is; raises `GraphCallError`."""
    asked = {"fields": ",".join(NUMBER_FIELDS)}
    return _read(onboarding.decode_number, await graph.read(account, phone_number_id, asked))


async def subscribed(graph: Graph, account: Account) -> frozenset[str]:
    """Ask which apps hear of an account; raises `GraphCallError`."""
    return _read(onboarding.decode_subscribed, await graph.read(account, f"{account.waba_id}/subscribed_apps", {}))


async def moment(graph: Graph, account: Account) -> datetime | None:
    """Ask what time it is there, to the second; None when that is not told. Raises `GraphCallError`."""
    try:
        return parsedate_to_datetime(await graph.date(account))
    except ValueError:
        return None


def _read(decode: Callable[[bytes], T], body: bytes) -> T:
    try:
        return decode(body)
    except msgspec.DecodeError as error:
        raise GraphCallError("WhatsApp's answer cannot be read.", again=True) from error
