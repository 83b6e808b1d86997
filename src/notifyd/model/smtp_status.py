"""What an enhanced status code (RFC 3463, and IANA's registry of them) says, in our own words.

The keys lack the first digit, the class: it says alone whether a message may still arrive. The words are those of a
reason: what a mail server says beside its code may hold an address, and is never passed on.
"""

from collections.abc import Mapping
from typing import Final

WORDS: Final[Mapping[str, str]] = {
    "1.1": "mailbox does not exist",
    "1.2": "domain does not exist",
    "1.3": "address is malformed",
    "1.6": "mailbox has moved and left no address",
    "1.7": "sender's address is malformed",
    "1.8": "sender's domain does not exist",
    "1.10": "domain accepts no mail",
    "2.0": "mailbox is not available",
    "2.1": "mailbox is not taking mail",
    "2.2": "mailbox is full",
    "3.2": "mail server is not accepting messages",
    "3.4": "message is too big",
    "4.1": "no answer from the recipient's server",
    "4.2": "bad connection",
    "4.4": "no server is known for the domain",
    "4.6": "mail went round in a circle",
    "4.7": "not delivered in time",
    "7.1": "delivery is not authorised",
    "7.8": "credentials are invalid",
    "7.23": "sender failed SPF",
    "7.26": "sender failed SPF and DKIM",
    "7.28": "mail flood",
}
