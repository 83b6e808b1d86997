"""The network between a daemon, or all of them, and one of the three services."""

from collections.abc import Sequence
from random import Random  # noqa: TID251 - the type alone: the dice are made in run.py

import anyio

from chaos.plan import Cue
from chaos.stage import LONGEST_SMS_STALL, Stage
from chaos.wires import SERVICES
from support.proxy import Proxy


def _choose(stage: Stage, dice: Random) -> tuple[str, Sequence[Proxy], str]:
    """Return a service, the wires to it of one daemon or of all, and the words for them."""
    service = dice.choice(SERVICES)
    seats = stage.crew.seats if dice.random() < 1 / 3 else [dice.choice(stage.crew.seats)]
    whose = "of all daemons" if len(seats) > 1 else f"of daemon {seats[0].name}"
    return service, [seat.wires.to(service) for seat in seats], f"connections {whose} to {service}"


async def stall(stage: Stage, cue: Cue) -> None:
    """Nothing is carried, and nothing lost."""
    service, proxies, words = _choose(stage, cue.dice)
    seconds = min(cue.seconds, LONGEST_SMS_STALL) if service == "Twilio" else cue.seconds
    stage.say(f"{words} stall for {seconds:.1f} s")
    for proxy in proxies:
        proxy.stall()
    await anyio.sleep(seconds)
    for proxy in proxies:
        proxy.resume()


async def reset(stage: Stage, cue: Cue) -> None:
    """All that stand are reset."""
    _, proxies, words = _choose(stage, cue.dice)
    stage.say(f"{words} are reset")
    for proxy in proxies:
        proxy.reset()


async def refuse(stage: Stage, cue: Cue) -> None:
    """New ones are refused, and those that stand are reset, as when a machine goes down."""
    _, proxies, words = _choose(stage, cue.dice)
    stage.say(f"{words} are refused for {cue.seconds:.1f} s")
    for proxy in proxies:
        proxy.refuse()
        proxy.reset()
    await anyio.sleep(cue.seconds)
    for proxy in proxies:
        proxy.accept()


async def cut(stage: Stage, cue: Cue) -> None:
    """All are reset, and the next one again in the middle of what it carries."""
    size = round(cue.dice.triangular(1, 4_000, 300))
    _, proxies, words = _choose(stage, cue.dice)
    stage.say(f"{words} are reset, and the next again after {size} bytes")
    for proxy in proxies:
        proxy.cut_after(size)
        proxy.reset()


async def silence(stage: Stage, cue: Cue) -> None:
    """Those that stand carry nothing more and are not closed; in the end, whoever forgot them answers with a reset."""
    _, proxies, words = _choose(stage, cue.dice)
    stage.say(f"{words} fall silent for {cue.seconds:.1f} s, then are reset")
    for proxy in proxies:
        proxy.silence()
    await anyio.sleep(cue.seconds)
    for proxy in proxies:
        proxy.reset()


async def trickle(stage: Stage, cue: Cue) -> None:
    """Answers come a few bytes at a time."""
    rate = cue.dice.choice((5, 50, 500))
    _, proxies, words = _choose(stage, cue.dice)
    stage.say(f"{words} answer with {rate} bytes a second for {cue.seconds:.1f} s")
    for proxy in proxies:
        proxy.trickle(rate)
    await anyio.sleep(cue.seconds)
    for proxy in proxies:
        proxy.trickle(None)
