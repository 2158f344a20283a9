"""Requests that look like calls of the sandbox and are wrong somewhere: hypothesis strategies for its fuzzing."""

import json
from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlencode

from hypothesis import strategies as st
from tests.journeys.good_calls import CALLS, MEDIA, NUMBER, PERSON, Call


class Ground(NamedTuple):
    """The tokens that good calls bring."""

    token: str
    app_token: str


class Asked(NamedTuple):
    """A request as bytes, and what it was made from."""

    route: str
    method: str
    raw: bytes
    is_control: bool
    is_whole: bool

    @property
    def start(self) -> bytes:
        """What a failure shows of it."""
        return self.raw[:600]


_METHODS = st.sampled_from(("GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS", "BREW", "get"))
_LEAVES: tuple[Any, ...] = (
    None, True, False, 0, -1, 7, 2**63, 10**400, -0.0, 1.5, 1e308, float("nan"), float("inf"), "", " ", "\x00",
    "\ud800", "\udfff\ud83d", "é😀", "x" * 1025, "9" * 5000, "../..", "%00", "US.1", "1e999", [], {}, [[]],
    {"a": None}, [None, 0], "\r\nX: y", "http://[", "http://127.0.0.1:1/\x00", "http://x:99999/", "2031-01-01",
    NUMBER, MEDIA, PERSON,
)  # fmt: skip
_SEGMENTS = (
    "%00", "%ff", "%", "%ud800", "..", ".", "", "é", "%F0%9F%98%80", "%0d%0aX:%20y", "9" * 3000, "-1", "1", "0",
    "null", NUMBER, MEDIA, "messages", "media", "faults", "_sandbox", "oauth", ";", "?", "#", "a b", "v24.0",
    "%2e%2e", "\\",
)  # fmt: skip
_TYPES = (
    "application/json", "application/json; charset=utf-16", "text/plain", "application/x-www-form-urlencoded",
    "multipart/form-data", "multipart/form-data; boundary=edge", 'multipart/form-data; boundary="', "\xff", "", ";",
    "/", "application/octet-stream", "image/png", "multipart/mixed; boundary=edge",
    "multipart/form-data; boundary=" + "e" * 300, "multipart/form-data; boundary=\xe9",
    "application/x-www-form-urlencoded; charset=x",
)  # fmt: skip
_HEADERS = (
    "Authorization: Bearer wrong", "Authorization:", "Authorization: Bearer \xff\xfe", "Authorization: x", "Host: y",
    "Content-Length: 0", "Content-Length: -1", "Content-Length: x", "Content-Length: 99999999999999999999",
    "Content-Length: 1000", "Transfer-Encoding: chunked", "Transfer-Encoding: gzip", "Content-Encoding: gzip",
    "Expect: 100-continue", "Expect: x", "Connection: upgrade", "Upgrade: websocket", "Range: bytes=5-",
    "Range: bytes=9-5", "Range: bytes=x", "Range: bytes=0-0,2-3,9999999-", "If-Range: x", "If-None-Match: *",
    "Cookie: a=b", "X: \x00", "X", ": y", "X : y", " folded", "X: " + "y" * 40_000, "X-" + "z" * 9000 + ": y",
    "\xff: y", "Content-Type: \xff", "X-Forwarded-For: \xff", "Accept: \x07", "Origin: null",
    "Accept-Encoding: br;q=x",
)  # fmt: skip
_PARTS = (
    b'Content-Disposition: form-data; name="messaging_product"\r\n\r\nwhatsapp',
    b'Content-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n',
    b'Content-Disposition: form-data; name="file"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8',
    b'Content-Disposition: form-data; name="file"; filename=""\r\nContent-Type: image/jpeg\r\n\r\n',
    b'Content-Disposition: form-data; name="file"; filename="\xff\x00/../x"\r\nContent-Type: \xff\r\n\r\nxx',
    b'Content-Disposition: form-data; name="file"\r\n\r\nno file',
    b'Content-Disposition: form-data; name="type"\r\n\r\n\xff\xfe\x00',
    b'Content-Disposition: form-data; name="from"\r\n\r\n255712345678',
    b'Content-Disposition: form-data; name="caption"\r\n\r\n\xff\xfe',
    b'Content-Disposition: form-data; name="\xff"\r\n\r\nx', b"Content-Disposition: form-data\r\n\r\nx", b"\r\n\r\nx",
    b"Content-Disposition: attachment\r\n\r\nx", b"X: " + b"y" * 20_000 + b"\r\n\r\nx", b"", b"\x00", b": \r\n\r\n",
    b'Content-Disposition: form-data; name="messaging_product"\r\n\r\n' + b"w" * 2_000_000,
)  # fmt: skip
_PAIRS = ("%ff=%00", "a", "=", "fields=%00,%ff", "access_token=%ud8", "&&", "limit=%C2%B2", "access_token=")
_ENDS = (b'--edge\r\nContent-Disposition: form-data; name="', b"--edge--", b"--edge", b"edge", b"\r\n")


