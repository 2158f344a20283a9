"""Who a WhatsApp user is to the business: a phone number, a business-scoped user id, or both; and what a group is.

People name the number of the business they mean by its id, or leave it out and mean the first.
"""

import hashlib
import re

import msgspec

from picha.sandbox import phone
from picha.sandbox.accounts import Accounts, Number

_USER_ID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}\Z")
_GROUP_ID = re.compile(r"(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9_=-]{5,200}\Z")


class Nonsense(Exception):  # noqa: N818 - what a person asked for
    """What a person shall do cannot be done; the message says why."""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A WhatsApp user; one who hides their number has no `wa_id`."""

    wa_id: str | None
    user_id: str
    name: str | None = None
    username: str | None = None
    identity_key_hash: str | None = None

    @property
    def key(self) -> str:
        """What the sandbox knows them by: the number if there is one, else the user id."""
        return self.wa_id or self.user_id


class Group(msgspec.Struct):
    """A group that a number of the business is in, and the keys of the people in it, in the order they came."""

    phone_number_id: str
    participants: dict[str, None] = {}


def user_id_of(wa_id: str) -> str:
    """Return the business-scoped user id that stands for a phone number in this sandbox, always the same."""
    return f"US.{int.from_bytes(hashlib.sha256(wa_id.encode()).digest()[:7]) + 10**16}"


def is_user_id(text: str) -> bool:
    """Tell whether `text` is a business-scoped user id such as US.13491208655302741918 (Meta's page of that name)."""
    return _USER_ID.match(text) is not None


def bare(recipient: str) -> str:
    """Return a number as it is told apart from others, without plus sign and punctuation; a user id as it is."""
    return recipient if is_user_id(recipient) else phone.bare(recipient)


def is_group_id(text: str) -> bool:
    """Tell whether `text` can be the id of a group: letters and digits in a row, as Meta's groups pages show them."""
    return _GROUP_ID.match(text) is not None


def our_number(phone_number_id: str | None, accounts: Accounts) -> Number:
    """Return the number of the business with this id, the first where none is named.

    Raises:
        Nonsense: the business has no such number.
    """
    number = accounts.first if phone_number_id is None else accounts.number(phone_number_id)
    if number is None:
        known = ", ".join(number.phone_number_id for number in accounts.numbers)
        raise Nonsense(f"phone_number_id is none of this business's numbers, which are: {known}")
    return number


def number_of(text: str, accounts: Accounts) -> str:
    """Return a person's number as digits.

    Raises:
        Nonsense: it is no phone number, or one of the business's own.
    """
    wa_id = phone.bare(text)
    if not phone.is_phone(wa_id):
        raise Nonsense("this is not a phone number")
    if accounts.has_phone(wa_id):
        raise Nonsense("this is the business's own number")
    return wa_id
