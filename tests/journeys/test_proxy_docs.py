"""The proxy of the page about production, before a running product: what passes through it, and how soon."""

import asyncio
import io
import shutil
import socket
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.journeys.pages import untitled
from tests.journeys.running import Talk, picture, picture_of, until

from picha.images.plan import AUTO_MAX_BYTES
from picha.kit.clock import SystemClock

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin")
pytestmark = pytest.mark.skipif(NGINX is None, reason="there is no nginx here to try the page's proxy with")


class Proxy(NamedTuple):
    """The proxy's address, and a session that trusts its certificate."""

    url: str
    session: aiohttp.ClientSession


@pytest.fixture
async def proxy(picha: Talk, tmp_path: Path) -> AsyncIterator[Proxy]:
    """An nginx with the page's lines, its two APIs being one."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    certify(tmp_path)
    (lines,) = untitled("how-to-production.md", "nginx")
    for theirs, ours in {
        "server 127.0.0.1:8080; server 10.0.0.2:8080;": f"server {picha.ready.api_url.removeprefix('http://')};",
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "/etc/ssl/wa.shop.example": str(tmp_path / "certificate"),
    }.items():
        assert theirs in lines
        lines = lines.replace(theirs, ours)
    places = "".join(
        f"{name}_temp_path {tmp_path}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = tmp_path / "nginx.conf"
    config.write_text(
        f"daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error.log;"
        f"events {{}} http {{ access_log off; {places}\n{lines} }}"
    )
    process = await asyncio.create_subprocess_exec(str(NGINX), "-c", str(config), stderr=asyncio.subprocess.DEVNULL)
    trust = ssl.create_default_context(cafile=str(tmp_path / "certificate.pem"))
    connector = aiohttp.TCPConnector(ssl=trust)
    try:
        async with aiohttp.ClientSession(connector=connector, headers={"X-API-Key": picha.ready.api_key}) as session:
            url = f"https://127.0.0.1:{port}"

            async def is_up() -> bool:
                assert process.returncode is None
                try:
                    async with session.get(f"{url}/health/ready") as answer:
                        return answer.status == 200
                except aiohttp.ClientConnectionError:
                    return False

            await until(is_up)
            yield Proxy(url, session)
    finally:
        process.terminate()
        await process.wait()


def certify(folder: Path) -> None:
    """Make a certificate for this machine, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "wa.shop.example")])
    now = SystemClock().now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "certificate.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def form(data: bytes) -> aiohttp.FormData:
    parts = aiohttp.FormData()
    parts.add_field("file", io.BytesIO(data), filename="a.jpg", content_type="image/jpeg")
    return parts


async def test_the_largest_picture_passes_and_a_larger_one_gets_our_own_refusal(proxy: Proxy) -> None:
    async with proxy.session.post(f"{proxy.url}/v1/whatsapp/media", data=form(picture_of(AUTO_MAX_BYTES))) as answer:
        assert answer.status == 201, await answer.text()
    async with proxy.session.post(
        f"{proxy.url}/v1/whatsapp/media", data=form(picture_of(AUTO_MAX_BYTES + 1))
    ) as answer:
        refused = await answer.json()
        assert (answer.status, refused["errors"][0]["code"]) == (413, "BODY_TOO_LARGE")


async def test_events_come_through_as_they_happen(picha: Talk, proxy: Proxy) -> None:
    headers = {"Accept": "text/event-stream"}
    latest = (await picha.api("GET", "/v1/events", params={"after": "latest"})).data["cursor"]
    async with proxy.session.get(f"{proxy.url}/v1/events", params={"after": latest}, headers=headers) as stream:
        heard = await picha.hear(picha.stranger())

        async with asyncio.timeout(5):
            async for line in stream.content:
                if heard["id"].encode() in line:
                    break


async def test_a_picture_goes_out_and_comes_back_through_its_link(picha: Talk, proxy: Proxy) -> None:
    customer, bytes_of_it = picha.stranger(), picture(shade=251)
    await picha.hear(customer)
    async with proxy.session.post(f"{proxy.url}/v1/whatsapp/media", data=form(bytes_of_it)) as answer:
        file = (await answer.json())["data"]["file_id"]

    body = {"to": customer, "file_id": file}
    async with proxy.session.post(f"{proxy.url}/v1/whatsapp/messages/image/", json=body) as answer:
        assert answer.status == 202
        sent = (await answer.json())["data"]["message_id"]

    link = (await picha.becomes(sent, "read"))["content"]["url"].replace(picha.ready.api_url, proxy.url)
    async with proxy.session.get(link, headers={"Range": "bytes=0-9"}) as answer:
        assert (answer.status, await answer.read()) == (206, bytes_of_it[:10])
