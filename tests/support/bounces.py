"""Bounces as mail servers write them: a corpus, with made-up names, and the plain case to be altered."""

from pathlib import Path

import pytest

from notifyd.model.bounce import NotABounce, parse

BOUNCES = Path(__file__).parents[1] / "data" / "bounces"
"""One message a file; those that are no bounces of ours begin with `no_`."""

KEY = "3f9a0c5e7b1d4286a5c0e9f81b7d3246"
"""The job's key in all of them."""

ASHA = "asha@example.com"
"""The recipient in nearly all of them."""

TEXTS = {
    "message_id": f"Message-ID: <{KEY}.email@salon.example>",
    "boundary": f'boundary="=_{KEY}"',
    "final": f"Final-Recipient: rfc822; {ASHA}",
    "original": f"Original-Recipient: rfc822;{ASHA}",
    "to": f'To: "Asha Rao" <{ASHA}>',
    "action": "Action: failed",
    "status": "Status: 5.1.1\n",
    "diagnosis": f"Diagnostic-Code: smtp; 550 5.1.1 <{ASHA}>: Recipient address\n    rejected: User unknown",
    "report_type": "Content-Type: message/delivery-status\n",
    "returned_type": "Content-Type: message/rfc822\n",
}
"""What can be altered in the plain case."""


def read(name: str) -> bytes:
    """Return one message of the corpus."""
    return (BOUNCES / f"{name}.eml").read_bytes()


def postfix(**altered: str) -> bytes:
    """Return the plain case, an unknown user told by Postfix, with some of its `TEXTS` altered."""
    message = read("postfix_unknown_user").decode()
    for name, text in altered.items():
        assert TEXTS[name] in message
        message = message.replace(TEXTS[name], text)
    return message.encode()


def bounce(key: str, recipient: str, *, action: str = "failed", status: str = "5.1.1") -> bytes:
    """Return the plain case for the e-mail of any job.

    Args:
        key: The job's.
        recipient: Whom the e-mail was to.
        action: What became of it (RFC 3464, 2.3.3).
        status: Why.
    """
    message = postfix(action=f"Action: {action}", status=f"Status: {status}\n")
    return message.replace(KEY.encode(), key.encode()).replace(ASHA.encode(), recipient.encode())


def refusal(message: bytes) -> str:
    """Return why a message is no bounce of ours."""
    with pytest.raises(NotABounce) as refused:
        parse(message)
    return refused.value.reason
