"""Whatever comes in wrong is refused with a stable code and a sentence, and leaves nothing behind."""

import asyncio
import functools
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from tests.journeys.hosting import PictureHost
from tests.journeys.running import Talk, Told, picture, picture_of, until

from picha.gateway.api.routes import ROUTES, Route
from picha.gateway.domain.keys import compose
from picha.karibu.errors import STATUS, Code

SEND = "/v1/whatsapp/messages/image"
MEDIA = "/v1/whatsapp/media"
NOWHERE = "00000000-0000-7000-8000-000000000000"
TO = "255712345678"
URL = "https://example.com/a.jpg"
JSON = {"Content-Type": "application/json"}
LIMIT = 5_242_880
AUTO_MAX_BYTES = 33_554_432


def is_refused(told: Told, code: str, field: str | None = None) -> None:
    """Check that an answer is an envelope that refuses with this code, in a sentence."""
    assert told.document is not None, (told.status, told.body)
    assert set(told.document) == {"success", "data", "errors", "request_id"}, told.document
    assert (told.document["success"], told.document["data"]) == (False, None)
    (error,) = told.document["errors"]
    assert set(error) == {"code", "message", "field"}
    assert (error["code"], error["field"]) == (code, field), error
    assert told.status == STATUS[Code(code)]
    assert len(error["message"]) >= 20
    assert error["message"][-1] in ".})", error["message"]
    assert "Traceback" not in error["message"]
    UUID(told.document["request_id"])
    assert told.headers["X-Request-Id"] == told.document["request_id"]


def key_with(public_id: str) -> str:
    return compose("test", public_id, "x" * 32)


@pytest.mark.parametrize(
    "key",
    [
        None,
        "x",
        "picha_test_",
        "picha_test_" + "a" * 46,
        key_with("nobody00"),
        key_with("nobody00")[:-1] + "!",
        "k" * 4000,
        "picha_test_\u00e9",
    ],
)
async def test_who_is_not_known_gets_one_and_the_same_401(picha: Talk, key: str | None) -> None:
    told = await picha.api("GET", "/v1/whatsapp/messages", key=key)

    is_refused(told, "UNAUTHORIZED")
    nobody = await picha.api("GET", "/v1/whatsapp/messages", key=None)
    assert told.document["errors"] == nobody.document["errors"]


async def test_a_real_key_with_another_secret_or_environment_is_not_known(picha: Talk) -> None:
    real = picha.ready.api_key
    public_id = real.removeprefix("picha_test_")[:8]

    for forged in (compose("test", public_id, "x" * 32), compose("live", public_id, real[19:51])):
        is_refused(await picha.api("GET", "/v1/whatsapp/messages", key=forged), "UNAUTHORIZED")


NESTED = b'{"a":' * 8 + b"{}" + b"}" * 8
BAD_BODIES: list[tuple[str, bytes, str, str | None]] = [
    ("empty", b"", "MALFORMED_JSON", None),
    ("no JSON", b"to=255712345678", "MALFORMED_JSON", None),
    ("cut", b'{"to":"2557', "MALFORMED_JSON", None),
    ("rubbish after it", b'{"to":"1"}x', "MALFORMED_JSON", None),
    ("Latin-1", '{"caption":"é"}'.encode("latin-1"), "MALFORMED_JSON", None),
    ("UTF-16", '{"caption":"x"}'.encode("utf-16"), "MALFORMED_JSON", None),
    ("a byte order mark", b"\xef\xbb\xbf{}", "MALFORMED_JSON", None),
    ("half a surrogate", b'{"caption":"\\ud83d"}', "MALFORMED_JSON", None),
    ("NaN", b'{"to":NaN}', "MALFORMED_JSON", None),
    ("Infinity", b'{"to":-Infinity}', "MALFORMED_JSON", None),
    ("1e999", b'{"to":1e999}', "MALFORMED_JSON", None),
    ("a huge number", b'{"to":' + b"9" * 5000 + b"}", "MALFORMED_JSON", None),
    ("a key twice", b'{"to":"255712345678","to":"255712345679"}', "MALFORMED_JSON", None),
    ("a key twice, deep", b'{"x":[{"a":1,"a":2}]}', "MALFORMED_JSON", None),
    ("nine levels", NESTED, "MALFORMED_JSON", None),
    ("thousands of levels", b"[" * 30_000, "MALFORMED_JSON", None),
    ("an array", b"[]", "VALIDATION_ERROR", None),
    ("a string", b'"x"', "VALIDATION_ERROR", None),
    ("null", b"null", "VALIDATION_ERROR", None),
]


