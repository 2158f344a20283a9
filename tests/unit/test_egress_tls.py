"""TLS through a pinned address: the certificate must be trusted and must name the host that was asked for."""

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from picha.egress import Fetcher, Policy, Unreachable

OUTSIDE = "127.0.0.5"
GUARDED = Policy(ports=None, allowed_networks=(IPv4Network("127.0.0.5/32"),))
NAME = "pictures.example"


async def outside(_host: str, _port: int) -> Sequence[str]:
    return [OUTSIDE]


def certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    signed = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path = folder / "server.pem"
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


@asynccontextmanager
async def tls_site(path: Path) -> AsyncIterator[int]:
    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(body=b"safe")

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path)
    runner = web.ServerRunner(web.Server(answer), shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, OUTSIDE, 0, ssl_context=context).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def test_a_trusted_certificate_of_the_asked_name_is_accepted_at_the_pinned_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))

    async with tls_site(path) as port, Fetcher(GUARDED, resolve=outside) as fetcher:
        fetched = await fetcher.fetch(f"https://{NAME}:{port}/")

    assert (fetched.body, fetched.address) == (b"safe", OUTSIDE)


async def test_a_certificate_of_another_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))

    async with tls_site(path) as port, Fetcher(GUARDED, resolve=outside) as fetcher:
        with pytest.raises(Unreachable, match="certificate") as unreachable:
            await fetcher.fetch(f"https://other.example:{port}/")

    assert unreachable.value.kind == "tls"


async def test_an_untrusted_certificate_is_refused(tmp_path: Path) -> None:
    path = certificate(tmp_path)

    async with tls_site(path) as port, Fetcher(GUARDED, resolve=outside) as fetcher:
        with pytest.raises(Unreachable, match="certificate"):
            await fetcher.fetch(f"https://{NAME}:{port}/")


async def test_a_server_without_tls_is_told_as_one() -> None:
    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(body=b"plain")

    runner = web.ServerRunner(web.Server(answer), shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, OUTSIDE, 0).start()
    try:
        async with Fetcher(GUARDED) as fetcher:
            with pytest.raises(Unreachable):
                await fetcher.fetch(f"https://{OUTSIDE}:{runner.addresses[0][1]}/")
    finally:
        await runner.cleanup()
