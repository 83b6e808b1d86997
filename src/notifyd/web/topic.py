"""What is watched, as server-sent events (WHATWG HTML, section 9.2): the latest alone, for however many watch.

An event of figures is named by what they are, not by who read them and when: a browser that comes back, to this daemon
or another one, is not told again what it has heard.
"""

from hashlib import sha256

import anyio

from notifyd.store.stats import Stats
from notifyd.web.copies import compact


class Topic:
    """What is watched: all jobs, or one salon's.

    Attributes:
        version: Counts what was told; 0 before the first look.
        event: The latest, as a server-sent event; empty before the first look.
        beat: What shows that nothing has changed since.
        figures: Names the figures, whichever daemon read them and when; empty while there is trouble.
        closed: Whether no more will come.
    """

    def __init__(self) -> None:
        self.version = 0
        self.event = b""
        self.beat = b":\n\n"
        self.figures = ""
        self.closed = False
        self.viewers = 0
        self._next = anyio.Event()

    async def beyond(self, version: int) -> None:
        """Wait until more was told than `version`, or no more will be."""
        while self.version <= version and not self.closed:
            await self._next.wait()

    def tell(self, stats: Stats) -> None:
        """Tell figures, if they are others than before; that time passes shows in whole seconds."""
        told = stats.as_json()
        lasting = {**told, "as_of": None, "oldest_due_s": int(stats.oldest_due_s)}
        figures = sha256(compact(lasting).encode()).hexdigest()[:16]
        self.beat = f"event: alive\ndata: {compact({'as_of': told['as_of']})}\n\n".encode()
        if figures != self.figures:
            self.figures = figures
            self._publish(f"event: stats\nid: {figures}\ndata: {compact(told)}\n\n")

    def trouble(self, error: str, cure: str) -> None:
        """Tell that there are no figures, and why."""
        event = f"event: trouble\ndata: {compact({'error': error, 'cure': cure})}\n\n"
        self.figures, self.beat = "", b":\n\n"
        if event.encode() != self.event:
            self._publish(event)

    def close(self) -> None:
        """Let everybody go."""
        self.closed = True
        self._next.set()

    def _publish(self, event: str) -> None:
        self.event = event.encode()
        self.version += 1
        self._next.set()
        self._next = anyio.Event()
