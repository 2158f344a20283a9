"""How soon what a customer writes is seen in a real browser whose person has the conversation open."""

import socket
import time
from collections.abc import Iterator, Mapping

from playwright.sync_api import Page

from bench.browsing import page_of
from bench.ground import CUSTOMERS, FIRST_CUSTOMER, Ground
from bench.load import webhook

_ARRIVALS = 50
_CUSTOMER = CUSTOMERS - 1
_THREAD = """
SELECT conversation.id FROM conversation JOIN contact ON contact.id = contact_id
WHERE phone = %(phone)s AND sender_id = %(sender)s
"""
# The newest message is drawn as far as a person sees it, its picture with its pixels, and its line in the list says it.
_IS_SEEN = """
([caption, hasPicture]) => {
  const newest = [...document.querySelectorAll(".msg")].at(-1);
  const image = newest?.querySelector(".msg-picture img");
  return newest?.textContent.includes(caption) && (!hasPicture || (image?.complete && image.naturalWidth > 0))
    && document.querySelector(".thread-row[aria-current] .row-words")?.textContent.includes(caption);
}
"""


def seen(ground: Ground, cookie: str) -> Iterator[tuple[str, list[float]]]:
    """Yield what is sent, and the milliseconds from each webhook until its message is seen."""
    phone = str(FIRST_CUSTOMER + _CUSTOMER)
    [[thread]] = ground.sql(_THREAD, phone=phone, sender=ground.senders[0][0])
    with page_of(ground, cookie, f"/inbox/conversations/{thread}") as page:
        yield "a message", [_waited(ground, page, place, has_picture=False) for place in range(_ARRIVALS)]
        yield "a picture", [_waited(ground, page, _ARRIVALS + place, has_picture=True) for place in range(_ARRIVALS)]


def _waited(ground: Ground, page: Page, place: int, *, has_picture: bool) -> float:
    words = f"Number {place}."
    if has_picture:
        picture = {"id": f"14795371397{place:05}", "mime_type": "image/jpeg", "caption": words}
        begun = told(ground, _CUSTOMER, place, "image", picture)
    else:
        begun = told(ground, _CUSTOMER, place, "text", {"body": words})
    page.wait_for_function(_IS_SEEN, arg=[words, has_picture], polling="raf", timeout=30_000)
    return (time.perf_counter() - begun) * 1e3


def told(ground: Ground, customer: int, place: int, kind: str, content: Mapping[str, str]) -> float:
    """Post what a customer sent as Meta would, the message of this `place`, and return when that began."""
    message = {
        "from": str(FIRST_CUSTOMER + customer),
        "id": f"wamid.HBgMMjU1NzAwMDAwMDAxFQIAEhgL{kind}{customer}.{place}",
        "timestamp": "1769860000",
        "type": kind,
        kind: content,
    }
    post = webhook(ground.senders[0][1], {"messages": [message]})
    with socket.create_connection(("127.0.0.1", ground.ports.api)) as meta:
        begun = time.perf_counter()
        meta.sendall(post)
        meta.recv(4096)
    return begun
