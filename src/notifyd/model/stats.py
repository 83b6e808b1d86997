"""How things stand, as one snapshot found it: values, and nothing else."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from notifyd.model.series import Series


@dataclass(frozen=True, slots=True)
class ChannelStats:
    """One channel's messages.

    Attributes:
        sent: Messages that the provider took, ever.
        failed: Messages given up, ever.
        suppressed: Messages given up because the recipient must not be contacted again.
        unknown: Messages in doubt now: cut off after the provider may have accepted them.
        paused: Jobs that wait for this channel's provider.
    """

    sent: int
    failed: int
    suppressed: int
    unknown: int
    paused: int


@dataclass(frozen=True, slots=True)
class Stats:
    """One snapshot.

    Attributes:
        as_of: The database's clock at the snapshot, in UTC.
        jobs: How many jobs are in each state; every state is named, zeros too. Of those in a final state, how many ever
            ended so, whether their rows are there or not.
        unknown_status: Rows whose status is none of ours: they are never touched, only reported.
        partial: Completed jobs of which one channel was sent and another was given up.
        oldest_due_s: Seconds since the job that has waited longest could have been claimed; 0 when none waits. It
            counts pending jobs since they were last written, and scheduled ones since they fell due. The first rests
            on the writer's clock: a row that is dated in the future counts as new.
        channels: What became of the messages, by channel; every channel is named.
        series: What came to an end since a moment, where it was asked for.
    """

    as_of: datetime
    jobs: Mapping[str, int]
    unknown_status: int
    partial: int
    oldest_due_s: float
    channels: Mapping[str, ChannelStats]
    series: Series | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the snapshot as `/stats` and `notifyd stats --json` show it."""
        shown = {**asdict(self), "as_of": self.as_of.isoformat()}
        del shown["series"]
        if self.series is None:
            return shown
        return {**shown, "step_s": int(self.series.step.total_seconds()), "series": self.series.as_json()}
