"""Requests made from the gateway's own OpenAPI document, good and bad ones, against the running product.

`make soak` sends many more of them than `make test`.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.config import SchemathesisConfig
from tests.journeys.running import House, picture, raised, talking

from picha.manual.operations import Operation, operations

PATIENCE_S = 30
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
EXAMPLES = 500 if settings.get_current_profile_name() == "soak" else 8
# What the document says of every 422 that depends on how things stand: it may answer what fits the schema. 400 is what
# JSON gets that not all read alike, such as a deep one; 413 what is too large: no schema can say either.
CONFIG = {
    # The right key is sent with each; who sends none is walked through every route elsewhere.
    "generation": {"with-security-parameters": False},
    "checks": {
        "positive_data_acceptance": {
            "expected-statuses": ["2xx", "400", "401", "403", "404", "409", "413", "422", "429", "501", "503"]
        },
        # 501 says that Karibu has something and this gateway has not; 503 that it cannot do it now.
        "not_a_server_error": {"expected-statuses": ["2xx", "4xx", "501", "503"]},
    },
}


@pytest.fixture(scope="module")
def house(new_home: Callable[[str], Path]) -> Iterator[House]:
    with raised(new_home("schema")) as raised_house:
        yield raised_house


@pytest.fixture(scope="module")
def document(house: House) -> Any:
    with urlopen(f"{house.ready.api_url}/openapi.json") as answer:
        return json.load(answer)


@pytest.fixture(scope="module")
def things(house: House) -> dict[str, str]:
    """Real ids for the paths: of a message that was heard, its conversation, its number, an upload, and a webhook."""

    async def make() -> dict[str, str]:
        async with talking(house) as picha:
            heard = await picha.hear(picha.stranger())
            file = (await picha.upload(picture())).data["file_id"]
            named = {"message_id": heard["id"], "file_id": file, "app_id": picha.ready.app_id}
            hook = {"app_id": picha.ready.app_id, "service_type": "sms", "url": "http://127.0.0.1:1/"}
            named["webhook_id"] = (await picha.api("POST", "/v1/webhooks", json=hook)).document["webhook_id"]
            tested = await picha.api("POST", f"/v1/webhooks/{named['webhook_id']}/test")
            named["delivery_id"] = tested.document["delivery_id"]
            wish = {"file_id": file, "recipients": [{"to": picha.stranger()}]}
            batch = await picha.api("POST", "/v1/whatsapp/messages/image/batch", json=wish)
            named["batch_id"] = batch.data["batch_id"]
            return named | {name: heard[name] for name in ("conversation_id", "sender_id")}

    return asyncio.run(make())


def test_no_request_breaks_the_gateway_and_every_answer_is_as_described(
    house: House, document: Any, things: dict[str, str]
) -> None:
    schema = schemathesis.openapi.from_dict(document, config=SchemathesisConfig.from_dict(CONFIG))
    for call in operations(document):
        check(house, schema, call, things)


def check(house: House, schema: Any, call: Operation, things: dict[str, str]) -> None:
    found = schema[call.path][call.method]
    names = [parameter["name"] for parameter in call.item["parameters"] if parameter["in"] == "path"]
    known = {name: things[name] for name in names if name in things}
    made = [found.as_strategy(generation_mode=mode) for mode in MODES]
    if len(known) == len(names):
        made += [found.as_strategy(generation_mode=mode, path_parameters=known) for mode in MODES]
    cases = st.one_of(*made)
    headers = {"X-API-Key": house.ready.api_key} if call.item["security"] else {}

    # Whoever may come with a signed link instead is told of that, whatever key comes with it.
    is_open = {"signed_link": []} in call.item["security"]
    checks: list[Any] = [one for one in CHECKS.get_all() if not (is_open and one.__name__ == "ignored_auth")]

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(case=cases)
    def run(case: Case[Any]) -> None:
        answer = case.call(base_url=house.ready.api_url, headers=headers, timeout=PATIENCE_S)
        case.validate_response(answer, checks=checks, headers=headers)
        # A handler that raised is answered 503, too, and in these words.
        assert b"Something went wrong here" not in answer.content, case.as_curl_command()

    run()
