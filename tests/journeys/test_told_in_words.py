"""What Meta's codes mean is told in words that say what to do. In a house of its own: some stop a number."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from tests.journeys.running import House, Talk, picture, talking, until

from picha.cloudapi.errors import lookup

BY_STATUS, IN_THE_ANSWER = "9991", "9990"
# What a number is paused for comes last.
FAILURES = [
    (BY_STATUS, 131026), (BY_STATUS, 131047), (BY_STATUS, 131042), (IN_THE_ANSWER, 131047), (IN_THE_ANSWER, 131042),
    (IN_THE_ANSWER, 368),
]  # fmt: skip
HELD_UP = [(BY_STATUS, 131056), (IN_THE_ANSWER, 131056), (IN_THE_ANSWER, 130429), (IN_THE_ANSWER, 190)]


async def sent_to_magic(picha: Talk, moment: str, code: int) -> str:
    """Send to the number that gives this error, and return the message."""
    customer = f"{moment}{code:06}"
    await picha.hear(customer, type="text", text="Hello")
    file_id = (await picha.upload(picture())).data["file_id"]
    message_id: str = (await picha.send(to=customer, file_id=file_id)).data["message_id"]
    return message_id


async def told(picha: Talk, message_id: str, code: int) -> Any:
    """Return the moment of the timeline that tells of this code."""

    async def look() -> Any:
        return next((item for item in await picha.story(message_id) if item["code"] == str(code)), None)

    return await until(look)


async def test_each_code_is_told_in_words_with_what_to_do(
    raise_house: Callable[..., AbstractContextManager[House]],
) -> None:
    with raise_house() as house:
        async with talking(house) as picha:
            for moment, code in FAILURES:
                message = await picha.becomes(await sent_to_magic(picha, moment, code), "failed")

                assert message["error_code"] == str(code)
                assert message["error_message"] == lookup(code).title
                assert message["error_detail"].endswith(lookup(code).remedy), message
            for moment, code in HELD_UP:
                item = await told(picha, await sent_to_magic(picha, moment, code), code)

                assert item["text"].endswith(lookup(code).remedy), item


async def test_a_code_that_is_doubted_leaves_its_send_unknown(
    raise_house: Callable[..., AbstractContextManager[House]],
) -> None:
    with raise_house(settings={"PICHA_AMBIGUOUS_CODES": "131016,131057"}) as house:
        async with talking(house) as picha:
            message_id = await sent_to_magic(picha, IN_THE_ANSWER, 131016)

            async def is_unknown() -> bool:
                return bool((await picha.message(message_id))["phase"] == "unknown")

            await until(is_unknown)
            message = await picha.message(message_id)
            assert (message["status"], message["attempts"], message["error_code"]) == ("pending", 1, None)
            assert "No answer tells" in (await told(picha, message_id, 131016))["text"]
