"""What the user may choose about the evaluation."""

import msgspec

from hornbook.base.errors import RecipeError
from hornbook.evaluation.task import load_tasks


class EvaluationConfig(msgspec.Struct, frozen=True):
    """What is asked, how often, of which models, and in what way."""

    tasks: tuple[str, ...] = (
        "bits_per_byte",
        "topic_accuracy",
        "description_choice",
        "minimal_pairs",
        "answers",
        "memorisation",
    )
    """Names of shipped tasks, and paths of TOML files of yours."""
    questions: int = 200
    """Held-out questions put to the chat model."""
    baseline_questions: int = 50
    """Of these, how many are put to the untuned model as well."""
    choices: int = 4
    """Descriptions to choose from; chance is one in so many."""
    choice_items: int = 200
    """Held-out documents whose description is to be chosen."""
    answer_tokens: int = 72
    """The longest answer, in tokens, before it is cut off."""
    temperature: float = 0.6
    """0 takes the likeliest token each time; small models then loop."""
    top_p: float = 0.9
    """Draw only from the likeliest tokens that hold this share."""
    shown: int = 20
    """Answers shown in the report: the first ones, not picked."""
    prefix_tokens: int = 32
    """The beginning of a passage that a model is to go on with."""
    verbatim_tokens: int = 8
    """A passage is recited when so many tokens are the text's own."""
    batch: int = 16
    """Sequences read at once."""
    classifier: str = "topic"
    """The fine-tuned classifier's name in ``finetune/``."""
    chat: str = "chat"
    """The fine-tuned chat model's name in ``finetune/``."""


def check(config: EvaluationConfig) -> None:
    """Refuse tasks and numbers with which nothing can be measured.

    Raises:
        RecipeError: names the key and what it must be.
    """
    if not config.tasks:
        raise RecipeError("evaluation.tasks is empty; name a task")
    load_tasks(config.tasks)
    least = {
        "questions": 1,
        "baseline_questions": 0,
        "choices": 2,
        "choice_items": 1,
        "answer_tokens": 1,
        "temperature": 0,
        "shown": 0,
        "prefix_tokens": 1,
        "verbatim_tokens": 1,
        "batch": 1,
    }
    for name, bound in least.items():
        value = getattr(config, name)
        if not value >= bound:
            raise RecipeError(
                f"evaluation.{name} is {value}; it must be {bound} "
                "or more"
            )
