"""Composes a sandbox and runs it: home, journal and world, then what acts on them, then the door."""

import asyncio
import contextlib
import dataclasses
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import aiohttp
import msgspec
from starlette.applications import Starlette
from starlette.types import ASGIApp

from picha.cloudapi.limits import IMAGE_MAX_BYTES
from picha.egress import TEST, Fetcher
from picha.kit import filelock
from picha.kit.clock import SystemClock
from picha.kit.ids import base62
from picha.kit.logs import logger
from picha.sandbox import first_day, front, pages
from picha.sandbox.accounts import DEFAULT, Accounts, settled
from picha.sandbox.album import Album
from picha.sandbox.asides import Asides
from picha.sandbox.blobs import Blobs
from picha.sandbox.callbacks.mailbag import Mailbag
from picha.sandbox.callbacks.postman import Postman
from picha.sandbox.callbacks.trouble import Troubles
from picha.sandbox.chance import Chance
from picha.sandbox.clock import SandboxClock
from picha.sandbox.conduct import Conduct
from picha.sandbox.control import Control
from picha.sandbox.control_door import ControlDoor
from picha.sandbox.control_handset import HandsetControl
from picha.sandbox.control_inbound import InboundControl
from picha.sandbox.control_live import LiveControl
from picha.sandbox.control_people import PeopleControl
from picha.sandbox.control_state import StateControl
from picha.sandbox.control_webhooks import WebhookControl
from picha.sandbox.control_words import SAYINGS
from picha.sandbox.courier import Courier
from picha.sandbox.credentials import APP_ID, Credentials, derive
from picha.sandbox.faults import Faults
from picha.sandbox.graph.account import Business
from picha.sandbox.graph.admission import Admission
from picha.sandbox.graph.block_list import BlockList
from picha.sandbox.graph.face import Face, handlers
from picha.sandbox.graph.media import Media
from picha.sandbox.graph.messages import Messages
from picha.sandbox.ground import Ground
from picha.sandbox.groups import Groups
from picha.sandbox.handset import Handset
from picha.sandbox.handset_page import handset_page
from picha.sandbox.happenings import Happening, OfSend
from picha.sandbox.journal import Journal, replay
from picha.sandbox.links import Links
from picha.sandbox.manual.routes import Manual
from picha.sandbox.media_urls import MediaUrls
from picha.sandbox.pace import Limits
from picha.sandbox.people import People
from picha.sandbox.ready import Ready, ReadyNumber
from picha.sandbox.records import AccountsNamed, Born
from picha.sandbox.renewal import Renewal, Work
from picha.sandbox.screens import Screens
from picha.sandbox.settings import Settings
from picha.sandbox.shelf import Shelf
from picha.sandbox.state import State
from picha.sandbox.switches import Switchboard
from picha.sandbox.world import World

_LAST_STATUSES = ("read", "failed")
# A sandbox that was just told to stop may hold the home a moment longer.
_LOCK_PATIENCE_S = 5
_log = logger("sandbox")


async def serve(settings: Settings, on_ready: Callable[[Ready], None], stop: asyncio.Event) -> None:
    """Run a sandbox until `stop` is set; `on_ready` is called once, when it answers.

    Raises:
        HeldByOtherError: another sandbox runs on this home.
        JournalDamaged: the journal was changed by something else than a crash.
        OSError: the port is taken or the home cannot be written.
    """
    async with contextlib.AsyncExitStack() as stack:
        home = stack.enter_context(_home(settings))
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        stack.enter_context(filelock.held(home / "lock", patience_s=_LOCK_PATIENCE_S, on_wait=_tell_wait))
        door = stack.enter_context(front.listening(settings.host, settings.port))
        app, ready = await stack.enter_async_context(_composed(settings, home, door, stop))
        await front.run(app, door, stop, lambda: on_ready(ready))


def _tell_wait(why: filelock.HeldByOtherError) -> None:
    _log.warning(f"{why}; waiting {_LOCK_PATIENCE_S} seconds for it to end")


@contextlib.contextmanager
def _home(settings: Settings) -> Iterator[Path]:
    if settings.home is not None:
        yield settings.home
        return
    with tempfile.TemporaryDirectory(prefix="picha-sandbox-") as folder:
        yield Path(folder)


