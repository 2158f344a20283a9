"""Make a thread with somebody who never wrote: a template is about to go there."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from picha.gateway.domain.admission import Sender, Thread
from picha.gateway.domain.people import Met
from picha.gateway.store.ledger.acquaint import acquaint
from picha.gateway.store.ledger.receive import threads as opened
from picha.gateway.store.pool import Connection, Pool, in_transaction
from picha.kit.ids import Ids

_WINDOWS = "SELECT id, window_until FROM conversation WHERE id = ANY($1::uuid[])"


async def approach(
    pool: Pool, workspace: UUID, people: Sequence[tuple[Sender, str]], at: datetime, ids: Ids
) -> Mapping[tuple[UUID, str], Thread]:
    """Find or make the thread of each number and phone; return them by sender and phone.

    Until something is sent in it a thread stands in no list, so that one that was made in vain shows nowhere.
    """

    async def work(connection: Connection) -> Mapping[tuple[UUID, str], Thread]:
        met = [Met(workspace, sender.account_id, at, {"wa_id": phone}) for sender, phone in people]
        contacts = await acquaint(connection, met, ids)
        pairs = {(sender.id, contact): workspace for (sender, _), contact in zip(people, contacts, strict=True)}
        made = await opened(connection, pairs, ids)
        windows = {row[0]: row[1] for row in await connection.fetch(_WINDOWS, list(made.values()))}
        return {
            (sender.id, phone): Thread(thread := made[sender.id, contact], sender.id, contact, windows[thread])
            for (sender, phone), contact in zip(people, contacts, strict=True)
        }

    return await in_transaction(pool, work)
