"""Structured logs that never carry a token, a phone number or a wamid.

Redaction looks at every value of every event, exceptions included, so that a careless line cannot leak. A wamid holds
the peer's phone number in base64, and a BSUID names a person: both are cut. Ids of ours (UUIDs) stay readable.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping, Sequence

import structlog

_PATTERNS = (
    (re.compile(r"wamid\.[A-Za-z0-9+/=_-]+"), "wamid.***"),
    (re.compile(r"\bEAA[A-Za-z0-9_-]{8,}"), "EAA***"),
    (re.compile(r"\bpicha_(live|test)_[A-Za-z0-9_]+"), r"picha_\1_***"),
    (re.compile(r"\bwhsec_[A-Za-z0-9+/=_-]+"), "whsec_***"),
    (re.compile(r"(?i)\b(bearer|oauth)\s+\S+"), r"\1 ***"),
    (re.compile(r"(?i)(access_token|appsecret_proof|verify_token|signature|hash)=[^&\s\"']+"), r"\1=***"),
    (re.compile(r"\b[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{6,128}\b"), "bsuid.***"),
)
# Seven to eighteen digits that stand alone are a phone number, as the send contract's pattern admits them. A UUID is
# stepped over: its groups may be all digits.
_PHONE = re.compile(
    r"([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})|(?<!\d)\+?[1-9]\d{6,17}(?!\d)"
)
_SECRET_KEYS = re.compile(r"(?i)token|secret|password|authorization|api_key|signature|phone|wamid|caption")


def redact(text: str) -> str:
    """Return `text` with everything that looks like a token, phone number, wamid or BSUID replaced by a mark."""
    for pattern, mark in _PATTERNS:
        text = pattern.sub(mark, text)
    return _PHONE.sub(lambda found: found[1] or "phone.***", text)


def _clean(value: object) -> object:  # noqa: PLR0911 - one return a kind of value
    match value:
        case None | bool() | float():
            return value
        case int():
            return value if -(10**6) < value < 10**6 else redact(str(value))
        case Mapping():
            return {str(key): _clean_field(str(key), item) for key, item in value.items()}
        case str():
            return redact(value)
        case bytes() | bytearray():
            return f"<{len(value)} bytes>"
        case Sequence():
            return [_clean(item) for item in value]
        case _:
            return redact(str(value))


def _clean_field(key: str, value: object) -> object:
    return "***" if value and _SECRET_KEYS.search(key) and not isinstance(value, bool) else _clean(value)


def redact_event(_logger: object, _method: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
    """Redact every field of a structlog event; the processor that stands last before rendering."""
    for key, value in event.items():
        if key not in {"timestamp", "level"}:
            event[key] = _clean_field(key, value)
    return event


def configure(*, program: str, json: bool, level: str = "info") -> None:
    """Set up one process's logging: structlog and the standard library end in the same redacted stream on stderr.

    `program` names the process in every line; `json` chooses one JSON object per line instead of text.
    """
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, redact_event, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Query strings carry tokens on Meta's wire, and one line a request is too much for a hot path.
    logging.getLogger("uvicorn.access").disabled = True
    structlog.contextvars.bind_contextvars(program=program)


def logger(room: str) -> structlog.typing.FilteringBoundLogger:
    """Return the logger of one room; its name stands in every line as `room`.

    It stays lazy, so that a module may make it at import: binding here would freeze the defaults, which do not redact.
    """
    bound: structlog.typing.FilteringBoundLogger = structlog.get_logger(room, room=room)
    return bound
