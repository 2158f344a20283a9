"""What a running process counts, in Prometheus' terms; served on a listener of its own."""

from prometheus_client import Counter

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
SWEPT = Counter(
    "picha_storage_swept_total", "What nobody refers to any more: files and blobs let go, and failures.", ["what"]
)
FORGOTTEN = Counter("picha_forgotten_total", "What was kept long enough and let go, by class.", ["what"])