@pytest.fixture
async def undisturbed(picha: Talk) -> AsyncIterator[Talk]:
    """A caller whose test must leave no message behind."""
    before = await picha.total()
    yield picha
    assert await picha.total() == before


@pytest.mark.parametrize(("body", "code", "field"), [case[1:] for case in BAD_BODIES], ids=[c[0] for c in BAD_BODIES])
async def test_a_body_that_is_no_json_object_of_ours_is_refused(
    undisturbed: Talk, body: bytes, code: str, field: str | None
) -> None:
    is_refused(await undisturbed.api("POST", SEND, data=body, headers=JSON), code, field)


BAD_SENDS: list[tuple[dict[str, Any], str, str | None]] = [
    ({}, "VALIDATION_ERROR", "media_url"),
    ({"to": TO}, "VALIDATION_ERROR", "media_url"),
    ({"to": TO, "caption": "only"}, "VALIDATION_ERROR", "media_url"),
    ({"to": TO, "media_url": URL, "file_id": NOWHERE}, "VALIDATION_ERROR", "media_url"),
    ({"media_url": URL}, "VALIDATION_ERROR", "to"),
    ({"media_url": URL, "to": None}, "VALIDATION_ERROR", "to"),
    ({"to": TO, "media_url": URL, "caption": "x" * 1025}, "VALIDATION_ERROR", "caption"),
    ({"to": TO, "media_url": URL, "caption": "🥖" * 1025}, "VALIDATION_ERROR", "caption"),
    ({"to": TO, "media_url": URL, "caption": "a\0b"}, "VALIDATION_ERROR", "caption"),
    ({"to": TO, "media_url": URL, "caption": 7}, "VALIDATION_ERROR", "caption"),
    ({"to": TO, "media_url": URL, "client_reference": "a\0b"}, "VALIDATION_ERROR", "client_reference"),
    ({"to": TO, "media_url": URL, "sender": "a\0b"}, "VALIDATION_ERROR", "sender"),
    ({"to": TO, "media_url": URL, "sender_id": "no uuid"}, "VALIDATION_ERROR", "sender_id"),
    ({"conversation_id": "no uuid", "media_url": URL}, "VALIDATION_ERROR", "conversation_id"),
    ({"to": TO, "media_url": URL, "expires_at": "tomorrow"}, "VALIDATION_ERROR", "expires_at"),
    ({"to": TO, "media_url": URL, "expires_at": "2026-01-01T00:00:00"}, "VALIDATION_ERROR", "expires_at"),
    ({"to": TO, "media_url": URL, "on_unknown": "shrug"}, "VALIDATION_ERROR", "on_unknown"),
    ({"to": TO, "file_id": NOWHERE}, "MEDIA_NOT_FOUND", "file_id"),
    ({"to": TO, "file_id": "no uuid"}, "MEDIA_NOT_FOUND", "file_id"),
    ({"conversation_id": NOWHERE, "media_url": URL}, "CONVERSATION_NOT_FOUND", "conversation_id"),
    ({"to": TO, "sender": "19999999999", "media_url": URL}, "SENDER_NOT_FOUND", "sender"),
    ({"to": TO, "sender_id": NOWHERE, "media_url": URL}, "SENDER_NOT_FOUND", "sender_id"),
    ({"to": TO, "reply_to": NOWHERE, "media_url": URL}, "MESSAGE_NOT_FOUND", "reply_to"),
    ({"to": TO, "reply_to": "no uuid", "media_url": URL}, "MESSAGE_NOT_FOUND", "reply_to"),
    *(
        ({"to": to, "media_url": URL}, "VALIDATION_ERROR", "to")
        for to in (
            "", "123456", "0712345678", "+0712345678", "1234567890123456789", "++255712345678", "255 712 345 678",
            "255-712", "25571234567a", "255712345678\n", "٢٥٥٧١٢٣٤٥٦٧٨", "²55712345678",
            255712345678, ["255712345678"], True,
        )
    ),
    *(
        ({"to": TO, "media_url": url}, "VALIDATION_ERROR", "media_url")
        for url in (
            "", "r.jpg", "//example.com/a.jpg", "ftp://example.com/a.jpg", "file:///etc/passwd",
            "data:image/png;base64,AA", "javascript:alert(1)", "https://", "https://a b/", "https://u:p@example.com/",
            "https://example.com:0/", "https://example.com:65536/", "https://example.com:x/", "http://10.0.0.1/a.jpg",
            "http://192.168.1.1/", "http://169.254.169.254/latest/meta-data", "http://[fd00::1]/",
            "http://[::ffff:10.0.0.1]/", "http://0x0a000001/", "http://167772161/", "http://0/", "http://①⑦②.16.0.1/",
            "https://" + "a" * 254 + "/", "https://example.com/" + "a" * 2083, "https://example.com/\0", 7,
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "code", "field"), BAD_SENDS, ids=[f"{n}-{c[1]}-{c[2]}" for n, c in enumerate(BAD_SENDS)]
)
async def test_a_send_that_cannot_be_is_refused_on_its_field(
    undisturbed: Talk, body: dict[str, Any], code: str, field: str | None
) -> None:
    is_refused(await undisturbed.send(**body), code, field)


async def test_a_time_at_the_calendars_end_is_no_accident(picha: Talk) -> None:
    customer = picha.stranger()
    await picha.hear(customer)
    before = await picha.total()

    for moment in ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"):
        told = await picha.send(to=customer, media_url=URL, expires_at=moment)
        is_refused(told, "VALIDATION_ERROR", "expires_at")
        for name in ("since", "until"):
            is_refused(await picha.list(**{name: moment}), "VALIDATION_ERROR", name)
    assert await picha.total() == before


BAD_QUERIES = [
    ("limit", "0"), ("limit", "201"), ("limit", "-1"), ("limit", "x"), ("limit", "٣"), ("limit", "9" * 400),
    ("offset", "10001"), ("offset", "-1"), ("status", "gone"), ("direction", "sideways"), ("conversation_id", "x"),
    ("since", "yesterday"), ("since", "2026-01-01T00:00:00"), ("until", "x"), ("message_type", "\0"),
    ("message_type", "im\0age"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), BAD_QUERIES)
async def test_a_list_that_cannot_be_is_refused_on_its_parameter(picha: Talk, name: str, value: str) -> None:
    is_refused(await picha.list(**{name: value}), "VALIDATION_ERROR", name)


async def trickle(size: int) -> AsyncIterator[bytes]:
    """Yield a JSON body in parts, so that nothing announces its length."""
    yield b'{"caption":"'
    for _ in range(size // 1024):
        yield b"x" * 1024
    yield b'"}'


async def test_a_body_over_64_kib_is_refused_with_and_without_its_length(undisturbed: Talk) -> None:
    long = b'{"caption":"' + b"x" * 65_536 + b'"}'

    is_refused(await undisturbed.api("POST", SEND, data=long, headers=JSON), "BODY_TOO_LARGE")
    is_refused(await undisturbed.api("POST", SEND, data=trickle(80_000), headers=JSON), "BODY_TOO_LARGE")


async def test_a_body_of_exactly_64_kib_is_read(undisturbed: Talk) -> None:
    body = b'{"x":"' + b"y" * (65_536 - 8) + b'"}'
    assert len(body) == 65_536

    is_refused(await undisturbed.api("POST", SEND, data=body, headers=JSON), "VALIDATION_ERROR", "media_url")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "json", ""])
