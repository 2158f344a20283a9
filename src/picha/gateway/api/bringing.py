"""Pictures that a request brings along by address, fetched and looked at before it is answered."""

from picha.egress import Refused, check_url
from picha.gateway.api.calls import Call, RefusedError
from picha.gateway.pictures.bring import BringError
from picha.gateway.store.files import File
from picha.images.facts import Unusable
from picha.images.plan import Policy
from picha.karibu.errors import Code

# How long a request waits for a picture: a caller's own patience is seldom longer.
PATIENCE_S = 15.0

_FLAW_CODES = {
    "too_large": Code.IMAGE_TOO_LARGE,
    "truncated": Code.IMAGE_UNREADABLE,
    "corrupt": Code.IMAGE_UNREADABLE,
    "too_hard": Code.IMAGE_UNREADABLE,
    "too_many_pixels": Code.IMAGE_TOO_LARGE,
}


def check_address(call: Call, url: str, field: str) -> None:
    """Refuse at once what needs no look at the network: scheme, userinfo, port, a literal private address."""
    try:
        check_url(url, call.services.bringer.policies.of(call.caller.environment))
    except Refused as error:
        raise RefusedError(Code.VALIDATION_ERROR, f"{field} cannot be used: {error.detail}.", field) from error


async def brought(call: Call, url: str, policy: Policy, field: str) -> File:
    """Return the picture at `url` as a file of the caller's workspace, fetched and looked at within 15 seconds."""
    caller = call.caller
    try:
        return await call.services.bringer.bring(
            caller.workspace_id, url, environment=caller.environment, policy=policy, patience_s=PATIENCE_S
        )
    except BringError as error:
        code = _flaw_code(error.flaw) if error.flaw else Code.MEDIA_UNREACHABLE
        raise RefusedError(code, error.detail, field) from error
    except TimeoutError:
        message = (
            f"The picture was not here and looked at within {PATIENCE_S:.0f} seconds; try again, or serve it faster."
        )
        raise RefusedError(Code.MEDIA_UNREACHABLE, message, field) from None


def unusable(error: Unusable, field: str) -> RefusedError:
    """Return the refusal of a picture that may not go out."""
    return RefusedError(_flaw_code(error.flaws[0].code), str(error), field)


def _flaw_code(flaw: str) -> Code:
    return _FLAW_CODES.get(flaw, Code.IMAGE_NOT_SUPPORTED)
