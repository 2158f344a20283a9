"""Where the pictures of messages come from: bytes at hand, base64, a URL, or the built-in photo."""

import asyncio
import base64
import dataclasses

import msgspec

from picha.cloudapi import webhooks
from picha.cloudapi.limits import INBOUND_MEDIA_LIFE, MEDIA_MAX_BYTES
from picha.cloudapi.media import digest_text
from picha.egress import TEST, EgressError, Fetcher
from picha.images.probe import probe
from picha.sandbox import pictures
from picha.sandbox.accounts import Number
from picha.sandbox.ground import Ground
from picha.sandbox.media_urls import MediaUrls
from picha.sandbox.person import Nonsense
from picha.sandbox.photo import built_in
from picha.sandbox.records import MediaStored
from picha.sandbox.shelf import Shelf
from picha.sandbox.spoken import Pictured

_POLICY = dataclasses.replace(TEST, max_bytes=32 * 1024 * 1024)


class Album:
    """Makes media of pictures, and the members of a webhook that tell of them."""

    def __init__(self, ground: Ground, shelf: Shelf, urls: MediaUrls, fetcher: Fetcher) -> None:
        self._chance, self._clock = ground.chance, ground.clock
        self._shelf = shelf
        self._urls = urls
        self._fetcher = fetcher

    async def keep(self, wish: Pictured, number: Number, file: bytes | None = None) -> MediaStored:
        """Return the picture of a message as media of a number, on disk; the journal is still to be told.

        Raises:
            Nonsense: there is no such picture, or none of a size that media can have.
        """
        data = await self._bytes(wish) if file is None else file
        if not 0 < len(data) <= MEDIA_MAX_BYTES:
            raise Nonsense(f"a picture has 1 to {MEDIA_MAX_BYTES:,} bytes")
        why = None if wish.as_is else await asyncio.to_thread(pictures.no_picture, data)
        if why is not None:
            raise Nonsense(f"no phone sends this as an image, and as_is would: {why}")
        mime_type = probe(data).mime_type or "application/octet-stream"
        media_id = self._chance.of("media").digits(16)
        return await self._shelf.keep(media_id, number.phone_number_id, data, mime_type, INBOUND_MEDIA_LIFE)

    async def _bytes(self, wish: Pictured) -> bytes:
        if wish.image_base64 is not None:
            try:
                return base64.b64decode(wish.image_base64, validate=True)
            except ValueError:
                raise Nonsense("image_base64 is not base64") from None
        if wish.image_url is not None:
            try:
                return (await self._fetcher.fetch(wish.image_url, _POLICY)).body
            except EgressError as why:
                raise Nonsense(f"image_url: {why.detail}") from None
        return await asyncio.to_thread(built_in)

    def shown(self, media: MediaStored, caption: str | None) -> webhooks.InboundImage:
        """Return a picture as an inbound message has it: with a digest in base64 and an address of five minutes."""
        digest = bytes.fromhex(media.digest)
        return webhooks.InboundImage(
            caption=caption or None,
            mime_type=media.mime_type,
            sha256=digest_text(digest),
            id=media.id,
            url=self._urls.make(media.id, self._clock.now()),
        )

    def shown_as_changed(self, media: MediaStored, caption: str | None) -> webhooks.InboundImage:
        """Return a picture as edits and echoes have it: their pages' examples show the digest in hexadecimal."""
        return msgspec.structs.replace(self.shown(media, caption), sha256=media.digest)
