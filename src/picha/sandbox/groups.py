"""Groups that the business is in: made here, or by a person's first message to one."""

import base64

import msgspec

from picha.sandbox.ground import Ground
from picha.sandbox.person import Nonsense, is_user_id, number_of, our_number
from picha.sandbox.records import GroupMade

# Meta's groups management page.
PARTICIPANTS_MAX = 8


class GroupWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A group.

    - `participants`: up to 8, each by number, or by user id where the number is hidden.
    - `phone_number_id`: the number of the business that is in it, else the first.
    """

    subject: str | None = None
    participants: list[str] = []
    phone_number_id: str | None = None


class Groups:
    """Makes groups."""

    def __init__(self, ground: Ground) -> None:
        self._world, self._journal, self._chance, _ = ground

    async def make(self, wish: GroupWish) -> str:
        """Return the id of a new group, built as Meta's are; its window opens when a participant writes.

        Raises:
            Nonsense: a participant is nobody who can be one, or there are too many.
        """
        if len(wish.participants) > PARTICIPANTS_MAX:
            raise Nonsense(f"a group has at most {PARTICIPANTS_MAX} participants beside the business")
        accounts = self._world.accounts
        number = our_number(wish.phone_number_id, accounts)
        named = [
            self._world.key_of(None, one) if is_user_id(one) else number_of(one, accounts) for one in wish.participants
        ]
        name = f"capi_group:{number.display_phone_number}:{self._chance.of('groups').digits(18)}"
        group_id = base64.urlsafe_b64encode(name.encode()).decode().rstrip("=") + "ZD"
        made = GroupMade(
            id=group_id,
            participants=tuple(dict.fromkeys(named)),
            subject=wish.subject,
            phone_number_id=number.phone_number_id,
        )
        await self._journal.append(made)
        return group_id
