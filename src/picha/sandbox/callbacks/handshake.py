"""The handshake that proves an address wants webhooks: Meta's GET with mode, challenge and verify token."""

import aiohttp
from yarl import URL

from picha.sandbox import refusals

_OK = 200
_ANSWER_MAX_BYTES = 4096
_TIMEOUT = aiohttp.ClientTimeout(total=10)
URL_MAX_CHARS = 200


async def shake(session: aiohttp.ClientSession, url: str, verify_token: str, challenge: str, *, name: str) -> None:
    """Return if `url`, which the request calls `name`, answers 200 with exactly `challenge`.

    Raises:
        Refusal: code 2200 with what the address did instead, or code 100 for something that is no address.
    """
    if len(url) > URL_MAX_CHARS:
        raise refusals.too_long(name, URL_MAX_CHARS)
    try:
        address = URL(url)
    except ValueError:
        raise refusals.parameter(f"Param {name} is not a valid URI.") from None
    if address.scheme not in ("http", "https") or not address.host:
        raise refusals.parameter(f"Param {name} is not a valid URI.")
    query = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": verify_token}
    try:
        async with session.get(address.extend_query(query), allow_redirects=False, timeout=_TIMEOUT) as answer:
            if answer.status != _OK:
                raise refusals.callback_unverified(
                    f"HTTP Status Code = {answer.status}; HTTP Message = {answer.reason}"
                )
            body = await answer.content.read(_ANSWER_MAX_BYTES)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        raise refusals.callback_unverified("The address could not be reached.") from None
    if body != challenge.encode():
        raise refusals.callback_unverified("The answer is not the challenge that was sent.")
