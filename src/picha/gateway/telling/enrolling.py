"""Setting webhooks up, whoever asks: whether an address can be called, and the secrets that sign what it is told."""

from datetime import timedelta
from typing import get_args
from uuid import UUID

from picha.egress import Policies, Refused, check_url
from picha.gateway.store import endpoints
from picha.gateway.store.endpoints import EndpointView, NewEndpoint, Whose
from picha.gateway.store.pool import Pool
from picha.gateway.store.vault import Vault
from picha.gateway.telling.signing import fresh_secret, fresh_signing_key
from picha.karibu.webhooks import OVERLAP_MAX_HOURS, URL_MAX_CHARS, ServiceType
from picha.kit.ids import Ids
from picha.kit.secrets import Secret

OVERLAP_MAX = timedelta(hours=OVERLAP_MAX_HOURS)
"""For how long a former secret may sign beside a new one."""

URL_MAX = URL_MAX_CHARS
"""How many characters an address has at most."""

SERVICES: tuple[str, ...] = get_args(ServiceType)
"""What a webhook can be for."""


class UncallableError(Exception):
    """An address could not be called; the text says why."""


def demand_callable(url: str, environment: str, policies: Policies) -> None:
    """Refuse an address that could not be called; whom a name stands for is looked at when it is.

    Raises:
        UncallableError: nobody may be called there.
    """
    try:
        check_url(url, policies.of(environment))
    except Refused as refused:
        message = f"url cannot be called. {refused.detail}: give the public address of your program."
        raise UncallableError(message) from refused


async def enrol(
    pool: Pool,
    vault: Vault,
    ids: Ids,
    whose: Whose,
    *,
    app: UUID,
    service: str,
    url: str,
    include_inbox: bool,
    secret: Secret | None = None,
) -> EndpointView | None:
    """Set up a webhook of an app; without a secret one is made. None when the workspace has no such app.

    Raises:
        TakenError: the app has one for that service.
    """
    new = NewEndpoint(
        app_id=app,
        service_type=service,
        url=url,
        include_inbox=include_inbox,
        secret=secret or fresh_secret(),
        signing_key=fresh_signing_key(),
    )
    return await endpoints.add(pool, vault, ids, whose, new)
