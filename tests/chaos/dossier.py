"""Everything there is about one job, for whoever has to understand what happened to it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from chaos.facts import Evidence
from chaos.judge import Finding
from chaos.orders import Order


def dossiers(findings: Sequence[Finding], evidence: Evidence, directory: Path) -> Iterator[str]:
    """Yield one text for each job that something was found about.

    It holds the order, the row, the ledger, the history, what the sinks have, and what the daemons logged. Moments are
    seconds of the database's clock since the job's first change; those of the log are as they stand there.
    """
    orders = {order.job_id: order for order in evidence.orders}
    for job_id in dict.fromkeys(finding.job_id for finding in findings):
        found = [
            f"{job_id} {finding.channel or 'job'}: {finding.fault}" for finding in findings if finding.job_id == job_id
        ]
        about = _about(orders[job_id], evidence, directory) if job_id is not None else []
        yield "\n".join([*found, *about])


def _about(order: Order, evidence: Evidence, directory: Path) -> Iterator[str]:
    yield f"  order   {order}"
    yield f"  row     {evidence.rows.get(order.job_id, 'is gone')}"
    yield f"  ledger  { {str(key[1]): state for key, state in evidence.ledger.items() if key[0] == order.job_id} }"
    changes = [change for change in evidence.history if change.job_id == order.job_id]
    began = changes[0].at if changes else 0.0
    told = [(change.at, f"{change.what:5} {change.state} {change.detail}") for change in changes]
    told += [
        (arrival.at, f"{arrival.channel:5} accepted by the sink as {arrival.mark}")
        for arrival in evidence.arrivals
        if arrival.recipient in {order.email, order.phone}
    ]
    yield from (f"  {at - began:8.3f} s  {words}" for at, words in sorted(told))
    yield from _logged(order.job_id, directory)


def _logged(job_id: str, directory: Path) -> Iterator[str]:
    for log in sorted(directory.glob("daemon-*/daemon-*.log")):
        for line in log.read_text(errors="replace").splitlines():
            if f'"{job_id}"' in line:
                yield f"  {log.parent.name}  {line}"
