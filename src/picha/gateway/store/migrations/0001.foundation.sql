-- The foundation: tenants, people, messages with their attempts and evidence, raw webhooks, files and lanes.

-- Who owns what. Everything below leads with workspace_id, so that it can be spread by workspace one day.
CREATE TABLE workspace (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    -- How many messages it may send a day and a month, by UTC; null for any number.
    per_day integer CHECK (per_day >= 0),
    per_month integer CHECK (per_month >= 0),
    -- How much of a busy worker it has beside others, each of which has as many shares as its own weight says.
    weight smallint NOT NULL DEFAULT 1 CHECK (weight BETWEEN 1 AND 100),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX workspace_of_weight ON workspace (weight) WHERE weight <> 1;

CREATE TABLE app (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspace,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Only the SHA-256 of a key is kept; public_id finds the row without it. A key that was rotated ends by itself at
-- expires_at; until then it and its heir have one name. What they may send a day and a month is counted for both, under
-- the id of the first of their line.
CREATE TABLE api_key (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspace,
    app_id uuid NOT NULL REFERENCES app,
    environment text NOT NULL CHECK (environment IN ('test', 'live')),
    public_id text NOT NULL UNIQUE,
    digest bytea NOT NULL,
    name text NOT NULL DEFAULT '',
    scopes text[] NOT NULL DEFAULT '{send,read,manage}' CHECK (scopes <@ '{send,read,manage}' AND scopes <> '{}'),
    line uuid NOT NULL,
    per_day integer CHECK (per_day >= 0),
    per_month integer CHECK (per_month >= 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    -- To the minute.
    last_used_at timestamptz
);
CREATE INDEX api_key_of_app ON api_key (app_id);

-- One WhatsApp business account at Meta, or at a sandbox. The secrets are sealed (AES-256-GCM). While an app secret is
-- rotated, the previous one verifies webhooks too, until its time.
CREATE TABLE account (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspace,
    environment text NOT NULL CHECK (environment IN ('test', 'live')),
    waba_id text NOT NULL,
    meta_app_id text NOT NULL,
    graph_url text NOT NULL,
    access_token bytea NOT NULL,
    app_secret bytea NOT NULL,
    previous_app_secret bytea,
    previous_until timestamptz,
    verify_token bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (workspace_id, environment, waba_id)
);

-- A business phone number that sends and receives.
CREATE TABLE sender (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspace,
    account_id uuid NOT NULL REFERENCES account,
    environment text NOT NULL CHECK (environment IN ('test', 'live')),
    phone_number_id text NOT NULL,
    display_number text NOT NULL,
    label text NOT NULL DEFAULT '',
    is_default boolean NOT NULL DEFAULT false,
    is_active boolean NOT NULL DEFAULT true,
    image_policy text NOT NULL DEFAULT 'auto' CHECK (image_policy IN ('auto', 'strict')),
    -- How many messages a second Meta lets it send.
    per_second real NOT NULL DEFAULT 80 CHECK (per_second > 0),
    -- While this is set nothing is sent from it; paused_for is `operator`, or `token` when Meta refused the token.
    paused_at timestamptz,
    paused_for text CHECK (paused_for IN ('operator', 'token')),
    -- When a status of one of its messages last came in: silence about others means something only since then.
    heard_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (environment, phone_number_id)
);
CREATE INDEX sender_of_workspace ON sender (workspace_id);

-- A template as Meta told of it last. body, header (its kind), is_named and others (places that are not the body's) are
-- read off its components; one that Meta tells of no more is kept, as what was sent with it is, and marked.
CREATE TABLE template (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspace,
    account_id uuid NOT NULL REFERENCES account,
    provider_id text NOT NULL,
    name text NOT NULL,
    language text NOT NULL,
    status text NOT NULL,
    category text NOT NULL,
    is_named boolean NOT NULL,
    body text NOT NULL,
    header text,
    others boolean NOT NULL,
    components jsonb NOT NULL,
    quality text,
    rejected_for text,
    is_deleted boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    approved_at timestamptz,
    last_sent_at timestamptz,
    UNIQUE (account_id, name, language)
);
CREATE INDEX template_of_workspace ON template (workspace_id, name);

-- A person, or a group. phone (digits) and user_id are where they are reached now, as told at addressed_at.
CREATE TABLE contact (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspace,
    phone text,
    user_id text,
    group_id text,
    addressed_at timestamptz,
    profile_name text,
    identity_key_hash text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- Every address by which a contact is found: wa_id, a phone that differs from it, a business-scoped user id (with the
-- account through which it was told), or a group's id.
CREATE TABLE contact_address (
    workspace_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('phone', 'wa_id', 'bsuid', 'group')),
    value text NOT NULL,
    contact_id uuid NOT NULL REFERENCES contact,
    account_id uuid,
    PRIMARY KEY (workspace_id, kind, value)
);
CREATE INDEX contact_address_of_contact ON contact_address (contact_id);

-- A thread: one sender and one contact. window_until is when the customer's 24 hours end. A thread that was deleted lives
-- again when the customer writes; what it had up to the message cleared_upto stays out of lists.
CREATE TABLE conversation (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    sender_id uuid NOT NULL REFERENCES sender,
    contact_id uuid NOT NULL REFERENCES contact,
    window_until timestamptz,
    unread_count integer NOT NULL DEFAULT 0,
    last_message_at timestamptz,
    deleted_at timestamptz,
    cleared_upto uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (contact_id, sender_id)
);
-- A list of a number's threads is read in the order of one of these and ends where the page ends. Each says what
-- its own list alone asks for, so that it is taken for nothing else, whatever the planner believes of the table.
CREATE INDEX conversation_recent ON conversation (sender_id, last_message_at DESC, id DESC)
    WHERE deleted_at IS NULL AND last_message_at IS NOT NULL;
CREATE INDEX conversation_unread ON conversation (sender_id, last_message_at DESC, id DESC)
    WHERE deleted_at IS NULL AND unread_count > 0;
CREATE INDEX conversation_open ON conversation (sender_id, window_until DESC)
    WHERE deleted_at IS NULL AND window_until IS NOT NULL;

-- Ids that conversations had before their two contacts turned out to be one person.
CREATE TABLE conversation_alias (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    conversation_id uuid NOT NULL REFERENCES conversation
);
CREATE INDEX conversation_alias_of_conversation ON conversation_alias (conversation_id);

-- Bytes that lie in the blob store, or are about to. born tells one life of them from the next; sweep_at says when to look
-- whether a file still names them, doomed_at since when they are being deleted.
CREATE TABLE blob (
    digest bytea PRIMARY KEY,
    born bigint GENERATED ALWAYS AS IDENTITY,
    sweep_at timestamptz,
    doomed_at timestamptz
);
CREATE INDEX blob_to_sweep ON blob (sweep_at) WHERE sweep_at IS NOT NULL;

-- A picture the workspace may name by file_id. Bytes lie in the blob store under their digest. A file that
-- expired lies here as long as a message refers to it; sweep_at says when to look whether one does: a message that lets
-- go of its picture brings that look forward.
CREATE TABLE file (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    -- That of the key that brought it, or of the number that it was sent to.
    environment text NOT NULL CHECK (environment IN ('test', 'live')),
    digest bytea NOT NULL,
    mime_type text NOT NULL,
    size_bytes bigint NOT NULL,
    width integer,
    height integer,
    changes jsonb NOT NULL DEFAULT '[]',
    -- What it was before it was changed: {mime_type, size_bytes, width, height}.
    came jsonb,
    -- What is worth knowing and keeps it from nothing: [{code, message}].
    notes jsonb NOT NULL DEFAULT '[]',
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    -- Whether WhatsApp takes the bytes as they are: what customers sent, and kept originals, may be anything.
    is_fit boolean NOT NULL,
    original_id uuid,
    sweep_at timestamptz NOT NULL
);
CREATE INDEX file_of_workspace ON file (workspace_id, id);
CREATE INDEX file_of_digest ON file (digest);
CREATE INDEX file_to_sweep ON file (sweep_at);

-- Meta's id for bytes we uploaded, per number. It lives 30 days there.
CREATE TABLE uploaded_media (
    sender_id uuid NOT NULL REFERENCES sender,
    digest bytea NOT NULL,
    workspace_id uuid NOT NULL,
    media_id text NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (sender_id, digest)
);
CREATE INDEX uploaded_media_to_forget ON uploaded_media (expires_at);

-- One message, either way; is_echo marks what the business sent from its own phone. Other outbound rows are the outbox:
-- due_at says when the lane that owns the phase looks again. One that a person sent from the inbox has person_id and no app.
CREATE TABLE message (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    conversation_id uuid NOT NULL REFERENCES conversation,
    sender_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    app_id uuid,
    person_id uuid,
    batch_id uuid,
    is_outbound boolean NOT NULL,
    is_echo boolean NOT NULL DEFAULT false,
    message_type text NOT NULL,
    phase text NOT NULL CHECK (phase IN
        ('image_wait', 'queued', 'sending', 'unknown', 'submitted', 'failed', 'cancelled', 'received')),
    status text NOT NULL CHECK (status IN ('pending', 'sent', 'delivered', 'read', 'failed', 'received')),
    due_at timestamptz,
    -- Until when what follows in its conversation waits for it, once it was started or waits for its picture.
    held_until timestamptz,
    priority smallint NOT NULL DEFAULT 0,
    tries smallint NOT NULL DEFAULT 0,
    attempts smallint NOT NULL DEFAULT 0,
    on_unknown text NOT NULL DEFAULT 'hold' CHECK (on_unknown IN ('hold', 'resend')),
    -- what it says
    caption text,
    media_url text,
    file_id uuid,
    image_policy text CHECK (image_policy IN ('auto', 'strict')),
    image_state text CHECK (image_state IN ('pending', 'stored', 'mismatch', 'unavailable')),
    reply_to text,
    client_reference text,
    recipient_identity_key_hash text,
    expires_at timestamptz,
    facts jsonb,
    -- Meta's id of the picture with which it failed, so that it is uploaded anew
    spoilt_media_id text,
    -- what became of it
    provider_message_id text,
    error_code text,
    error_message text,
    error_detail text,
    -- A failure that was told although it arrived, and how many attempts beyond one Meta took.
    warning_code text,
    warning_detail text,
    duplicates smallint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    sent_at timestamptz,
    delivered_at timestamptz,
    read_at timestamptz,
    failed_at timestamptz
) WITH (fillfactor = 50); -- room for the next status of each message beside it: such an update touches no index
CREATE INDEX message_of_workspace ON message (workspace_id, id DESC);
CREATE INDEX message_of_conversation ON message (conversation_id, id DESC);
-- Meta may tell of one message twice, batched differently.
CREATE UNIQUE INDEX message_heard_once ON message (sender_id, provider_message_id) WHERE NOT is_outbound OR is_echo;
-- One small index a lane kind: they hold only work that is waiting, so looking for work costs the same at any size.
CREATE INDEX message_to_prepare ON message (workspace_id, due_at, id) WHERE phase = 'image_wait';
-- What is not over yet, thread by thread in its order: whose turn it is, and how much waits for a number.
CREATE INDEX message_waiting ON message (sender_id, conversation_id, id)
    WHERE is_outbound AND phase IN ('image_wait', 'queued', 'sending', 'unknown');
CREATE INDEX message_to_fetch ON message (sender_id, due_at, id)
    WHERE image_state = 'pending' AND (NOT is_outbound OR is_echo);
-- Whether a picture is still referred to.
CREATE INDEX message_of_file ON message (file_id) WHERE file_id IS NOT NULL;
-- Which received message quotes a given one.
CREATE INDEX message_quoting ON message (conversation_id, reply_to) WHERE NOT is_outbound AND reply_to IS NOT NULL;
-- What was said about a message, by its wamid: reactions, edits, that it was taken back. No other index serves the query.
CREATE INDEX message_about ON message (sender_id, coalesce(facts #>> '{reaction,message_id}',
    facts #>> '{edit,original_message_id}', facts #>> '{revoke,original_message_id}'), id DESC)
    WHERE message_type IN ('reaction', 'edit', 'revoke');
CREATE INDEX message_of_batch ON message (batch_id, id) WHERE batch_id IS NOT NULL;
CREATE INDEX message_expiring ON message (sender_id, expires_at)
    WHERE expires_at IS NOT NULL AND phase IN ('image_wait', 'queued');
CREATE INDEX message_unknown ON message (due_at) WHERE phase = 'unknown';

-- One picture for many. due_at says when to go on with it, null that all its recipients are accepted or refused, or that
-- it was cancelled; those before the place `upto` are looked at. What all have in common is let go of at the end.
CREATE TABLE batch (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    app_id uuid NOT NULL,
    environment text NOT NULL CHECK (environment IN ('test', 'live')),
    -- The public part of the key that it came with, under whose caps it goes on.
    key text,
    sender text,
    sender_id uuid,
    media_url text,
    file_id uuid,
    caption text,
    image_policy text NOT NULL CHECK (image_policy IN ('auto', 'strict')),
    is_high boolean NOT NULL,
    on_unknown text NOT NULL CHECK (on_unknown IN ('hold', 'resend')),
    expires_at timestamptz,
    total integer NOT NULL,
    upto integer NOT NULL DEFAULT 0,
    accepted integer NOT NULL DEFAULT 0,
    refused integer NOT NULL DEFAULT 0,
    due_at timestamptz,
    tries smallint NOT NULL DEFAULT 0,
    detail text,
    cancelled_at timestamptz,
    created_at timestamptz NOT NULL
);
CREATE INDEX batch_due ON batch (workspace_id, due_at) WHERE due_at IS NOT NULL;

-- Who is to get it, in the order of the request. One that is looked at has a message, or a code that says why not.
CREATE TABLE batch_recipient (
    batch_id uuid NOT NULL REFERENCES batch,
    place integer NOT NULL,
    recipient text,
    conversation_id uuid,
    caption text,
    client_reference text,
    message_id uuid,
    code text,
    detail text,
    field text,
    PRIMARY KEY (batch_id, place)
);

-- A thread as the order and the pace of what it sends need it. next_due says when to look whether its next message may
-- go, null that none waits; rank is the highest priority that waits in it; opens_at is when the pair's pace allows it.
CREATE TABLE pair (
    conversation_id uuid PRIMARY KEY REFERENCES conversation,
    sender_id uuid NOT NULL,
    next_due timestamptz,
    rank smallint NOT NULL DEFAULT 0,
    opens_at timestamptz
);
CREATE INDEX pair_due ON pair (sender_id, rank, next_due) WHERE next_due IS NOT NULL;

-- One try to hand a message to Meta. The row is committed before the socket opens; outcome stays null until it is known.
CREATE TABLE attempt (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    message_id uuid NOT NULL REFERENCES message,
    sender_id uuid NOT NULL,
    number smallint NOT NULL,
    fence bigint NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    outcome text CHECK (outcome IN ('accepted', 'rejected', 'throttled', 'barred', 'not_sent', 'ambiguous')),
    wamid text,
    media_id text,
    code text,
    title text,
    detail text,
    UNIQUE (message_id, number)
);
CREATE INDEX attempt_of_wamid ON attempt (wamid) WHERE wamid IS NOT NULL;
CREATE INDEX attempt_open ON attempt (sender_id, fence) WHERE outcome IS NULL;

-- Everything Meta told about a wamid, known to us or not. Append-only: a message's status is a fold over these rows.
-- Each piece is kept once: under its attempt, or parked under its wamid until an attempt has that.
CREATE TABLE evidence (
    wamid text NOT NULL,
    status text NOT NULL,
    provider_at timestamptz NOT NULL,
    code integer NOT NULL DEFAULT 0,
    title text,
    detail text,
    sender_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    attempt_id uuid,
    received_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX evidence_once ON evidence (attempt_id, status, provider_at, code) WHERE attempt_id IS NOT NULL;
CREATE UNIQUE INDEX evidence_parked ON evidence (wamid, sender_id, status, provider_at, code) WHERE attempt_id IS NULL;
-- What was parked lately may belong to an attempt that got its wamid at the same moment; what was parked long ago goes.
CREATE INDEX evidence_parked_at ON evidence (received_at) WHERE attempt_id IS NULL;

-- What we concluded by ourselves about a message, for its timeline and for the fold. Append-only. `attempt` is how many
-- attempts there were when it moved the message: a later attempt supersedes it. It is null for what moved nothing.
CREATE TABLE decision (
    message_id uuid NOT NULL REFERENCES message ON DELETE CASCADE,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    kind text NOT NULL,
    attempt smallint,
    code text,
    title text,
    detail text
);
CREATE INDEX decision_of_message ON decision (message_id, at);

-- What customers are told, append-only: statuses of what an app of theirs sent, and what people write (app_id is null,
-- it is for every app). Read in the order of (tx, seq), and only below the oldest transaction that is still open: numbers
-- are given before they are committed, so by seq alone a reader would pass over a row that is committed late. What
-- people of the business send by hand has no app and is_inbox: only webhooks that ask for it are told. News of a webhook
-- itself, that it was disabled or is tested, are events, too.
CREATE TABLE event (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tx xid8 NOT NULL DEFAULT pg_current_xact_id(),
    workspace_id uuid NOT NULL,
    environment text NOT NULL,
    app_id uuid,
    is_inbox boolean NOT NULL DEFAULT false,
    message_id uuid,
    webhook_id uuid,
    sequence smallint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('sent', 'delivered', 'read', 'failed', 'received', 'disabled', 'test')),
    occurred_at timestamptz NOT NULL,
    told_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    provider_message_id text,
    error_code text,
    error_message text,
    error_detail text,
    CHECK (num_nonnulls(message_id, webhook_id) = 1)
);
CREATE UNIQUE INDEX event_of_message ON event (message_id, sequence);
CREATE INDEX event_feed ON event (workspace_id, environment, app_id, tx, seq);

-- Up to where events were let go of: who comes with an older cursor may have missed some.
CREATE TABLE event_gone (
    tx xid8 NOT NULL,
    seq bigint NOT NULL
);
INSERT INTO event_gone VALUES ('0', 0);

-- A program of a customer's that is told of events: one an app, environment and service. The secrets are sealed. While a
-- secret is rotated, the previous one signs too, until its time. failing_since says since when nothing but failures came
-- back; nothing is tried while disabled_at is set.
CREATE TABLE webhook (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspace,
    environment text NOT NULL CHECK (environment IN ('test', 'live')),
    app_id uuid NOT NULL REFERENCES app,
    service_type text NOT NULL CHECK (service_type IN ('sms', 'voice', 'otp', 'whatsapp', 'email')),
    url text NOT NULL,
    include_inbox boolean NOT NULL DEFAULT false,
    secret bytea NOT NULL,
    previous_secret bytea,
    previous_until timestamptz,
    signing_key bytea NOT NULL,
    failing_since timestamptz,
    disabled_at timestamptz,
    disabled_for text CHECK (disabled_for IN ('operator', 'gone', 'failing')),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (app_id, environment, service_type)
);
CREATE INDEX webhook_of_workspace ON webhook (workspace_id, environment);

-- One event on its way to one webhook; it goes with its event. step counts the tries since it was last begun anew,
-- attempts all of them; answer_ and error are of the last. An id is a UUIDv7, as all are that programs make.
CREATE TABLE delivery (
    event_seq bigint NOT NULL REFERENCES event ON DELETE CASCADE,
    webhook_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
        PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
        52, 1), 53, 1), 'hex')::uuid,
    kind text NOT NULL,
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'delivered', 'failed')),
    due_at timestamptz DEFAULT clock_timestamp(),
    step smallint NOT NULL DEFAULT 0,
    attempts integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    tried_at timestamptz,
    delivered_at timestamptz,
    took_ms integer,
    answer_status smallint,
    answer_body bytea,
    error text,
    PRIMARY KEY (event_seq, webhook_id),
    UNIQUE (webhook_id, id)
);
CREATE INDEX delivery_due ON delivery (webhook_id, due_at) WHERE status = 'pending';
CREATE INDEX delivery_failed ON delivery (webhook_id, id) WHERE status = 'failed';

-- Hands each event over to whom it is for, in the statement that writes it down, whichever that is.
CREATE FUNCTION hand_over() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO delivery (event_seq, webhook_id, kind)
    SELECT told.seq, webhook.id, told.kind
    FROM told JOIN webhook USING (workspace_id, environment)
    WHERE CASE
        WHEN told.kind = 'disabled' THEN false
        WHEN told.webhook_id IS NOT NULL THEN webhook.id = told.webhook_id
        WHEN webhook.service_type <> 'whatsapp' THEN false
        WHEN told.app_id IS NOT NULL THEN webhook.app_id = told.app_id
        ELSE NOT told.is_inbox OR webhook.include_inbox
    END
    ORDER BY told.seq, webhook.id;
    IF FOUND THEN
        PERFORM pg_notify('picha_tell', '');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER hands_over AFTER INSERT ON event REFERENCING NEW TABLE AS told
    FOR EACH STATEMENT EXECUTE FUNCTION hand_over();

-- Tells what became of sends, in the statement that changes what they show, whichever deed that is. It sees both rows as
-- they are under the lock, so what two workers do to one message at once is told once and in order, and one statement
-- tells of its whole batch. What was told last decides: nothing comes after `read`, only `read` after `delivered`, and
-- neither `sent` nor `failed` twice in a row unless the message was queued anew in between. The two sides are to be
-- hashed: a plan made for the first batch, of one row, would be kept for batches of a thousand. A transaction that began
-- first may come second to a message: so what it tells stands no earlier in the log than what was told of that before.
-- Nobody has read there yet, since it was open. A transaction beyond the newest is another server's, and counts for nothing.
CREATE FUNCTION tell_statuses() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
BEGIN
    INSERT INTO event (tx, workspace_id, environment, app_id, is_inbox, message_id, sequence, kind, occurred_at,
        provider_message_id, error_code, error_message, error_detail)
    SELECT greatest(pg_current_xact_id(), CASE WHEN last.tx < pg_snapshot_xmax(pg_current_snapshot()) THEN last.tx END),
        workspace_id, (SELECT environment FROM sender WHERE sender.id = changed.sender_id), app_id, app_id IS NULL,
        id, coalesce(last.sequence, 0) + row_number() OVER (PARTITION BY id ORDER BY rank), stage.kind, at,
        provider_message_id, CASE stage.kind WHEN 'failed' THEN error_code END,
        CASE stage.kind WHEN 'failed' THEN error_message END, CASE stage.kind WHEN 'failed' THEN error_detail END
    FROM (
        SELECT shown.*, was.status AS before FROM shown JOIN was USING (id)
        WHERE shown.status <> was.status AND shown.status <> 'pending'
            AND shown.is_outbound AND NOT shown.is_echo
    ) AS changed
    LEFT JOIN LATERAL (
        SELECT event.tx, event.sequence, event.kind FROM event WHERE message_id = changed.id ORDER BY sequence DESC LIMIT 1
    ) AS last ON true
    CROSS JOIN LATERAL (VALUES
        (1, 'sent', sent_at,
            last.kind IS NULL OR last.kind = 'failed' AND (before = 'pending' OR status = 'sent')),
        (2, 'failed', failed_at, status = 'failed' AND coalesce(last.kind, '') NOT IN ('delivered', 'read')),
        (3, 'delivered', delivered_at,
            status IN ('delivered', 'read') AND coalesce(last.kind, '') NOT IN ('delivered', 'read')),
        (4, 'read', read_at, status = 'read' AND coalesce(last.kind, '') <> 'read')
    ) AS stage (rank, kind, at, is_new)
    WHERE is_new AND at IS NOT NULL
    ORDER BY id, rank;
    IF FOUND THEN
        PERFORM pg_notify('picha_event', '');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER tells_statuses AFTER UPDATE ON message REFERENCING OLD TABLE AS was NEW TABLE AS shown
    FOR EACH STATEMENT EXECUTE FUNCTION tell_statuses();

-- Webhook bodies exactly as they came, kept before they are answered. The hash outlives the body, so that a body that
-- comes again is known for longer than Meta tries.
CREATE TABLE raw_webhook (
    id uuid PRIMARY KEY,
    meta_app_id text NOT NULL,
    digest bytea NOT NULL,
    body bytea,
    received_at timestamptz NOT NULL,
    digested_at timestamptz,
    UNIQUE (meta_app_id, digest)
);
CREATE INDEX raw_webhook_to_digest ON raw_webhook (id) WHERE digested_at IS NULL;

-- Items of webhooks that could not be understood: kept, counted, looked at by a person. They outlive their body.
CREATE TABLE quarantine (
    id uuid PRIMARY KEY,
    raw_id uuid NOT NULL,
    path text NOT NULL,
    reason text NOT NULL,
    item bytea NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX quarantine_of_raw ON quarantine (raw_id);

-- What Meta tells of a number or account outside any message: errors, and changes of fields that nothing acts on.
CREATE TABLE notice (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    account_id uuid NOT NULL,
    sender_id uuid,
    field text NOT NULL,
    code integer,
    title text,
    detail text,
    value jsonb NOT NULL,
    received_at timestamptz NOT NULL
);
CREATE INDEX notice_of_workspace ON notice (workspace_id, id DESC);

-- Who works on what. A lane's fence grows with each new owner, so that an owner that lost it cannot act.
CREATE TABLE lane (
    kind text NOT NULL CHECK (kind IN ('prepare', 'batch', 'send', 'hear', 'tell')),
    key uuid NOT NULL,
    fence bigint NOT NULL DEFAULT 0,
    owner uuid,
    leased_until timestamptz,
    left_at timestamptz,
    -- Until when it rests, because of trouble, and how many rests there were since all was well: its next owner goes on so.
    rests_until timestamptz,
    rests integer NOT NULL DEFAULT 0,
    -- When all errors are paid back that were made of its budget, where it has one.
    errors_until timestamptz,
    PRIMARY KEY (kind, key)
);

-- Who is there to take lanes of a kind, so that each holds its share of them.
CREATE TABLE keeper (
    kind text NOT NULL,
    owner uuid NOT NULL,
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (kind, owner)
);

-- Which life of its data this database is in. The number grows while workers work and is noted in the blob store, too:
-- where it is less here than there, the database was put back to what it was. Then nothing is sent until a person
-- confirms; what has an id before restored_before, or waited with a later one (restored_ahead: a clock was ahead), may have
-- been sent in the life that was lost.
CREATE TABLE epoch (
    lineage uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    value bigint NOT NULL DEFAULT 0,
    beaten_at timestamptz,
    restored_at timestamptz,
    restored_before uuid,
    restored_ahead uuid[] NOT NULL DEFAULT '{}'
);
INSERT INTO epoch DEFAULT VALUES;

-- How many messages were accepted for who has a cap (a workspace, or a line of keys), counted by each process for itself.
CREATE TABLE spend (
    owner uuid NOT NULL,
    day date NOT NULL,
    process uuid NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (owner, day, process)
);

-- What was answered to an idempotency key. Until the first answer is there, claimed_until says how long it may take.
CREATE TABLE replay (
    workspace_id uuid NOT NULL,
    environment text NOT NULL,
    key text NOT NULL,
    -- SHA-256 of what the first request asked for
    fingerprint bytea NOT NULL,
    status smallint,
    answer jsonb,
    claimed_until timestamptz,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, environment, key)
);
CREATE INDEX replay_to_forget ON replay (created_at);

-- What waits in the whole gateway, as one process read it a few seconds ago and every process tells.
CREATE TABLE reading (
    read_at timestamptz NOT NULL,
    told jsonb
);
INSERT INTO reading (read_at) VALUES ('-infinity');

-- How far each walk through a table has come that lets go of what is old, in the order of ids and so of time. What was
-- not ready to go when the walk passed waits in walk_late, and is looked at again after twice the time.
CREATE TABLE walk (
    name text PRIMARY KEY,
    upto uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000'
);
INSERT INTO walk (name)
VALUES ('captions'), ('pictures'), ('messages'), ('bodies'), ('hashes'), ('quarantine'), ('notices');

CREATE TABLE walk_late (
    name text NOT NULL REFERENCES walk,
    id uuid NOT NULL,
    waits interval NOT NULL,
    look_at timestamptz NOT NULL,
    PRIMARY KEY (name, id)
);
CREATE INDEX walk_late_due ON walk_late (name, look_at);

-- What was done by those who run the gateway or manage it: who (`cli`, or a key's public id), what, and the ids it is
-- about. Append-only and one chain: each row's hash is made of the one before it and of the row. audit_chain has both
-- ends: the last row, and the last of those that were let go after a year.
CREATE TABLE audit (
    seq bigint PRIMARY KEY,
    at timestamptz NOT NULL,
    workspace_id uuid,
    who text NOT NULL CHECK (who ~ '^[0-9A-Za-z]+$'),
    deed text NOT NULL CHECK (deed ~ '^[a-z_.]+$'),
    about jsonb NOT NULL,
    hash bytea NOT NULL
);
CREATE INDEX audit_of_workspace ON audit (workspace_id, seq DESC);

CREATE TABLE audit_chain (
    seq bigint NOT NULL,
    hash bytea NOT NULL,
    gone_seq bigint NOT NULL,
    gone_hash bytea NOT NULL
);
INSERT INTO audit_chain VALUES (0, '', 0, '');

-- Both run as the role that made them: the programs' role can neither choose what a row is chained to nor take one away.
CREATE FUNCTION chain_audit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    chain audit_chain;
BEGIN
    SELECT * INTO chain FROM audit_chain FOR UPDATE;
    NEW.seq := chain.seq + 1;
    NEW.at := clock_timestamp();
    NEW.hash := sha256(chain.hash || convert_to(concat_ws(E'\n', NEW.seq,
        (extract(epoch FROM NEW.at) * 1000000)::bigint, coalesce(NEW.workspace_id::text, ''), NEW.who, NEW.deed,
        NEW.about::text), 'UTF8'));
    UPDATE audit_chain SET seq = NEW.seq, hash = NEW.hash;
    RETURN NEW;
END $$;
CREATE TRIGGER chains_audit BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION chain_audit();

CREATE FUNCTION let_go_of_audit(after interval, most integer) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE
    last audit;
    gone bigint;
BEGIN
    PERFORM FROM audit_chain FOR UPDATE;
    SELECT * INTO last FROM (SELECT * FROM audit ORDER BY seq LIMIT most) AS oldest
    WHERE at < now() - greatest(after, interval '365 days') ORDER BY seq DESC LIMIT 1;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    DELETE FROM audit WHERE seq <= last.seq;
    GET DIAGNOSTICS gone = ROW_COUNT;
    UPDATE audit_chain SET gone_seq = last.seq, gone_hash = last.hash;
    RETURN gone;
END $$;

-- Somebody who works in the inbox. Nobody has the same `called` as another: the name as it is compared. The password is
-- theirs to set, by a sign_in_link; without one only such a link lets them in.
CREATE TABLE person (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspace,
    name text NOT NULL,
    called text NOT NULL UNIQUE,
    role text NOT NULL CHECK (role IN ('admin', 'agent')),
    password_hash text,
    disabled_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX person_of_workspace ON person (workspace_id);

-- Who is signed in, by the SHA-256 of the token in their cookie. It ends at expires_at, and when it was not used for a week.
CREATE TABLE session (
    digest bytea PRIMARY KEY,
    person_id uuid NOT NULL REFERENCES person ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX session_of_person ON session (person_id);
CREATE INDEX session_to_forget ON session (seen_at);

-- An address that lets one person in, once, and have a new password; the SHA-256 of the token in it.
CREATE TABLE sign_in_link (
    digest bytea PRIMARY KEY,
    person_id uuid NOT NULL REFERENCES person ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX sign_in_link_of_person ON sign_in_link (person_id);
CREATE INDEX sign_in_link_to_forget ON sign_in_link (expires_at);

-- When a password was tried lately for a name, from an address, or in a known browser: subject is a SHA-256 of which. What
-- was right is no try.
CREATE TABLE sign_in_try (
    subject bytea PRIMARY KEY,
    tried_at timestamptz[] NOT NULL DEFAULT '{}',
    last_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX sign_in_try_to_forget ON sign_in_try (last_at);

-- Whose inbox is open: until then the changes of its threads and messages are told on picha_inbox.
CREATE TABLE inbox_watch (
    workspace_id uuid PRIMARY KEY,
    until timestamptz NOT NULL
);

-- Tells which threads and messages a statement changed, to whom it may concern: `workspace thread:message ...`, or the
-- workspace alone where they are too many to name. Who listens looks at the rows; where nobody does, it costs a look at
-- inbox_watch.
CREATE FUNCTION tell_inbox_of_messages() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM inbox_watch WHERE until > now()) THEN
        PERFORM pg_notify('picha_inbox', workspace_id::text || CASE WHEN count(*) <= 50
            THEN ' ' || string_agg(conversation_id || ':' || id, ' ') ELSE '' END)
        FROM shown JOIN inbox_watch USING (workspace_id) WHERE until > now() GROUP BY workspace_id;
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION tell_inbox_of_threads() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM inbox_watch WHERE until > now()) THEN
        PERFORM pg_notify('picha_inbox', workspace_id::text || CASE WHEN count(*) <= 100
            THEN ' ' || string_agg(id::text, ' ') ELSE '' END)
        FROM shown JOIN inbox_watch USING (workspace_id) WHERE until > now() GROUP BY workspace_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER tells_inbox_of_new AFTER INSERT ON message REFERENCING NEW TABLE AS shown
    FOR EACH STATEMENT EXECUTE FUNCTION tell_inbox_of_messages();
CREATE TRIGGER tells_inbox_of_changed AFTER UPDATE ON message REFERENCING NEW TABLE AS shown
    FOR EACH STATEMENT EXECUTE FUNCTION tell_inbox_of_messages();
CREATE TRIGGER tells_inbox_of_new AFTER INSERT ON conversation REFERENCING NEW TABLE AS shown
    FOR EACH STATEMENT EXECUTE FUNCTION tell_inbox_of_threads();
CREATE TRIGGER tells_inbox_of_changed AFTER UPDATE ON conversation REFERENCING NEW TABLE AS shown
    FOR EACH STATEMENT EXECUTE FUNCTION tell_inbox_of_threads();

-- What became of the messages that came in an hour, number by number, so that nobody who looks at charts reads messages.
-- `at` is where the hour begins, by the time in the messages' ids. What was sent is in exactly one of waiting to
-- cancelled. to_sent and to_delivered have how many took how long to be sent, and from there to be delivered: a step of
-- a scale of eight to each power of ten milliseconds, and a count.
CREATE TABLE turnout (
    workspace_id uuid NOT NULL,
    environment text NOT NULL,
    sender_id uuid NOT NULL,
    at timestamptz NOT NULL,
    received bigint NOT NULL,
    echoed bigint NOT NULL,
    waiting bigint NOT NULL,
    unknown bigint NOT NULL,
    sent bigint NOT NULL,
    delivered bigint NOT NULL,
    read bigint NOT NULL,
    failed bigint NOT NULL,
    cancelled bigint NOT NULL,
    to_sent jsonb NOT NULL,
    to_delivered jsonb NOT NULL,
    PRIMARY KEY (workspace_id, environment, at, sender_id)
);
CREATE INDEX turnout_of_hour ON turnout (at);

-- Which hours are counted, and when each is counted anew; due_at is null once its messages have settled.
CREATE TABLE turnout_hour (
    at timestamptz PRIMARY KEY,
    counted_at timestamptz,
    due_at timestamptz
);
CREATE INDEX turnout_hour_due ON turnout_hour (at DESC) WHERE due_at IS NOT NULL;

-- The role the programs run as: rows, no DDL.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'picha_runtime') THEN
        CREATE ROLE picha_runtime NOLOGIN;
        -- Whoever makes a role may not act as it by that alone, since PostgreSQL 16.
        GRANT picha_runtime TO CURRENT_USER;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL; -- another database of the same server made it in this very moment
END $$;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO picha_runtime;
REVOKE UPDATE, DELETE ON audit FROM picha_runtime;
REVOKE INSERT, UPDATE, DELETE ON audit_chain FROM picha_runtime;
