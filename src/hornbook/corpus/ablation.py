"""What each step of curation is worth: a recipe with one step alone."""

from functools import reduce
from typing import Any

from msgspec.structs import replace

from hornbook.base.errors import RecipeError
from hornbook.corpus.config import CorpusConfig

RAW, ALL = "raw", "all"


def ablations(config: CorpusConfig) -> dict[str, CorpusConfig]:
    """Give a recipe without steps, with each of its steps, with all.

    A step that the recipe has not got is no variant, nor is its only
    one: that is all of them. Sources, cleaning and what is held out
    stay as they are.

    Raises:
        RecipeError: the recipe has no step at all.
    """
    raw = with_only(config)
    if raw == config:
        raise RecipeError(
            "the recipe's [corpus] has no step that could be left out; "
            f"switch one on: {', '.join(STEPS)}"
        )
    alone = {name: with_only(config, name) for name in STEPS}
    differing = {
        name: variant
        for name, variant in alone.items()
        if variant not in (raw, config)
    }
    return {RAW: raw, **differing, ALL: config}


def with_only(config: CorpusConfig, *steps: str) -> CorpusConfig:
    """Switch off all steps but these."""
    off = [
        change
        for name, changes in STEPS.items()
        for change in changes.items()
        if name not in steps
    ]
    return reduce(put, off, config)


def put(config: CorpusConfig, change: tuple[str, Any]) -> CorpusConfig:
    """Give a recipe in which one key has another value."""
    key, value = change
    table, _, field = key.rpartition(".")
    if table:
        value = replace(getattr(config, table), **{field: value})
    return replace(config, **{table or field: value})


STEPS: dict[str, dict[str, Any]] = {
    "cuts": {"rules.cuts": ()},
    "language": {"language.keep": ()},
    "rules": {"rules.names": ()},
    "perplexity": {"perplexity": None},
    "quality": {"quality": None},
    "decontaminate": {"decontaminate": None},
    "privacy": {"privacy.kinds": ()},
    "exact_duplicate": {"exact_duplicate": False},
    "near_duplicate": {"near_duplicate": 0.0},
    "common": {"common_paragraphs": 0, "common_lines": 0},
}
"""The steps in their order, each with what switches it off."""
