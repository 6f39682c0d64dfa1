"""Work for several threads, whose results keep their order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")

GROUP = 1 << 18
"""Texts go to a thread in groups of about so many characters."""


def in_threads(
    work: Callable[[A], B], items: Iterable[A], threads: int
) -> Iterator[B]:
    """Give the results of ``work`` on items, in their order.

    Items are taken as they are needed, a few ahead, so that they may
    be more than memory holds.

    >>> [*in_threads(len, ["a", "hat"], threads=2)]
    [1, 3]
    """
    if threads == 1:
        yield from map(work, items)
        return
    waiting: deque[Future[B]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def in_groups(texts: Iterable[str]) -> Iterator[list[str]]:
    """Gather texts until there are enough characters."""
    group: list[str] = []
    size = 0
    for text in texts:
        group.append(text)
        size += len(text)
        if size >= GROUP:
            yield group
            group, size = [], 0
    if group:
        yield group
