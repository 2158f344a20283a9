"""Who answers: the root, the version, health, and what a key is."""

from typing import Literal
from uuid import UUID

import msgspec


class Root(msgspec.Struct, frozen=True, kw_only=True):
    """What is here, and where its messages and its documentation are."""

    name: str
    version: str
    messages: str
    docs: str
    openapi: str


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """The version that runs."""

    version: str


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """That the process runs (live), or could serve a request now (ready)."""

    status: Literal["live", "ready"]


class KeyCheck(msgspec.Struct, frozen=True, kw_only=True):
    """Whose key it is, in which environment (test or live), and its scopes."""

    valid: bool
    workspace_id: UUID
    app_id: UUID
    environment: str
    scopes: list[str]
