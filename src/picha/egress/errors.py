"""What can go wrong on the way out.

    EgressError
    ├── Refused      we would not go there
    ├── Unreachable  we went, and got no whole answer
    └── TooLarge     bytes came, more than we take

`detail` is a sentence a customer may read. It is coarse where precision would map our network or somebody's ports.
"""


class EgressError(Exception):
    """Nothing usable came back; `detail` says why in one sentence."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Refused(EgressError):  # noqa: N818 - an outcome, named for what happened
    """The policy forbids the address; no connection was made to it.

    `reason` is one of malformed, scheme, userinfo, host, port, address.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class Unreachable(EgressError):  # noqa: N818 - as above
    """No whole answer of status 200 came.

    `kind` is one of name, connect, tls, timeout, slow, status, redirects, encoding, broken.
    """

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


class TooLarge(EgressError):  # noqa: N818 - as above
    """The body has more than `limit` bytes; reading stopped there."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"The file has more than {limit:,} bytes")
        self.limit = limit
