"""A diagnosis in the place of a curve: what went wrong, if anything.

Every check looks at numbers that a training left behind, says what it
saw, and, where it finds something, gives the next command to type.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from shlex import quote
from typing import Any

import msgspec
import numpy as np

from hornbook.base.errors import DataError
from hornbook.base.store import read_json, read_jsonl

BLOCKS = 20
"""Stretches into which a curve is cut; each counts by its median."""
REBOUND_NATS = 0.1
"""A rise of the training loss above its best that is no noise; in
short trainings, whose stretches are short, it may be larger."""
SPIKE_NATS = 1.0
MOST_SPIKES = 0.02
"""Share of steps that may jump before the rate counts as too hot."""
RISE = 0.01
"""Share by which the held-out loss may end above its best."""
GAP_NATS = 0.3
"""How far held-out may fall behind training before it is memory."""
MOST_EPOCHS = 4.0
"""Repeats that are nearly as good as new text; after them, little."""
GAIN_NATS = 0.1
"""What the second half of a training brings when it ends too early."""
ENOUGH_TOKENS = 20.0
"""Tokens for each parameter at which a model of its size is full."""
LEAST_STEPS = 100


class Evidence(msgspec.Struct, frozen=True):
    """What a training left behind, as far as it is known."""

    run: str
    """The run's folder, as commands are to name it."""
    loss: tuple[float, ...]
    """The training loss of each step, in nats per token."""
    heldout: tuple[tuple[int, float], ...]
    """Steps, and the held-out loss after them."""
    tokens: int
    """Tokens learned from, repeats included."""
    text_tokens: int
    """Tokens of the training text; 0 where it is not known."""
    parameters: int
    """Trained numbers of the model; 0 where it is not known."""
    planned: int
    """Steps that were planned; 0 where there is no plan."""
    settings: dict[str, Any]
    """The recipe's ``[pretrain]``."""

    @property
    def steps(self) -> int:
        """Steps that were made."""
        return len(self.loss)

    @property
    def epochs(self) -> float:
        """How often the text was read."""
        return self.tokens / self.text_tokens if self.text_tokens else 0

    @property
    def blocks(self) -> np.ndarray:
        """The medians of the curve's stretches, in their order."""
        count = min(BLOCKS, self.steps)
        parts = np.array_split(np.array(self.loss), count)
        return np.array([np.median(part) for part in parts])

    def again(self, *changes: str) -> str:
        """Write the command that trains this run otherwise."""
        settings = "".join(f" --set {change}" for change in changes)
        force = " --force" if self.steps < self.planned else ""
        return f"hornbook pretrain {quote(self.run)}{settings}{force}"

    def longer(self, times: float) -> str:
        """Write the setting for a training so many times as long."""
        minutes = float(self.settings.get("minutes", 0.0))
        if minutes and not self.settings.get("steps"):
            return f"pretrain.minutes={minutes * times:.3g}"
        return f"pretrain.steps={max(1, round(self.steps * times))}"


class Finding(msgspec.Struct, frozen=True):
    """The outcome of one check."""

    name: str
    holds: bool
    """Whether this is what went wrong."""
    evidence: str
    """The numbers that the verdict rests on."""
    advice: str = ""
    """What to do about it, where it holds."""
    command: str = ""
    """What to type next, where it holds."""


def finding(
    name: str, holds: bool, evidence: str, advice: str, command: str
) -> Finding:
    """Put a finding together; advice is for what holds alone."""
    if not holds:
        return Finding(name, False, evidence)
    return Finding(name, True, evidence, advice, command)


class Diagnosis(msgspec.Struct, frozen=True):
    """What was found, the gravest first."""

    findings: tuple[Finding, ...]

    @property
    def wrong(self) -> list[Finding]:
        """What went wrong; empty when nothing did."""
        return [each for each in self.findings if each.holds]


def diagnose(folder: Path) -> Diagnosis:
    """Say what is wrong with a run's pretraining, with its evidence.

    Raises:
        DataError: the run has not begun to train.
    """
    seen = gather(folder)
    return Diagnosis(tuple(check(seen) for check in CHECKS))


def gather(folder: Path) -> Evidence:
    """Read what a training left in its run's folder.

    Raises:
        DataError: there is no line of a training.
        CorruptFileError: a file is damaged.
    """
    # Read the log
    lines = read_jsonl(folder / "metrics.jsonl")
    steps = [line for line in lines if "loss" in line]
    if not steps:
        raise DataError(
            f"{folder} has no training to look at; 'hornbook pretrain "
            f"{folder}' makes one"
        )
    heldout = [
        (int(line["step"]), float(line["heldout_loss"]))
        for line in lines
        if "heldout_loss" in line
    ]

    # Read the plan, the text and the model beside it
    plan = optional(folder / "plan.json").get("trainings", {})
    model = optional(folder / "model.json").get("parameters", {})
    text = optional(folder / "tokens" / "train.json")
    recipe = optional(folder / "run.json").get("recipe", {})
    return Evidence(
        run=str(folder),
        loss=tuple(float(line["loss"]) for line in steps),
        heldout=tuple(heldout),
        tokens=int(steps[-1].get("tokens", 0)),
        text_tokens=int(text.get("tokens", 0)),
        parameters=int(model.get("total", 0)),
        planned=int(plan.get("pretrain", {}).get("steps", 0)),
        settings=recipe.get("pretrain", {}),
    )


