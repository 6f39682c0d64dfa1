import threading
from collections.abc import Iterator

import pytest

from hornbook.tokenizer import threads as module
from hornbook.tokenizer.threads import in_groups, in_threads


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_results_keep_their_order(threads: int) -> None:
    assert [*in_threads(str, range(50), threads)] == [
        *map(str, range(50))
    ]


@pytest.mark.parametrize("threads", [1, 2])
def test_items_are_taken_as_they_are_needed(threads: int) -> None:
    taken = []

    def items() -> Iterator[int]:
        for n in range(1000):
            taken.append(n)
            yield n

    results = in_threads(abs, items(), threads)
    assert next(results) == 0
    assert len(taken) <= 2 * threads + 1


def test_two_threads_work_at_once() -> None:
    both = threading.Barrier(2, timeout=20)
    assert len([*in_threads(lambda _: both.wait(), range(2), 2)]) == 2


def test_errors_reach_the_caller() -> None:
    with pytest.raises(ZeroDivisionError):
        [*in_threads(lambda n: 1 // n, [1, 0], 2)]


def test_groups_hold_all_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GROUP", 5)
    groups = [*in_groups(iter(["abc", "de", "", "a long one", "f"]))]
    assert groups == [["abc", "de"], ["", "a long one"], ["f"]]
    assert [*in_groups([])] == []
