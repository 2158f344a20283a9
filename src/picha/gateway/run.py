"""Composes the gateway: the roles api and worker, each from the settings, each ending when it is told or orphaned."""

import asyncio
import gc
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial

import prometheus_client
import uvicorn
import uvloop
from starlette.applications import Starlette

from picha.egress import POLICIES, Fetcher, Policies
from picha.gateway.api.app import create_app
from picha.gateway.api.calls import Services
from picha.gateway.api.feed import Feed
from picha.gateway.api.keys import KeyDesk
from picha.gateway.api.turnstile import Turnstile
from picha.gateway.blobs.opening import open_blobs
from picha.gateway.domain.pace import Allowance
from picha.gateway.hearing.digest import Digest
from picha.gateway.hearing.fetch import Fetching
from picha.gateway.hearing.intake import Intake
from picha.gateway.inbox.app import create_inbox
from picha.gateway.inbox.doorkeeper import Doorkeeper
from picha.gateway.inbox.known_browsers import KnownBrowsers
from picha.gateway.inbox.means import Means
from picha.gateway.lanes.doorbell import Doorbell, doorbell, pause
from picha.gateway.lanes.keeper import Keeper, Work
from picha.gateway.meta.accounts import AccountBook
from picha.gateway.meta.classify import read_doubted
from picha.gateway.meta.graph import open_graph
from picha.gateway.meta.limits import IMAGE_MAX_BYTES, PAIR_PACE, SERVICE_WINDOW
from picha.gateway.meta.times import Times, follow_times
from picha.gateway.pictures.bring import Bringer
from picha.gateway.pictures.intake import Album
from picha.gateway.pictures.prepare import Preparing
from picha.gateway.pictures.sweep import Sweep
from picha.gateway.pictures.upload import Uploads
from picha.gateway.sending.accept import Accept, Write
from picha.gateway.sending.backlog import Backlog
from picha.gateway.sending.batching import Batching
from picha.gateway.sending.confirming import Confirming
from picha.gateway.sending.desk import Desk
from picha.gateway.sending.dispatch import Dispatch
from picha.gateway.settings import Settings, SettingsError
from picha.gateway.store import lanes
from picha.gateway.store.changes import listening as hearing_changes
from picha.gateway.store.events import CHANNEL
from picha.gateway.store.lanes import Lease, Leases
from picha.gateway.store.ledger import witness
from picha.gateway.store.ledger.admit import admit
from picha.gateway.store.pool import Pool, open_pool
from picha.gateway.store.sendbook import Sendbook
from picha.gateway.store.vault import Vault, read_ring
from picha.gateway.telling.deliver import TELLS_EACH, Delivering, Mailroom, settlements
from picha.gateway.telling.links import Links
from picha.gateway.upkeep import catalogue, counting
from picha.gateway.upkeep.doctor.examine import examine_number
from picha.gateway.upkeep.forgetting import Forgetting, Keep
from picha.gateway.upkeep.pulse import pulse
from picha.gateway.upkeep.restored import Watch, watching
from picha.images.workers import Workshop
from picha.kit.addresses import Network, networks_of
from picha.kit.clock import Clock, SystemClock
from picha.kit.ids import Ids
from picha.kit.logs import configure, logger
from picha.kit.memory import give_back_large_blocks

_DRAIN_SECONDS = 10
# How long a start waits for a database that is starting too, or recovers from having been killed.
_START_SECONDS = 60
_CONFIRM_SECONDS = 5
_SWEEP_SECONDS = 60
_SWEEP_PASSES = 20
_FORGET_SECONDS = 60
_ORPHAN_POLL_SECONDS = 1
_BACKLOG = 2048
# What flies at once in a process, shared evenly by its lanes: sends as many as the client has connections.
_SENDS, _FETCHES, _BATCHES = 512, 64, 16
# Webhooks are called from lanes that share these evenly, so the way out makes nobody wait for another beside that.
_TELLS = 512


@dataclass(frozen=True, slots=True)
class Ground:
    """What both roles stand on."""

    pool: Pool
    vault: Vault
    clock: Clock
    ids: Ids
    book: AccountBook
    times: Times
    album: Album
    policies: Policies
    doubted: frozenset[int]


