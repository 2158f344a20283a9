"""Colour profiles made by hand (ICC.1:2001), each of which turns colours so that nobody overlooks whether it was used."""

import struct

_D50 = (0.9642, 1.0, 0.8249)
# The primaries of sRGB, adapted to D50.
_RED, _GREEN, _BLUE = (0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)


def swapped() -> bytes:
    """Return an RGB profile in which the first channel is blue and the third is red."""
    return _rgb((_BLUE, _GREEN, _RED), "Swapped")


def like_srgb() -> bytes:
    """Return an RGB profile with the primaries of sRGB, whose name says so."""
    return _rgb((_RED, _GREEN, _BLUE), "sRGB by hand")


def ink() -> bytes:
    """Return a CMYK profile in which cyan prints red, and every other ink grey."""
    # One byte each of L, a and b for the sixteen corners of the ink cube, the black ink changing fastest.
    red, grey, white = bytes((138, 208, 195)), bytes((80, 128, 128)), bytes((255, 128, 128))
    corners = b"".join(white if corner == 0 else red if corner == 0b1000 else grey for corner in range(16))
    identity = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x10000)
    curve = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + identity + curve * 4 + corners + curve * 3
    return _profile(b"CMYK", b"Lab ", {b"desc": _text("Ink"), b"wtpt": _xyz(_D50), b"A2B0": table}, b"prtr")


def _rgb(primaries: tuple[tuple[float, float, float], ...], name: str) -> bytes:
    gamma = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(2.2 * 256)) + bytes(2)
    tags = {b"desc": _text(name), b"wtpt": _xyz(_D50)}
    for letter, primary in zip((b"r", b"g", b"b"), primaries, strict=True):
        tags |= {letter + b"XYZ": _xyz(primary), letter + b"TRC": gamma}
    return _profile(b"RGB ", b"XYZ ", tags, b"mntr")


def _profile(space: bytes, connection: bytes, tags: dict[bytes, bytes], device: bytes) -> bytes:
    at, table, bodies = 128 + 4 + 12 * len(tags), b"", b""
    for name, body in tags.items():
        table += name + struct.pack(">II", at + len(bodies), len(body))
        bodies += body + bytes(-len(body) % 4)
    whole = struct.pack(">I", len(tags)) + table + bodies
    head = struct.pack(">I4sI4s4s4s", 128 + len(whole), b"", 0x02400000, device, space, connection)
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + struct.pack(">3i", *_fixed(_D50))
    return head.ljust(128, b"\0") + whole


def _text(text: str) -> bytes:
    return b"desc\0\0\0\0" + struct.pack(">I", len(text) + 1) + text.encode() + bytes(1 + 8 + 3 + 67)


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *_fixed(values))


def _fixed(values: tuple[float, float, float]) -> list[int]:
    return [round(value * 65536) for value in values]
