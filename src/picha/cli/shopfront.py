"""The business's own web server in the demo: it serves one good picture, and text that calls itself a picture."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GOOD, FALSE = "/receipt.jpg", "/false.jpg"


@contextmanager
def open_shopfront(picture: bytes, mime_type: str) -> Iterator[str]:
    """Serve `picture` at `GOOD` and text as image/jpeg at `FALSE`, on a free loopback port; yield the address."""
    pages = {GOOD: (picture, mime_type), FALSE: (b"Sorry, the receipt could not be printed.\n", "image/jpeg")}

    class Shop(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body, kind = pages.get(self.path, (b"", ""))
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", kind or "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Say nothing: the demo's own lines are what a person reads."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
