"""What a phone number is to the sandbox: digits of E.164, however people punctuate them. Pure."""

import re

_PUNCTUATION = re.compile(r"[ ()+\-]")
_PHONE = re.compile(r"[1-9][0-9]{6,14}\Z")
# The country codes of one and two digits (ITU-T E.164); all others have three.
_COUNTRY = re.compile(r"[17]|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|\d{3}")


def bare(text: str) -> str:
    """Return a number without the signs that Meta ignores: plus, minus, brackets and spaces."""
    return _PUNCTUATION.sub("", text)


def is_phone(digits: str) -> bool:
    """Tell whether bare digits are a phone number: 7 to 15 with the country code, which begins with no zero."""
    return _PHONE.match(digits) is not None


def country_code_of(number: str) -> str:
    """Return the country code that a phone number in international digits begins with."""
    match = _COUNTRY.match(number)
    return match[0] if match else ""
