"""Picha sends and receives WhatsApp image messages, once, and tells the truth about them."""

__version__: str


def __getattr__(name: str) -> str:
    """Look the version up when somebody asks for it: what reads it takes a twentieth of a program's start."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version  # noqa: PLC0415 - see above

    return version("picha")
