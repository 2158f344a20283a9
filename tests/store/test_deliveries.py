"""Events reach webhooks: each once if all goes well, again until it is answered 2xx, and nobody else's."""

import asyncio
import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace
from tests.hooks import Hook, saying
from tests.store.ground import VAULT, Ground
from tests.store.test_events import sent
from tests.store.test_ledger_advance import begun

from picha.egress import POLICIES, Fetcher
from picha.gateway.domain.outcomes import Accepted
from picha.gateway.domain.retry import ASKED_FOR_MAX, TELL_AFTER
from picha.gateway.store import deliveries, endpoints, events, lanes, pruning, tenants
from picha.gateway.store.deliveries import DeliveryView, Told
from picha.gateway.store.endpoints import EndpointView, NewEndpoint, TakenError, Whose
from picha.gateway.store.ledger import equip
from picha.gateway.store.ledger.admit import admit
from picha.gateway.store.vault import VaultError
from picha.gateway.telling.composing import compose
from picha.gateway.telling.deliver import ANSWER_MAX_BYTES, Delivering, Mailroom, settlements
from picha.gateway.telling.links import Links
from picha.gateway.telling.signing import fresh_secret, fresh_signing_key
from picha.kit.clock import SystemClock
from picha.kit.secrets import Secret


@dataclass
class Post:
    """A workspace whose app has a webhook, and the lane that delivers to it."""

    ground: Ground
    hook: Hook
    mailroom: Mailroom
    chance: float = 0.5
    made: list[EndpointView] = field(default_factory=list)

    @property
    def whose(self) -> Whose:
        return Whose(self.ground.app.workspace_id, "test")

    async def add(
        self, path: str = "/hook", *, app: UUID | None = None, service: str = "whatsapp", url: str = "", **more: Any
    ) -> EndpointView:
        new = NewEndpoint(
            app_id=app or self.ground.app.app_id,
            service_type=service,
            url=url or self.hook.url + path,
            include_inbox=more.get("include_inbox", False),
            secret=fresh_secret(),
            signing_key=fresh_signing_key(),
        )
        view = await endpoints.add(self.ground.pool, VAULT, self.ground.ids, self.whose, new)
        assert view is not None
        self.made.append(view)
        return view

    async def delivers(self) -> int:
        """Work every lane with due work off until nothing is due; return how many pieces were performed."""
        done = 0
        while taken := await lanes.take(self.ground.pool, lanes.TELL, self.ground.ids.uuid(), most=10):
            for lease in taken:
                work = Delivering(lease, self.mailroom)
                while pieces := await work.due(()):
                    for piece in pieces:
                        await work.perform(piece)
                        done += 1
                await lanes.release(self.ground.pool, lease)
        return done

    async def listed(self, endpoint: EndpointView | None = None) -> list[DeliveryView]:
        """Return a webhook's deliveries, oldest first."""
        found, total = await deliveries.listed(
            self.ground.pool, self.whose, (endpoint or self.made[0]).id, status=None, kind=None, limit=200, offset=0
        )
        assert total == len(found)
        return sorted(found, key=lambda one: one.event_seq)

    async def the_one(self) -> DeliveryView:
        [found] = await self.listed()
        return found

    async def due_in(self) -> timedelta:
        found: timedelta = await self.ground.pool.fetchval(
            "SELECT due_at - tried_at FROM delivery WHERE status = 'pending'"
        )
        return found

    async def time_passes(self, length: timedelta) -> None:
        await self.ground.pool.execute(
            "UPDATE delivery SET due_at = due_at - $1::interval, tried_at = tried_at - $1::interval,"
            " created_at = created_at - $1::interval",
            length,
        )
        await self.ground.pool.execute("UPDATE webhook SET failing_since = failing_since - $1::interval", length)

    async def shown(self, endpoint: EndpointView | None = None) -> EndpointView:
        found = await endpoints.find(self.ground.pool, self.whose, (endpoint or self.made[0]).id)
        assert found is not None
        return found


