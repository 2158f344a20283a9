"""No log of a whole run holds a token, a key, a secret, a phone number, a wamid or a caption."""

from tests.journeys.hosting import PictureHost
from tests.journeys.running import Talk, picture

from picha.gateway.store.vault import read_ring


async def test_no_log_holds_what_must_stay_secret(picha: Talk, host: PictureHost) -> None:
    customer, caption = picha.stranger(), "A caption of the canary"
    heard = await picha.hear(customer, name="Sheena Canary", caption=caption)
    file_id = (await picha.upload(picture())).data["file_id"]
    url = host.put("/canary-path.jpg", b"no picture at all")
    good = (await picha.send(to=customer, file_id=file_id, caption=caption)).data["message_id"]
    bad = (await picha.send(to=customer, media_url=url, caption=caption)).data["message_id"]
    sent = await picha.becomes(good, "read")
    await picha.becomes(bad, "failed")
    await picha.api("GET", "/v1/whatsapp/messages", key=picha.ready.api_key[:-1] + "x")
    await picha.api("POST", "/webhooks/whatsapp", data=heard["provider_message_id"].encode())

    logs = "".join(log.read_text(errors="replace") for log in (picha.house.home / "logs").glob("*.log*"))

    masters = read_ring((picha.house.home / "keys").read_text())
    canaries = {
        "phone": customer,
        "our number": picha.ready.sender,
        "API key": picha.ready.api_key,
        "app secret": picha.ready.app_secret,
        "wamid received": heard["provider_message_id"],
        "wamid sent": sent["provider_message_id"],
        "caption": caption,
        "name": "Sheena Canary",
        "customer's address": "canary-path",
        "token": "EAA",
        "master key": next(iter(masters.values())).hex(),
    }
    assert "webhook" in logs or "picha" in logs
    assert [name for name, canary in canaries.items() if canary in logs] == []
