"""The order of a run: the workers take turns, so that a slow minute of the machine is everybody's."""

from collections.abc import Collection

from benchmarks.contestants import Contestant
from benchmarks.drain import drain, watch
from benchmarks.figures import Figure, Figures, percentile
from benchmarks.idle import idle
from benchmarks.plan import Part, Plan, Workload
from benchmarks.say import say
from benchmarks.stage import Stage
from benchmarks.wake import wake

RATE = {
    Workload.NO_OP: Figure("no-op jobs", "/s"),
    Workload.EMAIL: Figure("e-mails", "/s"),
    Workload.SMS: Figure("SMS", "/s"),
}
CPU = {workload: Figure(f"{figure.name}, CPU", "µs each") for workload, figure in RATE.items()}
WAKE = {
    workload: {percent: Figure(f"commit to {what}, p{percent}", "ms", 1) for percent in (50, 95, 99)}
    for workload, what in ((Workload.EMAIL, "e-mail"), (Workload.SMS, "SMS"))
}
IDLE = Figure("idle CPU", "%", 2)
MEMORY = Figure("peak memory", "MiB")

_TURNS = (Contestant.ORIGINAL, Contestant.BARE, Contestant.NOTIFYD)
_POLL = 5.0
_POLLED_WAKES = 20  # the original worker takes up to five seconds for each


async def hold(stage: Stage, plan: Plan, parts: Collection[Part]) -> Figures:
    """Measure the parts asked for.

    Raises:
        WorkerFailed: if a worker fails, or sends anything but each message once.
    """
    figures = Figures()
    for workload in Workload:
        if Part(workload) in parts:
            await _drains(stage, plan, workload, figures)
    if Part.WAKE in parts:
        await _wakes(stage, plan, figures)
    if Part.IDLE in parts:
        say(f"idle: everybody, for {plan.idle:.0f} s")
        for who, percent in (await idle(stage, plan.settle, plan.idle)).items():
            figures.add(IDLE, who, percent)
    return figures


async def _drains(stage: Stage, plan: Plan, workload: Workload, figures: Figures) -> None:
    if plan.polls:
        polled = plan.polls * _POLL  # its first batch is taken after one interval, and each takes a moment
        rate = await watch(stage, Contestant.POLLING, workload, polled + _POLL / 5) / polled
        say(f"{workload}: {Contestant.POLLING}, {rate:.1f}/s")
        figures.add(RATE[workload], Contestant.POLLING, rate)
    for turn in range(plan.rounds):
        for who in _TURNS:
            count = (plan.original_jobs if who is Contestant.ORIGINAL else plan.jobs)[workload]
            drained = await drain(stage, who, workload, count)
            say(f"{workload} {turn + 1}/{plan.rounds}: {who}, {count} jobs, {drained.rate:,.0f}/s")
            figures.add(RATE[workload], who, drained.rate)
            figures.add(CPU[workload], who, drained.cpu)
            if workload is Workload.SMS:  # the channel that needs more
                figures.add(MEMORY, who, drained.peak)


async def _wakes(stage: Stage, plan: Plan, figures: Figures) -> None:
    for workload, wanted in WAKE.items():
        for who in (Contestant.POLLING, Contestant.BARE, Contestant.NOTIFYD):
            polled = who is Contestant.POLLING
            if polled and not plan.polls:
                continue
            count, gap = (_POLLED_WAKES, _POLL / 7) if polled else (plan.wakes, plan.gap)
            waited = await wake(stage, who, workload, count, gap)
            for percent, figure in wanted.items():
                figures.add(figure, who, percentile(waited, percent))
            say(f"wake, {workload}: {who}, {count} inserts, p50 {percentile(waited, 50):.1f} ms")
