"""Minimal pairs: two sentences that differ in one thing.

A model that has learnt the grammar of a language finds the good one
likelier. The pairs are made from templates with gaps for plain words,
so that there is no text of others in them.
"""

import re
from collections.abc import Iterator
from random import Random

from hornbook.base.errors import RecipeError
from hornbook.evaluation.task import Task, Template

GAP = re.compile(r"\{([a-z]+)(\d*)(?:\.(\d))?\}")
"""``{noun}`` and ``{noun2}`` are two nouns; ``{noun.2}`` is the second
form of the first."""
ATTEMPTS = 50

Words = dict[str, tuple[str, ...]]


def make_pairs(task: Task) -> Iterator[tuple[str, str, str]]:
    """Give each pair: the template's name, the good, the bad one.

    The draw depends on the task alone; no pair comes twice.

    Raises:
        RecipeError: a template has a gap for which there are no words.
    """
    for template in task.template:
        random = Random(f"{task.name}:{template.good}")
        made: set[str] = set()
        for _ in range(ATTEMPTS * template.pairs):
            drawn = draw(task, template, random)
            good = fill(template.good, drawn, task)
            bad = fill(template.bad, drawn, task)
            if good not in made and good != bad:
                made.add(good)
                yield template.name, good, bad
            if len(made) == template.pairs:
                break


def draw(task: Task, template: Template, random: Random) -> Words:
    """Draw a word for every gap; no word of a list stands twice."""
    gaps = GAP.findall(template.good + template.bad)
    drawn: Words = {}
    for name in sorted({name for name, _, _ in gaps}):
        numbers = sorted({n for other, n, _ in gaps if other == name})
        known = task.words.get(name, ())
        if len(known) < len(numbers):
            raise RecipeError(
                f"the task {task.name} has {len(known)} words for "
                f"{{{name}}} in {template.good!r}; add some to words"
            )
        for number, word in zip(
            numbers, random.sample(known, len(numbers)), strict=True
        ):
            forms = (word,) if isinstance(word, str) else word
            drawn[name + number] = forms
    return drawn


def fill(sentence: str, drawn: Words, task: Task) -> str:
    """Put the drawn words into the gaps, and a capital in front.

    Raises:
        RecipeError: a word lacks the form that is asked for.
    """

    def word(gap: re.Match[str]) -> str:
        forms = drawn[gap[1] + gap[2]]
        place = int(gap[3] or 1)
        if not 1 <= place <= len(forms):
            raise RecipeError(
                f"the task {task.name} asks for form {place} of "
                f"{forms[0]!r} in {sentence!r}; add it to words"
            )
        return forms[place - 1]

    filled = GAP.sub(word, sentence)
    return filled[:1].upper() + filled[1:]
