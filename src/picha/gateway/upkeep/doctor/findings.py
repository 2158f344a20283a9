"""What the doctor finds, one sentence each, with a remedy where something is wrong."""

from typing import Literal

import msgspec

Level = Literal["ok", "warning", "problem"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at.

    `check` names what was looked at and stays the same from release to release. `about` says of which one: the id of a
    sender, an account or an app. A problem keeps the gateway from its work or endangers what it keeps; a warning will
    become one, or may be meant.
    """

    check: str
    level: Level
    text: str
    remedy: str = ""
    about: str = ""


def ok(check: str, text: str, *, about: str = "") -> Finding:
    """Say that something is as it should be."""
    return Finding(check=check, level="ok", text=text, about=about)


def warning(check: str, text: str, remedy: str, *, about: str = "") -> Finding:
    """Say what will become a problem, or may be meant."""
    return Finding(check=check, level="warning", text=text, remedy=remedy, about=about)


def problem(check: str, text: str, remedy: str, *, about: str = "") -> Finding:
    """Say what keeps the gateway from its work, or endangers what it keeps."""
    return Finding(check=check, level="problem", text=text, remedy=remedy, about=about)