async def test_another_content_type_is_refused(undisturbed: Talk, kind: str) -> None:
    is_refused(
        await undisturbed.api("POST", SEND, data=b"{}", headers={"Content-Type": kind}), "UNSUPPORTED_MEDIA_TYPE"
    )


async def test_a_charset_beside_the_content_type_is_fine(undisturbed: Talk) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}

    is_refused(await undisturbed.api("POST", SEND, data=b"{}", headers=headers), "VALIDATION_ERROR", "media_url")


async def test_an_upload_that_is_neither_multipart_nor_json_is_refused(picha: Talk) -> None:
    for headers in ({"Content-Type": "image/jpeg"}, {"Content-Type": "application/octet-stream"}):
        is_refused(await picha.api("POST", MEDIA, data=picture(), headers=headers), "UNSUPPORTED_MEDIA_TYPE")
    is_refused(await picha.api("POST", MEDIA, data=picture(), headers=JSON), "MALFORMED_JSON")


async def test_an_image_policy_that_there_is_not_is_refused(picha: Talk) -> None:
    is_refused(await picha.upload(picture(), image_policy="kind"), "VALIDATION_ERROR", "image_policy")


BAD_FORMS: list[tuple[str, bytes]] = [
    ("boundary=x", b""),
    ("boundary=x", b"garbage"),
    ("boundary=x", b"--x--\r\n"),
    ("boundary=x", b"--x\r\n\r\n\r\n--x--\r\n"),
    ("boundary=x", b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\ncut'),
    ("boundary=x", b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nno filename\r\n--x--\r\n'),
    ("boundary=x", b'--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\nother\r\n--x--\r\n'),
    ("boundary=x", b"--x\r\n" + b"A" * 20_000 + b": b\r\n\r\n\r\n--x--\r\n"),
    ("boundary=x", b"--x\r\n" + b"A: b\r\n" * 5000 + b"\r\n\r\n--x--\r\n"),
    ("boundary=x", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' * 9 + b"--x--\r\n"),
    ("boundary=x; charset=punycode", b'--x\r\nContent-Disposition: form-data; name="\xff-\xff"\r\n\r\n1\r\n--x--\r\n'),
    ("boundary=x; charset=idna", b'--x\r\nContent-Disposition: form-data; name="xn--a.."\r\n\r\n1\r\n--x--\r\n'),
    ("boundary=x; charset=unicode_escape", b'--x\r\nContent-Disposition: form-data; name="\\x"\r\n\r\n1\r\n--x--\r\n'),
    ("boundary=x; charset=hex", b'--x\r\nContent-Disposition: form-data; name="zz"\r\n\r\n1\r\n--x--\r\n'),
    ("boundary=" + "x" * 3000, b"x"),
    ("boundary=", b"--\r\n\r\n----"),
    ("nothing", b"--x--"),
]


@pytest.mark.parametrize(("rest", "body"), BAD_FORMS, ids=range(len(BAD_FORMS)))
async def test_a_form_without_a_file_part_that_can_be_read_is_refused(picha: Talk, rest: str, body: bytes) -> None:
    headers = {"Content-Type": f"multipart/form-data; {rest}"}

    is_refused(await picha.api("POST", MEDIA, data=body, headers=headers), "VALIDATION_ERROR", "file")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"Receipt: 3 loaves\n", "IMAGE_NOT_SUPPORTED"),
        (b"", "IMAGE_NOT_SUPPORTED"),
        (b"%PDF-1.7\n", "IMAGE_NOT_SUPPORTED"),
        (picture("GIF"), "IMAGE_NOT_SUPPORTED"),
        (picture("WEBP"), "IMAGE_NOT_SUPPORTED"),
        (picture()[:300], "IMAGE_UNREADABLE"),
        (picture_of(LIMIT + 1), "BODY_TOO_LARGE"),
    ],
    ids=["text", "nothing", "PDF", "GIF", "WebP", "half a JPEG", "one byte too many"],
)
async def test_a_file_called_jpg_that_whatsapp_would_not_take_is_refused(picha: Talk, data: bytes, code: str) -> None:
    is_refused(await picha.upload(data, image_policy="strict", filename="r.jpg"), code, "file")