# What is wrong with a request: mostly nothing, or one thing, so that it gets far.
_WRONGS = ("nothing", "nothing", "value", "value", "body", "target", "method", "frame", "type", "header", "token")


@st.composite
def _wrong(draw: st.DrawFn, value: Any) -> Any:
    """Draw `value` with something changed in one place, shaped like the good one."""
    if isinstance(value, dict) and value:
        keys = list(value)
        match draw(st.sampled_from(("inside", "inside", "inside", "without", "more", "whole"))):
            case "inside":
                key = draw(st.sampled_from(keys))
                return value | {key: draw(_wrong(value[key]))}
            case "without":
                key = draw(st.sampled_from(keys))
                return {name: value[name] for name in keys if name != key}
            case "more":
                return value | {draw(st.sampled_from(("", "\x00", "\ud800", "type", "x" * 3000))): draw(_leaf())}
    if isinstance(value, list) and value and draw(st.booleans()):
        return [draw(_wrong(value[0])), *value[1:]]
    return draw(_leaf())


def _leaf() -> st.SearchStrategy[Any]:
    return st.one_of(st.sampled_from(_LEAVES), st.text(max_size=20), st.integers(), st.floats())


def _json(tree: Any) -> bytes:
    """Write a tree as JSON, and what JSON cannot hold as Python would: NaN, lone surrogates."""
    return json.dumps(tree).encode("ascii")


def _form(tree: Any) -> bytes:
    pairs = tree.items() if isinstance(tree, dict) else [("a", tree)]
    flat = [(key, value if isinstance(value, str) else json.dumps(value)) for key, value in pairs]
    return urlencode(flat, errors="surrogatepass").encode()


def _multipart(parts: Iterable[bytes], end: bytes = b"--edge--\r\n") -> bytes:
    return b"".join(b"--edge\r\n" + part + b"\r\n" for part in parts) + end


@st.composite
def _bodies(draw: st.DrawFn, good: bytes) -> bytes:
    """Draw something else than a good body: a piece of it, a bit off, far too deep, odd parts, or anything."""
    place = draw(st.integers(0, max(0, len(good) - 1)))
    match draw(st.sampled_from(("cut", "flipped", "parts", "deep", "bytes"))):
        case "cut":
            return good[:place]
        case "flipped":
            return good[:place] + bytes([draw(st.integers(0, 255))]) + good[place + 1 :]
        case "parts":
            return _multipart(draw(st.lists(st.sampled_from(_PARTS), max_size=5)), draw(st.sampled_from(_ENDS)))
        case "deep":
            return draw(st.sampled_from((b"[", b'{"a":', b'{"image":'))) * draw(st.sampled_from((50, 2000, 100_000)))
        case _:
            return draw(st.binary(max_size=60))


@st.composite
def _targets(draw: st.DrawFn, call: Call, wrong: str) -> str:
    path, query = call.path, {**call.query}
    if wrong == "target":
        segments = path.split("/")
        segments[draw(st.integers(0, len(segments) - 1))] = draw(st.sampled_from(_SEGMENTS))
        path = "/".join(segments)
    if wrong == "value" and query:
        key = draw(st.sampled_from(sorted(query)))
        # A wait is never made long.
        query[key] = "nan" if key == "timeout_s" else str(draw(_leaf()))
    pairs = [f"{quote(key)}={quote(value, errors='surrogatepass')}" for key, value in query.items()]
    if wrong == "value" and not pairs:
        pairs.append(draw(st.sampled_from(_PAIRS)))
    return path + ("?" + "&".join(pairs) if pairs else "")