@asynccontextmanager
async def _post(ground: Ground) -> AsyncIterator[Post]:
    clock = SystemClock()
    async with Hook().listening() as hook, Fetcher() as fetcher, settlements(ground.pool) as settled:
        links = Links(lambda: [b"k" * 32], clock, "http://gateway")
        mailroom = Mailroom(ground.pool, VAULT, clock, fetcher, POLICIES, links, settled, chance=lambda: 0.5)
        yield Post(ground, hook, mailroom)


@pytest.fixture
async def post(ground: Ground) -> AsyncIterator[Post]:
    async with _post(ground) as opened:
        yield opened


async def told(post: Post, *statuses: str) -> UUID:
    """Send a picture of which Meta tells so."""
    message = await sent(post.ground)
    for n, status in enumerate(statuses):
        await post.ground.meta_says("wamid.OUT1", status, seconds=n)
    return message


async def test_each_event_of_a_send_is_delivered_once_and_in_order_to_its_app_as_the_feed_has_it(post: Post) -> None:
    await post.add()
    await told(post, "sent", "delivered", "read")

    assert await post.delivers() == 4

    calls = post.hook.of("/hook")
    assert [one.event for one in calls] == [
        "whatsapp.received", "whatsapp.sent", "whatsapp.delivered", "whatsapp.read",
    ]  # fmt: skip
    part = await events.after(
        post.ground.pool, post.ground.app.workspace_id, "test", app=post.ground.app.app_id, cursor=None, limit=9
    )
    fed = [
        compose(one, post.mailroom.links, workspace=post.whose.workspace_id, app=post.made[0].app_id)
        for one in part.events
    ]
    assert [one.document["event_id"] for one in calls] == [one.event_id for one in fed if one]
    assert {one.status for one in await post.listed()} == {"delivered"}
    assert await post.delivers() == 0


async def test_only_whom_it_is_for_is_told(post: Post) -> None:
    ground, other = post.ground, await tenants.add_app(post.ground.pool, post.ground.ids, post.whose.workspace_id, "B")
    mine, colleague = await post.add("/mine"), await post.add("/colleague", app=other.app_id)
    await post.add("/sms", service="sms")
    live = NewEndpoint(mine.app_id, "whatsapp", post.hook.url + "/live", False, fresh_secret(), fresh_signing_key())
    await endpoints.add(ground.pool, VAULT, ground.ids, Whose(post.whose.workspace_id, "live"), live)
    stranger = await tenants.add_workspace(ground.pool, ground.ids, "Stranger")
    theirs = NewEndpoint(stranger.app_id, "whatsapp", post.hook.url + "/x", False, fresh_secret(), fresh_signing_key())
    await endpoints.add(ground.pool, VAULT, ground.ids, Whose(stranger.workspace_id, "test"), theirs)

    await told(post, "sent")
    await post.delivers()

    assert [one.event for one in post.hook.of("/mine")] == ["whatsapp.received", "whatsapp.sent"]
    assert [one.event for one in post.hook.of("/colleague")] == ["whatsapp.received"]
    assert {one.path for one in post.hook.calls} == {"/mine", "/colleague"}
    assert [one.kind for one in await post.listed(colleague)] == ["received"]


async def test_what_is_sent_by_hand_is_told_to_those_who_ask_for_it_and_is_not_in_the_feed(post: Post) -> None:
    await post.add("/sober")
    other = await tenants.add_app(post.ground.pool, post.ground.ids, post.whose.workspace_id, "B")
    await post.add("/curious", app=other.app_id, include_inbox=True)
    await post.ground.customer_writes(image_state="stored")
    by_hand = replace(await post.ground.new_send(), app_id=None, person_id=post.ground.ids.uuid())
    await admit(post.ground.pool, [by_hand])
    message = by_hand.id
    [attempt] = await begun(post.ground, [message])
    await post.ground.settle(message, attempt, Accepted("wamid.OUT1"))

    await post.ground.meta_says("wamid.OUT1", "sent", "delivered")
    await post.delivers()

    assert [one.event for one in post.hook.of("/curious")][1:] == ["whatsapp.sent", "whatsapp.delivered"]
    assert [one.event for one in post.hook.of("/sober")] == ["whatsapp.received"]
    assert {one.document["app_id"] for one in post.hook.of("/curious")} == {str(other.app_id)}
    part = await events.after(
        post.ground.pool, post.whose.workspace_id, "test", app=post.ground.app.app_id, cursor=None, limit=9
    )
    assert [one.kind for one in part.events] == ["received"]


