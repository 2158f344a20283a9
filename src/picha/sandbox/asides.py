"""What the business hears that nobody wrote to it: what it sent from its own phone app, and errors of its number."""

import msgspec

from picha.cloudapi import webhooks
from picha.cloudapi.errors import lookup
from picha.cloudapi.messages import make_wamid
from picha.sandbox.album import Album
from picha.sandbox.callbacks import documents
from picha.sandbox.callbacks.mailbag import Letter, Mailbag
from picha.sandbox.dialect import Dialect
from picha.sandbox.ground import Ground
from picha.sandbox.person import Nonsense, Person, is_user_id, number_of, our_number
from picha.sandbox.records import Echoed
from picha.sandbox.spoken import Pictured, check_picture

_KINDS = ("image", "text")
_CODE_MAX = 9_999_999


class EchoWish(Pictured, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message that the business sends from its phone app.

    - `phone_number_id`: the number it is sent from, else the first.
    - `type`: image or text.
    - `to`: whom it is for, by number.
    - `user_id`: whom it is for, where the number is hidden.
    - `as_is`: takes bytes that are no whole JPEG or PNG, and a caption beyond 1,024 characters, which no phone sends.
    """

    to: str | None = None
    user_id: str | None = None


class ErrorWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An error that Meta tells of by webhook.

    - `code`: of Meta's page of error codes.
    - `details`: what the code means, when left out.
    - `phone_number_id`: the number that it is of, else the first.
    """

    code: int
    details: str | None = None
    phone_number_id: str | None = None


class Asides:
    """Makes echoes and errors. Neither is in the ledger, which holds what came through the API."""

    def __init__(self, ground: Ground, album: Album, mailbag: Mailbag, *, dialect: Dialect) -> None:
        self._world, _, self._chance, self._clock = ground
        self._album = album
        self._mailbag = mailbag
        self._dialect = dialect

    async def echo(self, wish: EchoWish) -> str:
        """Return the id of a message that the business sent from its phone app, told under `smb_message_echoes`.

        Raises:
            Nonsense: the message cannot be made.
        """
        if wish.type not in _KINDS:
            raise Nonsense(f"type is one of {', '.join(_KINDS)}")
        number = our_number(wish.phone_number_id, self._world.accounts)
        check_picture(wish, has_file=False)
        if (wish.type == "text") != bool(wish.text):
            raise Nonsense("a message of type text needs text, and one of type image has none")
        person = self._person(wish)
        media = await self._album.keep(wish, number) if wish.type == "image" else None
        at = self._clock.now().timestamp()
        echoed = webhooks.MessageEcho(
            id=make_wamid(person.key, outbound=True, token_hex=self._chance.of("echoes").token_hex(9)),
            timestamp=str(int(at)),
            type=wish.type,
            image=None if media is None else self._album.shown_as_changed(media, wish.caption),
            text=webhooks.Text(body=wish.text) if wish.text else None,
        )
        body = documents.echo(person, echoed, number, self._dialect)
        said = Echoed(
            id=echoed.id,
            phone_number_id=number.phone_number_id,
            person=person.key,
            type=wish.type,
            at=at,
            text=wish.text,
            caption=wish.caption or None,
            media_id=None if media is None else media.id,
        )
        await self._mailbag.tell([media, said] if media else [said], Letter(number, body, echoed.id, "echo", at))
        return echoed.id

    def _person(self, wish: EchoWish) -> Person:
        if wish.to is not None:
            return self._world.person(number_of(wish.to, self._world.accounts))
        if wish.user_id is None or not is_user_id(wish.user_id):
            raise Nonsense("an echo has a to, or a user_id such as US.13491208655302741918")
        if self._dialect is Dialect.Y2025:
            raise Nonsense("the webhooks of 2025 know people by their numbers alone: start with --dialect 2026")
        return self._world.person(self._world.key_of(None, wish.user_id))

    async def error(self, wish: ErrorWish) -> str:
        """Return the id of the delivery that tells of an error of the number.

        Raises:
            Nonsense: the code cannot be one, or no address is claimed that could hear of it.
        """
        number = our_number(wish.phone_number_id, self._world.accounts)
        if not 0 <= wish.code <= _CODE_MAX:
            raise Nonsense("code is a number of Meta's error codes page, such as 130429")
        found = documents.error(wish.code, wish.details or lookup(wish.code).meaning)
        body = documents.errors(number, found)
        at = self._clock.now().timestamp()
        deliveries = await self._mailbag.tell([], Letter(number, body, f"error {wish.code}", "error", at))
        if not deliveries:
            raise Nonsense("nobody would hear of it: set a callback first")
        return deliveries[0]
