"""A name or a Content-Type is believed in nothing; where the bytes are another kind, that is noted."""

import pytest

from picha.images.claims import belied
from picha.images.facts import Kind


@pytest.mark.parametrize(
    ("kind", "name", "content_type"),
    [
        ("jpeg", "a.jpg", "image/jpeg"),
        ("jpeg", "A.JPEG", "IMAGE/JPG; q=1"),
        ("heic", "a.heif", "image/heif"),
        ("tiff", "a.tif", "image/tiff"),
        ("png", "receipt", "application/octet-stream"),
        ("png", "", ""),
        ("webp", "a.txt", "text/plain"),
        ("jpeg", "photo.jpg.exe", "image/*"),
    ],
)
def test_what_claims_the_truth_or_nothing_is_not_noted(kind: Kind, name: str, content_type: str) -> None:
    assert belied(kind, name=name, content_type=content_type) == ()


@pytest.mark.parametrize(
    ("kind", "name", "content_type", "codes"),
    [
        ("png", "a.jpg", "", ["wrong_name"]),
        ("png", "a.png", "image/jpeg", ["wrong_type"]),
        ("text", "receipt.jpg", "image/jpeg", ["wrong_name", "wrong_type"]),
        ("jpeg", "C:\\photos\\a.PNG", " Image/PNG ;x", ["wrong_name", "wrong_type"]),
    ],
)
def test_what_claims_another_kind_is_noted(kind: Kind, name: str, content_type: str, codes: list[str]) -> None:
    notes = belied(kind, name=name, content_type=content_type)

    assert [note.code for note in notes] == codes
    assert all(f"the bytes are {kind}" in note.message for note in notes)
