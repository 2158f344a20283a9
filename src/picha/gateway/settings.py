"""The gateway's settings: one frozen object, read once from the environment, every field with its help."""

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from picha.kit.secrets import Secret

API_KEY_FILE = "api-key"
"""The file in a home (0600) that has the key of its first app."""

_PREFIX = "PICHA_"
# A hundred years: for ever, for whoever wants that.
_DAYS_MAX = 36_525
# An event is there for as long as it is tried to deliver it.
EVENTS_DAYS_MIN = 4
_EVERYWHERE = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared, not bound


class SettingsError(Exception):
    """A setting is missing or makes no sense; the text names its variable and says what to put there."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a `picha api` or `picha worker` process is told. Each field is read from PICHA_ and its name in capitals."""

    database_url: Annotated[
        str, Meta(description="PostgreSQL 15 or newer.", examples=["postgresql://picha@db.internal/picha"])
    ]
    home: Annotated[Path, Meta(description="Folder for blobs and keys.", examples=["/var/lib/picha"])] = Path(".picha")
    blobs: Annotated[
        str,
        Meta(
            description="Where pictures are kept: empty for the folder `blobs` in home, or an S3-compatible bucket. "
            "Several machines need a bucket.",
            examples=["s3://pictures/picha"],
        ),
    ] = ""
    blobs_endpoint: Annotated[
        str, Meta(description="The bucket's server, unless it is Amazon's.", examples=["https://minio.internal:9000"])
    ] = ""
    blobs_region: Annotated[str, Meta(description="The bucket's region.", examples=["eu-central-1"])] = ""
    blobs_access_key_id: Annotated[
        Secret | None, Meta(description="The bucket's key id; without it, the AWS_ variables or the machine's role.")
    ] = None
    blobs_secret_access_key: Annotated[Secret | None, Meta(description="The secret of that key.")] = None
    keep_originals: Annotated[
        bool, Meta(description="Keep a picture that was changed as it came, too, for as long as the changed one.")
    ] = False
    keep_batches_days: Annotated[
        int,
        Meta(
            ge=0,
            le=_DAYS_MAX,
            description="Days for which the recipients and results of batches are kept; 0 lets go at once.",
            examples=["30"],
        ),
    ] = 90
    keep_captions_days: Annotated[
        int,
        Meta(
            ge=0,
            le=_DAYS_MAX,
            description="Days for which captions, and what customers wrote, are kept; 0 lets go at once.",
            examples=["30"],
        ),
    ] = 90
    keep_media_days: Annotated[
        int,
        Meta(
            ge=0,
            le=_DAYS_MAX,
            description="Days for which the pictures of messages are kept; 0 lets go at once. An upload that was not "
            "sent may be named for 30 days.",
            examples=["7"],
        ),
    ] = 30
    keep_messages_days: Annotated[
        int,
        Meta(
            ge=31,
            le=_DAYS_MAX,
            description="Days for which messages are kept, with their attempts and evidence: more than the 30 for "
            "which Meta tries to deliver them.",
            examples=["3650"],
        ),
    ] = 365
    keep_webhooks_days: Annotated[
        int,
        Meta(
            ge=0,
            le=_DAYS_MAX,
            description="Days for which the bodies of Meta's webhooks are kept after they were understood; 0 lets go "
            "at once.",
            examples=["2"],
        ),
    ] = 7
    keep_webhook_hashes_days: Annotated[
        int,
        Meta(
            ge=8,
            le=_DAYS_MAX,
            description="Days for which a webhook that comes again is known: more than the 7 for which Meta tries.",
            examples=["14"],
        ),
    ] = 9
    keep_quarantine_days: Annotated[
        int,
        Meta(
            ge=0,
            le=_DAYS_MAX,
            description="Days for which items of webhooks are kept that could not be understood, and what was told of "
            "numbers and accounts; 0 lets go at once.",
            examples=["90"],
        ),
    ] = 30
    keep_notices_days: Annotated[
        int,
        Meta(
            ge=0,
            le=_DAYS_MAX,
            description="Days for which is kept what Meta tells of numbers and accounts; 0 lets go at once.",
            examples=["30"],
        ),
    ] = 90
    keep_parked_statuses_days: Annotated[
        int,
        Meta(
            ge=1,
            le=_DAYS_MAX,
            description="Days for which statuses are kept of messages that nobody here knows.",
            examples=["2"],
        ),
    ] = 7
    keep_events_days: Annotated[
        int,
        Meta(
            ge=EVENTS_DAYS_MIN,
            le=_DAYS_MAX,
            description="Days for which events can be read at /v1/events and delivered to webhooks anew, but no longer "
            "than their message is kept: more than the three and a half for which a webhook is tried.",
            examples=["90"],
        ),
    ] = 30
    keep_audit_days: Annotated[
        int,
        Meta(
            ge=365,
            le=_DAYS_MAX,
            description="Days for which is kept who did what with keys, numbers, secrets and people's data; a year at "
            "least.",
            examples=["3650"],
        ),
    ] = 365
    media_networks: Annotated[
        str,
        Meta(
            description="Networks that are not public, between commas, which media_url of test senders and webhooks of "
            "test keys may name all the same: for local development. Live ones never reach them.",
            examples=["10.1.0.0/16,192.168.1.7"],
        ),
    ] = ""
    templates_open_window: Annotated[
        bool,
        Meta(
            description="Take the 24-hour window for open after a template of yours, as Karibu's documentation has it. "
            "WhatsApp does not: what is sent then fails with 131047 unless the customer wrote."
        ),
    ] = False
    use_default_sender: Annotated[
        bool,
        Meta(
            description="Let a send that names no sender leave from the workspace's default number where several are "
            "active. Without it such a send is refused with 422 SENDER_AMBIGUOUS."
        ),
    ] = False
    backlog_hours: Annotated[
        float,
        Meta(
            gt=0,
            le=24,
            description="A number for which more waits than it can send in so many hours refuses new sends with 429.",
            examples=["1.5"],
        ),
    ] = 4.0
    requests_per_second: Annotated[
        float,
        Meta(
            ge=0,
            le=100_000,
            description="How many requests a second an API key may make, of each API process; 0 for any number. Past "
            "it they are answered 429.",
            examples=["100"],
        ),
    ] = 1000.0
    requests_at_once: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000,
            description="How many requests of a key may come at once before they must come slower.",
            examples=["200"],
        ),
    ] = 2000
    order_hold_seconds: Annotated[
        float,
        Meta(
            gt=0,
            le=3600,
            description="A message that was begun, or waits for its picture, holds up what follows it in its "
            "conversation for so many seconds at most. The same for every api and worker.",
            examples=["10"],
        ),
    ] = 30.0
    meta_idle_seconds: Annotated[
        float,
        Meta(
            gt=0,
            le=60,
            description="A connection to Meta that is idle for so many seconds is closed: a send on one that Meta has "
            "just closed leaves nobody knowing what became of it.",
            examples=["4"],
        ),
    ] = 10.0
    keys: Annotated[
        str, Meta(description="The master key ring itself, one `<id>:<base64>` a line; wins over keys_file.")
    ] = ""
    keys_file: Annotated[
        Path | None, Meta(description="File with the master key ring, mode 0600.", examples=["/etc/picha/keys"])
    ] = None
    ambiguous_codes: Annotated[
        str,
        Meta(
            description="Codes of Meta's, between commas, that are not believed to mean that a message was not "
            "processed: 2, 131016, 131057 or 133004. A send answered with one is unknown, and not tried again.",
            examples=["131016,133004"],
        ),
    ] = ""
    host: Annotated[str, Meta(description="Address the API listens on.", examples=["192.0.2.10"])] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port the API listens on; 0 takes a free one.")] = 8080
    public_url: Annotated[
        str,
        Meta(description="Where callers reach the API, for links in answers.", examples=["https://api.shop.example"]),
    ] = ""
    trusted_proxies: Annotated[
        str,
        Meta(
            description="Networks, between commas, of the proxies whose X-Forwarded-For is believed: by it the inbox "
            "counts wrong passwords. The default is a proxy on the same machine.",
            examples=["10.0.0.1,10.1.0.0/16"],
        ),
    ] = "127.0.0.0/8,::1"
    handset_url: Annotated[
        str,
        Meta(
            description="Where customers' phones of the test numbers are: the inbox leads there from those. Set by "
            "`picha up`.",
            examples=["http://127.0.0.1:8090/handset"],
        ),
    ] = ""
    metrics_port: Annotated[
        int, Meta(ge=0, le=65535, description="Loopback port of the API's metrics; 0 for none.")
    ] = 0
    worker_metrics_port: Annotated[
        int, Meta(ge=0, le=65535, description="Loopback port of the worker's metrics; 0 for none.")
    ] = 0
    restored: Annotated[
        bool,
        Meta(
            description="For one start after database and pictures were both put back to an earlier state: nothing is "
            "sent until `picha restore confirm`. Where only the database was, that is seen without this."
        ),
    ] = False
    log_level: Annotated[str, Meta(description="debug, info, warning or error.")] = "info"
    log_json: Annotated[bool, Meta(description="Log one JSON object a line.")] = False
    parent_pid: Annotated[int, Meta(ge=0, description="Stop when this process is gone; set by `picha up`.")] = 0

    @property
    def order_hold(self) -> timedelta:
        """How long a message holds up what follows it in its conversation."""
        return timedelta(seconds=self.order_hold_seconds)

    @property
    def base_url(self) -> str:
        """The API's address for links, without a trailing slash; loopback where it listens on every address."""
        host = "127.0.0.1" if self.host in _EVERYWHERE else self.host
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")

    @property
    def keys_path(self) -> Path:
        """The file with the master key ring, where `keys` does not have it."""
        return self.keys_file or self.home / "keys"

    @property
    def ring_file(self) -> Path | None:
        """The file that has the master key ring, or None where `keys` has it."""
        return None if self.keys else self.keys_path

    def ring(self) -> str:
        """Return the text of the master key ring.

        Raises:
            SettingsError: its file cannot be read.
        """
        try:
            return self.keys or self.keys_path.read_text()
        except OSError as error:
            what = f"the key ring {self.keys_path} cannot be read ({error.strerror})"
            raise SettingsError(f"PICHA_KEYS_FILE: {what}.") from error


def load(environment: Mapping[str, str] | None = None, *, otherwise: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from `environment`, by default the process's own.

    Where that names no database, it is laid over the variables of `otherwise`.

    Raises:
        SettingsError: a variable is missing or wrong.
    """
    source = os.environ if environment is None else environment  # noqa: TID251 - the one place that reads it
    if otherwise and not source.get(f"{_PREFIX}DATABASE_URL"):
        source = {**otherwise, **{name: value for name, value in source.items() if value}}
    given = {
        name: source[variable]
        for name in Settings.__struct_fields__
        if source.get(variable := _PREFIX + name.upper(), "") != ""
    }
    try:
        return msgspec.convert(given, Settings, strict=False, dec_hook=lambda kind, value: kind(value))
    except msgspec.ValidationError as error:
        text = str(error).replace("Object missing required field", "this setting must be given, field")
        field = text.partition("`$.")[2].rstrip("`") or text.partition("given, field `")[2].rstrip("`")
        raise SettingsError(f"{_PREFIX}{field.upper()}: {text.partition(' - at')[0]}.") from error
