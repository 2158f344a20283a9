"""The head of a request, read without making more of it than one header."""

from starlette.types import Scope


def header(scope: Scope, name: bytes) -> str | None:
    """Return the value of a request's first header of this name, in small letters, or None without one."""
    for key, value in scope["headers"]:
        if key == name:
            return str(value, "latin-1")
    return None