def optional(path: Path) -> dict[str, Any]:
    """Read a table of a run that may not be there yet."""
    table = read_json(path) if path.exists() else {}
    return table if isinstance(table, dict) else {}


def diverged(seen: Evidence) -> Finding:
    """Look for a loss that rose again, or never fell."""
    blocks = seen.blocks
    best, last = float(blocks.min()), float(blocks[-1])
    spikes = jumps(seen.loss)
    noise = REBOUND_NATS * max(1.0, LEAST_STEPS / seen.steps)
    rose = last - best > noise
    stuck = seen.steps >= LEAST_STEPS and last >= seen.loss[0]
    hot = spikes > MOST_SPIKES * seen.steps
    broke = not np.isfinite(seen.loss).all()
    evidence = (
        f"the training loss began at {seen.loss[0]:.2f}, was "
        f"{best:.2f} at best and ended at {last:.2f}; {spikes} of "
        f"{seen.steps:,} steps jumped by over {SPIKE_NATS:.0f} nat"
    )
    rates = [
        f"pretrain.{name}={float(seen.settings[name]) / 3:.2g}"
        for name in ("lr", "lr_embedding", "lr_head")
        if name in seen.settings
    ]
    return finding(
        "diverged, or too hot",
        rose or stuck or hot or broke,
        evidence,
        "take a third of the learning rates",
        seen.again(*rates or ["pretrain.lr=0.005"]),
    )


def jumps(loss: Sequence[float], window: int = 10) -> int:
    """Count steps whose loss leaps above those just before it."""
    values = np.array(loss)
    if len(values) <= window:
        return 0
    runs = np.lib.stride_tricks.sliding_window_view(values, window)
    usual = np.median(runs[:-1], axis=1)
    return int((values[window:] > usual + SPIKE_NATS).sum())


def over_fitted(seen: Evidence) -> Finding:
    """Look for held-out text that gets worse as training goes on."""
    name = "over-fitted"
    if len(seen.heldout) < 2:
        return Finding(
            name, False, "held-out text was not measured on the way"
        )
    # Compare the held-out loss with its best, and with the training's
    at, best = min(seen.heldout, key=lambda pair: pair[1])
    last = seen.heldout[-1][1]
    first, end = gap(seen, 0), gap(seen, -1)
    lowest = gap(seen, [step for step, _ in seen.heldout].index(at))
    worse = last > best * (1 + RISE) and end - lowest > RISE * best
    apart = seen.epochs > 1 and min(end, end - first) > GAP_NATS
    evidence = (
        "the held-out loss, of the part that is watched, was "
        f"{best:.3f} at step {at:,} and ended at {last:.3f}; it lay "
        f"{first:+.2f} from the training loss when first measured and "
        f"{end:+.2f} in the end"
    )
    share = at / seen.steps if worse else 1 / max(seen.epochs, 1)
    return finding(
        name,
        worse or apart,
        evidence,
        f"stop at {share:.0%} of the steps, or add text",
        seen.again(seen.longer(share)),
    )


def gap(seen: Evidence, index: int) -> float:
    """Say how far held-out lies above the training loss around it."""
    step, value = seen.heldout[index]
    near = seen.loss[max(0, step - BLOCKS // 2) : max(step, 1)]
    return value - float(np.median(near))


def starved(seen: Evidence) -> Finding:
    """Look for text that was read over and over.

    Source: muennighoff2023, for the four repeats that do no harm.
    """
    name = "starved of data"
    if not seen.text_tokens:
        return Finding(name, False, "the size of the text is not known")
    each = seen.text_tokens / max(seen.parameters, 1)
    evidence = (
        f"a text of {seen.text_tokens:,} tokens, {each:.1f} for each "
        f"parameter, was read {seen.epochs:.1f} times"
    )
    return finding(
        name,
        seen.epochs > MOST_EPOCHS,
        f"{evidence}; up to {MOST_EPOCHS:.0f} times do no harm",
        "add text, a [[corpus.source]] in the run's recipe.toml; or, "
        "without more text, train for fewer steps",
        seen.again(seen.longer(MOST_EPOCHS / max(seen.epochs, 1))),
    )


def under_trained(seen: Evidence) -> Finding:
    """Look for a training that ended while it still learned a lot.

    Source: hoffmann2022, for the twenty tokens of a full model.
    """
    curve = seen.heldout or tuple(enumerate(seen.loss, start=1))
    half = min(curve, key=lambda pair: abs(2 * pair[0] - seen.steps))
    gain = half[1] - curve[-1][1]
    each = seen.tokens / seen.parameters if seen.parameters else 0.0
    early = gain > GAIN_NATS and each < ENOUGH_TOKENS
    stopped = seen.steps < seen.planned
    kind = "held-out" if seen.heldout else "training"
    return finding(
        "under-trained",
        early or stopped or seen.steps < LEAST_STEPS,
        f"{seen.steps:,} steps of {seen.planned or seen.steps:,}; the "
        f"{kind} loss still fell by {gain:.2f} from step {half[0]:,} "
        f"to the last, at {each:.1f} tokens for each parameter",
        "let it go on" if stopped else "train twice as long",
        f"hornbook pretrain {quote(seen.run)}"
        if stopped
        else seen.again(seen.longer(2.0)),
    )


Check = Callable[[Evidence], Finding]

CHECKS: tuple[Check, ...] = (
    diverged,
    over_fitted,
    starved,
    under_trained,
)
