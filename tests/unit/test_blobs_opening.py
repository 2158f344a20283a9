from pathlib import Path

import pytest

from picha.gateway.blobs.local import LocalBlobs
from picha.gateway.blobs.opening import open_blobs
from picha.gateway.blobs.s3 import S3Blobs
from picha.gateway.settings import Settings, SettingsError, load


def told(tmp_path: Path, **variables: str) -> Settings:
    names = {f"PICHA_BLOBS{name}": value for name, value in variables.items()}
    return load({"PICHA_DATABASE_URL": "postgresql://x", "PICHA_HOME": str(tmp_path), **names})


def test_pictures_lie_in_the_home_folder_unless_told_otherwise(tmp_path: Path) -> None:
    assert isinstance(open_blobs(told(tmp_path)), LocalBlobs)

    assert (tmp_path / "blobs").is_dir()


@pytest.mark.parametrize("address", ["s3://pictures", "s3://pictures/", "s3://pictures/picha/blobs"])
def test_a_bucket_is_named_like_an_address(tmp_path: Path, address: str) -> None:
    keys = {"_ACCESS_KEY_ID": "AKIA", "_SECRET_ACCESS_KEY": "canary"}
    settings = told(tmp_path, **{"": address}, **keys, _ENDPOINT="http://127.0.0.1:9000/", _REGION="us-east-1")

    assert isinstance(open_blobs(settings), S3Blobs)
    assert "canary" not in repr(settings)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"": "pictures"}, "PICHA_BLOBS: "),
        ({"": "s3://"}, "PICHA_BLOBS: "),
        ({"": "s3://Pictures"}, "PICHA_BLOBS: "),
        ({"": "s3://pictures/a b"}, "PICHA_BLOBS: "),
        ({"": "s3://key:secret@pictures"}, "PICHA_BLOBS: "),
        ({"": "gs://pictures"}, "PICHA_BLOBS: "),
        ({"": "s3://pictures", "_ENDPOINT": "minio:9000"}, "PICHA_BLOBS_ENDPOINT: "),
        ({"": "s3://pictures", "_ENDPOINT": "http://k:s@minio"}, "PICHA_BLOBS_ENDPOINT: "),
        ({"": "s3://pictures", "_ACCESS_KEY_ID": "AKIA"}, "PICHA_BLOBS_ACCESS_KEY_ID"),
        ({"": "s3://pictures", "_SECRET_ACCESS_KEY": "canary"}, "PICHA_BLOBS_ACCESS_KEY_ID"),
    ],
)
def test_a_wrong_setting_is_told_by_its_name_and_shows_no_secret(
    tmp_path: Path, variables: dict[str, str], named: str
) -> None:
    with pytest.raises(SettingsError, match=named) as error:
        open_blobs(told(tmp_path, **variables))

    assert "canary" not in str(error.value)
    assert "secret@" not in str(error.value)
