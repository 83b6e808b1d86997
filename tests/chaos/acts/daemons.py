"""Daemons are killed, told to stop, and suspended."""

import anyio

from chaos.acts.sessions import cut_short, session
from chaos.plan import Cue
from chaos.stage import LEASE, Stage

_BEYOND = (1.0, 15.0)  # seconds that a long SIGSTOP outlasts the lease: also long enough for a rescue and an inquiry
_LOCKED = 1.0


async def kill(stage: Stage, cue: Cue) -> None:
    """SIGKILL; started again a while later."""
    async with stage.crew.take(cue.dice) as seat:
        if seat is None:
            return
        stage.say(f"SIGKILL to daemon {seat.name}, started again in {cue.seconds:.1f} s")
        seat.daemon.kill()
        await anyio.sleep(cue.seconds)
        seat.daemon.start()


async def kill_all(stage: Stage, cue: Cue) -> None:
    """SIGKILL to every daemon that is not in other hands, as when a machine loses its power."""
    seats = [seat for seat in stage.crew.seats if not seat.taken]
    stage.say(f"SIGKILL to {len(seats)} daemons at once, started again in {cue.seconds:.1f} s")
    for seat in seats:
        seat.taken = True
        seat.daemon.kill()
    await anyio.sleep(cue.seconds)
    for seat in seats:
        seat.daemon.start()
        seat.taken = False


async def terminate(stage: Stage, cue: Cue) -> None:
    """SIGTERM, as a deployment does; started again once it has ended."""
    async with stage.crew.take(cue.dice) as seat:
        if seat is None:
            return
        stage.say(f"SIGTERM to daemon {seat.name}, started again when it has ended")
        await stage.crew.terminate(seat)
        seat.daemon.start()


async def suspend(stage: Stage, cue: Cue) -> None:
    """SIGSTOP for a while, then SIGCONT."""
    async with stage.crew.take(cue.dice) as seat:
        if seat is None:
            return
        stage.say(f"SIGSTOP to daemon {seat.name} for {cue.seconds:.1f} s")
        seat.daemon.stop()
        await anyio.sleep(cue.seconds)
        seat.daemon.cont()


async def suspend_beyond_the_lease(stage: Stage, cue: Cue) -> None:
    """SIGSTOP between claims and their intents, until others have sent what it was about to send: the fences' hour.

    The ledger is locked for a moment, so that the daemon has jobs in hand for which it has no intent yet.
    """
    async with stage.crew.take(cue.dice) as seat:
        if seat is None:
            return
        seconds = LEASE + cue.dice.uniform(*_BEYOND)
        stage.say(f"SIGSTOP to daemon {seat.name}, with claims in hand, for {seconds:.1f} s")
        async with cut_short(stage), session(stage) as connection, connection.transaction():
            await connection.execute("lock table notifyd.deliveries in exclusive mode", timeout=_LOCKED)
            await anyio.sleep(_LOCKED)
            seat.daemon.stop()
        await anyio.sleep(seconds)  # by now the ledger is free, and the successors are at work
        seat.daemon.cont()
