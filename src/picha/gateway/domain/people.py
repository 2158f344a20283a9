"""Who is who: which contact an update's addresses name, and what they teach of that person.

A business-scoped user id is the person; a phone number is where that person is reached, and may be given to somebody
else one day. So one user id never names two people, a number whose user id is another's moves to that other, and two
contacts are one person when an update names both and their user ids do not speak against it, or when WhatsApp says so.
User ids are scoped to a business: through two accounts, one person may have two.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

# Where a person is found: the workspace, the kind (wa_id, phone, bsuid; group for a group) and the value.
Address = tuple[UUID, str, str]
_USER = "bsuid"
_EVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Met:
    """One meeting: what an update through `account` says of a person at a time.

    `addresses` are theirs by kind. `former` are those they had until now, if the update tells of a change. `name` and
    `key_hash` (of their identity) are None where nothing is told of them.
    """

    workspace: UUID
    account: UUID
    at: datetime
    addresses: Mapping[str, str]
    former: Mapping[str, str] = field(default_factory=dict)
    name: str | None = None
    key_hash: str | None = None

    @property
    def now(self) -> list[Address]:
        """The addresses that are the person's from now on."""
        return [(self.workspace, kind, value) for kind, value in self.addresses.items()]

    @property
    def before(self) -> list[Address]:
        """The addresses that were the person's until now."""
        return [(self.workspace, kind, value) for kind, value in self.former.items()]

    @property
    def phone(self) -> str | None:
        """The number at which the person is reached from now on."""
        return self.addresses.get("wa_id") or self.addresses.get("phone")


@dataclass(slots=True)
class Directory:
    """What is known of people, and what was learnt since.

    Given: `make` makes the id of a new contact, `owners` finds the contact of an address, `users` tells through which
    accounts each contact has a user id, `phoned` since when each has the number it is reached at. They are changed.
    Learnt: `made` are new contacts by their workspace, `taught` whose an address is now and through which account,
    `dropped` addresses that are nobody's now, `lost` who lost a number, `reached` what was told of whom, `merged` which
    contact became part of which.
    """

    make: Callable[[], UUID]
    owners: dict[Address, UUID]
    users: dict[UUID, set[UUID]] = field(default_factory=dict)
    phoned: dict[UUID, datetime] = field(default_factory=dict)
    made: dict[UUID, UUID] = field(default_factory=dict)
    taught: dict[Address, tuple[UUID, UUID]] = field(default_factory=dict)
    dropped: set[Address] = field(default_factory=set)
    lost: list[tuple[UUID, str]] = field(default_factory=list)
    reached: list[tuple[UUID, Met]] = field(default_factory=list)
    merged: dict[UUID, UUID] = field(default_factory=dict)

    def meet(self, met: Met) -> UUID:
        """Return the contact that an update is about, and learn from it."""
        contact = self._found(met) or self._new(met)
        for one in met.before:
            if one[1] != _USER and one not in met.now and self.owners.get(one) == contact:
                self._drop(one)
        new = [one for one in met.now if self.owners.get(one) != contact and not self._is_late(one, contact, met.at)]
        for one in new:
            self._learn(one, contact, met.account)
        if new:
            self.reached.append((contact, met))
        if met.phone and (met.former or new):
            self.phoned[contact] = max(met.at, self.phoned.get(contact, met.at))
        return contact

    def survivor(self, contact: UUID) -> UUID:
        """Return the contact that this one has become part of, or itself."""
        while contact in self.merged:
            contact = self.merged[contact]
        return contact

    def _found(self, met: Met) -> UUID | None:
        """Return the contact that answers to the update's addresses, made one of several if they are one person."""
        told = [*met.now, *met.before]
        anchors = self._owners(one for one in told if one[1] == _USER)
        numbered = self._owners(one for one in told if one[1] != _USER)
        if any(kind == _USER for _, kind, _ in told):
            numbered = [one for one in numbered if one in anchors or not self._is_stranger(one, anchors, met.account)]
        contact: UUID | None = None
        for other in dict.fromkeys([*anchors, *numbered]):
            if contact is None:
                contact = other
            elif other in anchors or not self._share_an_account(contact, other):
                contact = self._merge(contact, other)
        return contact

    def _owners(self, addresses: Iterable[Address]) -> list[UUID]:
        return list(dict.fromkeys(owner for one in addresses if (owner := self.owners.get(one))))

    def _is_stranger(self, owner: UUID, anchors: Iterable[UUID], account: UUID) -> bool:
        """Tell whether a number's owner is somebody else: their user id, of the same business, is another."""
        return account in self.users.get(owner, ()) or any(self._share_an_account(owner, one) for one in anchors)

    def _share_an_account(self, one: UUID, other: UUID) -> bool:
        return not self.users.get(one, set()).isdisjoint(self.users.get(other, set()))

    def _is_late(self, one: Address, contact: UUID, at: datetime) -> bool:
        """Tell whether somebody had a number before they, or whose it is now, came to the one they are reached at."""
        return one[1] != _USER and any(at < self.phoned.get(who, _EVER) for who in (contact, *self._owners([one])))

    def _new(self, met: Met) -> UUID:
        contact = self.make()
        self.made[contact] = met.workspace
        return contact

    def _learn(self, one: Address, contact: UUID, account: UUID) -> None:
        if one[1] == _USER:
            self.users.setdefault(contact, set()).add(account)
        elif owner := self.owners.get(one):
            self.lost.append((owner, one[2]))
        self.owners[one] = contact
        self.taught[one] = contact, account
        self.dropped.discard(one)

    def _drop(self, one: Address) -> None:
        self.lost.append((self.owners.pop(one), one[2]))
        self.taught.pop(one, None)
        self.dropped.add(one)

    def _merge(self, one: UUID, other: UUID) -> UUID:
        """Let the younger contact become part of the older, which ids tell."""
        survivor, gone = sorted((one, other))
        self.merged[gone] = survivor
        self.users.setdefault(survivor, set()).update(self.users.pop(gone, ()))
        if gone in self.phoned:
            self.phoned[survivor] = max(self.phoned.pop(gone), self.phoned.get(survivor, _EVER))
        for address, owner in self.owners.items():
            if owner == gone:
                self.owners[address] = survivor
        return survivor
