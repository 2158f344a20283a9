"""The control API's part about the whole: state out, state in, and the first day again."""

from starlette.background import BackgroundTask
from starlette.concurrency import iterate_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from picha.sandbox.blobs import chunks_of
from picha.sandbox.control_words import read, refused
from picha.sandbox.document import StateDocument, Unfit
from picha.sandbox.manual.described import described
from picha.sandbox.renewal import Renewal
from picha.sandbox.state import State

_EMPTY = {"version": 1, "record_count": 1, "chance": {"seed": "monday"}, "records": [], "media": {}}


class StateControl:
    """Handlers of the control API about the whole world."""

    def __init__(self, state: State, renewal: Renewal) -> None:
        self._state = state
        self._renewal = renewal

    def routes(self) -> list[Route]:
        """Return the routes about the whole world."""
        return [
            Route("/_sandbox/state", self._give, methods=["GET"]),
            Route("/_sandbox/state", self._take, methods=["PUT"]),
            Route("/_sandbox/reset", self._reset, methods=["POST"]),
        ]

    @described(answer=StateDocument)
    async def _give(self, _request: Request) -> Response:
        """Give the whole world as one document.

        People, windows, media with its bytes, ledger, statuses, callbacks, clock, what is owed, and where ids go on.
        """
        try:
            file = await self._state.export()
        except Unfit as why:
            return refused(str(why), 413)
        chunks = iterate_in_threadpool(chunks_of(file))
        return StreamingResponse(chunks, media_type="application/json", background=BackgroundTask(file.close))

    @described(body=StateDocument, status=204, examples={"A world where nothing has happened": _EMPTY})
    async def _take(self, request: Request) -> Response:
        """Go on with the world of a document in place of this one.

        It is on disk, whole, before the answer; a document that is none changes nothing. Credentials and accounts
        stay, faults and trouble end. Send nothing meanwhile.
        """
        document = await read(request, StateDocument)
        if isinstance(document, Response):
            return document
        try:
            await self._renewal.replace(document)
        except Unfit as why:
            return refused(str(why))
        return Response(status_code=204)

    @described(status=204)
    async def _reset(self, _request: Request) -> Response:
        """Begin the first day again.

        Seed, credentials and callbacks stay, and ids come as they came. Send nothing meanwhile.
        """
        await self._renewal.renew()
        return Response(status_code=204)
