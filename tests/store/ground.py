"""A workspace with one number, and shorthands for putting people, pictures and messages into it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from picha.gateway.domain.facts import MessageReceived, Person, StatusSeen
from picha.gateway.domain.outcomes import OnUnknown, Outcome
from picha.gateway.meta.limits import PAIR_PACE
from picha.gateway.store import files, lanes, outbox, tenants, views
from picha.gateway.store.files import File
from picha.gateway.store.lanes import Lease
from picha.gateway.store.ledger import receive, turns, witness
from picha.gateway.store.ledger.admit import NewSend, admit
from picha.gateway.store.ledger.begin import Beginning, begin
from picha.gateway.store.ledger.settle import Settlement, settle
from picha.gateway.store.pool import Pool, in_transaction, open_pool
from picha.gateway.store.tenants import App, NewAccount
from picha.gateway.store.vault import Vault
from picha.gateway.store.views import MessageView
from picha.kit.ids import Ids
from picha.kit.secrets import Secret

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
VAULT = Vault({"masterky": b"m" * 32})
PNID = "106540352242922"
ACCOUNT = NewAccount(
    environment="test",
    waba_id="102290129340398",
    meta_app_id="670843887433847",
    graph_url="http://127.0.0.1:9/v25.0",
    access_token=Secret("EAAtoken"),
    app_secret=Secret("secret"),
    verify_token=Secret("verify"),
)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


async def nothing() -> None:
    """Put no bytes anywhere."""


@dataclass
class Ground:
    pool: Pool
    app: App
    sender: UUID
    account: UUID
    ids: Ids = field(default_factory=Ids)

    async def customer_writes(
        self, phone: str = "16505551234", wamid: str = "wamid.IN1", *, image_state: str | None = "pending", **media: str
    ) -> int:
        message = MessageReceived(
            workspace_id=self.app.workspace_id,
            account_id=self.account,
            sender_id=self.sender,
            wamid=wamid,
            person=Person({"wa_id": phone, "phone": phone}, name="Sheena Nelson"),
            message_type="image",
            provider_at=NOON,
            received_at=NOON,
            window_until=NOON + timedelta(hours=24),
            caption="Taj Mahal",
            image_state=image_state,
            facts={"media": {"id": "1003383421387256", **media}},
        )
        return await in_transaction(self.pool, lambda connection: receive.messages(connection, [message], self.ids))

    async def picture(self) -> UUID:
        file = File(self.ids.uuid(), self.app.workspace_id, "test", b"d" * 32, "image/jpeg", 1000, 10, 10, NOON)
        await files.add(self.pool, file, nothing)
        return file.id

    async def send(
        self,
        *,
        file: UUID | None = None,
        media_url: str | None = None,
        phone: str = "16505551234",
        on_unknown: OnUnknown = "hold",
    ) -> UUID:
        message = await self.new_send(file=file, media_url=media_url, phone=phone, on_unknown=on_unknown)
        await admit(self.pool, [message])
        return message.id

    async def new_send(
        self,
        *,
        file: UUID | None = None,
        media_url: str | None = None,
        phone: str = "16505551234",
        priority: int = 0,
        on_unknown: OnUnknown = "hold",
    ) -> NewSend:
        thread = await self.pool.fetchrow(
            "SELECT conversation.id, contact_id FROM conversation JOIN contact_address USING (contact_id)"
            " WHERE kind = 'wa_id' AND value = $1",
            phone,
        )
        assert thread is not None
        return NewSend(
            id=self.ids.uuid(),
            workspace_id=self.app.workspace_id,
            conversation_id=thread["id"],
            sender_id=self.sender,
            contact_id=thread["contact_id"],
            app_id=self.app.app_id,
            caption="Your receipt",
            media_url=media_url,
            file_id=None if media_url else file or await self.picture(),
            is_link=False,
            image_policy="auto",
            reply_to=None,
            client_reference=None,
            recipient_identity_key_hash=None,
            expires_at=None,
            created_at=NOON,
            priority=priority,
            on_unknown=on_unknown,
        )

    async def another_number(self, phone_number_id: str) -> "Ground":
        """Return the same ground, seen from another number of the account."""
        await tenants.put_account(
            self.pool, VAULT, self.ids, self.app, ACCOUNT, phone_number_id=phone_number_id, display_number="+1 555-1"
        )
        query = "SELECT id FROM sender WHERE phone_number_id = $1"
        return replace(self, sender=await self.pool.fetchval(query, phone_number_id))

    async def may_go(self) -> list[UUID]:
        """Return what may be sent now; threads in which nothing may go rest from here on, as a lane lets them."""
        sends, idle = await outbox.sends(self.pool, self.sender, busy=[], most=50)
        await turns.rest(self.pool, self.sender, idle, PAIR_PACE)
        return [one.id for one in sends]

    async def lease(self, kind: str = lanes.SEND) -> Lease:
        taken = await lanes.take(self.pool, kind, self.ids.uuid(), most=10)
        assert len(taken) == 1
        return taken[0]

    async def begin(self, lease: Lease, message: UUID, *, media_id: str | None = "1003383421387256") -> UUID:
        attempt = self.ids.uuid()
        assert await begin(self.pool, [Beginning(lease, message, attempt, media_id)]) == [True]
        return attempt

    async def settle(
        self, message: UUID, attempt: UUID, outcome: Outcome, again_after: timedelta = timedelta(0)
    ) -> bool:
        """Settle, and tell whether the message turned out to be at Meta twice."""
        (is_doubled,) = await settle(self.pool, [Settlement(message, attempt, outcome, again_after)], PAIR_PACE)
        return is_doubled

    async def time_passes(self, length: timedelta) -> None:
        """Move what was begun and what is waited for so far into the past."""
        await self.pool.execute(
            "UPDATE message SET due_at = due_at - $1::interval, held_until = held_until - $1::interval", length
        )
        await self.pool.execute(
            "UPDATE pair SET next_due = next_due - $1::interval, opens_at = opens_at - $1::interval", length
        )
        await self.pool.execute("UPDATE decision SET at = at - $1::interval", length)
        await self.pool.execute(
            "UPDATE attempt SET started_at = started_at - $1::interval, finished_at = finished_at - $1::interval",
            length,
        )

    async def meta_is_heard(self) -> None:
        """Let a status of some other message come in now."""
        await witness.heard(self.pool, {self.sender: await self.pool.fetchval("SELECT clock_timestamp()")})

    async def story(self, message: UUID) -> list[str]:
        """Return what happened to a message, in order: `started`, outcomes, statuses, decisions."""
        return [moment.what for moment in await views.story(self.pool, message)]

    async def meta_says(
        self, wamid: str, *statuses: str, code: int = 0, attempt: UUID | None = None, seconds: float = 0
    ) -> int:
        """Let statuses of a message come in, and tell how many messages turned out to be at Meta twice."""
        seen = [
            StatusSeen(
                workspace_id=self.app.workspace_id,
                sender_id=self.sender,
                wamid=wamid,
                status=status,
                provider_at=at(seconds + n),
                received_at=at(seconds + n),
                code=code,
                title="Media upload error" if code else "",
                detail="It could not be read." if code else "",
                attempt=attempt,
            )
            for n, status in enumerate(statuses)
        ]
        return await in_transaction(self.pool, lambda connection: witness.statuses(connection, seen))

    async def see(self, message: UUID) -> MessageView:
        view = await views.message(self.pool, self.app.workspace_id, "test", message)
        assert view is not None
        return view


@asynccontextmanager
async def open_ground(dsn: str) -> AsyncIterator[Ground]:
    ids = Ids()
    async with open_pool(dsn) as pool:
        app = await tenants.add_workspace(pool, ids, "Shop")
        await tenants.put_account(
            pool, VAULT, ids, app, ACCOUNT, phone_number_id=PNID, display_number="+1 555-078-3881"
        )
        sender = await pool.fetchval("SELECT id FROM sender")
        yield Ground(pool, app, sender, await pool.fetchval("SELECT id FROM account"), ids)
