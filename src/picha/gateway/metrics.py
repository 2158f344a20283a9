"""What a running process counts and measures, in Prometheus' terms; served on a listener of its own.

No label is ever a phone number, a name or anything else that people sent: a number is named by its sender's id.
"""

from prometheus_client import Counter, Gauge, Histogram

_QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_SLOW = (0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 21_600, 86_400)

ACCEPTED = Counter("picha_sends_accepted_total", "Sends answered 202.")
REFUSED = Counter("picha_requests_refused_total", "Requests refused, by error code.", ["code"])
WEBHOOKS = Counter("picha_webhooks_total", "Webhooks from Meta: kept, or refused for their signature.", ["result"])
SET_ASIDE = Counter("picha_webhook_items_set_aside_total", "Webhook items kept because they could not be understood.")
OUTCOMES = Counter("picha_send_outcomes_total", "Attempts to hand a message to Meta, by outcome.", ["outcome"])
PAUSES = Counter("picha_numbers_paused_total", "Numbers that were paused by themselves, by reason.", ["reason"])
PICTURES = Counter("picha_pictures_total", "Pictures fetched: by way (url, meta) and result.", ["way", "result"])
GIVEN_UP = Counter("picha_unknown_given_up_total", "Messages whose outcome stayed unknown until they were given up.")
AGAIN = Counter(
    "picha_sends_again_total", "Messages queued for another attempt: by policy, by a person, for a new upload.", ["why"]
)
DUPLICATES = Counter(
    "picha_duplicates_confirmed_total", "Messages that evidence shows to have been taken by WhatsApp more than once."
)
DELIVERIES = Counter(
    "picha_deliveries_total",
    "Tries to deliver an event to a customer's webhook: delivered, to be made again, or failed for good.",
    ["result"],
)
ENDPOINTS_DISABLED = Counter(
    "picha_customer_webhooks_disabled_total",
    "Customers' webhooks that are not called any more: gone (410), or failing for days.",
    ["why"],
)
SWEPT = Counter(
    "picha_storage_swept_total", "What nobody refers to any more: files and blobs let go, and failures.", ["what"]
)
FORGOTTEN = Counter("picha_forgotten_total", "What was kept long enough and let go, by class.", ["what"])

REQUESTS = Histogram(
    "picha_request_seconds",
    "From a request's head to its answer: by route, and first digit of the status. For a send that is the time to its "
    "202, for a webhook the time until it is kept.",
    ["method", "route", "answer"],
    buckets=_QUICK,
)
DELIVERY_SECONDS = Histogram(
    "picha_delivery_seconds", "How long a try to deliver an event took, whatever came back.", buckets=_QUICK
)
DIGESTED = Histogram(
    "picha_webhook_digested_seconds",
    "From a webhook's arrival to its facts being stored.",
    buckets=_QUICK,
)
EVIDENCE_LAG = Histogram(
    "picha_status_lag_seconds",
    "From the moment that WhatsApp gives a status to its arrival here, of the first in each webhook; whole seconds.",
    buckets=_SLOW,
)
LOOP_LAG = Histogram(
    "picha_loop_lag_seconds", "How late the process's loop is, looked at every second.", buckets=_QUICK
)
POOL_WAIT = Histogram(
    "picha_database_wait_seconds",
    "How long a connection to the database is waited for, tried every second.",
    buckets=_QUICK,
)
POOL = Gauge("picha_database_connections", "Connections of the process to the database, idle and busy.", ["state"])

RESTORED = Gauge(
    "picha_restored", "1 while nothing is sent, because the database was put back and nobody has confirmed that."
)

# What the whole gateway has waiting, as one process read it in the database; every process shows the same.
READ_AT = Gauge("picha_gauges_read_timestamp_seconds", "When the gauges below were read in the database.")
WAITING = Gauge(
    "picha_messages_waiting",
    "Messages by what they wait for: image_wait, queued, sending, unknown; fetch for received ones. Counted to 10,000.",
    ["phase"],
)
WEBHOOKS_WAITING = Gauge("picha_webhooks_waiting", "Webhooks kept and not yet understood. Counted to 10,000.")
WEBHOOKS_OLDEST = Gauge("picha_webhooks_oldest_seconds", "How long the oldest of them waits.")
DELIVERIES_WAITING = Gauge(
    "picha_deliveries_waiting", "Deliveries to customers' webhooks that are not over. Counted to 10,000."
)
DELIVERIES_OLDEST = Gauge(
    "picha_deliveries_oldest_seconds", "For how long a delivery is due to a webhook that is not disabled."
)
ENDPOINTS_FAILING = Gauge("picha_customer_webhooks_failing", "Customers' webhooks from which only failures come back.")
ENDPOINTS_OFF = Gauge("picha_customer_webhooks_off", "Customers' webhooks that were disabled for their failures.")
PARKED = Gauge("picha_statuses_parked", "Statuses of messages that nobody here knows. Counted to 10,000.")
QUARANTINED = Gauge("picha_webhook_items_quarantined", "Webhook items kept aside for a person. Counted to 10,000.")
SENDER_WAITING = Gauge(
    "picha_sender_messages_waiting", "Messages of a number that are not over. Counted to 10,000.", ["sender"]
)
SENDER_OLDEST = Gauge(
    "picha_sender_oldest_due_seconds",
    "For how long a message of a number could have been sent, by order and pace of its conversation.",
    ["sender"],
)
SENDER_ACTIVE = Gauge(
    "picha_sender_active", "1 for a number that may send, 0 for one that is switched off.", ["sender"]
)
SENDER_OWNED = Gauge("picha_sender_owned", "1 while a worker holds the send lane of a number.", ["sender"])
SENDER_PAUSED = Gauge("picha_sender_paused", "1 while a number is paused, and what for.", ["sender", "why"])
OF_SENDERS = (SENDER_WAITING, SENDER_OLDEST, SENDER_ACTIVE, SENDER_OWNED, SENDER_PAUSED)
LANES_ORPHANED = Gauge(
    "picha_lanes_orphaned", "Lanes with work that has been due for 15 s and that no worker holds.", ["kind"]
)
