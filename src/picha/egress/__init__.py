"""The guarded way out: to what a customer's address names, and to nothing that is not theirs to name.

`check_url` refuses what needs no DNS, `Fetcher` does the rest. Which addresses may be reached is an argument: a
`Policy`.
"""

from picha.egress.errors import EgressError, Refused, TooLarge, Unreachable
from picha.egress.fetch import Answered, Fetched, Fetcher
from picha.egress.policy import LIVE, POLICIES, TEST, Policies, Policy
from picha.egress.target import Target, check_url

__all__ = [
    "LIVE",
    "POLICIES",
    "TEST",
    "Answered",
    "EgressError",
    "Fetched",
    "Fetcher",
    "Policies",
    "Policy",
    "Refused",
    "Target",
    "TooLarge",
    "Unreachable",
    "check_url",
]