async def test_a_photo_is_told_once_its_bytes_are_there_with_a_link_to_them(post: Post) -> None:
    await post.add()
    await post.ground.customer_writes()
    assert await post.delivers() == 0
    message = await post.ground.pool.fetchval("SELECT id FROM message")

    await equip.received(post.ground.pool, message, state="stored", file=await post.ground.picture())
    await post.delivers()

    [call] = post.hook.calls
    assert call.event == "whatsapp.received"
    content = call.document["data"]["content"]
    assert (content["caption"], content["state"], content["size_bytes"]) == ("Taj Mahal", "stored", 1000)
    assert content["url"].startswith("http://gateway/v1/whatsapp/media/")


async def test_a_transaction_that_is_open_across_anothers_commit_loses_nothing(post: Post) -> None:
    await post.add()
    await told(post)
    await post.delivers()
    post.hook.calls.clear()
    pool = post.ground.pool
    insert = (
        "INSERT INTO event (workspace_id, environment, app_id, message_id, sequence, kind, occurred_at)"
        " SELECT workspace_id, 'test', app_id, id, $1, $2, now() FROM message WHERE is_outbound"
    )
    async with pool.acquire() as slow:
        held = slow.transaction()
        await held.start()
        await slow.execute(insert, 1, "sent")
        await pool.execute(insert, 2, "delivered")
        assert await post.delivers() == 1
        await held.commit()

    await post.delivers()

    assert [one.event for one in post.hook.calls] == ["whatsapp.delivered", "whatsapp.sent"]


async def test_a_failed_try_is_made_again_at_the_steps_of_the_table_with_the_same_id_and_then_given_up(
    post: Post,
) -> None:
    post.hook.put("/hook", saying(500, "not now"))
    await post.add()
    await post.ground.customer_writes(image_state="stored")

    for tries, pause in enumerate(TELL_AFTER, 1):
        assert await post.delivers() == 1
        one = await post.the_one()
        assert (one.status, one.attempts, one.answer_status) == ("pending", tries, 500)
        assert abs((await post.due_in()).total_seconds() - pause.total_seconds()) < 1
        assert await post.delivers() == 0
        await post.time_passes(pause + timedelta(seconds=1))
    assert await post.delivers() == 1

    one = await post.the_one()
    assert (one.status, one.attempts, one.due_at) == ("failed", len(TELL_AFTER) + 1, None)
    assert one.error == "The server answered 500; any 2xx says that it arrived."
    assert len({call.headers["webhook-id"] for call in post.hook.calls}) == 1
    full = await deliveries.find(post.ground.pool, post.whose, post.made[0].id, one.id)
    assert full is not None
    assert full.answer_body == b"not now"
    assert (await post.shown()).failing_since is not None


@pytest.mark.parametrize(
    ("asked", "waits"),
    [("120", 120), ("1", 5), ("86400", ASKED_FOR_MAX.total_seconds()), ("soon", 5), ("9" * 40, 3600), ("-5", 5)],
)
async def test_a_receiver_that_asks_for_a_longer_pause_gets_it_up_to_an_hour(
    post: Post, asked: str, waits: float
) -> None:
    post.hook.put("/hook", saying(503, Retry_After=asked))
    await post.add()
    await post.ground.customer_writes(image_state="stored")

    await post.delivers()

    assert abs((await post.due_in()).total_seconds() - waits) < 1


