"""Runs notifyd and looks every millisecond of CPU where it is: `python -m benchmarks.sampler FILE run …`.

A sampler bends the picture less than cProfile, which makes short functions look dear. What a C function takes counts
for the Python function that calls it. The figures are written to FILE when notifyd ends.
"""

import os
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

from notifyd.cli import main

EVERY = 0.001
"""Seconds of CPU, user and system, between two looks."""

MOST_LINES = 45


class Sampler:
    """Counts where the process is.

    Attributes:
        alone: Looks that found it in a function itself.
        within: Looks that found it in a function or in what that calls.
    """

    def __init__(self) -> None:
        self.alone: Counter[str] = Counter()
        self.within: Counter[str] = Counter()

    def look(self, _signal: int, frame: FrameType | None) -> None:
        """Handle SIGPROF."""
        if frame is None:
            return
        self.alone[_name(frame)] += 1
        names = set()
        while frame is not None:
            names.add(_name(frame))
            frame = frame.f_back
        self.within.update(names)

    def report(self) -> str:
        """Return both counts, the largest first."""
        looks = max(self.alone.total(), 1)
        sections = [f"{looks} looks, {os.times().user + os.times().system:.2f} s of CPU"]
        for title, counts in (("in the function itself", self.alone), ("and in what it calls", self.within)):
            lines = (f"{count / looks:7.1%}  {name}" for name, count in counts.most_common(MOST_LINES))
            sections.append("\n".join([title, *lines]))
        return "\n\n".join(sections) + "\n"


def _name(frame: FrameType) -> str:
    code = frame.f_code
    folder, _, file = code.co_filename.rpartition("/")
    return f"{folder.rpartition('/')[2]}/{file}:{code.co_firstlineno} {code.co_qualname}"


def run(target: Path, arguments: list[str]) -> None:
    """Run notifyd's command line under the sampler."""
    sampler = Sampler()
    signal.signal(signal.SIGPROF, sampler.look)
    signal.setitimer(signal.ITIMER_PROF, EVERY, EVERY)
    sys.argv = ["notifyd", *arguments]
    try:
        main()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        target.write_text(sampler.report())


if __name__ == "__main__":
    run(Path(sys.argv[1]), sys.argv[2:])