@contextlib.asynccontextmanager
async def _composed(
    settings: Settings, home: Path, door: socket.socket, stop: asyncio.Event
) -> AsyncIterator[tuple[ASGIApp, Ready]]:
    base_url = front.base_url(settings.host, door)
    async with contextlib.AsyncExitStack() as stack:
        ground, ours = await _ground(stack, settings, home)
        control_token = settings.control_token or (None if front.is_loopback(door) else ours.control_token)
        session = await stack.enter_async_context(_session())
        fetcher = await stack.enter_async_context(Fetcher(dataclasses.replace(TEST, max_bytes=IMAGE_MAX_BYTES)))
        switchboard = Switchboard(settings.switches)
        postman = Postman(ground, session, ours.app_secret, switchboard)
        stack.push_async_callback(postman.close)
        troubles = Troubles(ground.chance)
        mailbag = Mailbag(ground, postman, troubles)
        stack.push_async_callback(mailbag.close)
        blobs = Blobs(home / "media")
        links = Links(fetcher, blobs, ground.clock)
        stack.push_async_callback(links.close)
        screens = Screens()
        courier = Courier(
            ground,
            mailbag,
            troubles,
            links,
            switchboard,
            screens=screens,
            ladder=settings.ladder,
            dialect=settings.dialect,
        )
        stack.push_async_callback(courier.close)
        state = State(ground, blobs, home)
        state.watch()
        stack.push_async_callback(state.close)
        shelf = Shelf(blobs, ground.clock)
        urls = MediaUrls(base_url, ours.app_secret)
        album = Album(ground, shelf, urls, fetcher)
        conduct = Conduct(ground, mailbag, courier, dialect=settings.dialect)
        people = People(ground, album, mailbag, conduct, switchboard, dialect=settings.dialect)
        faults = Faults(ground.chance)
        limits = Limits(is_on=settings.limits)
        ground.world.chronicle.listeners.add(_counting(limits, ground.clock))
        answering = handlers(
            Messages(ground, limits, switchboard, has_window=settings.window),
            Media(ground, blobs, urls, limits, switchboard),
            Business(ground, session, ours, limits, switchboard),
            BlockList(ground),
        )
        admission = Admission(ground.world, ours)
        face = Face(answering, courier, faults, ground, admission, switchboard=switchboard)
        await first_day.claim(ground, settings.callback, ours)
        _go_on(ground.world, postman, courier)
        await first_day.begin(ground, shelf, people)
        ready = _ready(base_url, ours, ground.world.accounts, control_token)
        asides = Asides(ground, album, mailbag, dialect=settings.dialect)
        work = Work(
            working=(courier, mailbag, postman, links),
            rules=(faults.remove, troubles.end, limits.clear, switchboard.restore),
            take_up=lambda: _go_on(ground.world, postman, courier),
        )
        controls = (
            Control(ground, faults, switchboard),
            InboundControl(people, asides, Groups(ground)),
            StateControl(state, Renewal(ground, shelf, people, state, work)),
            PeopleControl(conduct),
            HandsetControl(Handset(ground.world, blobs), blobs),
            WebhookControl(ground, postman, troubles),
            LiveControl(ground.world, conduct, screens, stop),
        )
        shown = (*pages.routes(ready), *handset_page(ready, ground.world.accounts, settings.inbox_url))
        routes = [*(route for some in controls for route in some.routes()), *shown]
        own = Starlette(routes=[*routes, *Manual(ready, routes).routes()], exception_handlers=SAYINGS)
        yield front.Front(ControlDoor(own, control_token), face), ready


async def _ground(stack: contextlib.AsyncExitStack, settings: Settings, home: Path) -> tuple[Ground, Credentials]:
    """Bring the world back from its journal, or begin one."""
    clock = SandboxClock(SystemClock())
    world = World(clock)
    for record in replay(home / "journal.jsonl"):
        world.apply(record)
    journal = Journal(home / "journal.jsonl", world.apply)
    stack.push_async_callback(journal.close)
    seed = await _seed(settings, world, journal)
    ours = derive(seed, settings.verify_token)
    chance = Chance(seed)
    chance.put(world.chance())
    if settings.accounts not in (None, world.named):
        # After the place of chance is taken: the ids of a first day are those of a sandbox without this line.
        await journal.append(AccountsNamed(accounts=settings.accounts or ()))
    world.accounts = settled(world.named or (DEFAULT,), seed, ours.access_token)
    return Ground(world, journal, chance, clock), ours


async def _seed(settings: Settings, world: World, journal: Journal) -> str:
    if world.seed is None:
        await journal.append(Born(seed=settings.seed or base62(32)))
    elif settings.seed not in (None, world.seed):
        _log.warning("this home keeps the seed it was made with")
    return world.seed or ""


def _session() -> aiohttp.ClientSession:
    # The postman has a bound for each address: one for the host would let an address that hangs hold up another there.
    connector = aiohttp.TCPConnector(limit=0, limit_per_host=0)
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)


def _go_on(world: World, postman: Postman, courier: Courier) -> None:
    """Take up what is left to do: webhooks that are owed, sends that are under way.

    A webhook whose address nobody claims any more goes to the one that is claimed now.
    """
    claimed = {callback.url for callback in world.callbacks.values()}
    for owed in world.owed.values():
        current = world.callback(owed.phone_number_id)
        url = owed.url if owed.url in claimed or current is None else current.url
        postman.post(msgspec.structs.replace(owed, url=url))
    for wamid, send in world.sends.items():
        if send.status not in _LAST_STATUSES:
            courier.begin(wamid)


def _counting(limits: Limits, clock: SandboxClock) -> Callable[[Happening | OfSend], None]:
    """Return a listener that counts what people write among a number's messages of a second."""

    def count(happening: Happening | OfSend) -> None:
        if happening.event == "inbound":
            limits.hear(happening.phone_number_id, clock.monotonic())

    return count


def _ready(base_url: str, ours: Credentials, business: Accounts, control_token: str | None) -> Ready:
    numbers = tuple(
        ReadyNumber(
            phone_number_id=number.phone_number_id,
            waba_id=number.waba_id,
            display_phone_number=number.display_phone_number,
            access_token=account.access_token,
        )
        for account in business.all
        for number in account.numbers
    )
    return Ready(
        base_url=base_url,
        access_token=numbers[0].access_token,
        phone_number_id=numbers[0].phone_number_id,
        waba_id=numbers[0].waba_id,
        app_id=APP_ID,
        app_secret=ours.app_secret,
        verify_token=ours.verify_token,
        control_url=f"{base_url}/_sandbox",
        handset_url=f"{base_url}/handset",
        control_token=control_token,
        numbers=numbers,
    )
