"""What is done with pictures: upload one, look at it, fetch its bytes, take its name away."""

from uuid import UUID

from picha.karibu.media import Media, MediaDeleted
from picha.karibu.sends import ImagePolicy
from picha.sdk.calls import Call, Progress, identifier, reader
from picha.sdk.errands import Do, Errand, Tools, ask
from picha.sdk.pictures import Address, Filed, Image, multipart, understood
from picha.sdk.posting import keyed, post, written

_PATH = "/v1/whatsapp/media"
PICTURE_S = 600.0
"""How long a request may take that carries a picture: a large one on a slow line."""


def upload(
    tools: Tools,
    *,
    image: Image,
    image_policy: ImagePolicy | None = None,
    idempotency_key: str | None = None,
    on_progress: Progress | None = None,
) -> Errand[Media]:
    """Upload a picture, or let the gateway fetch one from its address; it can be sent by its `file_id` for 30 days.

    `image_policy` auto, the default, makes a picture fit that WhatsApp would not take; strict refuses it.
    `on_progress(sent, total)` is called as the bytes leave; with `Client` that is in another thread.

    Raises:
        RefusedError: by its code, such as ImageNotSupportedError; BodyTooLargeError past 32 MiB.
        OSError: the file cannot be read.
    """
    source = understood(image)
    if isinstance(source, Filed):
        return (yield from media(tools, source.file_id))
    if isinstance(source, Address):
        body = written(url=source.url, image_policy=image_policy)
        return (yield from ask(tools, post(tools, _PATH, Media, body=body, idempotency_key=idempotency_key)))
    data, name = yield Do(source.load)
    boundary = f"picha-{tools.ids.uuid().hex}"
    call = Call(
        method="POST",
        path=_PATH,
        reads=reader(Media),
        headers=keyed(tools, idempotency_key) | {"Content-Type": f"multipart/form-data; boundary={boundary}"},
        body=multipart(data, name, image_policy, boundary),
        timeout_s=PICTURE_S,
        on_progress=on_progress,
    )
    return (yield from ask(tools, call))


def media(tools: Tools, file_id: UUID | str) -> Errand[Media]:
    """Return a picture's facts."""
    call = Call(method="GET", path=f"{_PATH}/{identifier(file_id, 'file_id')}", reads=reader(Media))
    return (yield from ask(tools, call))


def content(tools: Tools, file_id: UUID | str) -> Errand[bytes]:
    """Return a picture's bytes, of an upload or of a message that was received (`message.content.file_id`)."""
    path = f"{_PATH}/{identifier(file_id, 'file_id')}/content"
    return (yield from ask(tools, _bytes_at(path)))


def thumbnail(tools: Tools, file_id: UUID | str) -> Errand[bytes]:
    """Return a small JPEG of a picture."""
    path = f"{_PATH}/{identifier(file_id, 'file_id')}/thumbnail"
    return (yield from ask(tools, _bytes_at(path)))


def delete_media(tools: Tools, file_id: UUID | str) -> Errand[MediaDeleted]:
    """Take a picture's name away; messages that were accepted with it go out all the same."""
    call = Call(method="DELETE", path=f"{_PATH}/{identifier(file_id, 'file_id')}", reads=reader(MediaDeleted))
    return (yield from ask(tools, call))


def _bytes_at(path: str) -> Call[bytes]:
    return Call(method="GET", path=path, reads=bytes, is_raw=True, timeout_s=PICTURE_S)
