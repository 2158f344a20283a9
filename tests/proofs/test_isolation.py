"""I7: a tenant's key opens nothing of another tenant, on any route, and changes nothing there."""

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from tests.journeys.running import Talk, Told, until
from tests.proofs.fleet import Fleet
from tests.proofs.shop import Shop, opened

from picha.gateway.api.routes import ROUTES

pytestmark = pytest.mark.timeout(400)

BATCH = "/v1/whatsapp/messages/image/batch"
CAPTION = "Between the two of us"
# With these each route comes as far as to look for what the path names.
BODIES: dict[str, Any] = {"PATCH": {"image_policy": "strict", "is_enabled": False}, "POST": {"confirm": True}}


@dataclass(frozen=True)
class Belongings:
    """What a tenant has: its ids by the name that a path has for them, and words that only its own answers may hold."""

    ids: dict[str, str]
    words: tuple[str, ...]


async def belongings(shop: Shop) -> Belongings:
    """Do business until there is something of everything."""
    [customer] = await shop.greeted(1)
    url = f"{shop.talk.ready.sandbox_url}/_sandbox/photo.jpg"
    sent = (await shop.talk.send(to=customer, media_url=url, caption=CAPTION)).data
    message = await shop.talk.becomes(sent["message_id"], "read")
    ids = {name: message[name] for name in ("conversation_id", "sender_id")}
    ids |= {"message_id": message["id"], "file_id": message["content"]["file_id"]}
    wish = {"file_id": ids["file_id"], "caption": CAPTION, "recipients": [{"to": customer, "caption": CAPTION}]}
    batch = await shop.talk.api("POST", BATCH, json=wish)
    ids["batch_id"] = batch.data["batch_id"]

    async def is_read() -> bool:
        return bool((await shop.talk.api("GET", f"/v1/whatsapp/batches/{ids['batch_id']}")).data["read"])

    await until(is_read)
    ready = shop.talk.ready
    ids |= {"webhook_id": await shop.listens("http://127.0.0.1:1/hook"), "app_id": ready.app_id}
    tested = await shop.talk.api("POST", f"/v1/webhooks/{ids['webhook_id']}/test")
    ids["delivery_id"] = tested.document["delivery_id"]

    async def templates() -> Any:
        return (await shop.talk.api("GET", "/v1/whatsapp/templates")).document["items"]

    ids["template_id"] = (await until(templates))[0]["id"]
    return Belongings(
        ids, (CAPTION, customer, message["provider_message_id"], ready.sender, ready.phone_number_id, *ids.values())
    )


async def answers(stranger: Talk, friend: str, theirs: Belongings) -> dict[str, Told]:
    """Ask for everything of theirs with a stranger's key, who has a customer, too, and so could send."""
    asked: dict[str, Told] = {}
    for route in ROUTES:
        if "{" in route.path:
            path = route.path.format_map(theirs.ids)
            asked[f"{route.method} {path}"] = await stranger.api(route.method, path, json=BODIES.get(route.method))
    photo = {"media_url": f"{stranger.ready.sandbox_url}/_sandbox/photo.jpg"}
    sends: tuple[dict[str, Any], ...] = (
        {"to": theirs.words[1], **photo},
        {"to": friend, "file_id": theirs.ids["file_id"]},
        {"to": friend, "reply_to": theirs.ids["message_id"], **photo},
        {"to": friend, "sender_id": theirs.ids["sender_id"], **photo},
        {"to": friend, "sender": theirs.words[3], **photo},
        {"conversation_id": theirs.ids["conversation_id"], **photo},
    )
    batch = {"file_id": theirs.ids["file_id"], "recipients": [{"to": friend}]}
    asked[f"a batch of {batch}"] = await stranger.api("POST", BATCH, json=batch)
    for body in sends:
        asked[f"a send {body}"] = await stranger.send(**body)
    lists = [f"/v1/whatsapp/{what}" for what in ("messages", "conversations", "senders", "templates", "notices")]
    for path in (*lists, "/v1/whatsapp/conversations/summary", "/karibu/x-api-key", "/v1/events", "/v1/webhooks/all"):
        asked[f"GET {path}"] = await stranger.api("GET", path)
    return asked


def leaks(asked: dict[str, Told], theirs: Belongings) -> list[str]:
    """Return what was answered that should not have been: anything that was asked for by id, and words of theirs."""
    opened = [
        f"{what} was answered {told.status}"
        for what, told in asked.items()
        if _is_theirs(what) and told.status != (422 if what.startswith("a send {'to': '" + theirs.words[1]) else 404)
    ]
    said = {what: told.body.decode(errors="replace") for what, told in asked.items()}
    return opened + [
        f"{what} tells {word}"
        for what, text in said.items()
        for word in theirs.words
        if word in text and word not in what
    ]


def _is_theirs(what: str) -> bool:
    return not what.endswith(
        (
            *("/messages", "/conversations", "/senders", "/templates", "/notices"),
            *("/summary", "/x-api-key", "/events", "/webhooks/all"),
        )
    )


@pytest.fixture
async def neighbours(
    sail: Callable[..., AbstractAsyncContextManager[Fleet]],
) -> AsyncIterator[tuple[Fleet, Shop, Shop]]:
    """Two tenants of one gateway, whose worker runs; whoever wants an API starts it."""
    async with sail(numbers=2) as fleet, AsyncExitStack() as stack:
        shops = [await stack.enter_async_context(opened(tenant)) for tenant in fleet.tenants]
        await fleet.start("worker")
        yield fleet, shops[0], shops[1]


async def owned(shop: Shop, theirs: Belongings) -> list[str]:
    """Return what a stranger might have changed, as its owner sees it."""
    number, file = theirs.ids["sender_id"], theirs.ids["file_id"]
    # Of the conversations only this one: the sandbox lets somebody write of its own accord, at a moment of its own.
    messages = f"/v1/whatsapp/messages?conversation_id={theirs.ids['conversation_id']}"
    thread = f"/v1/whatsapp/conversations/{theirs.ids['conversation_id']}"
    batch = f"/v1/whatsapp/batches/{theirs.ids['batch_id']}"
    webhook = f"/v1/webhooks/{theirs.ids['webhook_id']}"
    things = (f"/v1/whatsapp/senders/{number}", f"/v1/whatsapp/media/{file}", batch, f"{batch}/results")
    paths = (*things, messages, thread, f"{webhook}/secret")
    told = [await shop.talk.api("GET", path) for path in paths]
    assert [one.status for one in told] == [200] * len(paths)
    # A link is signed anew each time it is shown.
    return [re.sub(r'\?expires=[^"]*', "", json.dumps(one.document.get("data", one.document))) for one in told]


async def test_a_stranger_is_told_nothing_and_changes_nothing_and_an_api_with_a_mistake_is_found_out(
    neighbours: tuple[Fleet, Shop, Shop],
) -> None:
    fleet, shop, stranger = neighbours
    api = await fleet.start("api")
    theirs = await belongings(shop)
    [friend] = await stranger.greeted(1)
    before = await owned(shop, theirs)

    assert leaks(await answers(stranger.talk, friend, theirs), theirs) == []

    assert await owned(shop, theirs) == before
    await api.stop()
    await fleet.start("api", mistakes="shows_everybody_everything")
    found = leaks(await answers(stranger.talk, friend, theirs), theirs)
    assert f"GET /v1/whatsapp/messages/{theirs.ids['message_id']} was answered 200" in found
    assert f"GET /v1/whatsapp/batches/{theirs.ids['batch_id']} was answered 200" in found
    assert f"GET /v1/events tells {theirs.ids['message_id']}" in found
