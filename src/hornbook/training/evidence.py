"""What trainings left behind, read from a run's folder."""

from collections.abc import Iterator
from pathlib import Path
from shlex import quote
from typing import Any

import msgspec
import numpy as np

from hornbook.base.errors import DataError
from hornbook.base.store import read_json, read_jsonl

BLOCKS = 20
"""Stretches into which a curve is cut; each counts by its median."""
RATES = {
    "muon": ("lr", "lr_embedding", "lr_head"),
    "adamw": ("lr",),
}
"""The learning rates that an optimiser has."""


class Vocabulary(msgspec.Struct, frozen=True):
    """How a run's tokenizer and its token shards fit together."""

    same: bool
    """Whether the shards were made by this very tokenizer."""
    train: float
    """Bytes of the training text in one token."""
    heldout: float
    """Bytes of the held-out text in one token; 0: there is none."""
    unused: float
    """The share of learned tokens that the training text never has."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What one training left behind, as far as it is known."""

    run: str
    """The run's folder, as commands are to name it."""
    section: str
    """The recipe's table: ``pretrain``, or ``finetune.NAME``."""
    loss: tuple[float, ...]
    """The training loss of each step, in nats per target."""
    grad: tuple[float, ...] = ()
    """The length of each step's gradient, before it was shortened."""
    heldout: tuple[tuple[int, float], ...] = ()
    """Steps, and the held-out loss after them."""
    stopped: dict[str, Any] = {}
    """The line about what stopped it; empty where nothing did."""
    tokens: int = 0
    """Tokens learned from, repeats included."""
    text_tokens: int = 0
    """Tokens of the training text; 0 where it is not known."""
    passes: float = 0.0
    """How often the text or the examples were read; 0: not known."""
    parameters: int = 0
    """Trained numbers of the model; 0 where it is not known."""
    planned: int = 0
    """Steps that were planned; 0 where there is no plan."""
    settings: dict[str, Any] = {}
    """The recipe's table of that name."""
    vocabulary: Vocabulary | None = None
    """How the tokenizer fits; pretraining alone is asked."""

    @property
    def steps(self) -> int:
        """Steps that were made."""
        return len(self.loss)

    @property
    def tuning(self) -> bool:
        """Whether it began with a model that had learned before."""
        return self.section != "pretrain"

    @property
    def blocks(self) -> np.ndarray:
        """The medians of the curve's stretches, in their order."""
        return np.array([np.median(part) for part in self.parts])

    @property
    def parts(self) -> list[np.ndarray]:
        """The curve, cut into stretches of equal length."""
        count = min(BLOCKS, self.steps)
        return np.array_split(np.array(self.loss), count)

    def again(self, *changes: str) -> str:
        """Write the command that makes this training otherwise."""
        command = self.section.partition(".")[0]
        settings = "".join(
            f" --set {self.section}.{change}" for change in changes
        )
        begun = self.steps < self.planned or bool(self.stopped)
        force = " --force" if begun and changes else ""
        return f"hornbook {command} {quote(self.run)}{settings}{force}"

    def longer(self, times: float) -> str:
        """Write the setting for a training so many times as long."""
        for key in ("epochs", "minutes"):
            value = float(self.settings.get(key, 0.0))
            if value and not self.settings.get("steps"):
                return f"{key}={value * times:.3g}"
        return f"steps={max(1, round(self.steps * times))}"

    def cooler(self, share: float) -> list[str]:
        """Write the settings for this share of the learning rates."""
        kind = self.settings.get("optimizer", "muon")
        return [
            f"{name}={float(self.settings[name]) * share:.2g}"
            for name in RATES.get(kind, ("lr",))
            if name in self.settings
        ] or [f"lr={0.02 * share:.2g}"]


def gather(folder: Path) -> list[Evidence]:
    """Read what a run's trainings left: pretraining, then tunings.

    Raises:
        DataError: there is no line of a training.
        CorruptFileError: a file is damaged.
    """
    found = list(trainings(folder))
    if not found:
        raise DataError(
            f"{folder} has no training to look at; 'hornbook pretrain "
            f"{folder}' makes one"
        )
    return found


