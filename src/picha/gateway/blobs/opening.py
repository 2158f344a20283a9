"""Which store keeps the blobs: told by one setting that reads like an address."""

import re

from picha.gateway.blobs import Blobs
from picha.gateway.blobs.local import LocalBlobs
from picha.gateway.settings import Settings, SettingsError

# Amazon's rules for bucket names, and none for prefixes but that they are plain.
_S3 = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/([A-Za-z0-9._/-]*))?")
_FORM = "PICHA_BLOBS: leave it empty for the folder `blobs` in PICHA_HOME, or write s3://bucket or s3://bucket/prefix."
_ENDPOINT = "PICHA_BLOBS_ENDPOINT: write it as https://host or https://host:port."
_KEYS = "PICHA_BLOBS_ACCESS_KEY_ID and PICHA_BLOBS_SECRET_ACCESS_KEY: give both, or neither."
_EXTRA = 'PICHA_BLOBS: an s3:// store needs one more package; install "picha[server,s3]".'


def open_blobs(settings: Settings) -> Blobs:
    """Return the store that the settings name; nothing is asked of it yet.

    Raises:
        SettingsError: they name none, or one that is not installed.
    """
    if not settings.blobs:
        return LocalBlobs(settings.home / "blobs")
    place = _S3.fullmatch(settings.blobs)
    if not place:
        raise SettingsError(_FORM)
    if settings.blobs_endpoint and not re.fullmatch(r"https?://[^/?#@\s]+/?", settings.blobs_endpoint):
        raise SettingsError(_ENDPOINT)
    if bool(settings.blobs_access_key_id) != bool(settings.blobs_secret_access_key):
        raise SettingsError(_KEYS)
    try:
        from picha.gateway.blobs.s3 import Bucket, S3Blobs  # noqa: PLC0415 - the extra may not be installed
    except ImportError as error:
        raise SettingsError(_EXTRA) from error
    return S3Blobs(
        Bucket(
            name=place.group(1),
            prefix=(place.group(2) or "").strip("/"),
            endpoint=settings.blobs_endpoint.rstrip("/"),
            region=settings.blobs_region,
            access_key_id=settings.blobs_access_key_id,
            secret_access_key=settings.blobs_secret_access_key,
        )
    )
