"""Find or make the contact of each person in a batch, learn their addresses, and make two contacts one where they are.

People whom every address names alike cost one read. Only those that something is to be learnt of are locked.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from picha.gateway.domain.people import Address, Directory, Met
from picha.gateway.store.columns import columns
from picha.gateway.store.ledger import merge
from picha.gateway.store.pool import Connection
from picha.kit.ids import Ids

# Two workers that meet the same new person wait for each other here. There are 256 locks, so that a batch of people
# whom nobody knows does not use up the server's table of locks.
_LOCK = """
SELECT pg_advisory_xact_lock(key) FROM (
    SELECT DISTINCT 1000 + (hashtext(value) & 255) AS key FROM unnest($1::text[]) AS value ORDER BY key) AS keys
"""

# Looked up row by row: an index look-up each, whatever the planner believes of the table's size.
_OWNERS = """
SELECT place, (SELECT contact_id FROM contact_address AS known
    WHERE known.workspace_id = asked.workspace_id AND known.kind = asked.kind AND known.value = asked.value)
FROM unnest($1::uuid[], $2::text[], $3::text[]) WITH ORDINALITY AS asked (workspace_id, kind, value, place)
"""

_ABOUT = """
SELECT id, CASE WHEN phone IS NOT NULL THEN addressed_at END,
    ARRAY(SELECT DISTINCT account_id FROM contact_address WHERE contact_id = contact.id AND kind = 'bsuid')
FROM contact WHERE id = ANY($1::uuid[])
"""

_MAKE = """
INSERT INTO contact (id, workspace_id, phone, user_id, group_id, addressed_at, profile_name, identity_key_hash)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::text[],
    $8::text[])
"""

_TEACH = """
INSERT INTO contact_address (workspace_id, kind, value, contact_id, account_id)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::uuid[])
ON CONFLICT (workspace_id, kind, value) DO UPDATE SET contact_id = excluded.contact_id, account_id = excluded.account_id
"""

_DROP = """
DELETE FROM contact_address USING unnest($1::uuid[], $2::text[], $3::text[]) AS gone (workspace_id, kind, value)
WHERE contact_address.workspace_id = gone.workspace_id AND contact_address.kind = gone.kind
    AND contact_address.value = gone.value
"""

_LOSE = """
UPDATE contact SET phone = NULL FROM unnest($1::uuid[], $2::text[]) AS lost (id, phone)
WHERE contact.id = lost.id AND contact.phone = lost.phone
"""

# What was told last counts; what was told before fills what is empty.
_REACH = """
UPDATE contact SET
    phone = CASE WHEN contact.phone IS NULL OR addressed_at IS NULL OR addressed_at <= $2
        THEN coalesce($3, contact.phone) ELSE contact.phone END,
    user_id = CASE WHEN contact.user_id IS NULL OR addressed_at IS NULL OR addressed_at <= $2
        THEN coalesce($4, contact.user_id) ELSE contact.user_id END,
    group_id = coalesce(contact.group_id, $5), addressed_at = greatest(addressed_at, $2), updated_at = now()
WHERE id = $1
"""

# A name that is known is not written again.
_NAME = """
UPDATE contact SET profile_name = coalesce(name, profile_name), identity_key_hash = coalesce(hash, identity_key_hash),
    updated_at = now()
FROM unnest($1::uuid[], $2::text[], $3::text[]) AS taught (contact, name, hash)
WHERE id = contact AND (profile_name, identity_key_hash)
    IS DISTINCT FROM (coalesce(name, profile_name), coalesce(hash, identity_key_hash))
"""

_Names = dict[UUID, tuple[str | None, str | None]]


async def acquaint(connection: Connection, met: Sequence[Met], ids: Ids) -> list[UUID]:
    """Return the contact of each meeting, in order, inside the caller's transaction."""
    owners = await _owners(connection, met)
    if news := [one for one in met if _is_news(one, owners)]:
        await connection.execute(_LOCK, [value for one in news for _, _, value in (*one.now, *one.before)])
        learnt = await _studied(connection, met, ids)
        contacts = [learnt.meet(one) for one in met]
        contacts = [learnt.survivor(one) for one in contacts]
        names = _names(met, contacts)
        await _write(connection, learnt, names)
    else:
        contacts = [owners[one.now[0]] for one in met]
        names = _names(met, contacts)
    if names:
        await connection.execute(_NAME, *_columns(((contact, *names[contact]) for contact in sorted(names)), 3))
    return contacts


def _is_news(met: Met, owners: dict[Address, UUID]) -> bool:
    return bool(met.former) or len({owners.get(one) for one in met.now}) != 1 or met.now[0] not in owners


def _names(met: Sequence[Met], contacts: Sequence[UUID]) -> _Names:
    """Return the last name and identity hash that were heard of each contact of whom one was heard."""
    names: _Names = {}
    for one, contact in zip(met, contacts, strict=True):
        if one.name or one.key_hash:
            name, key_hash = names.get(contact, (None, None))
            names[contact] = one.name or name, one.key_hash or key_hash
    return names


async def _owners(connection: Connection, met: Sequence[Met]) -> dict[Address, UUID]:
    asked = list(dict.fromkeys(address for one in met for address in (*one.now, *one.before)))
    rows = await connection.fetch(_OWNERS, *_columns(asked, 3))
    return {asked[place - 1]: contact for place, contact in rows if contact is not None}


async def _studied(connection: Connection, met: Sequence[Met], ids: Ids) -> Directory:
    """Return what is known of the people met; to be asked when those are locked of whom something is to be learnt."""
    learnt = Directory(ids.uuid, await _owners(connection, met))
    for contact, phoned, accounts in await connection.fetch(_ABOUT, list(set(learnt.owners.values()))):
        learnt.users[contact] = set(accounts)
        if phoned:
            learnt.phoned[contact] = phoned
    return learnt


async def _write(connection: Connection, learnt: Directory, names: _Names) -> None:
    """Write what was learnt of people; takes out of `names` what it wrote of new ones."""
    first: dict[UUID, Met] = {}
    later: list[tuple[UUID, Met]] = []
    for contact, met in learnt.reached:
        if contact in learnt.made and contact not in first:
            first[contact] = met
        else:
            later.append((learnt.survivor(contact), met))
    made = [
        (contact, met.workspace, *_reach(met), met.at, *names.pop(contact, (None, None)))
        for contact, met in first.items()
    ]
    await connection.execute(_MAKE, *_columns(made, 8))
    for gone, survivor in learnt.merged.items():
        await merge.contacts(connection, survivor=learnt.survivor(survivor), gone=gone)
    if learnt.dropped:
        await connection.execute(_DROP, *_columns(sorted(learnt.dropped), 3))
    taught = [
        (*address, learnt.survivor(contact), account if address[1] == "bsuid" else None)
        for address, (contact, account) in sorted(learnt.taught.items())
    ]
    await connection.execute(_TEACH, *_columns(taught, 5))
    if learnt.lost:
        await connection.execute(_LOSE, *_columns(learnt.lost, 2))
    if later:
        await connection.executemany(_REACH, [(contact, met.at, *_reach(met)) for contact, met in later])


def _reach(met: Met) -> tuple[str | None, str | None, str | None]:
    """Return where a meeting says that somebody is reached: phone, user id, group."""
    return met.phone, met.addresses.get("bsuid"), met.addresses.get("group")


def _columns(rows: Iterable[tuple[Any, ...]], width: int) -> list[Sequence[object] | None]:
    """Turn rows into columns; no rows are as many columns of nothing."""
    return columns(rows) or [None] * width
