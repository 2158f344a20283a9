"""Tell customers what people wrote: once, and when its picture is there or is known not to come.

What becomes of sends is told by a trigger of the table `message` itself, so that no deed can forget it.
"""

# To be put after a statement `new`, whose rows are messages that came in or whose picture did.
TOLD = """
told AS (
    INSERT INTO event (workspace_id, environment, message_id, sequence, kind, occurred_at, provider_message_id)
    SELECT workspace_id, (SELECT environment FROM sender WHERE sender.id = new.sender_id), id, 1, 'received',
        created_at, provider_message_id
    FROM new WHERE NOT is_outbound AND image_state IS DISTINCT FROM 'pending' ORDER BY id
    RETURNING 1
)
"""
RING = "SELECT pg_notify('picha_event', '') FROM told LIMIT 1"
