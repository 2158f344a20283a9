"""The block list of a number: people whom the business does not want to hear from, and may not write to.

Source: Meta's block users page. What a person who blocks the business does is another matter, and no part of this.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from picha.cloudapi.errors import lookup
from picha.cloudapi.limits import BLOCK_LIST_MAX, BLOCKS_PER_CALL
from picha.sandbox import refusals
from picha.sandbox.graph import onboarding
from picha.sandbox.graph.calls import Answer, answer, refused
from picha.sandbox.ground import Ground
from picha.sandbox.person import is_user_id
from picha.sandbox.phone import bare, is_phone
from picha.sandbox.records import UserBarred
from picha.sandbox.rules import Document

_LIST_IS_FULL, _SELF, _NOT_HEARD = 139101, 131021, 131047
_SOME_FAILED = 139100


class _Named(NamedTuple):
    """Somebody as a call names them, what they are known by, and the code that says why it cannot be done."""

    given: str
    key: str
    code: int | None

    def told(self) -> Document:
        who = {"user_id": self.key} if is_user_id(self.key) else {"wa_id": self.key}
        named: Document = {"input": self.given} | (who if self.key else {})
        if self.code is None:
            return named
        row = lookup(self.code)
        error = {"message": row.title, "code": self.code, "error_data": {"details": row.meaning}}
        return named | {"errors": [error]}


class BlockList:
    """Lists and changes whom a number of the business blocks."""

    def __init__(self, ground: Ground) -> None:
        self._world, self._journal, self._chance, _ = ground

    def listed(self, phone_number_id: str, wanted: Document, here: str) -> Answer:
        """Return a page of the people whom a number blocks.

        Raises:
            Refusal: the page's limit or cursor is none.
        """
        listed: list[Document] = [
            {"messaging_product": "whatsapp", "user_id" if is_user_id(key) else "wa_id": key}
            for number, key in self._world.barred
            if number == phone_number_id
        ]
        return answer(onboarding.page(listed, wanted, here))

    async def change(self, phone_number_id: str, wanted: Document, *, is_barred: bool) -> Answer:
        """Block people, or take that back; each of them is told of, and one who fails makes it HTTP 400 for all.

        Raises:
            Refusal: nobody is named, or too many are.
        """
        named = [self._named(phone_number_id, one, is_barred=is_barred) for one in _users(wanted)]
        done = [one for one in named if one.code is None]
        changed = tuple(dict.fromkeys(one.key for one in done))
        if changed:
            await self._journal.append(UserBarred(phone_number_id=phone_number_id, keys=changed, is_barred=is_barred))
        failed = [one.told() for one in named if one.code is not None]
        told: Document = {"added_users" if is_barred else "removed_users": [one.told() for one in done]}
        document = {"messaging_product": "whatsapp", "block_users": told | ({"failed_users": failed} if failed else {})}
        if not failed:
            return answer(document)
        details = "Failed to block some users, see the block_users response list for details"
        return Answer(refused(refusals.of_code(_SOME_FAILED, details), self._chance, beside=document))

    def _named(self, phone_number_id: str, given: str, *, is_barred: bool) -> _Named:
        key = self._world.key_of(None, given) if is_user_id(given) else bare(given)
        if not is_user_id(key) and not is_phone(key):
            return _Named(given, "", _NOT_HEARD)
        if self._world.accounts.has_phone(key):
            return _Named(given, key, _SELF)
        if not is_barred or (phone_number_id, key) in self._world.barred:
            return _Named(given, key, None)
        if not self._world.conversations.is_open(phone_number_id, key):
            return _Named(given, key, _NOT_HEARD)
        is_full = sum(number == phone_number_id for number, _ in self._world.barred) >= BLOCK_LIST_MAX
        return _Named(given, key, _LIST_IS_FULL if is_full else None)


def _users(wanted: Document) -> Iterator[str]:
    if wanted.get("messaging_product") is None:
        raise refusals.missing("messaging_product")
    if wanted["messaging_product"] != "whatsapp":
        raise refusals.one_of("messaging_product", ("whatsapp",), str(wanted["messaging_product"])[:100])
    users: Any = wanted.get("block_users")
    if not users:
        raise refusals.missing("block_users")
    if not isinstance(users, list):
        raise refusals.wrong_type("block_users", "an array of JSON objects")
    if len(users) > BLOCKS_PER_CALL:
        raise refusals.of_code(130429, f"A call names at most {BLOCKS_PER_CALL:,} users.")
    for user in users:
        given = (user.get("user") or user.get("user_id")) if isinstance(user, dict) else None
        if not isinstance(given, str):
            raise refusals.wrong_type("block_users", "an array of JSON objects, each with a user or a user_id")
        yield given