async def test_exactly_whatsapp_s_limit_is_taken_untouched(picha: Talk) -> None:
    told = await picha.upload(picture_of(LIMIT), image_policy="strict")

    assert told.status == 201
    assert (told.data["size_bytes"], told.data["mime_type"]) == (LIMIT, "image/jpeg")
    assert (told.data["width"], told.data["height"]) == (64, 48)
    assert re.fullmatch("[0-9a-f]{64}", told.data["sha256"])


async def test_a_tail_counts_as_it_came_under_strict_as_picha_check_has_it(picha: Talk) -> None:
    most, more = picture().ljust(LIMIT, b"\0"), picture().ljust(LIMIT + 1, b"\0")

    taken = await picha.upload(most, image_policy="strict")

    assert (taken.status, taken.data["size_bytes"]) == (201, len(picture()))
    assert taken.data["changes"] == [f"tail of {LIMIT - len(picture()):,} bytes cut"]
    is_refused(await picha.upload(more, image_policy="strict"), "BODY_TOO_LARGE", "file")
    assert (await picha.upload(more)).status == 201


async def test_what_is_made_smaller_may_have_so_many_bytes_and_not_one_more(picha: Talk) -> None:
    told = await picha.upload(picture_of(AUTO_MAX_BYTES))

    assert told.status == 201, told.body
    assert told.data["size_bytes"] < LIMIT
    is_refused(await picha.upload(picture_of(AUTO_MAX_BYTES + 1)), "BODY_TOO_LARGE", "file")


