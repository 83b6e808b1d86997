"""The mail server misbehaves."""

import anyio

from chaos.plan import Cue
from chaos.stage import Stage
from notifyd.demo.mail_sink import Action, Drop, Stall


async def _during(stage: Stage, cue: Cue, command: str, action: Action, words: str) -> None:
    share = cue.dice.choice((0.3, 0.6, 1.0))
    stage.say(f"mail server {words} for {cue.seconds:.1f} s, {share:.0%} of the time")
    with stage.mail_moods.during(command, action, share):
        await anyio.sleep(cue.seconds)


async def busy(stage: Stage, cue: Cue) -> None:
    """421: too busy."""
    command = cue.dice.choice(("connect", "mail", "rcpt"))
    await _during(stage, cue, command, "421 4.3.2 too busy", f"answers 421 at {command}")


async def greylist(stage: Stage, cue: Cue) -> None:
    """450: come back later; notifyd does so after a minute."""
    await _during(stage, cue, "rcpt", "450 4.2.0 greylisted", "answers 450")


async def hang_up_before(stage: Stage, cue: Cue) -> None:
    """It hangs up before the message."""
    await _during(stage, cue, "data", Drop(), "hangs up at DATA")


async def hang_up_unaccepted(stage: Stage, cue: Cue) -> None:
    """It hangs up after the final dot, and has thrown the message away."""
    await _during(stage, cue, "dot", Drop(), "hangs up after the final dot and accepts nothing")


async def hang_up_accepted(stage: Stage, cue: Cue) -> None:
    """It accepts the message, and its 250 is lost."""
    await _during(stage, cue, "dot", Drop(accept=True), "accepts and hangs up without a word")


async def stall_at_the_dot(stage: Stage, cue: Cue) -> None:
    """It takes its time over the message."""
    seconds = cue.dice.uniform(2, 6)
    await _during(stage, cue, "dot", Stall(seconds), f"thinks {seconds:.1f} s about each message")
