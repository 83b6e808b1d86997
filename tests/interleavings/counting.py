"""What should be counted, recounted from a picture: an oracle that shares no line with the store's recount. Pure."""

import hashlib
from collections import Counter

from interleavings.picture import Picture

SEGMENTS = 2
"""Of every SMS in the play."""

Counts = Counter[tuple[str, str, str]]
"""By the key of the job's salon, channel and outcome."""


def recount(picture: Picture) -> Counts:
    """Count what has come to its end, and what is in doubt, from the rows that are there."""
    counts: Counts = Counter()
    for job, row in picture.rows.items():
        if row.status in {"completed", "failed"} or (row.status == "cancelled" and row.ended):
            counts[key(job), "job", _outcome(picture, job, row.status)] += 1
    for (job, channel), entry in picture.ledger.items():
        if entry.state in {"sent", "failed", "suppressed", "unknown"}:
            counts[key(job), channel, entry.state] += 1
        if channel == "sms" and entry.state == "sent":
            counts[key(job), channel, "segments"] += SEGMENTS
    return counts


def miscounted(before: Picture, after: Picture, *, ours: bool) -> list[str]:
    """Tell where a step has counted something else than what it did. What others do is counted by nobody."""
    done, counted = recount(after), Counter(after.counts)
    done.subtract(recount(before) if ours else done)
    counted.subtract(before.counts)
    wrong = {place for place in {*done, *counted} if done[place] != counted[place]}
    return [f"{place} changed by {done[place]}, and {counted[place]} were counted" for place in wrong]


def differences(picture: Picture) -> Counts:
    """Return by how much there is more than was counted, or less: what others have done."""
    counts = recount(picture)
    counts.subtract(picture.counts)
    return Counter({place: n for place, n in counts.items() if n})


def key(job: str) -> str:
    """Return the key of the salon that a job has to itself: it is called like the job."""
    return hashlib.sha256(job.encode()).hexdigest()[:32]


def _outcome(picture: Picture, job: str, status: str) -> str:
    states = {entry.state for (of, _), entry in picture.ledger.items() if of == job}
    return "partial" if status == "completed" and "sent" in states and states & {"failed", "suppressed"} else status
