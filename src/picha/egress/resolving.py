"""Names become addresses once, every answer is checked, and the answer is pinned."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from picha.egress.errors import Refused, Unreachable
from picha.egress.policy import Policy
from picha.egress.target import Target
from picha.kit import addresses

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


async def ask_system(host: str, port: int) -> Sequence[str]:
    """Return the addresses that the system's resolver gives for `host`, as text, in its order.

    A name whose servers are silent is waited for in a thread of its own, for as long as the system has patience: the
    loop's few threads for names, and for all else, are also those of whoever sends.

    Raises:
        OSError: the name has no address, or the resolver did not answer.
    """
    loop = asyncio.get_running_loop()
    told: asyncio.Future[Sequence[str]] = loop.create_future()

    def ask() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            settle = partial(_settle, told, told.set_result, [str(sockaddr[0]) for *_, sockaddr in answers])
        except Exception as error:  # noqa: BLE001 - raised again where it is waited for
            settle = partial(_settle, told, told.set_exception, error)
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle)

    threading.Thread(target=ask, name="resolver", daemon=True).start()
    return await told


def _settle(told: "asyncio.Future[Sequence[str]]", settle: Callable[[Any], None], outcome: object) -> None:
    if not told.done():  # it is, where nobody waits any more
        settle(outcome)


async def pin(target: Target, policy: Policy, resolve: Resolve) -> tuple[Address, ...]:
    """Return the addresses that `target` may be connected to: all of its answers, each of them admitted.

    Raises:
        Refused: at least one answer is not admitted; a name that mixes public and private answers is an attack.
        Unreachable: the name has no address.
    """
    if target.literal is not None:
        return (_checked(target.literal, policy),)
    try:
        answers = [ip_address(text) for text in await resolve(target.host, target.port)]
    except (OSError, UnicodeError) as error:
        raise Unreachable("name", "The host name could not be resolved") from error
    except ValueError as error:
        raise Refused("address", "The address is not public") from error
    if not answers:
        raise Unreachable("name", "The host name could not be resolved")
    return tuple(dict.fromkeys(_checked(ip, policy) for ip in answers))


def _checked(ip: Address, policy: Policy) -> Address:
    # An address of this machine's own may be public: what listens on it often trusts whoever comes from inside.
    if policy.refusal(ip) or (addresses.refusal(ip) is None and is_ours(ip)):
        raise Refused("address", "The address is not public")
    return ip


def is_ours(ip: Address) -> bool:
    """Tell whether `ip` belongs to this machine: a packet to it would leave from it. Nothing is sent to find out."""
    family = socket.AF_INET if ip.version == 4 else socket.AF_INET6  # noqa: PLR2004 - IP's own version numbers
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((str(ip), 9))
        except OSError:
            return False
        return ip_address(probe.getsockname()[0]) == ip
