"""The business's accounts and the numbers in them: as they are asked for, and as they are once every id is known.

One app stands before all of them. Without another wish there is the one account of Meta's documents.
"""

import re
from collections.abc import Callable, Iterator, Sequence

import msgspec

from picha.sandbox.chance import Chance
from picha.sandbox.credentials import (
    APP_ID,
    DISPLAY_PHONE_NUMBER,
    PHONE_NUMBER_ID,
    TOKEN_MARK,
    VERIFIED_NAME,
    WABA_ID,
)
from picha.sandbox.phone import is_phone

_ID = re.compile(r"[1-9][0-9]{4,19}\Z")
_TOKEN = re.compile(TOKEN_MARK + r"[A-Za-z0-9]{1,400}\Z")
_NAME_MAX_CHARS = 512
_ID_DIGITS = 15


def _check_id(name: str, value: str | None) -> None:
    if value is not None and not _ID.match(value):
        raise ValueError(f"{name} is 5 to 20 digits, as Graph's ids are")


def _check_name(name: str, value: str | None) -> None:
    if value is not None and not 0 < len(value) <= _NAME_MAX_CHARS:
        raise ValueError(f"{name} has 1 to {_NAME_MAX_CHARS} characters")


class NumberWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A number as it is asked for, in digits. What is left out is drawn from the seed, the name is its account's."""

    phone_number_id: str | None = None
    display_phone_number: str | None = None
    verified_name: str | None = None

    def __post_init__(self) -> None:
        """Refuse what Graph would never show."""
        _check_id("phone_number_id", self.phone_number_id)
        _check_name("verified_name", self.verified_name)
        if self.display_phone_number is not None and not is_phone(self.display_phone_number):
            raise ValueError("display_phone_number is 7 to 15 digits with the country code, and nothing else")


class AccountWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A WhatsApp business account as it is asked for, with a token of its own if it shall not take the common one."""

    waba_id: str | None = None
    name: str | None = None
    access_token: str | None = None
    numbers: tuple[NumberWish, ...]

    def __post_init__(self) -> None:
        """Refuse what Graph would never show, and a token that a gateway could take for a live one."""
        _check_id("waba_id", self.waba_id)
        _check_name("name", self.name)
        if not self.numbers:
            raise ValueError("an account has one number at least")
        if self.access_token is not None and not _TOKEN.match(self.access_token):
            raise ValueError(f"access_token is {TOKEN_MARK} and letters or digits, so that it is never taken for live")


DEFAULT = AccountWish(
    waba_id=WABA_ID,
    name=VERIFIED_NAME,
    numbers=(
        NumberWish(
            phone_number_id=PHONE_NUMBER_ID, display_phone_number=DISPLAY_PHONE_NUMBER, verified_name=VERIFIED_NAME
        ),
    ),
)
"""The account of Meta's documents."""


class Number(msgspec.Struct, frozen=True, kw_only=True):
    """A number of the business; `display_phone_number` is digits."""

    phone_number_id: str
    display_phone_number: str
    verified_name: str
    waba_id: str


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A WhatsApp business account, the token that opens it, and its numbers."""

    waba_id: str
    name: str
    access_token: str
    numbers: tuple[Number, ...]


class Accounts:
    """Every account of one sandbox, in the order they were asked for."""

    def __init__(self, accounts: Sequence[Account] = ()) -> None:
        self.all = tuple(accounts)
        self.numbers = tuple(number for account in accounts for number in account.numbers)
        self._accounts = {account.waba_id: account for account in accounts}
        self._numbers = {number.phone_number_id: number for number in self.numbers}
        self._phones = {number.display_phone_number for number in self.numbers}

    @property
    def first(self) -> Number:
        """The number that is meant where none is named."""
        return self.numbers[0]

    def account(self, waba_id: str) -> Account | None:
        """Return the account with this id, if there is one."""
        return self._accounts.get(waba_id)

    def number(self, phone_number_id: str) -> Number | None:
        """Return the number with this id, if there is one."""
        return self._numbers.get(phone_number_id)

    def has_phone(self, digits: str) -> bool:
        """Tell whether a phone number is one of the business's own."""
        return digits in self._phones


def check(wishes: Sequence[AccountWish]) -> None:
    """Look at accounts that are asked for together.

    Raises:
        ValueError: two of them have an id or a phone number in common; the message names it.
    """
    seen: set[str] = {APP_ID}
    for given in _given(wishes):
        if given in seen:
            raise ValueError(f"{given} is there twice: every id and every phone number is one object's alone")
        seen.add(given)


def settled(wishes: Sequence[AccountWish], seed: str, access_token: str) -> Accounts:
    """Return the accounts with every id known; `access_token` opens those that have no token of their own."""
    chance = Chance(f"accounts of {seed}")
    taken = {APP_ID, *_given(wishes)}

    def drawn(draw: Callable[[], str]) -> str:
        while (value := draw()) in taken:
            pass
        taken.add(value)
        return value

    def an_id() -> str:
        return drawn(lambda: chance.digits(_ID_DIGITS))

    def a_phone() -> str:
        return drawn(lambda: "1555" + chance.digits(7))

    def account(wish: AccountWish) -> Account:
        waba_id, name = wish.waba_id or an_id(), wish.name or VERIFIED_NAME
        numbers = tuple(
            Number(
                phone_number_id=number.phone_number_id or an_id(),
                display_phone_number=number.display_phone_number or a_phone(),
                verified_name=number.verified_name or name,
                waba_id=waba_id,
            )
            for number in wish.numbers
        )
        return Account(waba_id=waba_id, name=name, access_token=wish.access_token or access_token, numbers=numbers)

    return Accounts([account(wish) for wish in wishes])


def _given(wishes: Sequence[AccountWish]) -> Iterator[str]:
    for wish in wishes:
        values = [wish.waba_id]
        for number in wish.numbers:
            values += [number.phone_number_id, number.display_phone_number]
        yield from (value for value in values if value is not None)
