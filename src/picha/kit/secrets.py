"""A secret is a value that refuses to print."""

import hmac


class Secret:
    """Holds a token, key or password; shows itself only when asked by `reveal()`."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the plain value, for the one line that puts it on a wire."""
        return self._value

    def matches(self, presented: str) -> bool:
        """Tell in constant time whether `presented` is this secret."""
        return hmac.compare_digest(self._value.encode(), presented.encode("utf-8", "surrogatepass"))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.matches(other._value)

    def __hash__(self) -> int:
        return hash(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __reduce__(self) -> tuple[object, ...]:
        message = "a secret is not pickled"
        raise TypeError(message)
