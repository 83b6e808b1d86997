"""The comparison of messages with the ledger finds what it is there to find."""

import asyncpg
import pytest

from notifyd.demo.audit import Delivered, Fault, Mismatch, compare, read_ledger
from notifyd.model.job import Channel

MAIL = Delivered("job-1", Channel.EMAIL, "a" * 32)
TEXT = Delivered("job-1", Channel.SMS, "SM1")


def test_a_clean_run() -> None:
    """Each sent delivery with exactly one message is no mismatch."""
    assert () == compare([MAIL, TEXT], [MAIL.mark], [TEXT.mark])


@pytest.mark.parametrize(
    ("emails", "texts", "expected"),
    [
        ([], ["SM1"], Mismatch(Fault.LOST, Channel.EMAIL, "a" * 32, "job-1")),
        (["a" * 32], [], Mismatch(Fault.LOST, Channel.SMS, "SM1", "job-1")),
        (["a" * 32] * 2, ["SM1"], Mismatch(Fault.DOUBLED, Channel.EMAIL, "a" * 32, "job-1")),
        (["a" * 32], ["SM1"] * 2, Mismatch(Fault.DOUBLED, Channel.SMS, "SM1", "job-1")),
        (["a" * 32, "b" * 32], ["SM1"], Mismatch(Fault.UNKNOWN, Channel.EMAIL, "b" * 32, None)),
        (["a" * 32], ["SM1", "SM2"], Mismatch(Fault.UNKNOWN, Channel.SMS, "SM2", None)),
    ],
    ids=["lost mail", "lost SMS", "doubled mail", "doubled SMS", "unknown mail", "SMS sent twice"],
)
def test_each_fault(emails: list[str], texts: list[str], expected: Mismatch) -> None:
    """A lost, a doubled and an unknown message are each told, once, with channel and mark."""
    assert (expected,) == compare([MAIL, TEXT], emails, texts)


def test_a_mark_of_the_other_channel_is_no_match() -> None:
    """An SMS whose SID happens to be an e-mail's key does not stand for that e-mail."""
    faults = [found.fault for found in compare([MAIL], [], [MAIL.mark])]
    assert [Fault.LOST, Fault.UNKNOWN] == faults


async def test_the_ledger_is_read_from_a_moment_on(database: str) -> None:
    """Only deliveries recorded as sent since then count; e-mails go by the job's key, SMS by the provider's id."""
    async with asyncpg.create_pool(database, min_size=1, max_size=1) as pool:
        await pool.execute("""
            insert into notifyd.deliveries (job_key, channel, job_id, lease_id, state, provider_id, settled_at)
            select notifyd.job_key(job), channel, job, 1, state, id, now() + delay from (values
                ('new', 'email', 'sent', 'queued as 7', interval '1 s'), ('new', 'sms', 'sent', 'SM7', interval '1 s'),
                ('old', 'sms', 'sent', 'SM1', interval '-1 h'), ('bad', 'sms', 'failed', null, interval '1 s')
            ) as given (job, channel, state, id, delay)
        """)
        key = (await pool.fetchval("select notifyd.job_key('new')")).hex
        found = await read_ledger(pool, await pool.fetchval("select now()"))
    expected = {Delivered("new", Channel.EMAIL, key), Delivered("new", Channel.SMS, "SM7")}
    assert expected == set(found)
