"""Pictures in a bucket: the whole product on a real S3-compatible server, which goes away and comes back."""

import base64
import functools
import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from urllib.request import Request, urlopen

import aiohttp
import pytest
from tests.buckets import SECRET, new_bucket, s3_server, settings_of
from tests.journeys.hosting import PictureHost
from tests.journeys.running import House, Talk, picture, talking, until

pytestmark = pytest.mark.timeout(180)

BUCKET = "pictures"
Raise = Callable[..., AbstractContextManager[House]]


def settings(address: str) -> dict[str, str]:
    return settings_of(address, BUCKET)


def objects(address: str) -> str:
    with urlopen(Request(f"{address}/{BUCKET}?list-type=2")) as answer:
        return str(answer.read())


def form(data: bytes) -> aiohttp.FormData:
    parts = aiohttp.FormData()
    parts.add_field("file", data, filename="a.jpg", content_type="image/jpeg")
    return parts


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[tuple[str, ExitStack]]:
    """A server with the bucket, and what ends it."""
    with ExitStack() as running:
        address = running.enter_context(s3_server(tmp_path / "s3.log"))
        new_bucket(address, BUCKET)
        yield address, running


async def test_pictures_lie_in_the_bucket(bucket: tuple[str, ExitStack], raise_house: Raise) -> None:
    address, _ = bucket
    received, uploaded = picture(shade=11), picture(shade=12)
    with raise_house(settings=settings(address)) as house:
        async with talking(house) as picha:
            customer = picha.stranger()
            heard = await picha.hear(customer, image_base64=base64.b64encode(received).decode())
            file = (await picha.api("POST", "/v1/whatsapp/media", data=form(uploaded))).data
            sent = (await picha.send(to=customer, file_id=file["file_id"])).data
            served = await picha.api("GET", f"/v1/whatsapp/media/{file['file_id']}/content")

            assert (heard["content"]["state"], served.body) == ("stored", uploaded)
            await picha.becomes(sent["message_id"], "sent", "delivered", "read")
        for data in (received, uploaded):
            assert hashlib.sha256(data).hexdigest() in objects(address)
        assert not (house.home / "blobs").exists()


async def test_a_bucket_that_is_away_for_a_while_loses_no_message(
    bucket: tuple[str, ExitStack], raise_house: Raise, host: PictureHost, tmp_path: Path
) -> None:
    address, running = bucket
    with raise_house(settings=settings(address)) as house:
        async with talking(house) as picha:
            customer, other = picha.stranger(), picha.stranger()
            for one in (customer, other):
                await picha.hear(one)
            file = (await picha.upload(picture(shade=14))).data
            running.close()

            refused = await picha.api("POST", "/v1/whatsapp/media", data=form(picture()))
            sent = (await picha.send(to=customer, media_url=host.put("/late.jpg", picture(shade=13)))).data
            photo = await picha.control("POST", "/inbound", json={"from": customer})
            await until(functools.partial(has_visits, host, 2))

            assert (refused.status, refused.error["code"]) == (503, "UNAVAILABLE")
            assert (await picha.message(sent["message_id"]))["status"] == "pending"
            waiting = (await picha.send(to=other, file_id=file["file_id"])).data
            await until(functools.partial(is_put_off, picha, waiting["message_id"]))
            with s3_server(tmp_path / "again.log", int(address.rpartition(":")[2])):
                new_bucket(address, BUCKET)
                message = await picha.becomes(sent["message_id"], "sent", "delivered", "read", "failed")
                state = await until(functools.partial(settled, picha, photo["message_id"]))
                assert (message["error_code"], state) == (None, "stored")
        told = (house.home.parent / f"{house.home.name}.err").read_text()
    assert SECRET not in told


async def has_visits(host: PictureHost, least: int) -> bool:
    return host.visits["/late.jpg"] >= least


async def is_put_off(picha: Talk, message: str) -> bool:
    told = [one for one in await picha.story(message) if one["text"].startswith("Put off until its picture")]
    return bool(told) and "could not be reached" in told[0]["text"]


async def settled(picha: Talk, wamid: str) -> str:
    items = (await picha.list(direction="inbound")).data["items"]
    states = [str(item["content"]["state"]) for item in items if item["provider_message_id"] == wamid]
    return "".join(state for state in states if state != "pending")
