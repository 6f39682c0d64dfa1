from pathlib import Path

import pytest

from hornbook.evaluation.config import EvaluationConfig
from hornbook.evaluation.items import Item, task_items
from hornbook.evaluation.material import Material
from hornbook.evaluation.memorise import overlaps
from hornbook.evaluation.seen import foreign, refusals, seen
from hornbook.evaluation.task import load_task


def found(items: list[Item], *texts: str) -> str:
    return seen(items, overlaps([item.text for item in items], texts))


def test_a_task_that_was_read_in_training_is_refused() -> None:
    passage = "one two three four five six seven eight nine ten " * 2
    items = [
        Item(passage, (" yes", " no"), 0), Item("New", (" a", " b"), 0),
    ]
    said = found(items, "x", f"It says: {passage}.")
    assert "1 of its 2 items stand in the run's training text" in said
    eleven = " ".join(passage.split()[:11])
    assert found(items, eleven, "New b") == ""


def test_a_short_item_is_seen_with_its_right_answer() -> None:
    items = [Item("Predators eat", (" bunnies", " grass"), 0)]
    assert found(items, "Predators eat", "Predators eat grass") == ""
    assert "1 of its 1 items" in found(items, "Predators eat bunnies !")


def test_one_item_in_a_hundred_may_be_chance() -> None:
    items = [Item(f"{n} is", (" odd", " even"), 0) for n in range(100)]
    assert found(items, "7 is odd") == ""
    assert "2 of its 100" in found(items, "7 is odd", "9 is odd")


def test_a_task_in_another_language_is_refused(tmp_path: Path) -> None:
    items = task_items(load_task("minimal_pairs"), tmp_path)
    german = (
        "Der Hut ist eine Kopfbedeckung, die in vielen Formen und aus "
        "vielen Stoffen gemacht wird. Er war im alten Rom bekannt."
    )
    assert "another language" in foreign(items, [german])
    english = (
        "A hat is a head covering which is worn for the weather, for "
        "ceremonies, and as a part of the dress of the soldiers."
    )
    assert foreign(items, [english]) == ""
    assert "0%" in foreign(items, [])

    # A small task of rare things is no other language
    few = [Item(f"The {x} is in the water.", (" a",), 0) for x in "xyz"]
    assert foreign(few, [english] * 500) == ""
    assert "another language" in foreign(few, [german] * 500)
    once = [german] * 499 + [english]
    assert "another language" in foreign(few, once)


def test_tasks_are_judged_apart_in_one_reading(
    whole_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    material = Material(whole_run, EvaluationConfig())
    text = material.training[3].text
    tasks = {
        "known": [Item(text[:200], (" a", " b"), 0)],
        "new": [Item(f"{text[:30]} of the hats", (" a", " b"), 0)] * 3,
    }
    monkeypatch.setattr("hornbook.evaluation.seen.COMMON_SHARE", 0.0)
    refused = refusals(tasks, material)
    assert set(refused) == {"known"}
    assert "1 of its 1 items" in refused["known"]
