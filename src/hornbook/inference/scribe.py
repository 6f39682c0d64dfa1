"""The scribe: tokens become text, up to where the text should stop."""

from collections.abc import Sequence

from hornbook.tokenizer.stream import StreamDecoder
from hornbook.tokenizer.tokenizer import Tokenizer


class Scribe:
    """Writes tokens down as they come, and knows when to stop.

    The end tokens, the stop strings, and a ``gap`` that opens the text
    are never written. Text that may be the beginning of a stop string
    is held back until it is clear that it is not.
    """

    def __init__(
        self, tok: Tokenizer, stop: Sequence[str] = (), gap: str = ""
    ) -> None:
        self.ended = False
        """Whether an end token or a stop string has come."""
        self.read = self.written = 0
        """Characters that have come in, and gone out."""
        self._ends, self._stop, self._gap = tok.ends, stop, gap
        self._decoder, self._held = StreamDecoder(tok), ""
        self._wait = max((len(s) for s in stop), default=1) - 1

    def push(self, token: int) -> str:
        """Take one token; give the text that is now certain."""
        if token in self._ends:
            self.ended = True
            return self.flush()
        come = self._decoder.push(token)
        if come:
            come, self._gap = come.removeprefix(self._gap), ""
        self.read += len(come)
        held = self._held + come
        places = [held.find(s) for s in self._stop if s in held]
        self.ended = bool(places)
        certain = min(places, default=max(len(held) - self._wait, 0))
        self._held = "" if places else held[certain:]
        self.written += certain
        return held[:certain]

    def flush(self) -> str:
        """Give what is still held back, at the end of the tokens."""
        rest = self._held + self._decoder.flush()
        self._held = ""
        self.written += len(rest)
        self.read = self.written
        return rest
