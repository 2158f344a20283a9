"""What the inbox's pages work with."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from picha.egress import Policies
from picha.gateway.inbox.doorkeeper import Doorkeeper
from picha.gateway.inbox.looks import Looks
from picha.gateway.lanes.doorbell import Doorbell
from picha.gateway.meta.times import Times
from picha.gateway.pictures.intake import Album
from picha.gateway.sending.accept import Accept
from picha.gateway.sending.backlog import Backlog
from picha.gateway.store.changes import Changes
from picha.gateway.store.pool import Pool
from picha.gateway.store.vault import Vault
from picha.gateway.telling.links import Links
from picha.gateway.upkeep.doctor.findings import Finding
from picha.kit.addresses import Network
from picha.kit.clock import Clock
from picha.kit.ids import Ids

STREAMS_MAX = 256
"""How many live pages one process serves."""


@dataclass(frozen=True, slots=True)
class Means:
    """What pages work with, the same in the whole process; `stopping` is set when the process is to end.

    `examine` has the doctor look at one number, which calls out; `base_url` is where people find this gateway, and
    `handset_url`, where there is one, the phones of the test numbers' customers; `proxies` are believed whom they speak
    for.
    """

    pool: Pool
    vault: Vault
    clock: Clock
    ids: Ids
    times: Times
    accept: Accept
    backlog: Backlog
    album: Album
    links: Links
    bell: Doorbell
    changes: Changes
    door: Doorkeeper
    policies: Policies
    examine: Callable[[UUID], Awaitable[Sequence[Finding]]]
    public_url: str
    base_url: str
    handset_url: str
    proxies: Sequence[Network]
    stopping: asyncio.Event
    looks: Looks = field(default_factory=Looks)
    # How many live pages are served now, by person.
    streams: Counter[UUID] = field(default_factory=Counter)

    @property
    def is_secure(self) -> bool:
        """Whether people come by TLS, so that their cookies may be kept to it."""
        return self.public_url.startswith("https://")