async def test_an_upload_far_over_the_limit_is_not_even_read(picha: Talk) -> None:
    is_refused(await picha.upload(bytes(AUTO_MAX_BYTES + 200_000)), "BODY_TOO_LARGE")


async def form(data: bytes, policy: str, *, policy_first: bool = True) -> AsyncIterator[bytes]:
    """Yield an upload in parts, so that nothing announces its length."""
    field = b'--x\r\nContent-Disposition: form-data; name="image_policy"\r\n\r\n' + policy.encode() + b"\r\n"
    if policy_first:
        yield field
    yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
    for at in range(0, len(data), 65_536):
        yield data[at : at + 65_536]
    yield b"\r\n" + (b"" if policy_first else field) + b"--x--\r\n"


@pytest.mark.parametrize(("policy", "most"), [("strict", LIMIT), ("auto", AUTO_MAX_BYTES)])
@pytest.mark.parametrize("policy_first", [True, False])
async def test_an_upload_that_does_not_tell_its_length_has_the_same_limits(
    picha: Talk, policy: str, most: int, *, policy_first: bool
) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    parts = [form(picture_of(size), policy, policy_first=policy_first) for size in (most, most + 1)]

    taken, refused = [await picha.api("POST", MEDIA, data=part, headers=headers) for part in parts]

    assert taken.status == 201, taken.body
    is_refused(refused, "BODY_TOO_LARGE", "file")


async def test_an_upload_that_does_not_end_is_stopped_at_the_limit(picha: Talk) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}

    told = await picha.api("POST", MEDIA, data=form(bytes(AUTO_MAX_BYTES + 400_000), "auto"), headers=headers)

    is_refused(told, "BODY_TOO_LARGE")


@pytest.mark.parametrize(("policy", "most"), [("strict", LIMIT), ("auto", AUTO_MAX_BYTES)])
async def test_a_picture_at_an_address_has_the_same_limits_told_as_whatsapp_s_own_code(
    picha: Talk, host: PictureHost, policy: str, most: int
) -> None:
    customer = picha.stranger()
    await picha.hear(customer, type="text", text="Hello")
    urls = [host.put(f"/{size}.jpg", picture_of(size)) for size in (most, most + 1)]

    asked = [{"url": url, "image_policy": policy} for url in urls]
    taken, refused = [await picha.api("POST", MEDIA, json=body) for body in asked]
    sent = await picha.send(to=customer, media_url=urls[1], image_policy=policy)

    assert taken.status == 201, taken.body
    is_refused(refused, "IMAGE_TOO_LARGE", "url")
    failed = await picha.becomes(sent.data["message_id"], "failed")
    assert (failed["error_code"], f"{most:,} bytes" in failed["error_detail"]) == ("131053", True)


async def test_an_upload_that_is_cut_off_leaves_no_file_open_and_nothing_stored(picha: Talk) -> None:
    url = urlsplit(picha.ready.api_url)
    before = await picha.upload(picture())
    head = (
        f"POST {MEDIA} HTTP/1.1\r\nHost: {url.netloc}\r\nX-API-Key: {picha.ready.api_key}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 30000000\r\n\r\n"
    )
    _, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(head.encode() + b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n')
    writer.write(bytes(8_000_000))
    await until(functools.partial(has_temporary, picha))

    writer.transport.abort()

    async def is_clean() -> bool:
        return not await has_temporary(picha)

    await until(is_clean)
    assert before.status == 201
    assert list((picha.house.home / "blobs" / "writing").iterdir()) == []


async def has_temporary(picha: Talk) -> bool:
    """Tell whether the API holds a file open that has no name."""
    return await asyncio.to_thread(_holds_unnamed, picha.house.child("api"))


def _holds_unnamed(pid: int | None) -> bool:
    links = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            links.append(str(entry.readlink()))
    return any("(deleted)" in link for link in links)


UNKNOWN = [
    "/v1", "/v1/whatsapp", "/v2/whatsapp/messages", "/v1/whatsapp/messages//",
    "/v1/whatsapp/messages/x/y", "/V1/whatsapp/messages", "/v1/whatsapp/messages/send-text", "/robots.txt", "/..;/",
    "//", "/v1//whatsapp/messages", "/v1/whatsapp/media//", "/%00", "/v1/whatsapp/messages/%2e%2e/%2e%2e/x",
]  # fmt: skip


@pytest.mark.parametrize("path", UNKNOWN)
async def test_an_unknown_path_is_told_so(picha: Talk, path: str) -> None:
    told = await picha.api("GET", path)

    if re.fullmatch("/v1/whatsapp/messages/[^/]+", path):
        is_refused(told, "MESSAGE_NOT_FOUND")
    else:
        is_refused(told, "NOT_FOUND")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1/whatsapp/messages/{}", "MESSAGE_NOT_FOUND"),
        ("/v1/whatsapp/messages/{}/timeline", "MESSAGE_NOT_FOUND"),
        ("/v1/whatsapp/conversations/{}", "CONVERSATION_NOT_FOUND"),
        ("/v1/whatsapp/media/{}", "MEDIA_NOT_FOUND"),
        ("/v1/whatsapp/media/{}/content", "MEDIA_NOT_FOUND"),
    ],
)
@pytest.mark.parametrize("name", [NOWHERE, "no-uuid", "%00", "%F0%9F%92%A9", "a" * 3000])
async def test_an_id_that_names_nothing_is_told_so(picha: Talk, path: str, code: str, name: str) -> None:
    is_refused(await picha.api("GET", path.format(name)), code)


