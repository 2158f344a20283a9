"""The control API's part about webhooks: trouble on purpose, the log, and another delivery of what is in it."""

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from picha.sandbox.callbacks.postman import Postman
from picha.sandbox.callbacks.trouble import Trouble, Troubles
from picha.sandbox.control_words import asked, read, refused, told
from picha.sandbox.deliveries import SETTLED_MAX, Delivery
from picha.sandbox.ground import Ground
from picha.sandbox.manual.described import Found, described

_PAGE_MAX = 1000


class DeliveriesWish(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of the log."""

    limit: Annotated[int, Meta(ge=1, le=_PAGE_MAX)] = 100
    about: Annotated[str, Meta(description="Only what tells of this wamid.")] | None = None


class DeliveryLog(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Webhooks, newest first."""

    items: list[Delivery]
    forgotten: Annotated[
        int, Meta(description=f"How many were settled before the last {SETTLED_MAX:,}, as far as the journal tells.")
    ] = 0


class Redelivery(msgspec.Struct, frozen=True, kw_only=True):
    """The id of the new delivery."""

    id: str


class TroubleTold(msgspec.Struct, frozen=True, kw_only=True):
    """The trouble in force, with its seed; null when there is none."""

    trouble: Trouble | None


class WebhookControl:
    """Handlers of the control API about webhooks."""

    def __init__(self, ground: Ground, postman: Postman, troubles: Troubles) -> None:
        self._world, self._journal, self._chance, self._clock = ground
        self._postman = postman
        self._troubles = troubles

    def routes(self) -> list[Route]:
        """Return the routes about webhooks."""
        return [
            Route("/_sandbox/deliveries", self._list, methods=["GET"]),
            Route("/_sandbox/deliveries/{delivery_id}/redeliver", self._redeliver, methods=["POST"]),
            Route("/_sandbox/trouble", self._tell_trouble, methods=["GET"]),
            Route("/_sandbox/trouble", self._begin_trouble, methods=["POST"]),
            Route("/_sandbox/trouble", self._end_trouble, methods=["DELETE"]),
        ]

    @described(query=DeliveriesWish, answer=DeliveryLog)
    async def _list(self, request: Request) -> Response:
        """Show the log of webhooks, newest first: body, state and every try.

        It keeps what is owed, and the last 5,000 that are settled; `forgotten` is there when older ones are gone.
        """
        wish = asked(request, DeliveriesWish)
        if isinstance(wish, Response):
            return wish
        log = self._world.deliveries
        return told(DeliveryLog(items=log.newest(wish.limit, wish.about), forgotten=log.forgotten))

    @described(answer=Redelivery, status=202, found={"delivery_id": Found("get_deliveries", "/items/0/id")})
    async def _redeliver(self, request: Request) -> Response:
        """Owe a webhook once more, byte by byte, to the address that is claimed now; trouble does not touch it."""
        old = self._world.deliveries.find(request.path_params["delivery_id"])
        if old is None:
            return refused("there is no such delivery", 404)
        callback = self._world.callback(old.phone_number_id)
        again = msgspec.structs.replace(
            old,
            id=self._chance.digits(16),
            url=old.url if callback is None else callback.url,
            at=self._clock.now().timestamp(),
        )
        await self._journal.append(again)
        self._postman.post(again)
        return told(Redelivery(id=again.id), 202)

    @described(answer=TroubleTold)
    async def _tell_trouble(self, _request: Request) -> Response:
        """Tell which trouble is in force."""
        return told(TroubleTold(trouble=self._troubles.current))

    @described(
        body=Trouble,
        answer=TroubleTold,
        examples={
            "Half come twice, some never, in batches": {"batch": 10, "duplicate": 0.5, "drop": 0.1, "seed": "monday"},
            "Every first status overtakes its answer": {"early_status": True},
        },
    )
    async def _begin_trouble(self, request: Request) -> Response:
        """Spoil webhooks, in place of any trouble there was.

        The same seed and the same sends in the same order meet the same trouble. A restart ends it; the ledger holds
        what was accepted all the same.
        """
        wish = await read(request, Trouble)
        if isinstance(wish, Response):
            return wish
        begun = self._troubles.begin(wish)
        self._world.bell.ring("rules")
        return told(TroubleTold(trouble=begun))

    @described(status=204)
    async def _end_trouble(self, _request: Request) -> Response:
        """Let every webhook go well again."""
        self._troubles.end()
        self._world.bell.ring("rules")
        return Response(status_code=204)
