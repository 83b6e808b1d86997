"""What is watched, as server-sent events (WHATWG HTML, section 9.2): the latest alone, for however many watch.

An event of figures is named by what they are, not by who read them and when: a browser that comes back, to this daemon
or another one, is not told again what it has heard.
"""

from hashlib import sha256

import anyio

from notifyd.model.stats import Stats
from notifyd.web.copies import compact

COMMENT = b":\n\n"
"""Shows proxies that the connection lives, and nobody anything else."""


class Topic:
    """What is watched: all jobs, or one salon's.

    Attributes:
        version: Counts what was told; 0 before the first look.
        looks: Counts the looks, those too that found nothing new.
        event: The latest, as a server-sent event, as of the latest look; empty before the first.
        figures: Names the figures, whichever daemon read them and when; empty while there is trouble.
        closed: Whether no more will come.
    """

    def __init__(self) -> None:
        self.version = 0
        self.looks = 0
        self.event = b""
        self.figures = ""
        self.closed = False
        self.viewers = 0
        self._beat = COMMENT
        self._next = anyio.Event()

    async def beyond(self, version: int) -> None:
        """Wait until more was told than `version`, or no more will be."""
        while self.version <= version and not self.closed:
            await self._next.wait()

    def beat(self, looks: int) -> bytes:
        """Return what shows somebody that he is not forgotten.

        Args:
            looks: As many had been taken when he was last told something. That figures are still the same is said after
                a further look alone; what is the trouble is said again and again, since browsers pass on no comment.
        """
        return COMMENT if self.looks == looks and self.figures else self._beat

    def tell(self, stats: Stats) -> None:
        """Tell figures, if they are others than before; that time passes shows in whole seconds."""
        told = stats.as_json()
        lasting = {**told, "as_of": None, "oldest_due_s": int(stats.oldest_due_s)}
        figures = sha256(compact(lasting).encode()).hexdigest()[:16]
        event = f"event: stats\nid: {figures}\ndata: {compact(told)}\n\n".encode()
        beat = f"event: alive\ndata: {compact({'as_of': told['as_of']})}\n\n".encode()
        self._looked(event, beat, fresh=figures != self.figures)
        self.figures = figures

    def trouble(self, error: str, cure: str) -> None:
        """Tell that there are no figures, and why."""
        event = f"event: trouble\ndata: {compact({'error': error, 'cure': cure})}\n\n".encode()
        self._looked(event, event, fresh=event != self.event)
        self.figures = ""

    def close(self) -> None:
        """Let everybody go."""
        self.closed = True
        self._next.set()

    def _looked(self, event: bytes, beat: bytes, *, fresh: bool) -> None:
        self.event, self._beat = event, beat
        self.looks += 1
        if fresh:
            self.version += 1
            self._next.set()
            self._next = anyio.Event()
