"""The people on the other side: what they write, and the webhook that tells the business of it."""

import asyncio
import base64
import binascii
import dataclasses
import re

import msgspec

from picha.cloudapi import webhooks
from picha.cloudapi.limits import INBOUND_MEDIA_LIFE, MEDIA_MAX_BYTES
from picha.cloudapi.media import digest_text
from picha.cloudapi.messages import make_wamid
from picha.egress import TEST, EgressError, Fetcher
from picha.images.probe import probe
from picha.sandbox.accounts import Accounts, Number
from picha.sandbox.callbacks import documents
from picha.sandbox.callbacks.documents import InboundDetails
from picha.sandbox.callbacks.mailbag import Mailbag
from picha.sandbox.dialect import Dialect
from picha.sandbox.ground import Ground
from picha.sandbox.media_urls import MediaUrls
from picha.sandbox.person import Person
from picha.sandbox.photo import built_in
from picha.sandbox.records import MediaStored, MessageHeard, WebhookQueued
from picha.sandbox.shelf import Shelf

_PUNCTUATION = re.compile(r"[ ()+\-]")
_PHONE = re.compile(r"[1-9][0-9]{6,14}\Z")
_BSUID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}\Z")
_POLICY = dataclasses.replace(TEST, max_bytes=32 * 1024 * 1024)


class Nonsense(Exception):  # noqa: N818 - what a person asked for
    """An inbound message cannot be made from what was given; the message says why."""


