"""The ports that `picha up` finds for its programs: nobody else finds them, and servers may listen on them."""

import asyncio
import socket
import subprocess
import sys
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from picha.cli import household
from picha.cli.household import LOOPBACK, PortBusyError, usable_port

_DRAW = "from picha.cli import household; household._PORTS = range({first}, {first} + 2)\ntry: print({draw})\n"
_DRAW += "except household.PortBusyError: print('none')"


@pytest.fixture
def two_ports(monkeypatch: pytest.MonkeyPatch) -> int:
    """Leave only two ports to choose from, and return the first."""
    for first in range(20_000, 32_000, 2):
        with socket.socket() as one, socket.socket() as next_one, suppress(OSError):
            one.bind((LOOPBACK, first))
            next_one.bind((LOOPBACK, first + 1))
            monkeypatch.setattr(household, "_PORTS", range(first, first + 2))
            return first
    raise AssertionError("no two ports are free")


def test_no_port_is_found_twice_by_whoever_looks(two_ports: int) -> None:
    ours = usable_port(LOOPBACK, 0, "")
    draw = _DRAW.format(first=two_ports, draw="household.usable_port('127.0.0.1', 0, '')")
    theirs = subprocess.run([sys.executable, "-c", draw], capture_output=True, text=True, check=True).stdout.strip()

    assert {ours, int(theirs)} == {two_ports, two_ports + 1}
    assert usable_port(LOOPBACK, 0, "") == int(theirs), "whoever ends gives back what it had"
    with pytest.raises(PortBusyError):
        usable_port(LOOPBACK, 0, "")


async def test_servers_listen_on_a_port_that_was_found_and_do_so_again() -> None:
    port = usable_port(LOOPBACK, 0, "")

    for _ in range(2):
        server = await asyncio.start_server(lambda *_: None, LOOPBACK, port)
        with pytest.raises(PortBusyError, match=f"port {port} is in use"):
            usable_port(LOOPBACK, port, "--port")
        server.close()
        await server.wait_closed()
        HTTPServer((LOOPBACK, port), BaseHTTPRequestHandler).server_close()


def test_a_port_that_was_asked_for_is_found_by_nobody_else(two_ports: int) -> None:
    assert usable_port(LOOPBACK, two_ports, "--port") == two_ports
    assert usable_port(LOOPBACK, 0, "") == two_ports + 1
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind((LOOPBACK, two_ports))