async def test_gone_disables_the_webhook_which_is_told_in_the_feed_and_what_waits_goes_on_when_it_is_back(
    post: Post,
) -> None:
    post.hook.put("/hook", saying(410))
    await post.add()
    await told(post, "sent")

    await post.delivers()

    shown = await post.shown()
    assert (shown.disabled_for, shown.disabled_at is None) == ("gone", False)
    part = await events.after(
        post.ground.pool, post.whose.workspace_id, "test", app=post.ground.app.app_id, cursor=None, limit=9
    )
    news = part.events[-1]
    assert (news.kind, news.webhook_id, news.error_code) == ("disabled", shown.id, "gone")
    calls = len(post.hook.calls)
    await post.time_passes(timedelta(days=1))
    await post.ground.meta_says("wamid.OUT1", "read", seconds=9)
    assert await post.delivers() == 0

    post.hook.put("/hook", saying(204))
    back = await endpoints.change(post.ground.pool, VAULT, post.whose, shown.id, is_enabled=True)
    await post.delivers()

    assert back is not None
    assert back.disabled_at is None
    assert {one.event for one in post.hook.calls[calls:]} >= {"whatsapp.delivered", "whatsapp.read"}
    assert {one.status for one in await post.listed()} == {"delivered"}


async def test_five_days_of_nothing_but_failures_disable_it_and_one_success_among_them_does_not(post: Post) -> None:
    post.hook.put("/hook", saying(500))
    await post.add()
    await post.ground.customer_writes(image_state="stored")
    await post.delivers()
    await post.time_passes(deliveries.PATIENCE - timedelta(minutes=1))
    post.hook.put("/hook", saying(200))
    await post.delivers()
    assert (await post.shown()).failing_since is None
    post.hook.put("/hook", saying(500))
    await post.ground.customer_writes("16505551235", "wamid.IN2", image_state="stored")
    await post.delivers()
    await post.time_passes(deliveries.PATIENCE - timedelta(minutes=1))
    await post.delivers()
    assert (await post.shown()).disabled_at is None

    await post.time_passes(timedelta(minutes=40))
    await post.delivers()

    assert (await post.shown()).disabled_for == "failing"


async def test_a_try_to_an_address_that_was_changed_meanwhile_disables_nothing(post: Post) -> None:
    endpoint = await post.add()
    await post.ground.customer_writes(image_state="stored")
    one = await post.the_one()
    late = Told(
        endpoint.id, "https://old.example/", one.event_seq, "pending", 1, 3, timedelta(), 410, b"", is_gone=True
    )

    assert await deliveries.settle(post.ground.pool, [late]) == {}

    assert (await post.shown()).disabled_at is None


async def test_a_webhook_that_was_switched_off_by_hand_stays_off_when_its_address_changes(post: Post) -> None:
    endpoint = await post.add("/old")
    change = functools.partial(endpoints.change, post.ground.pool, VAULT, post.whose, endpoint.id)
    off = await change(is_enabled=False)
    moved = await change(url=post.hook.url + "/new")
    assert off is not None
    assert moved is not None
    assert (off.disabled_for, moved.disabled_for, moved.url) == ("operator", "operator", post.hook.url + "/new")
    await post.ground.pool.execute("UPDATE webhook SET disabled_for = 'gone'")

    back = await change(url=post.hook.url + "/newer")

    assert back is not None
    assert back.disabled_at is None


async def test_what_is_known_to_have_arrived_is_not_said_to_have_failed_by_a_late_worker(post: Post) -> None:
    endpoint = await post.add()
    await post.ground.customer_writes(image_state="stored")
    await post.delivers()
    one = await post.the_one()

    await deliveries.settle(
        post.ground.pool, [Told(endpoint.id, endpoint.url, one.event_seq, "pending", 1, 3, timedelta())]
    )

    assert (await post.the_one()).status == "delivered"


async def test_a_retry_takes_the_place_of_the_try_that_waits_and_begins_the_table_anew(post: Post) -> None:
    post.hook.put("/hook", saying(500))
    endpoint = await post.add()
    await post.ground.customer_writes(image_state="stored")
    await post.delivers()
    await post.time_passes(timedelta(seconds=6))
    await post.delivers()

    assert await deliveries.retry(post.ground.pool, post.whose, endpoint.id, (await post.the_one()).id)
    assert await post.delivers() == 1

    assert abs((await post.due_in()).total_seconds() - 5) < 1
    assert (await post.the_one()).attempts == 3
    assert not await deliveries.retry(post.ground.pool, post.whose, endpoint.id, post.ground.ids.uuid())


