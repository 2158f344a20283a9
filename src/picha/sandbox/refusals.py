"""What Graph says when it refuses a request, in Graph's own words as far as they are published or were observed."""

from collections.abc import Sequence

from picha.cloudapi.errors import GraphError, lookup
from picha.sandbox.switches import Switches

# Codes for which captures give another HTTP status than Meta's table, or where no client would take it for an error.
_HTTP = {130429: 429, 104: 401, 131201: 400}
# The switches that say with which HTTP status a rate is refused.
_RATES = {4: "app_limit_http", 130429: "rate_limit_http", 131056: "pair_limit_http"}

_UPLOAD_TYPES = (
    "audio/aac, audio/mp4, audio/mpeg, audio/amr, audio/ogg, audio/opus, application/vnd.ms-powerpoint, "
    "application/msword, application/vnd.openxmlformats-officedocument.wordprocessingml.document, "
    "application/vnd.openxmlformats-officedocument.presentationml.presentation, "
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet, application/pdf, text/plain, "
    "application/vnd.ms-excel, image/jpeg, image/png, image/webp, video/mp4, video/3gpp"
)
UPLOAD_TYPES = frozenset(_UPLOAD_TYPES.split(", "))


class Refusal(Exception):  # noqa: N818 - an answer, not a fault of the program
    """Graph's error answer to a request: an HTTP status and the error object, still without its trace id."""

    def __init__(
        self,
        http: int,
        code: int,
        message: str,
        *,
        details: str | None = None,
        kind: str = "OAuthException",
        subcode: int | None = None,
    ) -> None:
        super().__init__(message)
        self.http = http
        self.error = GraphError(
            message=message,
            type=kind,
            code=code,
            error_data=None if details is None else {"messaging_product": "whatsapp", "details": details},
            error_subcode=subcode,
        )


class MissingParameter(Refusal):
    """The refusal of a request without the parameter `name`."""

    def __init__(self, name: str) -> None:
        super().__init__(400, 100, f"(#100) The parameter {name} is required.")
        self.name = name


class NoSuchObject(Refusal):
    """The refusal of an object that does not exist, belongs to another, or knows no such call."""

    def __init__(self, object_id: str, method: str) -> None:
        text = (
            f"Unsupported {method.lower()} request. Object with ID '{object_id}' does not exist, cannot be loaded due "
            "to missing permissions, or does not support this operation. Please read the Graph API documentation at "
            "https://developers.facebook.com/docs/graph-api"
        )
        super().__init__(400, 100, text, kind="GraphMethodException", subcode=33)
        self.object_id = object_id


class NoToken(Refusal):
    """The refusal of a request without an access token."""

    def __init__(self) -> None:
        super().__init__(401, 104, "An access token is required to request this resource.")


def spelled(refusal: Refusal, switches: Switches) -> Refusal:
    """Return a refusal as the switches have it told: some HTTP statuses and codes differ between Meta's own pages."""
    match refusal:
        case NoToken() if switches.missing_token == "401/190":  # noqa: S105 - a status and a code
            return bad_token()
        case NoToken():
            refusal.http = int(switches.missing_token.partition("/")[0])
        case NoSuchObject() if switches.unknown_id == "404/803":
            text = f"(#803) Some of the aliases you requested do not exist: {refusal.object_id}"
            return Refusal(404, 803, text, kind="GraphMethodException")
        case MissingParameter() if switches.missing_parameter == "131008":
            return of_code(131008, f"The parameter {refusal.name} is required.")
        case _ if refusal.error.code in _RATES:
            refusal.http = int(getattr(switches, _RATES[refusal.error.code]))
    return refusal


def of_code(code: int, details: str | None = None) -> Refusal:
    """Return the refusal with a code of Meta's table, its title and its HTTP status."""
    row = lookup(code)
    return Refusal(_HTTP.get(code, row.http or 400), code, f"(#{code}) {row.title}", details=details or row.meaning)


def parameter(text: str, *, subcode: int | None = None, details: str | None = None) -> Refusal:
    """Return the refusal of one parameter, `(#100) …`."""
    return Refusal(400, 100, f"(#100) {text}", subcode=subcode, details=details)


def missing(name: str) -> Refusal:
    """Return the refusal of a request without the parameter `name`."""
    return MissingParameter(name)


def wrong_type(name: str, wanted: str) -> Refusal:
    """Return the refusal of a parameter with another JSON type than `wanted`."""
    return parameter(f"Param {name} must be {wanted}.")


def too_long(name: str, limit: int) -> Refusal:
    """Return the refusal of a text of more than `limit` characters."""
    return parameter(f"Param {name} must be at most {limit} characters long.")


def unexpected(key: str, name: str) -> Refusal:
    """Return the refusal of a key that the object `name` does not have."""
    return parameter(f'Unexpected key "{key}" on param "{name}".')


def one_of(name: str, choices: Sequence[str], got: str) -> Refusal:
    """Return the refusal of a value that is none of `choices`."""
    return parameter(f'Param {name} must be one of {{{", ".join(choices)}}} - got "{got}".')


def no_such_field(name: str, node_type: str) -> Refusal:
    """Return the refusal of a field that nodes of this type do not have."""
    return parameter(f"Tried accessing nonexisting field ({name[:200]}) on node type ({node_type})")


def malformed(reason: str) -> Refusal:
    """Return the refusal of a body that cannot be read at all."""
    return parameter("Invalid parameter", details=reason)


def no_media() -> Refusal:
    """Return the refusal of an image that is named by neither id nor link, or by both."""
    return parameter("Either one of media ID or link must be present", subcode=2494009)


def bad_attachment() -> Refusal:
    """Return the refusal of a media id that is unknown, expired, or another number's."""
    return parameter("Param image['id'] is not a valid whatsapp business account media attachment ID")


def bad_link() -> Refusal:
    """Return the refusal of a link that is no web address."""
    return parameter("Param image['link'] is not a valid URI.")


def bad_upload_type(mime_type: str) -> Refusal:
    """Return the refusal of an uploaded file whose part has a content type that WhatsApp does not take."""
    return parameter(
        f"Param file must be a file with one of the following types: {_UPLOAD_TYPES}. "
        f"Received file of type '{mime_type}'."
    )


def no_such_object(object_id: str, method: str) -> Refusal:
    """Return the refusal of an object that does not exist, belongs to another, or knows no such call."""
    return NoSuchObject(object_id, method)


def unknown_path(path: str) -> Refusal:
    """Return the refusal of a path that leads nowhere."""
    return Refusal(400, 2500, f"Unknown path components: {path}")


def no_token() -> Refusal:
    """Return the refusal of a request without an access token."""
    return NoToken()


def bad_token() -> Refusal:
    """Return the refusal of an access token that is not ours."""
    return Refusal(401, 190, "Invalid OAuth access token - Cannot parse access token")


def callback_unverified(reason: str) -> Refusal:
    """Return the refusal of a callback address that failed the handshake."""
    return Refusal(400, 2200, f"(#2200) Callback verification failed with the following errors: {reason}")
