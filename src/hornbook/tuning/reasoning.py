"""What a recipe says about learning from judged answers."""

from typing import Literal

import msgspec

from hornbook.base.errors import DataError, RecipeError
from hornbook.tuning.numerals import final_number
from hornbook.tuning.problems import Problem, need_pattern
from hornbook.tuning.rewards import NEEDS, REWARDS


class ReasoningConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The table ``[finetune.NAME.reasoning]`` of a recipe.

    ``batch`` of the fine-tuning counts answers, so that an update sees
    ``batch / group`` problems.
    """

    rewards: dict[str, float] = {}
    """Kinds of reward and their weights, as ``{number = 1.0}``; empty
    takes the one that the problems are made for."""
    form: str = ""
    """The regular expression that an answer must fulfil as a whole to
    earn the reward ``format``."""
    group: int = 8
    """Answers to one problem; each is compared with the others."""
    variant: Literal["group", "unbiased", "sequence"] = "group"
    """``group`` is GRPO as published; ``unbiased`` divides neither by
    deviation nor by length (Dr. GRPO); ``sequence`` compares whole
    answers (GSPO), and wants bounds a hundred times as narrow."""
    max_tokens: int = 64
    """The most tokens of an answer; a longer one is cut there."""
    temperature: float = 1.0
    """How freely answers are drawn."""
    updates: int = 1
    """Updates that learn from the same answers."""
    clip_low: float = 0.2
    clip_high: float = 0.2
    """How far the ratio of chances may leave 1, and still pay."""
    kl: float = 0.0
    """Weight of the divergence from the model at the beginning."""
    heldout: int = 100
    """Problems that are kept for measuring, at most a fifth of all."""
    reward_seconds: float = 20.0
    """The longest that one answer is judged."""


def check(config: ReasoningConfig, section: str, batch: int) -> None:
    """Refuse settings with which nothing can be learnt.

    Raises:
        RecipeError: names the section, the key and its bounds.
    """
    for name, least, words in (
        ("group", 2, "2 or more: answers are compared"),
        ("max_tokens", 1, "1 or more"),
        ("updates", 1, "1 or more"),
        ("heldout", 0, "0 or more"),
        ("kl", 0, "0 or more"),
        ("temperature", 0.01, "0.01 or more: equal answers teach none"),
        ("reward_seconds", 0.01, "0.01 or more"),
        ("clip_low", 0, "0 or more"),
        ("clip_high", 0, "0 or more"),
    ):
        value = getattr(config, name)
        if not value >= least:
            raise RecipeError(
                f"{section}.reasoning.{name} is {value}; it must be "
                f"{words}"
            )
    if batch % config.group:
        raise RecipeError(
            f"{section}.batch is {batch} answers and no multiple of "
            f"{section}.reasoning.group, {config.group}"
        )
    unknown = [kind for kind in config.rewards if kind not in REWARDS]
    if unknown:
        raise RecipeError(
            f"{section}.reasoning.rewards has {', '.join(unknown)}; "
            f"known are {', '.join(REWARDS)}"
        )
    need_pattern(config.form, f"{section}.reasoning.form")


def find_rewards(
    config: ReasoningConfig, problems: list[Problem]
) -> dict[str, float]:
    """Give the kinds of reward with their weights.

    Raises:
        DataError: names the problem that a kind cannot judge.
    """
    rewards = config.rewards or {made_for(problems[0]): 1.0}
    for kind in rewards:
        field = NEEDS.get(kind, "")
        lacking = [
            p for p in problems if field and not getattr(p, field)
        ]
        if lacking:
            raise DataError(
                f"{lacking[0].where} lacks {field!r}, which the reward "
                f"{kind!r} judges by; add it, or name another reward "
                "in the recipe's table of reasoning"
            )
        if kind == "number":
            need_numbers(problems)
    return rewards


def made_for(problem: Problem) -> str:
    """Name the kind of reward that a problem is made for."""
    for kind in ("unit_tests", "json_schema", "regex"):
        if getattr(problem, NEEDS[kind]):
            return kind
    return "exact" if final_number(problem.answer) is None else "number"


def need_numbers(problems: list[Problem]) -> None:
    """Refuse problems whose answer should be a number and is none.

    Raises:
        DataError: names the first.
    """
    for problem in problems:
        if final_number(problem.answer) is None:
            raise DataError(
                f"{problem.where} has the answer {problem.answer!r}, "
                "in which no number stands; the reward 'exact' "
                "compares texts"
            )
