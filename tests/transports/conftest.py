"""Stand-ins for the tests of the transports, and a certificate of their own."""

import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from notifyd.demo.mail_sink import MailSink
from notifyd.demo.twilio_stand_in import TwilioStandIn


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate for 127.0.0.1."""

    path: Path
    server: ssl.SSLContext


@pytest.fixture
async def sink() -> AsyncIterator[MailSink]:
    """Give a mail server that behaves until it is told not to."""
    async with MailSink() as sink:
        yield sink


@pytest.fixture
async def stand_in() -> AsyncIterator[TwilioStandIn]:
    """Give a Twilio that behaves until it is told not to."""
    async with TwilioStandIn() as stand_in:
        yield stand_in


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Make a certificate, which nobody trusts who is not told to."""
    if (openssl := shutil.which("openssl")) is None:
        pytest.skip("openssl makes the certificate; it is not installed")
    folder = tmp_path_factory.mktemp("certificate")
    path, key = folder / "certificate.pem", folder / "key.pem"
    subject = ["-subj", "/CN=notifyd tests", "-addext", "subjectAltName=IP:127.0.0.1"]
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    subprocess.run([openssl, "req", *kind, *subject, "-out", path, "-keyout", key], check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path, key)
    return Certificate(path, context)
