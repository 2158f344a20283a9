"""How often may be called: each key, and each address that comes with keys which nobody knows. In this process alone.

A key is counted whoever uses it. Who presents keys that are none is counted by address, since each try may be another
key: that keeps guesses, and a program whose key was revoked, from costing the database a look each time. A key that
this process knows is never refused for its address, so a proxy that many callers share harms none who was here before.
"""

import ipaddress
import math

from picha.gateway.domain.pace import Allowance
from picha.kit.clock import Clock

STRANGERS = Allowance(per_second=20, burst=1000)
"""How often an address may come with a key that is none."""

_KEPT_MAX = 10_000
# Bits of an IPv6 address that belong to one network: whoever has one has them all.
_IPV6_BITS = 64
Headers = list[tuple[bytes, bytes]]


class TooOftenError(Exception):
    """Whoever calls has called too often, and may again in `wait_s` seconds."""

    def __init__(self, wait_s: float) -> None:
        super().__init__("called too often")
        self.wait_s = max(1, math.ceil(wait_s))


class Turnstile:
    """Counts calls. `allowance` is that of each key; None lets every key call as often as it will."""

    def __init__(
        self,
        clock: Clock,
        allowance: Allowance | None,
        strangers: Allowance = STRANGERS,
        *,
        kept_max: int = _KEPT_MAX,
    ) -> None:
        self._clock, self._allowance, self._strangers = clock, allowance, strangers
        self._keys = _Debts(kept_max)
        self._addresses = _Debts(kept_max)
        # As in draft-ietf-httpapi-ratelimit-headers-10, whose window is here the time in which all comes back.
        quota = (allowance.burst, math.ceil(allowance.span_s)) if allowance else (0, 0)
        self._policy = (b"ratelimit-policy", b'"key";q=%d;w=%d' % quota)

    def enter(self, key: str, told: Headers) -> None:
        """Count a call with a key, and add to `told` the headers that tell how the key stands.

        Raises:
            TooOftenError: the call must wait; it is not counted.
        """
        allowance = self._allowance
        if allowance is None:
            return
        now = self._clock.monotonic()
        debt = self._keys.get(key, now)
        wait_s = allowance.wait(debt, now)
        if not wait_s:
            debt = self._keys[key] = allowance.take(debt, now)
            self._keys.let_go(now)
        stands = b'"key";r=%d;t=%d' % (allowance.left(debt, now), math.ceil(debt - now))
        told += (self._policy, (b"ratelimit", stands))
        if wait_s:
            raise TooOftenError(wait_s)

    def look(self, address: str) -> None:
        """Refuse an address that came with wrong keys too often; raises `TooOftenError`."""
        if not self._addresses:
            return
        now = self._clock.monotonic()
        if wait_s := self._strangers.wait(self._addresses.get(_network(address), now), now):
            raise TooOftenError(wait_s)

    def stranger(self, address: str) -> None:
        """Count a key that is none against the address it came from; raises `TooOftenError` where it must wait."""
        self.look(address)
        now, network = self._clock.monotonic(), _network(address)
        self._addresses[network] = self._strangers.take(self._addresses.get(network, now), now)
        self._addresses.let_go(now)


class _Debts(dict[str, float]):
    """By name the moment at which all is paid back; those who owe nothing are not kept for ever."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def let_go(self, now: float) -> None:
        """Where there are too many, forget who owes nothing, and if that is not enough those who came first."""
        if len(self) <= self._most:
            return
        for name in [name for name, paid_back_at in self.items() if paid_back_at <= now]:
            del self[name]
        for name in list(self)[: max(0, len(self) - self._most // 2)]:
            del self[name]


def _network(address: str) -> str:
    """Return what an address is counted by: itself, or its network where it is IPv6."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((parsed, _IPV6_BITS), strict=False))
    return address
