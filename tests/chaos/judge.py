"""The judge: what the sinks accepted and the harness' own history, against the rows and the ledger. Pure.

It believes the sinks. Of the daemons' ledger it believes one thing, and that by the history alone: that an e-mail was
called `unknown` before its next copy arrived. Nothing excuses a second SMS.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from chaos.booking import FINAL
from chaos.facts import Arrival, Change, Evidence, Key, Row
from chaos.orders import Fate, Order
from notifyd.model.job import Channel, DeliveryState

_SETTLED = {DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.SUPPRESSED}
_IN_DOUBT = {DeliveryState.INTENDED, DeliveryState.UNKNOWN}


class Fault(StrEnum):
    """What must not be."""

    UNFINISHED = "the job is in no final state"
    VANISHED = "the job's row is gone, and nobody deleted it"
    MISSED = "the message never arrived"
    UNSENT = "recorded as sent, but no sink has it"
    SMS_DOUBLED = "SMS accepted more than once"
    UNEXPLAINED = "e-mail accepted again, and its history does not say unknown before"
    RENAMED = "e-mail accepted again under another Message-ID"
    NEVER_BOOKED = "accepted, though no such job was ever committed"
    MISRECORDED = "SMS accepted, but the ledger does not call it sent"
    UNRESOLVED = "the job has ended, and its SMS is still in doubt"


LOST = {Fault.UNFINISHED, Fault.VANISHED, Fault.MISSED, Fault.UNSENT}
UNEXPLAINED = {Fault.UNEXPLAINED, Fault.RENAMED}


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault, of one job; of a message to nobody's address there is no job."""

    fault: Fault
    job_id: str | None
    channel: Channel | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the judge found.

    Attributes:
        jobs: How many were committed.
        arrived: How many messages the sinks accepted, copies included.
        explained: Copies of e-mails that the ledger called unknown before.
        unknown: Deliveries that were unknown at any time.
        resolved: Those of them that ended settled.
        called_off: Others, whose job was cancelled or deleted meanwhile, so that nobody had to ask any more.
    """

    jobs: int
    arrived: int
    findings: tuple[Finding, ...]
    explained: int
    unknown: int
    resolved: int
    called_off: int

    @property
    def given_up(self) -> int:
        """The rest of the unknown ones: e-mails in doubt after their last attempt, which nobody can be asked about."""
        return self.unknown - self.resolved - self.called_off

    def count(self, *faults: Fault) -> int:
        """Return how often these were found: jobs for what was lost, copies for what was doubled."""
        found = [finding for finding in self.findings if finding.fault in faults]
        return len({finding.job_id for finding in found}) if set(faults) <= LOST else len(found)


def judge(evidence: Evidence) -> Verdict:
    """Judge a run."""
    booked = {order.job_id: order for order in evidence.orders if order.booked}
    received, strays = _sort(evidence)
    doubts = _doubts(evidence.history)
    copies = [copy for key, arrivals in received.items() for copy in _copies(key, arrivals, doubts.get(key, []))]
    jobs = [finding for order in booked.values() for finding in _of_job(order, evidence, received)]
    open_doubts = [job_id for job_id, channel in doubts if evidence.ledger.get((job_id, channel)) not in _SETTLED]
    return Verdict(
        jobs=len(booked),
        arrived=len(evidence.arrivals),
        findings=(*strays, *jobs, *(copy for copy in copies if copy is not None)),
        explained=copies.count(None),
        unknown=len(doubts),
        resolved=len(doubts) - len(open_doubts),
        called_off=sum(
            _is_called_off(booked[job_id], evidence.rows.get(job_id)) for job_id in open_doubts if job_id in booked
        ),
    )


def _sort(evidence: Evidence) -> tuple[Mapping[Key, Sequence[Arrival]], Sequence[Finding]]:
    """Return what arrived by delivery, oldest first, and what belongs to no job that was ever committed."""
    emails = {(order.email, Channel.EMAIL): order for order in evidence.orders}
    owners = emails | {(order.phone, Channel.SMS): order for order in evidence.orders}
    received: defaultdict[Key, list[Arrival]] = defaultdict(list)
    strays = []
    for arrival in sorted(evidence.arrivals, key=lambda arrival: arrival.at):
        order = owners.get((arrival.recipient, arrival.channel))
        if order is None or not order.booked:
            strays.append(Finding(Fault.NEVER_BOOKED, order.job_id if order else None, arrival.channel))
        else:
            received[order.job_id, arrival.channel].append(arrival)
    return received, strays


def _is_called_off(order: Order, row: Row | None) -> bool:
    """Tell whether the booking system got its way before the job was settled: then it may come to nothing."""
    cancelled = row is not None and row.status == "cancelled"
    return order.fate is Fate.DELETED or (order.fate is Fate.CANCELLED and cancelled)


def _of_job(order: Order, evidence: Evidence, received: Mapping[Key, Sequence[Arrival]]) -> Iterator[Finding]:
    row = evidence.rows.get(order.job_id)
    called_off = _is_called_off(order, row)
    if row is None and not called_off:
        yield Finding(Fault.VANISHED, order.job_id)
    if row is not None and row.status not in FINAL:
        yield Finding(Fault.UNFINISHED, order.job_id)
    for channel in order.channels:
        arrived = (order.job_id, channel) in received
        fault = _of_channel(order, channel, evidence.ledger.get((order.job_id, channel)), arrived=arrived)
        if fault is Fault.UNSENT or (fault is not None and not called_off):
            yield Finding(fault, order.job_id, channel)


def _of_channel(order: Order, channel: Channel, recorded: str | None, *, arrived: bool) -> Fault | None:
    """Compare what arrived with what the ledger says and with what had to arrive."""
    if recorded == DeliveryState.SENT and not arrived:
        return Fault.UNSENT
    if recorded != DeliveryState.SENT and arrived and channel is Channel.SMS:
        return Fault.MISRECORDED
    if order.sturdy and channel in order.due and not arrived:
        return Fault.MISSED
    return Fault.UNRESOLVED if recorded in _IN_DOUBT and channel is Channel.SMS else None


def _copies(key: Key, arrivals: Sequence[Arrival], doubts: Sequence[float]) -> Iterator[Finding | None]:
    """Yield for each copy but the first what is wrong with it; None for an e-mail's that is explained.

    Each copy needs a doubt of its own, on record before it arrived: of two copies after one doubt, one is unexplained.
    """
    job_id, channel = key
    for earlier, arrival in enumerate(arrivals[1:], start=1):
        if channel is Channel.SMS:
            yield Finding(Fault.SMS_DOUBLED, job_id, channel)
        elif arrival.mark != arrivals[0].mark:
            yield Finding(Fault.RENAMED, job_id, channel)
        elif sum(doubt < arrival.at for doubt in doubts) < earlier:
            yield Finding(Fault.UNEXPLAINED, job_id, channel)
        else:
            yield None


def _doubts(history: Sequence[Change]) -> dict[Key, list[float]]:
    """Return when each delivery was called unknown; one that was called so twice in a row counts once."""
    moments: defaultdict[Key, list[float]] = defaultdict(list)
    latest: dict[Key, str] = {}
    for change in history:
        if change.what == "job":
            continue
        key = (change.job_id, Channel(change.what))
        if change.state == DeliveryState.UNKNOWN and latest.get(key) != change.state:
            moments[key].append(change.at)
        latest[key] = change.state
    return dict(moments)
