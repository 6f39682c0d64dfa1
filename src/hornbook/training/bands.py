"""What the loss of a shipped recipe is on its way, as a rule.

A band is claimed only for the very text, tokens, shape and settings
that it was made with; of anything else, nothing is said.
"""

from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from hornbook.corpus.config import CorpusConfig
from hornbook.model.config import ModelConfig, with_form
from hornbook.tokenizer.config import TokenizerConfig
from hornbook.training.config import HARMLESS, TrainingConfig
from hornbook.training.evidence import Evidence

FILE = "recipes/bands.json"
SHARES = (0.1, 0.25, 0.5, 0.75, 1.0)
"""The places of a training at which its loss is compared."""
AROUND = 0.05
"""The share of the steps whose median is the loss at a place."""
STRETCH = 1.1
"""How much longer or shorter than those of the band a run may be."""

SECTIONS = {
    "corpus": CorpusConfig,
    "tokenizer": TokenizerConfig,
    "model": ModelConfig,
    "pretrain": TrainingConfig,
}
"""The tables of a recipe that its losses depend on."""
FREE = {
    "pretrain": HARMLESS
    | {"minutes", "steps", "evaluations", "rows"}
    | {"compile", "precision"},
    "model": {"attention"},
}
"""Keys that leave the losses as they are, nearly; the number of steps
is compared by itself."""
WORDS = {"licence", "credit", "language"}
"""What is said about a source, and changes none of its text."""


class Curve(msgspec.Struct, frozen=True):
    """One run: its steps, and its losses at ``SHARES``."""

    steps: int
    loss: tuple[float, ...]


class Band(msgspec.Struct, frozen=True, kw_only=True):
    """What runs of one recipe gave."""

    made: str
    """How, for people."""
    recipe: dict[str, Any]
    """The tables of the recipe that the runs were made by."""
    margin: float
    """How far another run may lie from them, in nats."""
    runs: tuple[Curve, ...]

    def expected(self, steps: int) -> np.ndarray:
        """Give the losses at ``SHARES`` of a run of so many steps.

        Between runs of different lengths it is a straight line in the
        logarithm of the steps.
        """
        lengths = sorted({run.steps for run in self.runs})
        means = [
            np.mean([r.loss for r in self.runs if r.steps == n], axis=0)
            for n in lengths
        ]
        known = np.log(lengths)
        columns = np.array(means).T
        return np.array(
            [np.interp(np.log(steps), known, each) for each in columns]
        )

    def covers(self, steps: int) -> bool:
        """Whether runs of about so many steps were seen."""
        lengths = [run.steps for run in self.runs]
        least, most = min(lengths) / STRETCH, max(lengths) * STRETCH
        return least <= steps <= most


class Place(msgspec.Struct, frozen=True):
    """A run's loss at one place, beside what its recipe gives."""

    recipe: str
    share: float
    """How much of the training was behind it."""
    loss: float
    low: float
    high: float

    @property
    def inside(self) -> bool:
        """Whether the loss is one to be expected."""
        return self.low <= self.loss <= self.high

    @property
    def sentence(self) -> str:
        """Say it for people."""
        side = "above" if self.loss > self.high else "below"
        return (
            f"at {self.share:.0%} of its steps the training loss was "
            f"{self.loss:.2f}; {'inside' if self.inside else side} "
            f"what the recipe {self.recipe} gives, {self.low:.2f} to "
            f"{self.high:.2f}"
        )


def place(recipe: dict[str, Any], seen: Evidence) -> Iterator[Place]:
    """Set a pretraining beside the band of its recipe, if it has one.

    A training that has not ended is compared as far as it came.
    """
    # Find the band that was made just so
    steps = max(seen.planned, seen.steps)
    settings = relevant(recipe)
    for name, band in load_bands().items():
        same = settings and settings == relevant(band.recipe)
        if seen.tuning or not same or not band.covers(steps):
            continue

        # Compare place by place
        reached = seen.steps / steps + AROUND / 10
        expected = band.expected(steps)
        losses = losses_at(seen.loss, steps)
        rows = zip(SHARES, losses, expected, strict=True)
        for share, loss, usual in rows:
            if share <= reached:
                ends = usual - band.margin, usual + band.margin
                yield Place(name, share, loss, *map(float, ends))


def losses_at(loss: tuple[float, ...], steps: int) -> list[float]:
    """Give the median losses around ``SHARES`` of so many steps."""
    half = max(1, round(AROUND * steps / 2))
    found = []
    for share in SHARES:
        middle = min(round(share * steps), steps - half)
        near = loss[max(0, middle - half) : middle + half]
        found.append(float(np.median(near)) if near else 0.0)
    return found


def relevant(recipe: dict[str, Any]) -> dict[str, Any]:
    """Take from a recipe what losses depend on, with all defaults.

    What is no whole recipe gives nothing.
    """
    # Fill in the defaults, and leave out what is free
    found: dict[str, Any] = {}
    for name, kind in SECTIONS.items():
        table = recipe.get(name)
        if not isinstance(table, dict):
            return {}
        if name == "model":
            table = with_form(table)
        try:
            whole = msgspec.to_builtins(msgspec.convert(table, kind))
        except msgspec.ValidationError:
            return {}
        free = FREE.get(name, set())
        found[name] = {k: v for k, v in whole.items() if k not in free}

    # Leave out what is but said of the sources
    found["corpus"]["source"] = [
        {k: v for k, v in source.items() if k not in WORDS}
        for source in found["corpus"]["source"]
    ]
    return found


def load_bands() -> dict[str, Band]:
    """Read the bands that ship with Hornbook, by recipe."""
    path = Path(str(resources.files("hornbook") / FILE))
    kind = dict[str, Band]
    return msgspec.json.decode(path.read_bytes(), type=kind)
