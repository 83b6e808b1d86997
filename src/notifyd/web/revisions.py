"""What was heard to have changed, in order. Pure: it knows words and their order, no clock and no answers.

An answer notes the revision at which its making began; it is overtaken once a word that it depends on was heard after
that. So an answer that is still being made when the word comes is overtaken too, and no answer has to be looked for.
A UUID is one word, however it is spelt: viewers and triggers need not agree on that.
"""

import re
from collections import OrderedDict
from collections.abc import Iterable

MOST_WORDS = 10_000
"""Words remembered one by one: a bound, because strangers choose them."""

_UUID = re.compile("[0-9a-f]{32}")


class Revisions:
    """Remembers when each word was last heard."""

    def __init__(self, most: int = MOST_WORDS) -> None:
        self._most = most
        self._heard: OrderedDict[str, int] = OrderedDict()
        self._everything = 0
        self.latest = 0

    def hear(self, word: str) -> None:
        """Overtake every answer so far that depends on this word.

        Too many words are forgotten, the oldest first, in the direction that is safe: as if everything had changed
        when the forgotten one was heard.
        """
        self.latest += 1
        heard = _spelt(word)
        self._heard[heard] = self.latest
        self._heard.move_to_end(heard)
        if len(self._heard) > self._most:
            self._everything = self._heard.popitem(last=False)[1]

    def hear_everything(self) -> None:
        """Overtake every answer so far."""
        self.latest += 1
        self._everything = self.latest
        self._heard.clear()

    def overtaken(self, revision: int, words: Iterable[str]) -> bool:
        """Tell whether an answer whose making began at `revision`, and that depends on `words`, is out of date."""
        return revision < self._everything or any(revision < self._heard.get(_spelt(word), 0) for word in words)


def _spelt(word: str) -> str:
    """Return a UUID's digits alone, and any other word as it is."""
    digits = word.strip("{}").replace("-", "").lower()
    return digits if _UUID.fullmatch(digits) else word
