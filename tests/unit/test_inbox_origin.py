"""Where a request to the inbox comes from, and who is believed about it."""

import pytest
from starlette.requests import Request

from picha.gateway.inbox.origin import address_of
from picha.gateway.settings import Settings
from picha.kit.addresses import networks_of

BY_DEFAULT = Settings(database_url="x").trusted_proxies
NAMED = "10.0.0.1, 10.1.0.0/16"


@pytest.mark.parametrize(
    ("proxies", "peer", "told", "address"),
    [
        # From elsewhere nobody is believed, from a private network as little as from any other.
        (BY_DEFAULT, "10.0.0.1", ["203.0.113.9"], "10.0.0.1"),
        (BY_DEFAULT, "192.168.1.7", ["203.0.113.9"], "192.168.1.7"),
        (BY_DEFAULT, "198.51.100.1", ["203.0.113.9"], "198.51.100.1"),
        (NAMED, "10.0.0.2", ["203.0.113.9"], "10.0.0.2"),
        (NAMED, "127.0.0.1", ["203.0.113.9"], "127.0.0.1"),
        # A proxy is believed whom it saw, and not what stood there before.
        (BY_DEFAULT, "127.0.0.1", [], "127.0.0.1"),
        (BY_DEFAULT, "127.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        (BY_DEFAULT, "::1", ["203.0.113.9"], "203.0.113.9"),
        (BY_DEFAULT, "::ffff:127.0.0.1", ["::ffff:203.0.113.9"], "203.0.113.9"),
        (BY_DEFAULT, "127.0.0.1", ["192.0.2.1, 203.0.113.9"], "203.0.113.9"),
        (BY_DEFAULT, "127.0.0.1", ["192.0.2.1", "203.0.113.9"], "203.0.113.9"),
        (NAMED, "10.0.0.1", ["192.0.2.1, 203.0.113.9, 10.1.2.3"], "203.0.113.9"),
        # What is no address says nothing, and nothing before it does.
        (BY_DEFAULT, "127.0.0.1", ["203.0.113.9, unknown"], "127.0.0.1"),
        (BY_DEFAULT, "127.0.0.1", ["203.0.113.9,"], "127.0.0.1"),
        (BY_DEFAULT, "127.0.0.1", ["2001:db8:1:2:3:4:5:6"], "2001:db8:1:2::/64"),
        (BY_DEFAULT, "", ["203.0.113.9"], "None"),
    ],
)
def test_a_request_comes_from_its_peer_or_from_whom_a_named_proxy_saw(
    proxies: str, peer: str, told: list[str], address: str
) -> None:
    headers = [(b"x-forwarded-for", one.encode()) for one in told]
    request = Request({"type": "http", "client": (peer, 1), "headers": headers})

    assert address_of(request, networks_of(proxies)) == address