@asynccontextmanager
async def open_ground(settings: Settings) -> AsyncIterator[Ground]:
    """Open what both roles stand on.

    Raises:
        SettingsError: the key ring cannot be read, or the blob store, media networks or ambiguous codes make no sense.
        UnsafeDatabaseError: the database may lose what it acknowledges, or lacks a migration.
    """
    give_back_large_blocks()
    clock, ids = SystemClock(), Ids()
    vault = Vault(read_ring(settings.ring()), file=settings.ring_file)
    blobs, policies, doubted = open_blobs(settings), _policies(settings), _doubted(settings)
    async with open_pool(settings.database_url, tries=_START_SECONDS) as pool:
        book = AccountBook(pool, vault, clock)
        async with follow_times(book, clock) as times, Workshop() as workshop:
            album = Album(
                pool,
                blobs,
                workshop,
                clock,
                ids,
                max_bytes=IMAGE_MAX_BYTES,
                keeps_originals=settings.keep_originals,
            )
            yield Ground(pool, vault, clock, ids, book, times, album, policies, doubted)


def _links(ground: Ground, settings: Settings) -> Links:
    return Links(ground.vault.deriving("media links"), ground.clock, settings.base_url)


def _policies(settings: Settings) -> Policies:
    try:
        return POLICIES.admitting(settings.media_networks)
    except ValueError as error:
        raise SettingsError(f"PICHA_MEDIA_NETWORKS: {error}; write networks as 10.1.0.0/16.") from error


def _proxies(settings: Settings) -> Sequence[Network]:
    try:
        return networks_of(settings.trusted_proxies)
    except ValueError as error:
        raise SettingsError(f"PICHA_TRUSTED_PROXIES: {error}; write networks as 10.1.0.0/16.") from error


def _doubted(settings: Settings) -> frozenset[int]:
    try:
        return read_doubted(settings.ambiguous_codes)
    except ValueError as error:
        raise SettingsError(f"PICHA_AMBIGUOUS_CODES: {error}.") from error


def serve_api(settings: Settings) -> None:
    """Serve the REST API until SIGTERM, SIGINT, or the end of the parent that `picha up` named.

    Raises:
        SettingsError: the key ring cannot be read.
        UnsafeDatabaseError: the database may lose what it acknowledges, or lacks a migration.
    """
    configure(program="api", json=settings.log_json, level=settings.log_level)
    _calm_collector()
    uvloop.run(_api(settings))


def serve_worker(settings: Settings) -> None:
    """Work until SIGTERM, SIGINT, or the end of the parent: send, prepare and fetch pictures, digest webhooks.

    Raises:
        SettingsError: the key ring cannot be read.
        UnsafeDatabaseError: the database may lose what it acknowledges, or lacks a migration.
    """
    configure(program="worker", json=settings.log_json, level=settings.log_level)
    _calm_collector()
    uvloop.run(_worker(settings))


def _calm_collector() -> None:
    """Let the collector of cycles look less often, and never at what is there for good: batches are no garbage.

    At its default it took a third of the time that a batch of webhooks was understood in.
    """
    gc.freeze()
    gc.set_threshold(10_000)


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: it would end the process before our contexts are closed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def open_services(ground: Ground, settings: Settings, *, write: Write | None = None) -> AsyncIterator[Services]:
    """Open what the API's handlers work with; their group commits run inside.

    `write` stands in for the ledger's door.
    """
    write = write or partial(admit, hold=settings.order_hold)
    turnstile = Turnstile(ground.clock, _allowance(settings))
    backlog = Backlog(ground.pool, ground.clock, limit_s=settings.backlog_hours * 3600)
    accept = Accept(
        ground.pool,
        ground.clock,
        ground.ids,
        ground.times,
        backlog,
        write=write,
        template_window=SERVICE_WINDOW if settings.templates_open_window else None,
        falls_back=settings.use_default_sender,
    )
    intake = Intake(ground.pool, ground.book, ground.ids)
    listening = doorbell(settings.database_url, [CHANNEL])
    async with (
        accept.group,
        intake.group,
        Fetcher(at_once=32) as fetcher,
        open_graph(idle_s=settings.meta_idle_seconds) as graph,
        listening as bell,
    ):
        yield Services(
            pool=ground.pool,
            vault=ground.vault,
            clock=ground.clock,
            ids=ground.ids,
            policies=ground.policies,
            times=ground.times,
            book=ground.book,
            graph=graph,
            keys=KeyDesk(ground.pool, ground.clock, turnstile),
            turnstile=turnstile,
            accept=accept,
            backlog=backlog,
            intake=intake,
            album=ground.album,
            bringer=Bringer(ground.album, fetcher, ground.policies),
            links=_links(ground, settings),
            public_url=settings.public_url,
            feed=Feed(bell),
        )


