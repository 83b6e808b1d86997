"""The command line of the chaos."""

import argparse
import inspect
import secrets
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import anyio
from anyio.abc import TaskStatus

from chaos.dossier import dossiers
from chaos.report import as_json, show
from chaos.run import Options, Outcome, run

_FEWEST_MINUTES = 0.05
_MOST_DOSSIERS = 10  # printed; all of them are in the logs' directory
_STOPPED = 130


def main() -> int:
    """Three daemons under random chaos, judged by ledgers of the harness' own. Nothing leaves this machine.

    Daemons are killed, stopped and suspended; PostgreSQL, the mail server and Twilio misbehave, and so does the network
    to them, while jobs are booked. Then everything is mended, the rest drains, and what both sinks accepted is compared
    with the rows. Exit code 0: nothing lost, no SMS doubled, every doubled e-mail on record as unknown before.
    """
    given = _arguments()
    directory = Path(tempfile.mkdtemp(prefix="notifyd-chaos-"))
    outcome = anyio.run(_until_signal, Options(given.minutes, given.seed, given.jobs), directory)
    if outcome is None:
        shutil.rmtree(directory)
        sys.stderr.write("Stopped before its end: nothing was judged.\n")
        return _STOPPED
    _explain(outcome)
    sys.stdout.write(as_json(outcome) + "\n" if given.json else show(outcome))
    return outcome.exit_code


async def _until_signal(options: Options, directory: Path) -> Outcome | None:
    outcome = None
    async with anyio.create_task_group() as group:
        with anyio.CancelScope() as scope:
            await group.start(_stop_on_signal, scope)
            outcome = await run(options, directory)
        group.cancel_scope.cancel()
    return outcome


async def _stop_on_signal(scope: anyio.CancelScope, *, task_status: TaskStatus[None]) -> None:
    """Cancel the scope at a signal, so that no process is left behind."""
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for _ in signals:
            scope.cancel()


def _explain(outcome: Outcome) -> None:
    """Tell all about what was found, and keep the logs; without findings they go."""
    findings = outcome.verdict.findings
    if outcome.exit_code == 0 and not outcome.failures:
        shutil.rmtree(outcome.directory)
        return
    texts = list(dossiers(findings, outcome.evidence, outcome.directory))
    (outcome.directory / "findings.txt").write_text("\n\n".join(texts))
    for text in texts[:_MOST_DOSSIERS]:
        sys.stderr.write(f"\n{text}\n")
    told = "".join(f"{failure}\n" for failure in outcome.failures)
    sys.stderr.write(f"\n{told}{len(findings)} findings; they and all logs are in {outcome.directory}\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./run chaos",
        description=inspect.cleandoc(main.__doc__ or ""),
        epilog="for example: ./run chaos --minutes 10 --seed 42",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=_minutes, default=2.0, help="how long things break; fractions are fine (2)")
    parser.add_argument("--jobs", type=_count, default=2_500, help="how many are booked in that time (2500)")
    parser.add_argument("--seed", type=int, help="of a run to be repeated; a random one is printed otherwise")
    parser.add_argument("--json", action="store_true", help="the figures as JSON instead of the table")
    given = parser.parse_args()
    given.seed = secrets.randbelow(1_000_000) if given.seed is None else given.seed
    return given


def _minutes(text: str) -> float:
    minutes = float(text)
    if not _FEWEST_MINUTES <= minutes < float("inf"):
        raise argparse.ArgumentTypeError(f"at least {_FEWEST_MINUTES}")
    return minutes


def _count(text: str) -> int:
    count = int(text)
    if not 1 <= count <= 80_000:
        raise argparse.ArgumentTypeError("from 1 to 80000: each needs a number of its own")
    return count


if __name__ == "__main__":
    sys.exit(main())
