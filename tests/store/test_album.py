"""What the album keeps of a picture: what may go out, what it was made from, and what may only be looked at."""

import io
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import pytest
from PIL import Image
from tests.store.ground import Ground

from picha.gateway.blobs.local import LocalBlobs
from picha.gateway.domain.admission import Send
from picha.gateway.pictures.intake import Album
from picha.gateway.store import accepting, files
from picha.images.workers import Workshop
from picha.kit.clock import SystemClock
from picha.kit.ids import Ids

LIMIT = 5_242_880


def picture(form: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), (90, 120, 200)).save(out, form)
    return out.getvalue()


@pytest.fixture
async def workshop() -> AsyncIterator[Workshop]:
    async with Workshop(children=1) as opened:
        yield opened


def album(ground: Ground, home: Path, workshop: Workshop, *, keeps_originals: bool = False) -> Album:
    return Album(
        ground.pool, LocalBlobs(home), workshop, SystemClock(), Ids(), max_bytes=LIMIT, keeps_originals=keeps_originals
    )


async def test_a_changed_picture_s_original_is_kept_where_that_is_wanted(
    ground: Ground, tmp_path: Path, workshop: Workshop
) -> None:
    data, workspace = picture("WEBP"), ground.app.workspace_id
    keeping = album(ground, tmp_path, workshop, keeps_originals=True)

    made = await keeping.take_in(workspace, data, "auto")

    assert made.original_id is not None
    original = await files.find(ground.pool, workspace, made.original_id)
    assert original is not None
    assert await keeping.blobs.get(original.digest) == data
    assert (original.is_fit, original.expires_at) == (False, made.expires_at)


async def test_an_original_is_not_kept_unasked_nor_of_a_picture_that_was_not_changed(
    ground: Ground, tmp_path: Path, workshop: Workshop
) -> None:
    workspace = ground.app.workspace_id
    unasked = await album(ground, tmp_path, workshop).take_in(workspace, picture("WEBP"), "auto")
    same = await album(ground, tmp_path, workshop, keeps_originals=True).take_in(workspace, picture("PNG"), "auto")

    assert (unasked.original_id, same.original_id, list(same.changes)) == (None, None, [])
    assert await ground.pool.fetchval("SELECT count(*) FROM file") == 2


@pytest.mark.parametrize(("form", "is_fit"), [("JPEG", True), ("WEBP", False)])
async def test_what_a_customer_sent_may_go_out_again_only_if_whatsapp_takes_it(
    ground: Ground, tmp_path: Path, workshop: Workshop, form: str, *, is_fit: bool
) -> None:
    async def come() -> AsyncGenerator[bytes, None]:
        yield picture(form)

    file = await album(ground, tmp_path, workshop).keep_received(ground.app.workspace_id, come(), "image/x")
    command = Send(ground.app.workspace_id, ground.app.app_id, "test", to="16505551234", file_id=file.id)

    [known] = await accepting.known(ground.pool, [command])

    assert (known.has_file, known.is_file_fit) == (True, is_fit)
