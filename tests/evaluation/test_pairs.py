from pathlib import Path

import pytest

from hornbook.base.errors import RecipeError
from hornbook.evaluation.items import task_items
from hornbook.evaluation.pairs import make_pairs
from hornbook.evaluation.task import Task, Template, load_task


def task(good: str, bad: str, pairs: int = 4) -> Task:
    return Task(
        kind="pairs", name="mine", what="Pairs.", licence="CC0",
        words={
            "noun": (("boy", "boys"), ("girl", "girls")),
            "verb": (("walks", "walk"),),
            "how": ("well", "badly", "here"),
        },
        template=(Template("verbs", good, bad, pairs),),
    )


def test_gaps_are_filled_with_the_forms_that_are_asked_for() -> None:
    mine = task(
        "the {noun} {verb} {how}.", "the {noun} {verb.2} {how}.", 6
    )
    found = list(make_pairs(mine))
    assert len(found) == 6 == len({good for _, good, _ in found})
    for name, good, bad in found:
        the, noun, verb, how = good.split()
        assert (name, the, verb) == ("verbs", "The", "walks")
        assert bad == f"The {noun} walk {how}"
    assert list(make_pairs(mine)) == found


def test_no_word_stands_twice_and_no_pair() -> None:
    found = list(make_pairs(task("{noun} saw {noun2}.", "{noun2}.", 9)))
    assert sorted(good for _, good, _ in found) == [
        "Boy saw girl.", "Girl saw boy.",
    ]


@pytest.mark.parametrize(
    ("good", "says"),
    [
        ("{food} falls.", "has 0 words for {food}"),
        ("{noun} {noun2} {noun3}", "has 2 words for {noun}"),
        ("{noun.3} falls.", "asks for form 3 of 'boy|girl'"),
    ],
)
def test_a_gap_without_words_is_named(good: str, says: str) -> None:
    with pytest.raises(RecipeError, match="the task mine") as caught:
        list(make_pairs(task(good, "{noun} falls.")))
    message = str(caught.value).replace("boy", "boy|girl")
    assert says in message.replace("'girl'", "'boy|girl'")


def test_the_shipped_pairs_differ_in_one_thing(
    tmp_path: Path,
) -> None:
    items = task_items(load_task("minimal_pairs"), tmp_path)
    assert len(items) >= 200
    assert len({item.choices for item in items}) == len(items)
    assert len({item.group for item in items}) >= 5
    for item in items:
        good, bad = (choice.split() for choice in item.choices)
        assert "{" not in str(item.choices)
        if item.group == "order of words":
            assert sorted(map(str.lower, good)) == sorted(
                map(str.lower, bad)
            )
        else:
            assert len(good) == len(bad)
            both = zip(good, bad, strict=True)
            apart = sum(one != other for one, other in both)
            assert apart == 1, item.choices
