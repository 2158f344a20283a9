"""Write down what was decided about messages, for their timelines."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from picha.gateway.domain.decisions import Kind
from picha.gateway.store.pool import Connection

_NOTE = """
INSERT INTO decision (message_id, kind, code, detail)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[])
"""


@dataclass(frozen=True, slots=True)
class Decision:
    """One thing that was decided about a message without moving it; `detail` is a sentence for its timeline."""

    message: UUID
    kind: Kind
    code: str | None = None
    detail: str | None = None


async def note(connection: Connection, decisions: Sequence[Decision]) -> None:
    """Append decisions inside the caller's transaction."""
    if decisions:
        await connection.execute(
            _NOTE,
            [one.message for one in decisions],
            [one.kind for one in decisions],
            [one.code for one in decisions],
            [one.detail for one in decisions],
        )
