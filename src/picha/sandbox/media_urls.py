"""The short-lived addresses from which media is downloaded: shaped as Meta's, signed, and good for five minutes."""

import hmac
from datetime import datetime
from urllib.parse import urlencode

from picha.cloudapi.limits import MEDIA_URL_LIFE
from picha.sandbox.clock import from_stamp

PATH = "/whatsapp_business/attachments/"


class MediaUrls:
    """Writes and checks download addresses below `base_url`."""

    def __init__(self, base_url: str, key: str) -> None:
        self._base_url = base_url
        self._key = key.encode()

    def make(self, media_id: str, now: datetime) -> str:
        """Return an address for these media that dies five minutes after `now`."""
        ext = str(int((now + MEDIA_URL_LIFE).timestamp()))
        query = urlencode({"mid": media_id, "ext": ext, "hash": self._hash(media_id, ext)})
        return f"{self._base_url}{PATH}?{query}"

    def check(self, media_id: str, ext: str, presented: str, now: datetime) -> bool:
        """Tell whether an address with these parts was made here and is still alive; never raises."""
        right = self._hash(media_id, ext)
        if not hmac.compare_digest(right.encode(), presented.encode("utf-8", "surrogatepass")):
            return False
        return now < from_stamp(int(ext))

    def _hash(self, media_id: str, ext: str) -> str:
        message = f"{media_id}\n{ext}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, message, "sha256").hex()[:32]
