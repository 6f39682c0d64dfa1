"""Reasoning: learn from one's own answers, judged by a program."""

import copy
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from hornbook.base.console import console
from hornbook.base.errors import DataError
from hornbook.base.store import digest_json, read_jsonl
from hornbook.training.loop import Hooks
from hornbook.tuning.judge import Judge, Verdict
from hornbook.tuning.lesson import (
    Lesson,
    keep_student,
    learn,
    open_student,
)
from hornbook.tuning.practice import Practice, Reader
from hornbook.tuning.problems import Problem, hold_out, read_problems
from hornbook.tuning.reasoning import ReasoningConfig, find_rewards

AT_ONCE = 256
"""Held-out problems that are answered side by side."""


def teach_grpo(lesson: Lesson) -> dict[str, Any]:
    """Teach a model to solve the problems of a file; give its numbers.

    Raises:
        DataError: there is no file, or too few problems that fit.
        Interrupted: the user stopped it; the same call goes on.
    """
    if not lesson.config.data:
        raise DataError(
            f"finetune.{lesson.name} learns from problems, and names "
            "no file of them; give one by data, a .jsonl of 'prompt' "
            "and 'answer'"
        )
    config = lesson.config.reasoning or ReasoningConfig()
    problems = read_problems(Path(lesson.config.data), config.form)
    return tune_reasoning(lesson, problems)


def tune_reasoning(
    lesson: Lesson, problems: Sequence[Problem]
) -> dict[str, Any]:
    """Teach a model to solve problems; give its numbers.

    Raises:
        DataError: there are too few problems that fit.
    """
    # Open the model, and what judges it
    config = lesson.config.reasoning or ReasoningConfig()
    model, tok = open_student(lesson)
    reader = Reader(model, tok, config, lesson.config.precision)
    fitting = need_problems(reader, problems)
    judge = Judge(find_rewards(config, fitting), config.reward_seconds)
    learnt, heldout = hold_out(fitting, config.heldout, lesson.seed)
    practice = begin(lesson, reader, learnt, judge)
    watch = Watch(reader, judge, heldout)

    # Train, measuring what it was never asked
    before = watch.measure()
    numbers = learn(
        replace(lesson, config=replace(lesson.config, compile="off")),
        model,
        model.config,
        practice.loss,
        practice,
        len(learnt) * config.group * config.updates,
        config.max_tokens,
        digest_json([msgspec.to_builtins(p) for p in problems]),
        Hooks(watch.evaluate, watch.sample, notes=practice.notes),
    )
    keep_student(lesson, model, tok)
    practice.end()

    # Say what came of it
    return {
        "problems": len(learnt),
        "too_long": len(problems) - len(fitting),
        "rewards": judge.weights,
        "heldout_problems": len(heldout),
        "right_before": before,
        "right_after": watch.measure(),
        "faults": tell_faults(lesson),
        **numbers,
    }


def begin(
    lesson: Lesson,
    reader: Reader,
    problems: Sequence[Problem],
    judge: Judge,
) -> Practice:
    """Set up the practice of a lesson, before anything is learnt."""
    reference = None
    if reader.config.kl:
        reference = copy.deepcopy(reader.model).eval()
    return Practice(
        reader,
        problems,
        lesson.config,
        judge,
        lesson.seed,
        lesson.target.with_name(f"{lesson.name}.answers"),
        reference,
    )


def need_problems(
    reader: Reader, problems: Sequence[Problem]
) -> list[Problem]:
    """Leave out problems that do not fit the context, and say so.

    Raises:
        DataError: none fits.
    """
    fitting = [p for p in problems if reader.fits(p)]
    left = len(problems) - len(fitting)
    room = reader.model.config.context
    if not fitting:
        raise DataError(
            f"none of {len(problems)} problems fits the context of "
            f"{room} tokens beside an answer of "
            f"{reader.config.max_tokens}; lower reasoning.max_tokens"
        )
    if left:
        console.warn(
            f"{left:,} of {len(problems):,} problems leave no room for "
            f"an answer in {room} tokens, and are left out"
        )
    return fitting


class Watch(msgspec.Struct, frozen=True):
    """Measures a model on problems that it does not learn from."""

    reader: Reader
    judge: Judge
    heldout: Sequence[Problem]

    def evaluate(self) -> dict[str, float]:
        """Give the share of held-out problems that are solved."""
        if not self.heldout:
            return {}
        return {"heldout_right": self.measure() / len(self.heldout)}

    def measure(self) -> int:
        """Count the held-out problems that are solved."""
        answered = self.answers(self.heldout)
        return sum(verdict.right for _, verdict in answered)

    def sample(self) -> str:
        """Give a problem with its answer, and what it earns."""
        some = self.heldout[:1]
        return " ".join(
            f"{problem.prompt} {text} ({verdict.value:g})"
            for problem, (text, verdict) in zip(
                some, self.answers(some), strict=True
            )
        )

    def answers(
        self, problems: Sequence[Problem]
    ) -> list[tuple[str, Verdict]]:
        """Give the likeliest answer to each problem, judged."""
        found = []
        for first in range(0, len(problems), AT_ONCE):
            some = problems[first : first + AT_ONCE]
            prompts = [self.reader.prompt(problem) for problem in some]
            rolled = self.reader.answer(prompts, 1, 0, 0.0)
            for row, problem in enumerate(some):
                text = self.reader.text(rolled.answer(row))
                found.append((text, self.judge(problem, text)))
        return found


def tell_faults(lesson: Lesson) -> dict[str, int]:
    """Count the rewards that failed, and say what they did."""
    faults: Counter[str] = Counter()
    log = lesson.target.with_name(f"{lesson.name}.jsonl")
    for line in read_jsonl(log):
        faults.update(line.get("faults", {}))
    for what, count in faults.items():
        console.warn(
            f"the reward {what} for {count:,} answers, which earned "
            "nothing by it"
        )
    return dict(faults)
