"""Where webhooks go: the address of the app, and those that accounts and numbers have of their own.

Source: Meta's webhook override page.
"""

from collections.abc import ValuesView
from typing import NamedTuple

from picha.sandbox.accounts import Number
from picha.sandbox.credentials import APP_ID
from picha.sandbox.records import CallbackSet


class Callback(NamedTuple):
    """Where webhooks of a number go."""

    url: str
    number: Number


class Subscriptions:
    """The addresses that are set, each by the id of the app, account or number it is of."""

    def __init__(self) -> None:
        self._set: dict[str, CallbackSet] = {}

    def apply(self, record: CallbackSet) -> None:
        """Let an address be set or taken away."""
        self._set[record.owner] = record

    def values(self) -> ValuesView[CallbackSet]:
        """Return the last setting of each owner."""
        return self._set.values()

    def url(self, owner: str) -> str:
        """Return an app's, account's or number's own address, empty without one."""
        callback = self._set.get(owner)
        return callback.url if callback else ""

    def is_subscribed(self, waba_id: str) -> bool:
        """Tell whether the app is subscribed to an account, as it is from the start."""
        account = self._set.get(waba_id)
        return account is None or account.is_subscribed

    def of(self, number: Number | None) -> Callback | None:
        """Return where webhooks of a number go: its own address before its account's before the app's.

        Nobody hears of an account that the app is not subscribed to, nor of a number that is not there (None).
        """
        if not self._set or number is None or not self.is_subscribed(number.waba_id):
            return None
        urls = (self.url(owner) for owner in (number.phone_number_id, number.waba_id, APP_ID))
        return next((Callback(url, number) for url in urls if url), None)