async def test_a_sender_that_is_not_there_is_told_barely_as_karibu_does(picha: Talk) -> None:
    for name in (NOWHERE, "no-uuid"):
        told = await picha.api("GET", f"/v1/whatsapp/senders/{name}")
        assert (told.status, list(told.document)) == (404, ["detail"])


def path_of(route: Route) -> str:
    return re.sub(r"\{\w+\}", NOWHERE, route.path)


def slashed(path: str) -> list[str]:
    return list(dict.fromkeys((path, path.rstrip("/") + "/")))


@pytest.mark.parametrize("route", ROUTES, ids=[f"{route.method} {route.path}" for route in ROUTES])
async def test_every_route_guards_itself_in_both_slash_forms(picha: Talk, route: Route) -> None:
    for path in slashed(path_of(route)):
        told = await picha.api(route.method, path, key=None)

        assert not 300 <= told.status < 400
        assert told.status != 404 or not route.needs_key
        assert told.status < 500
        if route.needs_key:
            assert told.status == 401
            if route.is_enveloped:
                is_refused(told, "UNAUTHORIZED")
            else:
                assert list(told.document) == ["detail"]


@pytest.mark.parametrize("path", sorted({route.path for route in ROUTES}))
async def test_every_path_refuses_other_methods_and_names_its_own(picha: Talk, path: str) -> None:
    routes = [route for route in ROUTES if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", route.path), path)]

    for form in slashed(re.sub(r"\{\w+\}", NOWHERE, path)):
        for method in {"PATCH", "PUT", "OPTIONS", "TRACE", "DELETE"} - {route.method for route in routes}:
            told = await picha.api(method, form)

            assert told.status == 405, told.body
            allowed = set(told.headers["Allow"].split(", "))
            assert {route.method for route in routes} <= allowed, (method, form)
            if all(route.is_enveloped for route in routes):
                is_refused(told, "METHOD_NOT_ALLOWED")
            else:
                assert list(told.document) == ["detail"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("", "NOT_FOUND"), ("/", "NOT_FOUND"), ("/send-text", "NOT_FOUND"), ("/send-media/", "NOT_FOUND"),
        ("/video/", "NOT_IMPLEMENTED"), ("/interactive", "NOT_IMPLEMENTED"),
        (f"/{NOWHERE}", "METHOD_NOT_ALLOWED"), ("/images", "METHOD_NOT_ALLOWED"),
    ],
)  # fmt: skip
async def test_sends_of_other_forms_and_kinds_are_told_so(undisturbed: Talk, path: str, code: str) -> None:
    is_refused(await undisturbed.api("POST", f"/v1/whatsapp/messages{path}", json={}), code)


async def test_head_has_no_body(picha: Talk) -> None:
    told = await picha.api("HEAD", "/v1/whatsapp/messages")

    assert (told.status, told.body) == (200, b"")


async def test_two_calls_have_two_request_ids(picha: Talk) -> None:
    first, second = await picha.list(), await picha.list()

    assert first.document["request_id"] != second.document["request_id"]


async def test_a_request_that_is_no_http_does_not_hurt_the_next(picha: Talk) -> None:
    address = picha.ready.api_url.removeprefix("http://").split(":")

    for rubbish in (b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", b"\r\n" * 99):
        reader, writer = await asyncio.open_connection(address[0], int(address[1]))
        writer.write(rubbish)
        writer.write_eof()
        await asyncio.wait_for(reader.read(65_536), 10)
        writer.close()
    assert (await picha.list()).status == 200
