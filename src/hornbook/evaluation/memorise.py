"""Memorisation: how much of an answer stands in the training text.

An answer that shares a long run of words with the text was copied,
not composed. The longest run is found exactly, with a suffix
automaton of the answers through which the whole text is sent once.
"""

import re
from collections.abc import Iterable, Sequence

import msgspec

_UNSPACED = r"\u3040-\u30ff\u3400-\u9fff"
WORD = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")
"""Runs between spaces; single letters where none are written."""


class Overlap(msgspec.Struct, frozen=True):
    """The longest run of words that an answer has from a text."""

    words: int
    characters: int
    text: str


class Automaton:
    """A graph whose paths spell every run of words of some texts.

    A state stands for runs that end in the same places; ``length`` is
    the longest of them, ``link`` the state of the next shorter ones.
    The texts follow each other, with a mark between that no text has.
    """

    def __init__(self, texts: Sequence[Sequence[str]]) -> None:
        self.next: list[dict[str, int]] = [{}]
        self.length, self.link = [0], [-1]
        self.ends: list[list[int]] = []
        last = 0
        for text in texts:
            states = []
            for word in text:
                last = self._extend(last, word)
                states.append(last)
            self.ends.append(states)
            last = self._extend(last, "\n")

    def _extend(self, last: int, word: str) -> int:
        """Add one word at the end; give the state of the whole."""
        new = self._state(self.length[last] + 1, {}, 0)

        # Let every run that could not go on go on here
        state = last
        while state >= 0 and word not in self.next[state]:
            self.next[state][word] = new
            state = self.link[state]
        if state < 0:
            return new

        # Split the state whose longer runs do not end here
        target = self.next[state][word]
        if self.length[target] == self.length[state] + 1:
            self.link[new] = target
            return new
        clone = self._state(
            self.length[state] + 1,
            dict(self.next[target]),
            self.link[target],
        )
        while state >= 0 and self.next[state].get(word) == target:
            self.next[state][word] = clone
            state = self.link[state]
        self.link[target] = self.link[new] = clone
        return new

    def _state(
        self, length: int, following: dict[str, int], link: int
    ) -> int:
        """Add a state."""
        self.next.append(following)
        self.length.append(length)
        self.link.append(link)
        return len(self.next) - 1

    def scan(self, words: Iterable[str], found: list[int]) -> None:
        """Note in ``found``, by state, the longest run that was met."""
        state = length = 0
        for word in words:
            while state and word not in self.next[state]:
                state = self.link[state]
                length = self.length[state]
            following = self.next[state].get(word)
            if following is None:
                continue
            state, length = following, length + 1
            if found[state] < length:
                found[state] = length


def overlaps(
    answers: Sequence[str], texts: Iterable[str]
) -> list[Overlap]:
    """Find each answer's longest run of words in any of the texts.

    Runs are compared letter for letter, in whole words; how many
    spaces stand between them does not count. The time is linear in
    the length of the texts, which may be a stream.
    """
    # Send the texts through the automaton of the answers
    split = [WORD.findall(answer) for answer in answers]
    automaton = Automaton(split)
    found = [0] * len(automaton.next)
    for text in texts:
        automaton.scan(WORD.findall(text), found)

    # A run that was met contains all its shorter ends
    order = sorted(
        range(1, len(found)), key=automaton.length.__getitem__
    )
    for state in reversed(order):
        link = automaton.link[state]
        if found[state] and link > 0:
            found[link] = automaton.length[link]
    for state in order:
        found[state] = found[state] or found[automaton.link[state]]

    # Read off where each answer's longest run ends
    results = []
    for words, states in zip(split, automaton.ends, strict=True):
        lengths = [found[state] for state in states]
        longest = max(lengths, default=0)
        end = lengths.index(longest) + 1 if longest else 0
        run = " ".join(words[end - longest : end])
        results.append(Overlap(longest, len(run), run))
    return results
