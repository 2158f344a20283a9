"""Make a thread with somebody who never wrote: a template is about to go there."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from picha.gateway.domain.admission import Sender, Thread
from picha.gateway.domain.people import Met
from picha.gateway.store.accepting import NEWEST
from picha.gateway.store.ledger.acquaint import acquaint
from picha.gateway.store.ledger.receive import threads as opened
from picha.gateway.store.pool import Connection, Pool, in_transaction
from picha.kit.ids import Ids

_THREADS = f"SELECT id, sender_id, contact_id, window_until, {NEWEST} FROM conversation WHERE id = ANY($1)"  # noqa: S608


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
        threads = {row[0]: Thread(*row) for row in await connection.fetch(_THREADS, list(made.values()))}
        return {
            (sender.id, phone): threads[made[sender.id, contact]]
            for (sender, phone), contact in zip(people, contacts, strict=True)
        }

    return await in_transaction(pool, work)
