"""What may never be, and what no step may do: two pictures of the database and the step between them, judged.

Pure. Each law yields a sentence for every breach of it.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from interleavings.picture import Entry, Key, Picture, Row

ENDS = ("intended", "retrying", "sent", "failed", "suppressed", "unknown")

MOVES: dict[str, set[tuple[str | None, str | None]]] = {
    "intend": {(old, new) for old in (None, "retrying", "unknown") for new in ("intended", "suppressed")},
    "record": {("intended", new) for new in ("sent", "retrying", "failed", "suppressed", "unknown")},
    "prove": {("unknown", "sent"), ("unknown", "retrying")},
    "rescue": {("intended", "unknown"), ("intended", "sent")},
    "receive": {("unknown", "sent"), ("retrying", "sent"), ("sent", "retrying")},
    "settle": {("intended", new) for new in ("sent", "retrying", "failed", "suppressed", "unknown")},
    "release": {("unknown", "sent"), ("unknown", "failed"), ("unknown", None)},
    "requeue": {("failed", None), ("suppressed", None)},
    "purge": {(state, None) for state in ENDS},
    "forget": {(state, None) for state in ENDS},
}
"""What a step may make of a ledger's state; None: no row. A step that is not named here leaves the ledger alone."""

STATUSES: dict[str, tuple[str, str]] = {
    "claim": ("pending", "processing"),
    "rescue": ("processing", "pending"),
    "release strays": ("processing", "pending"),
    "promote": ("scheduled", "pending"),
    "receive": ("completed", "scheduled"),
    "take note": ("cancelled", "cancelled"),
}
"""What a step of notifyd may make of a row's status; a settling writes its verdict."""

COUNTS: dict[str, set[int]] = {"claim": {1}, "settle": {0, -1}, "release strays": {-1}, "receive": {0, -1, -2, -3}}
"""By how much a step of notifyd may change the attempts; any other by nothing."""

RANKS = (None, "accepted", "undelivered", "delivered")


@dataclass(frozen=True, slots=True)
class Step:
    """What was done between two pictures.

    Attributes:
        name: Of which kind it is.
        job: The only job that it may touch; None where it chooses for itself.
        lease_id: Under which lease it writes, where it does.
        daemon: Whose leases it may end, where it may.
        verdict: The status with which it settles.
        ours: Whether it is notifyd's; the booking system and the operator may do with a row what they like.
    """

    name: str
    job: str | None = None
    lease_id: int | None = None
    daemon: str | None = None
    verdict: str | None = None
    ours: bool = True


def breaches(before: Picture, step: Step, after: Picture, locked: str | None) -> list[str]:
    """Tell what a step did that it may not do.

    Args:
        before: The database before the step.
        step: What was done.
        after: The database after it.
        locked: The job whose row a transaction of the booking system holds.
    """
    found = [*_stale(before, step, after), *_ledger(before, step, after), *_leases(before, step, after)]
    return [*found, *_rows(before, step, after, locked)] if step.ours else found


def odd(picture: Picture) -> dict[str, str]:
    """Tell of which jobs the row and our tables say different things, and what.

    So it may be for a while where somebody else has set a row's status, and only there.
    """
    found = {}
    for job, row in picture.rows.items():
        if row.status == "processing" and job not in picture.leases:
            found[job] = "is processing under no lease"
        if row.status == "scheduled" and job not in picture.schedule:
            found[job] = "is scheduled, and never falls due"
    for job in picture.leases:
        if job not in picture.rows or picture.rows[job].status != "processing":
            found[job] = "has a lease, and is not processing"
    return found


def contradictions(picture: Picture, jobs: AbstractSet[str]) -> Iterator[str]:
    """Tell what can never be, whoever has meddled.

    Args:
        picture: The database as it stands.
        jobs: Inserted, and not deleted.
    """
    if picture.rows.keys() != jobs:
        yield f"rows are lost, or new: {picture.rows.keys() ^ jobs}"
    for job, row in picture.rows.items():
        if row.attempts < 0:
            yield f"{job} has {row.attempts} attempts"
    for (job, channel), entry in picture.ledger.items():
        if entry.state == "intended" and not picture.holds(job, entry.lease_id):
            yield f"the {channel} of {job} is intended by nobody"


def _stale(before: Picture, step: Step, after: Picture) -> Iterator[str]:
    """A writer that lost its lease changes nothing."""
    if step.lease_id is not None and not before.holds(step.job, step.lease_id) and before != after:
        yield f"{step} is stale, and has changed something"


def _ledger(before: Picture, step: Step, after: Picture) -> Iterator[str]:
    """The ledger goes only the ways that are drawn for it, each by its own step."""
    for key in before.ledger.keys() | after.ledger.keys():
        old, new = before.ledger.get(key), after.ledger.get(key)
        if old == new:
            continue
        if step.job is not None and key[0] != step.job:
            yield f"{step} touched {key}"
        if old is not None and new is not None and old.state == new.state:
            yield from _heard(key, old, step, new)
        elif (old and old.state, new and new.state) not in MOVES.get(step.name, set()):
            yield f"{step} made {new} of {old}, {key}"
        elif step.name in {"purge", "forget"}:
            continue
        elif old is not None and old.state == "sent" and (new is None or new.resends != old.resends + 1):
            yield f"{step} sends {key} again, and does not count it"


def _heard(key: Key, old: Entry, step: Step, new: Entry) -> Iterator[str]:
    """Of a message that stays in its state one can only hear more, and later words never say less."""
    if step.name != "receive" or new._replace(receipt=old.receipt, provider_id=old.provider_id) != old:
        yield f"{step} made {new} of {old}, {key}"
    elif RANKS.index(new.receipt) < RANKS.index(old.receipt):
        yield f"a receipt went back from {old} to {new}, {key}"


def _leases(before: Picture, step: Step, after: Picture) -> Iterator[str]:
    """A lease is given by a claim, ended by its holder's verdict, or by a rescue when it has run out."""
    for job in before.leases.keys() | after.leases.keys():
        old, new = before.leases.get(job), after.leases.get(job)
        if old == new:
            continue
        if new is None:
            settled = step.name == "settle" and old and step.lease_id == old.lease_id
            rescued = step.name == "rescue" and old and not old.live
            released = step.name == "release strays" and old and step.daemon == old.daemon
            if not (settled or rescued or released):
                yield f"{step} ended {old} of {job}"
        elif old is None:
            if step.name not in {"claim", "adopt"}:
                yield f"{step} gave {new} for {job}"
        elif step.name not in {"renew", "clock"} or new[:2] != old[:2]:
            yield f"{step} made {new} of {old}, {job}"


def _rows(before: Picture, step: Step, after: Picture, locked: str | None) -> Iterator[str]:
    """Notifyd writes to a row what its step is there for, and nothing while the booking system holds it."""
    for job, old in before.rows.items():
        new = after.rows.get(job)
        if new is None or new == old:
            continue
        if job == locked:
            yield f"{step} wrote to a row that the booking system holds"
        allowed = ("processing", step.verdict) if step.name == "settle" else STATUSES.get(step.name)
        if (old.status, new.status) != allowed or not _counted(old, step, new):
            yield f"{step} made {new} of {old}, {job}"
        if step.job is not None and step.job != job:
            yield f"{step} touched {job}"


def _counted(old: Row, step: Step, new: Row) -> bool:
    return new.attempts - old.attempts in COUNTS.get(step.name, {0})
