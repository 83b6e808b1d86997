"""The command line of the benchmark."""

import argparse
import asyncio
import sys

from benchmarks.cached import cached
from benchmarks.contest import hold
from benchmarks.counts import counts
from benchmarks.dashboards import dashboards
from benchmarks.plan import FULL, QUICK, SMOKE, Part, Plan
from benchmarks.profile import profile
from benchmarks.report import as_json, machine, show
from benchmarks.say import say
from benchmarks.settling import settling
from benchmarks.stage import open_cluster, open_stage
from benchmarks.worker import WorkerFailed


def main() -> int:
    """Measure notifyd beside the original worker and a bare loop, on a private durable PostgreSQL. Takes five minutes.

    Quote the ratios: absolute figures vary by a factor of two with what else the machine does.
    """
    given = _arguments()
    plan = SMOKE if given.smoke else QUICK if given.quick else FULL
    try:
        alone = [measure for measure in (_dashboards, _cached, _counts) if getattr(given, measure.__name__[1:])]
        ran = alone[0](plan) if alone else _run(plan, set(given.only), given.profile, given.json)
        print(asyncio.run(ran), end="")
    except WorkerFailed as error:
        print(error, file=sys.stderr)
        return 1
    return 0


async def _dashboards(plan: Plan) -> str:
    say("setting the stage: PostgreSQL")
    with open_cluster(durable=plan.durable) as cluster:
        return await dashboards(cluster, plan.factors, plan.views)


async def _cached(plan: Plan) -> str:
    say("setting the stage: PostgreSQL")
    with open_cluster(durable=plan.durable) as cluster:
        return await cached(cluster, 10 * plan.views)


async def _counts(plan: Plan) -> str:
    say("setting the stage: PostgreSQL")
    with open_cluster(durable=plan.durable) as cluster:
        told = await settling(cluster, (1, 20, 100), plan.settled)
    with open_cluster(durable=False) as cluster:
        return f"{told}\n{await counts(cluster, plan.finished, plan.views)}"


async def _run(plan: Plan, parts: set[Part], as_profile: bool, json: bool) -> str:
    say("setting the stage: PostgreSQL, mail server, Twilio stand-in")
    async with open_stage(durable=plan.durable) as stage:
        if as_profile:
            return await profile(stage, plan, parts)
        figures = await hold(stage, plan, parts)
        about = machine(await stage.version())
    return as_json(figures, about) + "\n" if json else show(figures, about)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run bench", description=main.__doc__)
    parts = [part.value for part in Part]
    parser.add_argument(
        "--only", type=_parts, default=list(Part), metavar="PART,…", help=f"some of {', '.join(parts)}; all by default"
    )
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--quick", action="store_true", help="smaller and only once: two minutes, rough figures")
    sizes.add_argument("--smoke", action="store_true", help="a few jobs: shows that everything works, measures nothing")
    parser.add_argument("--json", action="store_true", help="every measurement as JSON on standard output")
    parser.add_argument("--profile", action="store_true", help="instead: where notifyd's CPU goes, part by part")
    parser.add_argument(
        "--dashboards", action="store_true", help="instead: a salon's dashboard beside the ten queries it replaces"
    )
    parser.add_argument(
        "--cached",
        action="store_true",
        help="instead: an answer that is kept, beside a bare handler of the same server",
    )
    parser.add_argument(
        "--counts",
        action="store_true",
        help="instead: /stats over ten million finished rows (4 GB, minutes), and what counting costs the settling",
    )
    return parser.parse_args()


def _parts(text: str) -> list[Part]:
    try:
        return [Part(name.strip()) for name in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}; parts are {', '.join(Part)}") from None


if __name__ == "__main__":
    sys.exit(main())
