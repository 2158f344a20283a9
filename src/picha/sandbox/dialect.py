"""The two ways in which webhooks are written."""

from enum import StrEnum


class Dialect(StrEnum):
    """Which year's webhooks are written: this year's superset, or the reference of December 2025 word for word."""

    Y2026 = "2026"
    Y2025 = "2025"