@asynccontextmanager
async def open_means(ground: Ground, settings: Settings, services: Services) -> AsyncIterator[Means]:
    """Open what the inbox's pages work with: what the API has, and what changes as it happens."""
    async with hearing_changes(settings.database_url, ground.pool, ground.clock) as changes:
        yield Means(
            pool=ground.pool,
            vault=ground.vault,
            clock=ground.clock,
            ids=ground.ids,
            times=ground.times,
            accept=services.accept,
            backlog=services.backlog,
            album=ground.album,
            links=services.links,
            bell=services.feed.bell,
            changes=changes,
            door=Doorkeeper(ground.pool, ground.clock, KnownBrowsers(ground.vault.deriving("known browsers"))),
            policies=ground.policies,
            examine=partial(examine_number, settings, ground.clock),
            public_url=settings.public_url,
            base_url=settings.base_url,
            handset_url=settings.handset_url,
            proxies=_proxies(settings),
            stopping=services.feed.stopping,
        )


def _allowance(settings: Settings) -> Allowance | None:
    if not settings.requests_per_second:
        return None
    return Allowance(settings.requests_per_second, settings.requests_at_once)


async def serve_app(app: Starlette, settings: Settings, stopping: asyncio.Event | None = None) -> None:
    """Serve `app` until told to stop; `stopping` is set then, for whatever would not end by itself."""
    server = _Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=_BACKLOG,
            timeout_graceful_shutdown=_DRAIN_SECONDS,
        )
    )

    async def leave_when_told() -> None:
        await _told_to_stop(settings.parent_pid)
        server.should_exit = True
        if stopping:
            stopping.set()

    leaving = asyncio.create_task(leave_when_told())
    await server.serve()
    leaving.cancel()


async def _api(settings: Settings) -> None:
    async with (
        open_ground(settings) as ground,
        open_services(ground, settings) as services,
        open_means(ground, settings, services) as means,
    ):
        app = create_app(services)
        app.router.routes.extend(create_inbox(means))
        with _metrics(settings.metrics_port):
            async with (
                pulse(ground.pool, ground.clock),
                services.keys.noting(),
                _watching(ground, settings, is_beating=False),
            ):
                await serve_app(app, settings, services.feed.stopping)


async def _worker(settings: Settings) -> None:
    async with AsyncExitStack() as stack:
        ground = await stack.enter_async_context(open_ground(settings))
        bell = await stack.enter_async_context(
            doorbell(settings.database_url, [*lanes.CHANNELS.values(), "picha_digest"])
        )
        opening = open_graph(doubted=ground.doubted, idle_s=settings.meta_idle_seconds)
        graph = await stack.enter_async_context(opening)
        fetcher = await stack.enter_async_context(Fetcher(at_once=32))
        bringer = Bringer(ground.album, fetcher, ground.policies)
        token_keys = ground.vault.deriving("callback tokens")
        watch = await stack.enter_async_context(_watching(ground, settings, is_beating=True))
        desk = Desk(
            Sendbook(ground.pool, PAIR_PACE, epoch=lambda: watch.known, hold=settings.order_hold),
            graph=graph,
            accounts=ground.book,
            times=ground.times,
            uploads=Uploads(ground.pool, ground.album.blobs, graph, ground.times, ground.clock),
            ids=ground.ids,
            token_keys=token_keys,
        )
        await stack.enter_async_context(desk.settlements)
        await stack.enter_async_context(desk.beginnings)
        mailroom = await stack.enter_async_context(_open_mailroom(ground, settings))
        stack.enter_context(_metrics(settings.worker_metrics_port))
        await stack.enter_async_context(pulse(ground.pool, ground.clock))
        backlog = Backlog(ground.pool, ground.clock, limit_s=settings.backlog_hours * 3600)
        accept = Accept(
            ground.pool, ground.clock, ground.ids, ground.times, backlog, falls_back=settings.use_default_sender
        )
        digest = Digest(ground.pool, bell, ground.times, ground.ids, token_keys=token_keys)
        workers: list[Keeper | Digest] = [
            _keeper(
                ground,
                bell,
                lanes.SEND,
                lambda lease: Dispatch(lease, desk),
                room=64,
                slots=_SENDS,
                may_work=watch.may_send,
            ),
            _keeper(
                ground,
                bell,
                lanes.PREPARE,
                lambda lease: Preparing(lease, bringer, settings.order_hold),
                room=16,
                slots=_FETCHES,
                may_work=watch.may_send,
            ),
            _keeper(
                ground,
                bell,
                lanes.BATCH,
                lambda lease: Batching(lease, ground.pool, accept, bringer, settings.order_hold),
                room=4,
                slots=_BATCHES,
                may_work=watch.may_send,
            ),
            _keeper(
                ground,
                bell,
                lanes.HEAR,
                lambda lease: Fetching(lease, ground.album, graph, ground.book),
                room=8,
                slots=_FETCHES,
            ),
            _keeper(
                ground,
                bell,
                lanes.TELL,
                lambda lease: Delivering(lease, mailroom),
                room=TELLS_EACH,
                slots=_TELLS,
                most=_TELLS,
            ),
            digest,
        ]
        logger("run").info("working")
        forgetting = Forgetting(ground.pool, ground.clock, Keep.of(settings))
        chores = [
            _confirm(ground, digest, watch),
            _sweep(ground),
            _forget(forgetting),
            catalogue.follow(ground.pool, graph, ground.book, ground.ids),
            counting.follow(ground.pool, ground.clock),
        ]
        await _work(workers, chores, desk, settings.parent_pid)
    logger("run").info("stopped")


