"""Which addresses may be reached, and how long and how much may be waited for."""

from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address

from picha.kit import addresses


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What one fetch may do. Times are seconds, `max_bytes` counts the body on the wire, `min_rate` is bytes a second.

    `ports` None admits every port. `allowed_networks` are reached although they are not public; they are for the
    operator to name, never for a customer. The rate is an average over the body, judged after `rate_grace_s`.
    """

    schemes: frozenset[str] = frozenset({"https"})
    ports: frozenset[int] | None = frozenset({443, 8443})
    allow_loopback: bool = False
    allowed_networks: tuple[addresses.Network, ...] = ()
    max_redirects: int = 3
    connect_s: float = 5
    first_byte_s: float = 10
    total_s: float = 30
    max_bytes: int = 32 * 1024 * 1024
    min_rate: int = 1024
    rate_grace_s: float = 5

    def refusal(self, ip: IPv4Address | IPv6Address) -> str | None:
        """Return why `ip` may not be connected to, or None when it may."""
        reason = addresses.refusal(ip)
        # A machine's metadata holds its keys: a wide network that happens to include it does not name it.
        if any(
            ip in each and (reason != "cloud metadata" or each.num_addresses == 1) for each in self.allowed_networks
        ):
            return None
        return None if reason == "loopback" and self.allow_loopback else reason


@dataclass(frozen=True, slots=True)
class Policies:
    """One policy for senders of each environment."""

    live: Policy
    test: Policy

    def of(self, environment: str) -> Policy:
        """Return the policy of `environment`, test or live; whatever else it is called, it is live."""
        return self.test if environment == "test" else self.live

    def admitting(self, networks: str) -> "Policies":
        """Return these policies with test's also admitting `networks`: addresses with a prefix, between commas.

        Raises:
            ValueError: one of them is no network; the text says which.
        """
        named = self.test.allowed_networks + addresses.networks_of(networks)
        return replace(self, test=replace(self.test, allowed_networks=named))


LIVE = Policy()
TEST = Policy(schemes=frozenset({"http", "https"}), ports=None, allow_loopback=True)
POLICIES = Policies(LIVE, TEST)
