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


# A Brazilian mobile with the ninth digit that was put before the others, and a Mexican number without the 1 of mobiles.
_BRAZILIAN = re.compile(r"(55[1-9]\d)9([6-9]\d{7})\Z")
_MEXICAN = re.compile(r"52([2-9]\d{9})\Z")


def wa_id_of(number: str) -> str:
    """Return what WhatsApp knows a number by: in Brazil without the ninth digit, in Mexico with a 1.

    Source: Meta's page on sending messages says that both happen; the forms are as observed.
    """
    return _MEXICAN.sub(r"521\1", _BRAZILIAN.sub(r"\1\2", number))


def country_code_of(number: str) -> str:
    """Return the country code that a phone number in international digits begins with."""
    match = _COUNTRY.match(number)
    return match[0] if match else ""