def _keeper(
    ground: Ground,
    bell: Doorbell,
    kind: str,
    work: Callable[[Lease], Work],
    *,
    room: int,
    slots: int,
    most: int = 256,
    may_work: Callable[[], bool] = lambda: True,
) -> Keeper:
    leases = Leases(ground.pool, kind, ground.ids.uuid())
    return Keeper(leases, bell, ground.clock, work=work, room=room, slots=slots, most=most, may_work=may_work)


@asynccontextmanager
async def _open_mailroom(ground: Ground, settings: Settings) -> AsyncIterator[Mailroom]:
    async with (
        Fetcher(at_once=_TELLS, per_host=_TELLS, per_party=TELLS_EACH) as fetcher,
        settlements(ground.pool) as settled,
    ):
        yield Mailroom(
            pool=ground.pool,
            vault=ground.vault,
            clock=ground.clock,
            fetcher=fetcher,
            policies=ground.policies,
            links=_links(ground, settings),
            settlements=settled,
        )


def _watching(ground: Ground, settings: Settings, *, is_beating: bool) -> AbstractAsyncContextManager[Watch]:
    return watching(
        ground.pool, ground.album.blobs, ground.clock, is_beating=is_beating, is_told_restored=settings.restored
    )


async def _work(
    workers: Sequence[Keeper | Digest], chores: Sequence[Coroutine[None, None, None]], desk: Desk, parent: int
) -> None:
    """Run everything until told to stop, then let what flies land, but no longer than the drain time."""
    running = [asyncio.create_task(worker.run()) for worker in workers]
    beside = [asyncio.create_task(chore) for chore in chores]
    told = asyncio.create_task(_told_to_stop(parent))
    await asyncio.wait([told, *running], return_when=asyncio.FIRST_COMPLETED)
    desk.stopping.set()
    for worker in workers:
        worker.stop()
    _, late = await asyncio.wait(running, timeout=_DRAIN_SECONDS)
    for task in (*late, *beside, told):
        task.cancel()
    await asyncio.gather(*late, *beside, told, return_exceptions=True)
    for task in running:
        if not task.cancelled() and (error := task.exception()):
            raise error


async def _confirm(ground: Ground, digest: Digest, watch: Watch) -> None:
    """Look, every few seconds, after sends of which nobody knows what became, and those past their own time."""
    confirming = Confirming(ground.pool, ground.book, ground.times, may_go=watch.may_send)
    while True:
        await asyncio.sleep(_CONFIRM_SECONDS)
        if not watch.may_send():
            continue
        try:
            await witness.heard(ground.pool, digest.take_heard())
            await confirming.turn()
        except Exception as error:  # noqa: BLE001 - what stays unknown must be given up some day
            logger("run").warning("unknown sends looked after later", error=str(error))


async def _sweep(ground: Ground) -> None:
    """Let go, every minute and at most so much of it, of pictures that nobody refers to."""
    sweep = Sweep(ground.pool, ground.album.blobs, ground.clock)
    while True:
        await asyncio.sleep(_SWEEP_SECONDS)
        try:
            for _ in range(_SWEEP_PASSES):
                if not (await sweep.once()).is_full:
                    break
        except Exception as error:  # noqa: BLE001 - what nobody needs must go some day
            logger("run").warning("sweep put off", error=type(error).__name__)


async def _forget(forgetting: Forgetting) -> None:
    """Let go, every minute, of all that was kept long enough."""
    while True:
        await asyncio.sleep(_FORGET_SECONDS)
        await forgetting.all()


async def _told_to_stop(parent: int) -> None:
    """Return at SIGTERM or SIGINT, or when the process `parent` is no longer ours."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, told.set)
    while not await pause(told, _ORPHAN_POLL_SECONDS):
        if parent and os.getppid() != parent:
            return


@contextmanager
def _metrics(port: int) -> Iterator[None]:
    """Serve Prometheus metrics on a loopback listener of their own."""
    if not port:
        yield
        return
    server, thread = prometheus_client.start_http_server(port, addr="127.0.0.1")
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
