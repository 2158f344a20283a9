"""The limits that Meta publishes for messages, media and webhooks, each once and with its unit.

Sources: Meta's image messages page (caption, formats, size), text messages page (its body), media reference (lives of
ids and URLs), webhooks overview (payload and retries), throughput page (messages per second, pair rate), service-window
page, registration page and block users page.
"""

from datetime import timedelta

# Bytes of one image: 5 MB as Meta's clients count it, this many accepted and one more refused.
IMAGE_MAX_BYTES = 5_242_880
IMAGE_MIME_TYPES = ("image/jpeg", "image/png")

# Unicode code points.
CAPTION_MAX_CHARS = 1024
TEXT_MAX_CHARS = 4096
CALLBACK_DATA_MAX_CHARS = 512

# Bytes of any media object, sent or received.
MEDIA_MAX_BYTES = 104_857_600

WEBHOOK_MAX_BYTES = 3 * 1024 * 1024
WEBHOOK_MAX_UPDATES = 1000
WEBHOOK_RETRY_FOR = timedelta(days=7)
CALLBACK_OVERRIDE_MAX_CHARS = 200

SERVICE_WINDOW = timedelta(hours=24)

# Error answers to GET /<media id> that a number may get in so long a time before that call is blocked for half an hour.
# Meta names no figure; a partner of Meta's does: docs.360dialog.com, "Upload, retrieve or delete media", Constraints.
MEDIA_ERRORS_MAX = 20
MEDIA_ERRORS_WITHIN = timedelta(minutes=60)

MEDIA_URL_LIFE = timedelta(minutes=5)
UPLOADED_MEDIA_LIFE = timedelta(days=30)
INBOUND_MEDIA_LIFE = timedelta(days=7)
LINK_CACHE = timedelta(minutes=10)

# What has not been delivered by then is dropped, and nobody is told.
UNDELIVERED_LIFE = timedelta(days=30)

# How long a typing indicator shows unless a reply ends it, and how old a message may be that is marked as read.
TYPING_LIFE = timedelta(seconds=25)
READ_MARK_LIFE = timedelta(days=30)

# Per business number, in and out together; a number may be raised to 1,000.
MESSAGES_PER_SECOND = 80
# Of a number that its phone app uses, too (coexistence).
COEXISTING_MESSAGES_PER_SECOND = 20
# One message to one person every six seconds; a burst is borrowed and paid back.
PAIR_INTERVAL = timedelta(seconds=6)
PAIR_BURST = 45
# No figure is published for uploads; this one stays far below the app's call limit.
UPLOADS_PER_SECOND = 25

# Registrations of one number (registration page).
REGISTRATIONS_MAX = 10
REGISTRATIONS_WITHIN = timedelta(hours=72)

# People in one change of a block list, and in the list (block users page).
BLOCKS_PER_CALL = 1000
BLOCK_LIST_MAX = 64_000

# How long after a message its writer may still change it, or take it back (edit and revoke webhook references).
EDIT_WITHIN = timedelta(minutes=15)
REVOKE_WITHIN = timedelta(days=2)
