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
SWEPT = Counter(
    "picha_storage_swept_total", "What nobody refers to any more: files and blobs let go, and failures.", ["what"]
)
