"""One HTTP call to the sandbox: no proxy, no connection kept, nothing left open."""

import http.client
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

_PATIENCE_S = 30.0


def call(
    method: str,
    url: str,
    *,
    query: Mapping[str, str] | None = None,
    body: bytes | None = None,
    token: str | None = None,
    patience_s: float = _PATIENCE_S,
) -> tuple[int, bytes]:
    """Return the HTTP status and the body of an answer; `body` goes as JSON, `token` as the bearer.

    Raises:
        OSError: the sandbox cannot be reached, or does not answer within `patience_s`.
    """
    parts = urlsplit(url)
    path = parts.path + (f"?{urlencode(query)}" if query else "")
    headers = {} if body is None else {"Content-Type": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=patience_s)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