async def test_all_that_failed_or_what_a_range_holds_is_begun_anew(post: Post) -> None:
    endpoint = await post.add()
    for n in range(5):
        await post.ground.customer_writes(f"1650555200{n}", f"wamid.R{n}", image_state="stored")
    rows = await post.listed()
    await post.ground.pool.execute("UPDATE delivery SET status = 'failed', due_at = NULL")
    again = functools.partial(deliveries.retry_range, post.ground.pool, post.whose, endpoint.id)

    assert await again(status="failed", since=rows[1].created_at, until=rows[3].created_at) == (2, True)
    assert [one.status for one in await post.listed()] == ["failed", "pending", "pending", "failed", "failed"]
    assert await again(status="failed", since=None, until=None) == (3, True)
    assert await post.delivers() == 5
    assert await again(status="failed", since=None, until=None) == (0, True)
    assert await again(status="delivered", since=rows[4].created_at, until=None) == (1, True)
    assert await post.delivers() == 1


async def test_deliveries_are_counted_by_status_and_kind_since_a_moment(post: Post) -> None:
    endpoint = await post.add()
    await told(post, "sent", "delivered")
    await post.delivers()
    await post.ground.meta_says("wamid.OUT1", "read", seconds=9)
    first = (await post.listed())[0]

    counted = await deliveries.stats(post.ground.pool, post.whose, endpoint.id, since=first.created_at)
    later = await deliveries.stats(
        post.ground.pool, post.whose, endpoint.id, since=first.created_at + timedelta(days=1)
    )

    assert counted.by_status == {"delivered": 3, "pending": 1}
    assert counted.by_kind == {"received": 1, "sent": 1, "delivered": 1, "read": 1}
    assert (counted.is_exact, later.by_status) == (True, {})


async def test_a_hanging_and_a_pouring_and_a_dripping_receiver_end_and_only_the_dripping_one_has_said_yes(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Fifteen seconds each would be waited for; the shape of what happens is the same.
    monkeypatch.setattr("picha.gateway.telling.deliver.TOTAL_S", 0.6)
    for path, answer in (("/hang", post.hook.hang), ("/pour", post.hook.pour), ("/drip", post.hook.drip)):
        post.hook.put(path, answer)
    await post.add("/hang")
    for name in ("pour", "drip"):
        app = await tenants.add_app(post.ground.pool, post.ground.ids, post.whose.workspace_id, name)
        await post.add(f"/{name}", app=app.app_id)
    await post.ground.customer_writes(image_state="stored")

    async with asyncio.timeout(10):
        await post.delivers()

    [hung], [poured], [dripped] = [await post.listed(one) for one in post.made]
    assert (hung.status, hung.answer_status) == ("pending", None)
    assert hung.error in {"The server did not answer within 0.6 s.", "The whole took more than 0.6 s."}
    assert (poured.status, poured.answer_status) == ("pending", 500)
    assert dripped.status == "delivered"
    full = await deliveries.find(post.ground.pool, post.whose, post.made[1].id, poured.id)
    assert full is not None
    assert full.answer_body is not None
    assert len(full.answer_body) == ANSWER_MAX_BYTES


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://10.0.0.1/hook", "The address is not public."),
        ("http://169.254.169.254/latest", "The address is not public."),
        ("http://[fd00::1]/hook", "The address is not public."),
        ("http://127.0.0.1:1/hook", "No connection could be made to the server."),
        ("ftp://127.0.0.1/hook", "The URL must begin with http:// or https://."),
    ],
)
async def test_no_address_inside_is_called(post: Post, url: str, said: str) -> None:
    await post.add(url=url)
    await post.ground.customer_writes(image_state="stored")

    await post.delivers()

    assert (await post.the_one()).error == said


async def test_a_redirect_is_not_followed(post: Post) -> None:
    post.hook.put("/hook", saying(307, Location=post.hook.url + "/elsewhere"))
    await post.add()
    await post.ground.customer_writes(image_state="stored")

    await post.delivers()

    one = await post.the_one()
    assert (one.answer_status, {call.path for call in post.hook.calls}) == (307, {"/hook"})
    assert one.error is not None
    assert "redirects are not followed" in one.error