@st.composite
def _frames(draw: st.DrawFn, body: bytes) -> tuple[str, bytes, bool]:
    """Draw a header that tells the body's length, the body as it then goes, and whether all that was told goes."""
    match draw(st.sampled_from(("chunked", "chunked", "short", "long", "torn", "none"))):
        case "chunked":
            cut = draw(st.integers(0, len(body)))
            pieces = [piece for piece in (body[:cut], body[cut:]) if piece]
            chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
            return "Transfer-Encoding: chunked", chunks + b"0\r\n\r\n", True
        case "torn":
            torn = draw(st.sampled_from((b"zz\r\nxx", b"5\r\nab", b"-1\r\n", b"fffffffffffffffff\r\n")))
            return "Transfer-Encoding: chunked", torn, False
        case "short":
            return f"Content-Length: {len(body) // 2}", body, True
        case "long":
            return f"Content-Length: {len(body) + 10}", body, False
        case _:
            return "X-None: 1", body, True


@st.composite
def _contents(draw: st.DrawFn, call: Call, wrong: str) -> tuple[str, bytes]:
    """Draw a content type and a body."""
    tree = draw(_wrong(call.body)) if wrong == "value" and call.body is not None else call.body
    kind, body = "application/json", b"" if tree is None else _json(tree)
    if call.name == "media":
        kind, body = "multipart/form-data; boundary=edge", _multipart(draw(st.permutations(_PARTS[:2])))
    elif tree is not None and draw(st.integers(0, 9)) == 0:
        kind, body = "application/x-www-form-urlencoded", _form(tree)
    if wrong == "body":
        body = draw(_bodies(body))
    return (draw(st.sampled_from(_TYPES)) if wrong == "type" else kind), body


@st.composite
def requests(draw: st.DrawFn, ground: Ground) -> Asked:
    """Draw one request to some route, good or with one thing wrong."""
    call, wrong = draw(st.sampled_from(CALLS)), draw(st.sampled_from(_WRONGS))
    method = draw(_METHODS) if wrong == "method" else call.method
    target = draw(_targets(call, wrong))
    kind, body = draw(_contents(call, wrong))
    length, framed, is_whole = f"Content-Length: {len(body)}", body, True
    if wrong == "frame":
        length, framed, is_whole = draw(_frames(body))
    is_apps = wrong == "token" or call.path.endswith(("/subscriptions", "/debug_token"))
    token = ground.app_token if is_apps else ground.token
    headers = _headers(token, kind, length)
    if wrong == "header":
        odd = draw(st.sampled_from(_HEADERS))
        headers.insert(draw(st.integers(0, len(headers))), odd)
        is_whole = not odd.startswith(("Content-Length", "Transfer-Encoding"))
    raw = _head(method, target, headers) + framed
    return Asked(call.name, method, raw, _is_control(target), is_whole)


def _headers(token: str, kind: str, length: str) -> list[str]:
    return ["Host: x", "Connection: close", f"Authorization: Bearer {token}", f"Content-Type: {kind}", length]


def _head(method: str, target: str, headers: list[str]) -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/1.1", *headers, "", ""]).encode("latin-1", "replace")


def _is_control(target: str) -> bool:
    path = unquote(target.partition("?")[0].partition("#")[0])
    return path in ("/", "/handset") or path.startswith(("/_sandbox/", "/handset/"))


def plain(ground: Ground, path: str, body: Any) -> Asked:
    """Return a good POST of JSON to Graph."""
    return _good(ground, path, "application/json", _json(body))


def upload(ground: Ground, path: str) -> Asked:
    """Return a good upload."""
    return _good(ground, path, "multipart/form-data; boundary=edge", _multipart(_PARTS[:2]))


def _good(ground: Ground, path: str, kind: str, body: bytes) -> Asked:
    raw = _head("POST", path, _headers(ground.token, kind, f"Content-Length: {len(body)}")) + body
    return Asked("good", "POST", raw, is_control=False, is_whole=True)
