"""Encryption and log-in, as configured or not at all."""

import pytest

from notifyd.demo.mail_sink import MailSink
from notifyd.model.outcome import Paused, Sent
from transports.conftest import Certificate
from transports.sending import EMAIL, outcome, smtp

UNTRUSTED = Paused("the mail server has a certificate that could not be verified", loud=True)
LOGIN = ("robot", "correct horse")


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_encrypted(tls: str, certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mail goes encrypted, in both modes, where the certificate is trusted; connections are kept as usual."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
    async with MailSink(tls=tls, tls_context=certificate.server) as sink, smtp(sink, tls=tls) as transport:  # type: ignore[arg-type]
        assert isinstance(await outcome(transport, EMAIL), Sent)
        assert isinstance(await outcome(transport, EMAIL), Sent)
        assert (1, 2) == (sink.connections, len(sink.mails))


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_unknown_certificate_is_refused(tls: str, certificate: Certificate) -> None:
    """A certificate that nobody vouches for pauses the channel and calls for the operator."""
    async with MailSink(tls=tls, tls_context=certificate.server) as sink, smtp(sink, tls=tls) as transport:  # type: ignore[arg-type]
        assert UNTRUSTED == await outcome(transport, EMAIL)
        assert 0 == sink.commands["mail"]


async def test_starttls_is_demanded(sink: MailSink) -> None:
    """A server (or somebody between) that offers no STARTTLS gets neither mail nor password in the clear."""
    async with smtp(sink, tls="starttls", username=LOGIN[0], password=LOGIN[1]) as transport:
        expected = Paused("the mail server does not offer STARTTLS", loud=True)
        assert expected == await outcome(transport, EMAIL)
    assert (0, 0) == (sink.commands["auth"], sink.commands["mail"])


async def test_starttls_refused(certificate: Certificate) -> None:
    """A server that takes its offer back is not spoken to in the clear either."""
    refusing = MailSink(tls="starttls", tls_context=certificate.server, script={"starttls": "454 4.7.0 not now"})
    async with refusing as sink, smtp(sink, tls="starttls") as transport:
        assert Paused("454 4.7.0 mail server refuses our session", loud=True) == await outcome(transport, EMAIL)
    assert 0 == sink.commands["mail"]


async def test_tls_where_none_is_spoken(sink: MailSink) -> None:
    """The wrong mode for the port ends in a pause, not in a hang."""
    async with smtp(sink, tls="tls", timeout=1) as transport:
        assert isinstance(await outcome(transport, EMAIL), Paused)


async def test_log_in(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    """The right password is let in, a wrong one pauses the channel and calls for the operator."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
    async with MailSink(tls="starttls", tls_context=certificate.server, credentials=LOGIN) as sink:
        async with smtp(sink, tls="starttls", username=LOGIN[0], password=LOGIN[1]) as transport:
            assert isinstance(await outcome(transport, EMAIL), Sent)
        async with smtp(sink, tls="starttls", username=LOGIN[0], password="wrong") as transport:
            assert Paused("535 5.7.8 credentials are invalid", loud=True) == await outcome(transport, EMAIL)
        async with smtp(sink, tls="starttls") as transport:
            assert Paused("530 5.7.0 mail server wants other credentials", loud=True) == await outcome(transport, EMAIL)


async def test_log_in_not_offered(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server without AUTH does not get the mail of a configuration that wants to log in."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
    async with MailSink() as sink, smtp(sink, username=LOGIN[0], password=LOGIN[1]) as transport:
        assert Paused("the mail server does not offer AUTH", loud=True) == await outcome(transport, EMAIL)


def test_password_is_not_shown() -> None:
    """A configuration that ends up in a log or a traceback keeps its secret."""
    transport = smtp(MailSink(), password=LOGIN[1])
    assert LOGIN[1] not in repr(transport._pool._open_session)
