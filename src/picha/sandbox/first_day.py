"""What is there before anybody does anything: the callback, the picture of Meta's documents, and a person who wrote.

Picture and message are the first number's. With them the command on Meta's image messages page works as it is printed,
but for the token.
"""

import asyncio

from picha.cloudapi.limits import UPLOADED_MEDIA_LIFE
from picha.sandbox.credentials import APP_ID, Credentials
from picha.sandbox.ground import Ground
from picha.sandbox.people import People
from picha.sandbox.photo import MIME_TYPE, built_in
from picha.sandbox.records import CallbackSet
from picha.sandbox.shelf import Shelf
from picha.sandbox.spoken import Spoken

DOCUMENTED_MEDIA_ID = "1479537139650973"
PERSON = "16505551234"
PERSON_NAME = "Sheena Nelson"


async def claim(ground: Ground, callback: str | None, ours: Credentials) -> None:
    """Make `callback` the app's address for webhooks, if one is given and it is not that already."""
    if callback is not None and ground.world.callbacks.url(APP_ID) != callback:
        await ground.journal.append(CallbackSet(scope="app", url=callback, verify_token=ours.verify_token))


async def begin(ground: Ground, shelf: Shelf, people: People) -> None:
    """Make sure of the documented picture, and at the very first start let the person write."""
    number = ground.world.accounts.first.phone_number_id
    if ground.world.live_media(DOCUMENTED_MEDIA_ID, number) is None:
        picture = await asyncio.to_thread(built_in)
        media = await shelf.keep(DOCUMENTED_MEDIA_ID, number, picture, MIME_TYPE, UPLOADED_MEDIA_LIFE)
        await ground.journal.append(media)
    if not ground.world.heard:
        await people.write(Spoken(from_=PERSON, name=PERSON_NAME, caption="Taj Mahal"))
