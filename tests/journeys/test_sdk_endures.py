"""What is sent through the SDK is sent once, whatever becomes of the line; who follows goes on when all is back."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from tests.journeys.running import House, Talk, picture, talking
from tests.journeys.test_stops_gently import told_to_stop
from tests.proofs.wires import Cut, Exchange

from picha.sdk import AsyncClient, Message, NoAnswerError

CUTS = [
    Cut("answer", 1),
    Cut("answer", 1, is_reset=True),
    Cut("answer", 200),
    Cut("request", 0),
    Cut("request", 0, is_reset=True),
    Cut("request", 300, is_reset=True),
]


@pytest.mark.parametrize("cut", CUTS, ids=str)
async def test_a_send_whose_line_is_cut_is_made_again_and_is_one_message(picha: Talk, cut: Cut) -> None:
    customer = picha.stranger()
    heard = await picha.hear(customer)
    exchange = Exchange()
    exchange.leads_to = picha.ready.api_url
    exchange.cuts[customer] = cut

    async with exchange.open(), AsyncClient(exchange.url, picha.ready.api_key) as client:
        sent = await client.send_image(to=customer, image=picture(shade=231))

    assert exchange.cuts == {}
    listed = (await picha.list(conversation_id=heard["conversation_id"], direction="outbound")).data["items"]
    assert [one["id"] for one in listed] == [str(sent.message_id)]
    await picha.becomes(str(sent.message_id), "read")
    assert len([one for one in await picha.ledger() if one["to"] == customer]) == 1


async def test_a_send_that_got_no_answer_is_settled_by_the_same_key_later(picha: Talk) -> None:
    customer = picha.stranger()
    heard = await picha.hear(customer)
    exchange = Exchange()
    exchange.leads_to = picha.ready.api_url
    exchange.cuts[customer] = Cut("answer", 10)
    order = f"order-{customer}"

    async with exchange.open(), AsyncClient(exchange.url, picha.ready.api_key, retries=0) as client:
        with pytest.raises(NoAnswerError) as lost:
            await client.send_image(to=customer, image=picture(shade=232), idempotency_key=order)
        sent = await client.send_image(to=customer, image=picture(shade=232), idempotency_key=order)

    assert lost.value.retryable
    assert sent.idempotent_replay is True
    listed = (await picha.list(conversation_id=heard["conversation_id"], direction="outbound")).data["items"]
    assert [one["id"] for one in listed] == [str(sent.message_id)]


async def test_who_follows_is_told_all_once_over_restarts_of_the_api(
    raise_house: Callable[..., AbstractContextManager[House]],
) -> None:
    with raise_house() as house:
        async with talking(house) as picha, AsyncClient(house.ready.api_url, house.ready.api_key) as client:
            told: list[Message] = []

            async def follow(until: str) -> None:
                async with client.events(follow=True) as events:
                    async for event in events:
                        if isinstance(event.data, Message):
                            told.append(event.data)
                            if event.data.content.body == until:
                                return

            following = asyncio.create_task(follow("The last"))
            said = [await picha.hear(picha.stranger(), type="text", text="Before")]
            for place in range(2):
                await told_to_stop(house, "api")
                async with AsyncClient(house.ready.api_url, house.ready.api_key, retries=8) as other:
                    await other.summary()
                said.append(await picha.hear(picha.stranger(), type="text", text=f"After {place}"))
            said.append(await picha.hear(picha.stranger(), type="text", text="The last"))

            await asyncio.wait_for(following, 60)

    ids = [str(one.id) for one in told]
    assert len(set(ids)) == len(ids)
    assert [one for one in ids if one in {message["id"] for message in said}] == [message["id"] for message in said]
