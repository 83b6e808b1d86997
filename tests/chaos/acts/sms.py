"""Twilio misbehaves."""

import anyio

from chaos.moods import POST
from chaos.plan import Cue
from chaos.stage import LONGEST_LAG, Stage
from notifyd.demo.twilio_stand_in import Action, Garble, Refuse, Reset, Stall

_SLOWER_THAN_WE_WAIT = (4.0, 6.0)  # seconds; TWILIO_TIMEOUT is 3


async def _during(stage: Stage, cue: Cue, action: Action, words: str) -> None:
    share = cue.dice.choice((0.3, 0.6, 1.0))
    stage.say(f"Twilio {words} for {cue.seconds:.1f} s, {share:.0%} of the time")
    with stage.sms_moods.during(POST, action, share):
        await anyio.sleep(cue.seconds)


async def too_many(stage: Stage, cue: Cue) -> None:
    """429 with Retry-After: surely not accepted."""
    wait = cue.dice.choice(("1", "2", "3"))
    await _during(stage, cue, Refuse(429, 20429, retry_after=wait), f"answers 429, Retry-After {wait},")


async def error_unaccepted(stage: Stage, cue: Cue) -> None:
    """500, and the message is not accepted."""
    await _during(stage, cue, Refuse(500, 20500), "answers 500 and accepts nothing")


async def error_accepted(stage: Stage, cue: Cue) -> None:
    """500, and the message is accepted all the same."""
    await _during(stage, cue, Refuse(500, 20500, accept=True), "accepts and answers 500")


async def reset_unaccepted(stage: Stage, cue: Cue) -> None:
    """A reset before the answer, and the message is not accepted."""
    await _during(stage, cue, Reset(), "resets and accepts nothing")


async def reset_accepted(stage: Stage, cue: Cue) -> None:
    """A reset before the answer, and the message is accepted."""
    await _during(stage, cue, Reset(accept=True), "accepts and resets")


async def stall_accepted(stage: Stage, cue: Cue) -> None:
    """The message is accepted, and the answer comes after we have hung up."""
    seconds = cue.dice.uniform(*_SLOWER_THAN_WE_WAIT)
    await _during(stage, cue, Stall(seconds), f"accepts and answers {seconds:.1f} s later")


async def garble(stage: Stage, cue: Cue) -> None:
    """201 with something that is no JSON."""
    await _during(stage, cue, Garble(), "accepts and answers in HTML")


async def list_late(stage: Stage, cue: Cue) -> None:
    """Messages show in the list some seconds late."""
    lag = cue.dice.uniform(0.5, LONGEST_LAG)
    stage.say(f"Twilio's list is {lag:.1f} s late for {cue.seconds:.1f} s")
    stage.twilio.list_lag = lag
    await anyio.sleep(cue.seconds)
    stage.twilio.list_lag = 0.0


async def list_broken(stage: Stage, cue: Cue) -> None:
    """The list cannot be had."""
    answer = cue.dice.choice((Refuse(500, 20500), Refuse(429, 20429, retry_after="1"), Reset(), Stall(5.0)))
    stage.say(f"Twilio's list cannot be had for {cue.seconds:.1f} s: {type(answer).__name__.lower()}")
    stage.twilio.list_script = lambda _: answer
    await anyio.sleep(cue.seconds)
    stage.twilio.list_script = None
