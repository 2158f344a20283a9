"""No log, metric or refusal of a whole run holds a token, a key, a secret, a phone number, a wamid or a caption."""

import asyncio
from collections.abc import Mapping
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from tests.journeys.hosting import PictureHost
from tests.journeys.running import Talk, Told, picture, until

from picha.gateway.store.vault import read_ring

CAPTION, NAME, BSUID = "A caption of the canary", "Sheena Canary", "US.13491208655302741918"
IMAGE = "/v1/whatsapp/messages/image"


async def traffic(picha: Talk, host: PictureHost) -> tuple[Any, Any]:
    """Have a picture received, one sent, one refused by Meta and one that is none; return the first two messages."""
    customer = picha.stranger()
    heard = await picha.hear(customer, name=NAME, caption=CAPTION)
    await picha.control("POST", "/inbound", json={"user_id": BSUID, "type": "text", "text": CAPTION})
    file_id = (await picha.upload(picture())).data["file_id"]
    url = host.put("/canary-path.jpg", b"no picture at all")
    good = (await picha.send(to=customer, file_id=file_id, caption=CAPTION)).data["message_id"]
    bad = (await picha.send(to=customer, media_url=url, caption=CAPTION)).data["message_id"]
    sent = await picha.becomes(good, "read")
    await picha.becomes(bad, "failed")
    wish = {
        "match": {"route": "messages", "to": customer},
        "when": {"mode": "next", "n": 1},
        "effect": {"error": 131026},
    }
    await picha.control("POST", "/faults", json=wish)
    refused = (await picha.send(to=customer, file_id=file_id, caption=CAPTION)).data["message_id"]
    await picha.becomes(refused, "failed")
    return heard, sent


async def refusals(picha: Talk, customer: str, wamid: str) -> list[Told]:
    """Return what the gateway says to requests that are wrong in every way that has a canary in it."""
    key = picha.ready.api_key
    body = {"to": customer, "caption": CAPTION, "media_url": f"https://{customer}.example/{wamid}?token={key}"}
    made: list[Mapping[str, Any]] = [
        {"json": {"to": customer, "caption": CAPTION}},
        {"json": {**body, "to": "+" + customer + "0000000000"}},
        {"json": {**body, "to": picha.stranger()}},
        {"json": {**body, "reply_to": wamid}},
        {"json": {**body, "file_id": wamid}},
        {"json": {**body, "sender": wamid}},
        {"json": {**body, "conversation_id": wamid}},
        {"json": {**body, "expires_at": wamid}},
        {"json": {**body, "image_policy": wamid}},
        {"json": {**body, "on_unknown": wamid}},
        {"json": {**body, "preflight": True}},
        {"json": {**body, "media_url": f"http://{key}@127.0.0.1:1/{wamid}"}},
        {
            "data": f'{{"to": "{customer}", "to": "{customer}"}}'.encode(),
            "headers": {"Content-Type": "application/json"},
        },
        {"data": f'{{"to": {customer}, {wamid}'.encode(), "headers": {"Content-Type": "application/json"}},
        {"data": wamid.encode(), "headers": {"Content-Type": wamid}},
        {"json": body, "key": key[:-1] + "x"},
    ]
    sends = [picha.api("POST", IMAGE, **request) for request in made]
    reads = [
        picha.api("GET", path)
        for path in (
            f"/v1/whatsapp/messages/{wamid}",
            f"/v1/whatsapp/messages/{wamid}/timeline",
            f"/v1/whatsapp/conversations/{customer}",
            f"/v1/whatsapp/senders/{customer}",
            f"/v1/whatsapp/media/{wamid}",
            f"/v1/whatsapp/media/{wamid}/content?expires=1&signature={key}",
            f"/{customer}/{wamid}/{key}",
            f"/v1/whatsapp/messages?conversation_id={customer}",
            f"/v1/whatsapp/messages?since={wamid}",
            f"/v1/whatsapp/messages?limit={customer}",
            f"/webhooks/whatsapp?hub.mode=subscribe&hub.verify_token={key}&hub.challenge={wamid}",
        )
    ]
    webhook = picha.api("POST", "/webhooks/whatsapp", data=wamid.encode(), headers={"X-Hub-Signature-256": key})
    return await asyncio.gather(*sends, *reads, webhook)