async def test_an_app_has_one_webhook_for_a_service_and_a_deleted_one_is_told_nothing(post: Post) -> None:
    endpoint = await post.add()
    with pytest.raises(TakenError):
        await post.add("/second")
    sms = await post.add("/sms", service="sms")
    with pytest.raises(TakenError):
        await endpoints.change(post.ground.pool, VAULT, post.whose, sms.id, service_type="whatsapp")
    await post.ground.customer_writes(image_state="stored")

    assert await endpoints.remove(post.ground.pool, post.whose, endpoint.id)

    assert await post.delivers() == 0
    assert await post.ground.pool.fetchval("SELECT count(*) FROM delivery") == 0
    assert not await endpoints.remove(post.ground.pool, post.whose, endpoint.id)
    assert await post.ground.pool.fetchval("SELECT count(*) FROM lane WHERE kind = 'tell'") == 1


async def test_secrets_are_sealed_for_their_row_and_rotate_with_an_overlap(post: Post) -> None:
    endpoint, pool = await post.add(), post.ground.pool
    first = await endpoints.secrets(pool, VAULT, post.whose, endpoint.id)
    assert first is not None

    rotated = await endpoints.rotate(
        pool, VAULT, post.whose, endpoint.id, Secret("another secret of mine"), overlap=timedelta(hours=1)
    )
    second = await endpoints.secrets(pool, VAULT, post.whose, endpoint.id)

    assert rotated is not None
    assert second is not None
    assert rotated.previous_until is not None
    assert (second.secret, second.previous) == (Secret("another secret of mine"), first.secret)
    await pool.execute("UPDATE webhook SET previous_until = now() - interval '1 second'")
    third = await endpoints.secrets(pool, VAULT, post.whose, endpoint.id)
    assert third is not None
    assert (third.previous, (await post.shown()).previous_until) == (None, None)
    stranger = await tenants.add_workspace(pool, post.ground.ids, "Stranger")
    await pool.execute("UPDATE webhook SET workspace_id = $1", stranger.workspace_id)
    with pytest.raises(VaultError):
        await endpoints.secrets(pool, VAULT, Whose(stranger.workspace_id, "test"), endpoint.id)


async def test_deliveries_go_with_their_event(post: Post) -> None:
    await post.add()
    await told(post, "sent", "read")
    assert len(await post.listed()) == 4

    await post.ground.pool.execute("UPDATE event SET told_at = told_at - interval '31 days'")
    await pruning.old_events(post.ground.pool, after=timedelta(days=30), most=100)

    assert await post.listed() == []
    assert await post.delivers() == 0


async def test_a_delivery_is_found_by_its_own_webhook_alone(post: Post) -> None:
    await post.add()
    other = await post.add("/other", service="sms")
    await post.ground.customer_writes(image_state="stored")
    one = await post.the_one()
    pool = post.ground.pool

    assert await deliveries.find(pool, post.whose, other.id, one.id) is None
    assert await deliveries.find(pool, Whose(post.whose.workspace_id, "live"), post.made[0].id, one.id) is None
    assert not await deliveries.retry(pool, post.whose, other.id, one.id)


async def test_a_test_event_reaches_its_webhook_alone_and_stays_out_of_the_feed(post: Post) -> None:
    await post.add("/mine")
    sms = await post.add("/sms", service="sms")

    delivery = await deliveries.test(post.ground.pool, post.whose, sms.id)
    await post.delivers()

    [call] = post.hook.calls
    assert (call.path, call.event, call.document["data"]["webhook_id"]) == ("/sms", "webhook.test", str(sms.id))
    assert [one.id for one in await post.listed(sms)] == [delivery]
    part = await events.after(
        post.ground.pool, post.whose.workspace_id, "test", app=post.ground.app.app_id, cursor=None, limit=9
    )
    assert part.events == []
    assert await deliveries.test(post.ground.pool, post.whose, post.ground.ids.uuid()) is None
