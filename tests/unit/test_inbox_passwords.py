"""Passwords of the inbox: who has none is checked for as long as who has one."""

from argon2 import extract_parameters

from picha.gateway.inbox.passwords import Passwords


async def test_a_name_that_nobody_has_takes_the_work_of_one_that_somebody_has() -> None:
    passwords = Passwords()

    hashed = await passwords.hashed("correct horse")

    assert extract_parameters(passwords._nobody) == extract_parameters(hashed)
    assert len(passwords._nobody) == len(hashed)
    assert not await passwords.fits("correct horse", None)
    assert not await passwords.fits("wrong horse", hashed)
    assert await passwords.fits("correct horse", hashed)