def canaries_of(picha: Talk, heard: Any, sent: Any) -> dict[str, str]:
    masters = read_ring((picha.house.home / "keys").read_text())
    return {
        "phone": heard["recipient"] or sent["recipient"],
        "our number": picha.ready.sender,
        "API key": picha.ready.api_key,
        "API key's secret": picha.ready.api_key.split("_")[2][8:],
        "app secret": picha.ready.app_secret,
        "wamid received": heard["provider_message_id"],
        "wamid sent": sent["provider_message_id"],
        "caption": CAPTION,
        "name": NAME,
        "user id": BSUID,
        "customer's address": "canary-path",
        "token": "EAA",
        "master key": next(iter(masters.values())).hex(),
    }


async def test_no_sink_holds_what_must_stay_secret(picha: Talk, host: PictureHost) -> None:
    heard, sent = await traffic(picha, host)
    canaries = canaries_of(picha, heard, sent)
    answers = await refusals(picha, canaries["phone"], canaries["wamid sent"])

    sinks = {
        "logs": "".join(log.read_text(errors="replace") for log in (picha.house.home / "logs").glob("*.log*")),
        "what up said": (picha.house.home.parent / f"{picha.house.home.name}.err").read_text(),
        "metrics of the API": (await picha.call("GET", picha.ready.metrics_url)).body.decode(),
        "metrics of the worker": (await picha.call("GET", picha.ready.worker_metrics_url)).body.decode(),
        **{f"answer {n} ({one.status})": one.body.decode() + str(one.headers) for n, one in enumerate(answers)},
    }

    assert {one.status for one in answers} >= {400, 401, 404, 415, 422}
    assert max(one.status for one in answers) < 500
    assert "picha_request_seconds" in sinks["metrics of the API"]
    assert "picha_status_lag_seconds" in sinks["metrics of the worker"]
    # What was refused, and why, is in the log under the message's id.
    assert "131026" in sinks["logs"]
    found = {sink: [name for name, canary in canaries.items() if canary in text] for sink, text in sinks.items()}
    assert {sink: names for sink, names in found.items() if names} == {}


async def samples(picha: Talk, url: str) -> dict[tuple[str, ...], float]:
    page = (await picha.call("GET", url)).body.decode()
    return {
        (sample.name, *(f"{name}={value}" for name, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


async def test_the_metrics_tell_of_the_traffic_in_both_programs(picha: Talk, host: PictureHost) -> None:
    before_api, before = (
        await samples(picha, picha.ready.metrics_url),
        await samples(picha, picha.ready.worker_metrics_url),
    )
    await traffic(picha, host)
    senders = (await picha.api("GET", "/v1/whatsapp/senders")).document
    (sender,) = [one["id"] for one in senders if one["phone_number_id"] == picha.ready.phone_number_id]

    api = await samples(picha, picha.ready.metrics_url)
    worker = await samples(picha, picha.ready.worker_metrics_url)

    def grown(page: dict[tuple[str, ...], float], old: dict[tuple[str, ...], float], *name: str) -> float:
        return page[name] - old.get(name, 0)

    accepted = ("picha_request_seconds_count", "answer=2xx", "method=POST", f"route={IMAGE}")
    webhooks = ("picha_request_seconds_count", "answer=2xx", "method=POST", "route=/webhooks/whatsapp")
    assert grown(api, before_api, *accepted) == 3
    assert grown(api, before_api, *webhooks) >= 5
    for name in ("picha_webhook_digested_seconds_count", "picha_status_lag_seconds_count"):
        assert grown(worker, before, name) >= 3
    assert grown(worker, before, "picha_send_outcomes_total", "outcome=rejected") == 1

    # What a page tells of the queues was read in the database a few seconds ago. Other callers of this house may have
    # left messages that are not over.
    for url in (picha.ready.metrics_url, picha.ready.worker_metrics_url):

        async def told_of(url: str = url) -> bool:
            page = await samples(picha, url)
            pending = (await picha.list(status="pending", direction="outbound", limit="200")).data["items"]
            open_here = sum(item["sender_id"] == sender for item in pending)
            return (
                page.get(("picha_sender_active", f"sender={sender}")) == 1
                and page["picha_sender_messages_waiting", f"sender={sender}"] == open_here
                and page["picha_webhooks_waiting",] == 0
            )

        await until(told_of)
        page = await samples(picha, url)
        assert page["picha_messages_waiting", "phase=queued"] >= 0
        assert page["picha_loop_lag_seconds_count",] > 0
        assert page["picha_database_wait_seconds_count",] > 0
