"""PostgreSQL is stopped, locked, held up, and its sessions are ended."""

import anyio
import anyio.to_thread

from chaos.acts.sessions import cut_short, session
from chaos.plan import Cue
from chaos.stage import Stage
from notifyd.demo.postgres import Shutdown

_TERMINATE = """
select count(pg_terminate_backend(pid)) from (
    select pid from pg_stat_activity where usename = 'notifyd' and backend_type = 'client backend'
    order by random() limit $1
) chosen
"""


async def stop_immediate(stage: Stage, cue: Cue) -> None:
    """`pg_ctl stop -m immediate`, as in a crash, and a start a while later."""
    await _restart(stage, cue, Shutdown.IMMEDIATE)


async def stop_fast(stage: Stage, cue: Cue) -> None:
    """`pg_ctl stop -m fast`, as in an upgrade, and a start a while later."""
    await _restart(stage, cue, Shutdown.FAST)


async def _restart(stage: Stage, cue: Cue, how: Shutdown) -> None:
    async with stage.server:
        stage.say(f"PostgreSQL stops, mode {how.name.lower()}, and starts again in {cue.seconds:.1f} s")
        await anyio.to_thread.run_sync(stage.cluster.stop, how)
        await anyio.sleep(cue.seconds)
        await anyio.to_thread.run_sync(stage.cluster.start)


async def lock_table(stage: Stage, cue: Cue) -> None:
    """A migration of the booking system's holds its table for itself."""
    stage.say(f"LOCK TABLE notification_jobs for {cue.seconds:.1f} s")
    async with cut_short(stage), session(stage) as connection, connection.transaction():
        await connection.execute("lock table notification_jobs in access exclusive mode", timeout=cue.seconds)
        await anyio.sleep(cue.seconds)


async def hold_snapshot(stage: Stage, cue: Cue) -> None:
    """A report that nobody closes keeps its snapshot, and dead rows with it."""
    seconds = cue.seconds * 2
    stage.say(f"a snapshot is held open for {seconds:.1f} s")
    async with cut_short(stage), session(stage) as connection, connection.transaction(isolation="repeatable_read"):
        await connection.fetchval("select pg_current_snapshot()")
        await anyio.sleep(seconds)


async def terminate_backends(stage: Stage, cue: Cue) -> None:
    """An administrator ends some of the daemons' sessions, or all of them."""
    most = cue.dice.choice((1, 2, 5, 100))
    async with cut_short(stage), session(stage) as connection:
        ended = await connection.fetchval(_TERMINATE, most)
        stage.say(f"pg_terminate_backend for {ended} of the daemons' sessions")