class Spoken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person shall write to the business.

    An image brings its bytes in base64, or a URL to fetch them from, or neither: then it is the built-in photo. Without
    a `phone_number_id` it goes to the business's first number.
    """

    from_: str = msgspec.field(name="from")
    name: str | None = None
    type: str = "image"
    text: str | None = None
    caption: str | None = None
    image_base64: str | None = None
    image_url: str | None = None
    forwarded: bool = False
    frequently_forwarded: bool = False
    reply_to: str | None = None
    referral: webhooks.Referral | None = None
    identity_key_hash: str | None = None
    user_id: str | None = None
    phone_number_id: str | None = None


class People:
    """Lets people write."""

    def __init__(
        self,
        ground: Ground,
        shelf: Shelf,
        mailbag: Mailbag,
        urls: MediaUrls,
        fetcher: Fetcher,
        *,
        dialect: Dialect,
    ) -> None:
        self._world, self._journal, self._chance, self._clock = ground
        self._shelf = shelf
        self._mailbag = mailbag
        self._urls = urls
        self._fetcher = fetcher
        self._dialect = dialect

    async def write(self, spoken: Spoken) -> str:
        """Return the id of the message, on disk and owed to the business.

        Raises:
            Nonsense: the message cannot be made.
        """
        number = our_number(spoken.phone_number_id, self._world.accounts)
        wa_id = _checked(spoken, self._world.accounts)
        if (number.phone_number_id, wa_id) in self._world.blocked:
            raise Nonsense("this person has blocked the business and must unblock it first")
        if self._world.number_of(spoken.reply_to or "") not in (None, number.phone_number_id):
            raise Nonsense("reply_to is a message of this person's conversation with another number")
        media = await self._media(spoken, number) if spoken.type == "image" else None
        heard = MessageHeard(
            id=make_wamid(wa_id, outbound=False, token_hex=self._chance.of("people").token_hex(10)),
            phone_number_id=number.phone_number_id,
            wa_id=wa_id,
            user_id=spoken.user_id or self._world.person(wa_id).user_id,
            type=spoken.type,
            at=self._clock.now().timestamp(),
            name=spoken.name or self._world.person(wa_id).name or wa_id,
            identity_key_hash=spoken.identity_key_hash,
            media_id=None if media is None else media.id,
        )
        queued = self._queued(heard, self._details(spoken, media, number))
        await self._journal.append(*([media] if media else []), heard, *([queued] if queued else []))
        if queued is not None:
            self._mailbag.post(queued)
        return heard.id

    async def _media(self, spoken: Spoken, number: Number) -> MediaStored:
        data = await self._bytes(spoken)
        mime_type = probe(data).mime_type or "application/octet-stream"
        media_id = self._chance.of("media").digits(16)
        return await self._shelf.keep(media_id, number.phone_number_id, data, mime_type, INBOUND_MEDIA_LIFE)

    async def _bytes(self, spoken: Spoken) -> bytes:
        if spoken.image_base64 is not None:
            try:
                data = base64.b64decode(spoken.image_base64, validate=True)
            except binascii.Error:
                raise Nonsense("image_base64 is not base64") from None
        elif spoken.image_url is not None:
            try:
                data = (await self._fetcher.fetch(spoken.image_url, _POLICY)).body
            except EgressError as why:
                raise Nonsense(f"image_url: {why.detail}") from None
        else:
            data = await asyncio.to_thread(built_in)
        if not 0 < len(data) <= MEDIA_MAX_BYTES:
            raise Nonsense(f"a picture has 1 to {MEDIA_MAX_BYTES:,} bytes")
        return data

    def _details(self, spoken: Spoken, media: MediaStored | None, number: Number) -> InboundDetails:
        context = webhooks.InboundContext(
            forwarded=spoken.forwarded or None,
            frequently_forwarded=spoken.frequently_forwarded or None,
            from_=None if spoken.reply_to is None else self._author(spoken.reply_to, number),
            id=spoken.reply_to,
        )
        image = None
        if media is not None:
            image = webhooks.InboundImage(
                caption=spoken.caption or None,
                mime_type=media.mime_type,
                sha256=digest_text(bytes.fromhex(media.digest)),
                id=media.id,
                url=self._urls.make(media.id, self._clock.now()),
            )
        return InboundDetails(
            image=image,
            text=webhooks.Text(body=spoken.text) if spoken.type == "text" and spoken.text else None,
            context=None if context == webhooks.InboundContext() else context,
            referral=spoken.referral,
        )

    def _author(self, message_id: str, number: Number) -> str:
        heard = self._world.heard.get(message_id)
        return number.display_phone_number if heard is None else heard.wa_id

    def _queued(self, heard: MessageHeard, details: InboundDetails) -> WebhookQueued | None:
        callback = self._world.callback(heard.phone_number_id)
        if callback is None:
            return None
        person = Person(
            wa_id=heard.wa_id, user_id=heard.user_id, name=heard.name, identity_key_hash=heard.identity_key_hash
        )
        body = documents.inbound(heard, person, details, callback.number, self._dialect)
        return WebhookQueued(
            id=self._chance.digits(16),
            url=callback.url,
            body=body.decode("ascii"),
            at=heard.at,
            about=heard.id,
            kind="inbound",
            phone_number_id=heard.phone_number_id,
        )


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
    wa_id = _PUNCTUATION.sub("", text)
    if not _PHONE.match(wa_id):
        raise Nonsense("this is not a phone number")
    if accounts.has_phone(wa_id):
        raise Nonsense("this is the business's own number")
    return wa_id


def _checked(spoken: Spoken, accounts: Accounts) -> str:
    """Return the person's number as digits.

    Raises:
        Nonsense: something in the message contradicts the webhook reference.
    """
    wa_id = number_of(spoken.from_, accounts)
    if spoken.user_id is not None and not _BSUID.match(spoken.user_id):
        raise Nonsense("user_id is not a business-scoped user id such as US.13491208655302741918")
    if spoken.type not in ("image", "text"):
        raise Nonsense("type is image or text")
    if spoken.type == "text" and not spoken.text:
        raise Nonsense("a message of type text has a text")
    if spoken.image_base64 is not None and spoken.image_url is not None:
        raise Nonsense("an image has image_base64 or image_url, not both")
    if spoken.forwarded and spoken.frequently_forwarded:
        raise Nonsense("a message is forwarded or frequently_forwarded, not both")
    return wa_id