def trainings(folder: Path) -> Iterator[Evidence]:
    """Read each training that has made or tried a step."""
    # Read what stands beside the logs
    plan = optional(folder / "plan.json").get("trainings", {})
    model = optional(folder / "model.json").get("parameters", {})
    text = optional(folder / "tokens" / "train.json")
    run = optional(folder / "run.json")
    recipe, stages = run.get("recipe", {}), run.get("stages", {})

    # Read log after log
    logs = {"pretrain": folder / "metrics.jsonl"}
    for path in sorted((folder / "finetune").glob("*.jsonl")):
        logs[f"finetune.{path.stem}"] = path
    for section, log in logs.items():
        read = read_log(log)
        if not read["loss"] and not read["stopped"]:
            continue
        name = section.rpartition(".")[2]
        result = stages.get(section, {}).get("result", {})
        planned = plan.get(name, {}).get("steps", 0)
        size = int(text.get("tokens", 0))
        tuning = section != "pretrain"
        yield Evidence(
            run=str(folder),
            section=section,
            text_tokens=0 if tuning else size,
            passes=float(result.get("epochs", 0.0))
            if tuning or not size
            else read["tokens"] / size,
            parameters=int(model.get("total", 0)),
            planned=int(planned or result.get("steps", 0)),
            settings=settings_of(recipe, section),
            vocabulary=None if tuning else vocabulary(folder),
            **read,
        )


def read_log(log: Path) -> dict[str, Any]:
    """Sort a log's lines by what they tell."""
    lines = read_jsonl(log)
    steps = [line for line in lines if "loss" in line]
    last = lines[-1] if lines else {}
    return {
        "loss": tuple(float(line["loss"]) for line in steps),
        "grad": tuple(
            float(line["grad"]) for line in steps if "grad" in line
        ),
        "heldout": tuple(
            (int(line["step"]), float(line["heldout_loss"]))
            for line in lines
            if "heldout_loss" in line
        ),
        "tokens": int(steps[-1].get("tokens", 0)) if steps else 0,
        "stopped": last if last.get("event") == "stopped" else {},
    }


def settings_of(
    recipe: dict[str, Any], section: str
) -> dict[str, Any]:
    """Find a recipe's table by its dotted name."""
    for part in section.split("."):
        recipe = recipe.get(part, {})
    return recipe


def optional(path: Path) -> dict[str, Any]:
    """Read a table of a run that may not be there yet."""
    table = read_json(path) if path.exists() else {}
    return table if isinstance(table, dict) else {}


def vocabulary(folder: Path) -> Vocabulary | None:
    """Compare a run's tokenizer with its shards, if it has both.

    Raises:
        CorruptFileError: a file is damaged.
    """
    train = folder / "tokens" / "train.bin"
    files = folder / "tokenizer" / "tokenizer.json", train
    if not all(file.exists() for file in files):
        return None
    from hornbook.tokenizer.shards import TokenShard, read_info
    from hornbook.tokenizer.tokenizer import Tokenizer

    # Count what the training text never uses of what was learned
    tok = Tokenizer.load(folder / "tokenizer")
    shard = TokenShard.open(train)
    info, size = shard.info, shard.info.vocab_size
    counts = np.bincount(np.asarray(shard.tokens), minlength=size)
    learned = [
        id_
        for token, id_ in tok.vocabulary.tokens.items()
        if len(token) > 1 and id_ < size
    ]
    unused = float((counts[learned] == 0).mean()) if learned else 0.0

    # Weigh tokens in bytes, on both sides of the split
    other = train.with_name("heldout.json")
    held = read_info(other) if other.exists() else None
    return Vocabulary(
        same=info.tokenizer == tok.digest,
        train=info.bytes / info.tokens,
        heldout=held.bytes / held.tokens if held else 0.0,
        unused=unused,
    )
