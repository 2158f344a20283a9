"""The tell lane: one webhook's deliveries, posted until each is answered 2xx or its tries are used up.

Nothing is recorded before a try, so one whose worker died is made again: under the same id, by which a receiver knows
it. No transaction is open while the socket is.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from uuid import UUID

from picha.egress import Answered, EgressError, Fetcher, Policies, Policy
from picha.gateway.domain.lane import Due
from picha.gateway.domain.rest import Landing
from picha.gateway.domain.retry import tell_again
from picha.gateway.metrics import DELIVERIES, DELIVERY_SECONDS, ENDPOINTS_DISABLED
from picha.gateway.store import deliveries, endpoints
from picha.gateway.store.deliveries import Tellable, Told
from picha.gateway.store.endpoints import Endpoint
from picha.gateway.store.group import GroupCommit
from picha.gateway.store.lanes import Lease
from picha.gateway.store.pool import Pool
from picha.gateway.store.vault import Vault
from picha.gateway.telling.composing import compose
from picha.gateway.telling.links import Links
from picha.gateway.telling.signing import signed
from picha.kit.clock import Clock
from picha.kit.crashpoints import crashpoint
from picha.kit.ids import chance
from picha.kit.logs import logger

TELLS_EACH = 16
"""How many calls one webhook has under way in one process."""

TOTAL_S = 15.0
ANSWER_MAX_BYTES = 128 * 1024
_MOST = 64
_GONE = 410
_DELAY_MAX_DIGITS = 9


def post_policy(policy: Policy) -> Policy:
    """Return how a webhook may be posted to where pictures may be fetched under `policy`."""
    return replace(policy, max_redirects=0, first_byte_s=TOTAL_S, total_s=TOTAL_S, max_bytes=ANSWER_MAX_BYTES)


@dataclass(frozen=True, slots=True)
class Mailroom:
    """What the tell lanes of one process share: the way out, and the commit of what became of tries."""

    pool: Pool
    vault: Vault
    clock: Clock
    fetcher: Fetcher
    policies: Policies
    links: Links
    settlements: GroupCommit[Told, None]
    chance: Callable[[], float] = chance


def settlements(pool: Pool) -> GroupCommit[Told, None]:
    """Return the group commit of what became of tries; who was disabled is logged and counted."""

    async def settle(told: Sequence[Told]) -> Sequence[None]:
        for endpoint, why in (await deliveries.settle(pool, told)).items():
            ENDPOINTS_DISABLED.labels(why).inc()
            logger("telling").warning("a webhook is not called any more", id=str(endpoint), why=why)
        return [None] * len(told)

    return GroupCommit(settle)


@dataclass(slots=True)
class Delivering:
    """The work of one webhook's tell lane."""

    lease: Lease
    mailroom: Mailroom
    _endpoint: Endpoint | None = field(default=None, init=False)

    async def opened(self) -> None:
        """Nothing to clean up: a delivery that was cut off is simply made again."""

    async def due(self, busy: Iterable[UUID]) -> Sequence[Due]:
        """Return the deliveries that are due the longest, unless the webhook is gone or disabled."""
        mailroom = self.mailroom
        self._endpoint = await endpoints.opened(mailroom.pool, mailroom.vault, self.lease.key)
        if self._endpoint is None:
            return ()
        found = await deliveries.due(mailroom.pool, self._endpoint, busy=busy, most=_MOST)
        return [Due(_piece(one), one.thread, (self._endpoint, one)) for one in found]

    async def perform(self, piece: Due) -> Landing:
        """Post one event, and record what came back."""
        endpoint: Endpoint
        due: Tellable
        endpoint, due = piece.load
        if self._endpoint is None:
            return Landing.MUTE  # it was disabled since
        mailroom = self.mailroom
        event = compose(due.event, mailroom.links, workspace=endpoint.workspace_id, app=endpoint.app_id)
        if event is None:
            await deliveries.drop(mailroom.pool, endpoint.id, due.event_seq)
            return Landing.MUTE
        body, headers = signed(event, endpoint, mailroom.clock.now())
        began = mailroom.clock.monotonic()
        answer = await self._post(endpoint, body, headers)
        took_s = mailroom.clock.monotonic() - began
        crashpoint("tell_after_answer")
        told = judge(endpoint, due, answer, took_s, now=mailroom.clock.now(), chance=mailroom.chance())
        result = "again" if told.status == "pending" else told.status
        DELIVERIES.labels(result).inc()
        DELIVERY_SECONDS.observe(took_s)
        if told.error:
            logger("telling").info("a delivery did not arrive", webhook=str(endpoint.id), result=result, why=told.error)
        await mailroom.settlements.submit(told)
        crashpoint("tell_after_settle")
        # Every delivery has times of its own, so the lane does not rest for those that fail.
        return Landing.MUTE

    async def _post(self, endpoint: Endpoint, body: bytes, headers: dict[str, str]) -> Answered | EgressError:
        policy = post_policy(self.mailroom.policies.of(endpoint.environment))
        try:
            return await self.mailroom.fetcher.post(endpoint.url, body, headers, policy, party=endpoint.id)
        except EgressError as error:
            return error


def judge(
    endpoint: Endpoint, due: Tellable, answer: Answered | EgressError, took_s: float, *, now: datetime, chance: float
) -> Told:
    """Say what an answer means for its delivery: it arrived with any 2xx, and is tried again after anything else."""
    told = Told(
        endpoint=endpoint.id,
        url=endpoint.url,
        event_seq=due.event_seq,
        status="failed",
        step=due.step + 1,
        took_ms=round(took_s * 1000),
    )
    if isinstance(answer, Answered):
        told = replace(told, answer_status=answer.status, answer_body=answer.body)
        if 200 <= answer.status < 300:  # noqa: PLR2004 - the class of statuses that say yes
            return replace(told, status="delivered")
        told = replace(told, error=_sentence(answer.status), is_gone=answer.status == _GONE)
    else:
        told = replace(told, error=f"{answer.detail}.")
    asked_for = _delay(answer.retry_after, now) if isinstance(answer, Answered) else None
    again_after = tell_again(due.step + 1, chance=chance, asked_for=asked_for)
    return replace(told, status="failed" if again_after is None else "pending", again_after=again_after)


def _sentence(status: int) -> str:
    if 300 <= status < 400:  # noqa: PLR2004 - the class of statuses that point elsewhere
        return f"The server answered {status}: redirects are not followed, so register the address that it points to."
    if status == _GONE:
        return "The server answered 410: it wants no more, so the webhook was disabled."
    return f"The server answered {status}; any 2xx says that it arrived."


def _delay(retry_after: str | None, now: datetime) -> timedelta | None:
    """Return for how long to wait by `Retry-After`, in seconds or as a date; None where it is neither."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=int(text[:_DELAY_MAX_DIGITS]))
    try:
        until = parsedate_to_datetime(text)
        return max(timedelta(), (until if until.tzinfo else until.replace(tzinfo=UTC)) - now)
    except (ValueError, OverflowError):
        return None


def _piece(due: Tellable) -> UUID:
    """Return the id of a piece of the lane; in a webhook's lane the event names it."""
    return UUID(int=due.event_seq)
