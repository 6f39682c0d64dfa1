"""A diagnosis in the place of a curve: what went wrong, if anything.

Every check looks at numbers that a training left behind, says what it
saw, and, where it finds something, gives the next command to type.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from shlex import quote

import msgspec
import numpy as np

from hornbook.training.bands import Place, place
from hornbook.training.evidence import (
    BLOCKS,
    Evidence,
    gather,
    optional,
)

REBOUND_NATS = 0.1
"""A rise of the training loss above its best that is no noise."""
CERTAIN = 4.0
"""Standard errors of a stretch's median that are no noise either."""
SPIKE_NATS = 1.0
MOST_SPIKES = 0.02
"""Share of steps that may jump before the rate counts as too hot."""
RISE = 0.01
"""Share by which the held-out loss may end above its best."""
BY_HEART = 0.02
"""Share of its first loss below which a tuning knows its examples."""
MOST_EPOCHS = 4.0
"""Repeats that are nearly as good as new text; after them, little."""
GAIN_NATS = 0.1
"""What the second half of a training brings when it ends too early."""
ENOUGH_TOKENS = 20.0
"""Tokens for each parameter at which a model of its size is full."""
LEAST_STEPS = 100
LEAST_FALL = 0.1
"""Share of its first loss that a tuning has to take away."""
UNUSED = 0.2
"""Learned tokens that a text of their own kind may never use."""
POORER = 0.8
"""How many bytes of held-out text a token holds, beside training."""


class Finding(msgspec.Struct, frozen=True):
    """The outcome of one check."""

    training: str
    """The recipe's table: ``pretrain``, or ``finetune.NAME``."""
    name: str
    holds: bool
    """Whether this is what went wrong."""
    evidence: str
    """The numbers that the verdict rests on."""
    advice: str = ""
    """What to do about it, where it holds."""
    command: str = ""
    """What to type next, where it holds."""


class Verdict(msgspec.Struct, frozen=True):
    """What a check says of one training."""

    holds: bool
    evidence: str
    advice: str = ""
    command: str = ""


class Diagnosis(msgspec.Struct, frozen=True):
    """What was found in each training, the gravest first."""

    findings: tuple[Finding, ...]
    expected: tuple[Place, ...] = ()
    """The pretraining's loss beside that of runs of its recipe."""

    @property
    def wrong(self) -> list[Finding]:
        """What went wrong; empty when nothing did."""
        return [each for each in self.findings if each.holds]


def diagnose(folder: Path) -> Diagnosis:
    """Say what is wrong with a run's trainings, with its evidence.

    Raises:
        DataError: the run has not begun to train.
    """
    seen = gather(folder)
    findings = [
        examine(each, name, check)
        for each in seen
        for name, check in CHECKS.items()
        if applies(each, name)
    ]
    recipe = optional(folder / "run.json").get("recipe", {})
    return Diagnosis(tuple(findings), tuple(place(recipe, seen[0])))


def applies(seen: Evidence, name: str) -> bool:
    """Whether a check can be made of what there is."""
    if name == "tokenizer mismatch":
        return not seen.tuning
    return bool(seen.steps) or name == "diverged"


def examine(seen: Evidence, name: str, check: "Check") -> Finding:
    """Make one check; advice is for what holds alone."""
    found = check(seen)
    said = (found.advice, found.command) if found.holds else ()
    return Finding(
        seen.section, name, found.holds, found.evidence, *said
    )


def diverged(seen: Evidence) -> Verdict:
    """Look for a loss that broke, rose again, or never fell."""
    advice = "take a third of the learning rates, and begin anew"
    command = seen.again(*seen.cooler(1 / 3))
    if seen.stopped:
        return Verdict(True, describe_stop(seen), advice, command)
    first, best, last = seen.loss[0], seen.blocks.min(), seen.blocks[-1]
    rose = last - best > noise(seen)
    stuck = seen.steps >= LEAST_STEPS and last >= first
    broke = not np.isfinite(seen.loss).all()
    evidence = (
        f"the training loss began at {first:.2f}, was {best:.2f} at "
        f"best and ended at {last:.2f}"
    )
    wrong = bool(rose or stuck or broke)
    return Verdict(wrong, evidence, advice, command)


def describe_stop(seen: Evidence) -> str:
    """Say what stopped a training, from the line in its log."""
    line = seen.stopped
    return (
        f"it was stopped at step {line.get('step', 0):,} with a loss "
        f"of {line.get('value') or 'no number'}; at fault: "
        f"{line.get('kind')} {line.get('tensor', '')}".rstrip()
        + f"; the longest gradient, of {line.get('steepest') or '-'}, "
        f"measured {line.get('largest_gradient', 0.0):.3g}"
    )


def noise(seen: Evidence) -> float:
    """Give the rise of a stretch's median that chance might bring."""
    apart = [np.abs(part - np.median(part)) for part in seen.parts]
    spread = 1.4826 * float(np.median(np.concatenate(apart)))
    length = seen.steps / len(apart)
    error = CERTAIN * 1.2533 * spread / length**0.5
    short = max(1.0, LEAST_STEPS / seen.steps)
    return float(max(REBOUND_NATS * short, error))


def too_hot(seen: Evidence) -> Verdict:
    """Look for steps so long that they undo what was learned."""
    spikes, blocks = jumps(seen.loss), seen.blocks
    high = float(blocks.max()) - seen.loss[0]
    back = rebound(blocks)
    clip = float(seen.settings.get("clip", 0.0))
    cut = [length > clip > 0 for length in seen.grad]
    evidence = (
        f"{spikes} of {seen.steps:,} steps jumped by over "
        f"{SPIKE_NATS:.0f} nat; the loss was {high:+.2f} from where "
        f"it began at worst, and came back up by {back:.2f}"
    )
    if any(cut):
        evidence += f"; {np.mean(cut):.0%} of gradients were shortened"
    hot = spikes > MOST_SPIKES * seen.steps
    worse = not seen.tuning and high > noise(seen)
    return Verdict(
        bool(hot or worse or back > 2 * noise(seen)),
        evidence,
        "take a third of the learning rates",
        seen.again(*seen.cooler(1 / 3)),
    )


def jumps(loss: Sequence[float], window: int = 10) -> int:
    """Count steps whose loss leaps above those just before it."""
    values = np.array(loss)
    if len(values) <= window:
        return 0
    runs = np.lib.stride_tricks.sliding_window_view(values, window)
    usual = np.median(runs[:-1], axis=1)
    return int((values[window:] > usual + SPIKE_NATS).sum())


def rebound(blocks: np.ndarray) -> float:
    """Give the highest rise of a curve above its best until then."""
    return float((blocks - np.minimum.accumulate(blocks)).max())


def mismatched(seen: Evidence) -> Verdict:
    """Look for a tokenizer that was made for other text."""
    fit = seen.vocabulary
    if fit is None:
        return Verdict(False, "there are no tokens to compare")
    held = f" and {fit.heldout:.2f} of held-out text"
    evidence = (
        f"a token holds {fit.train:.2f} bytes of training text"
        f"{held if fit.heldout else ''}; {fit.unused:.0%} of the "
        "learned tokens never occur"
    )
    if not fit.same:
        evidence = f"the shards are of another tokenizer; {evidence}"
    poor = 0 < fit.heldout < POORER * fit.train
    return Verdict(
        not fit.same or poor or fit.unused > UNUSED,
        evidence,
        "learn the vocabulary from this text"
        if not poor
        else "hold out text of the kind that is learned from, then "
        "learn the vocabulary anew",
        f"hornbook run {quote(seen.run)} --from tokenize "
        "--until pretrain --force",
    )


def over_fitted(seen: Evidence) -> Verdict:
    """Look for text that is known by heart."""
    if seen.tuning:
        share = float(seen.blocks[-1]) / max(seen.loss[0], 1e-9)
        return Verdict(
            share < BY_HEART and seen.passes > 1,
            f"after {seen.passes:.1f} passes over its examples the "
            f"loss is {share:.1%} of what it was at first",
            "make fewer passes, or add examples",
            seen.again(seen.longer(0.5)),
        )
    if len(seen.heldout) < 2:
        return Verdict(False, "held-out text was not measured")

    # Compare the held-out loss with its best, and with the training's
    at, best = min(seen.heldout, key=lambda pair: pair[1])
    last = seen.heldout[-1][1]
    first, end = gap(seen, 0), gap(seen, -1)
    lowest = gap(seen, [step for step, _ in seen.heldout].index(at))
    worse = last > best * (1 + RISE) and end - lowest > RISE * best
    evidence = (
        "the held-out loss, of the part that is watched, was "
        f"{best:.3f} at step {at:,} and ended at {last:.3f}; it lay "
        f"{first:+.2f} from the training loss when first measured and "
        f"{end:+.2f} in the end"
    )
    share = at / seen.steps
    return Verdict(
        worse,
        evidence,
        f"stop at {share:.0%} of the steps, or add text",
        seen.again(seen.longer(share)),
    )


def gap(seen: Evidence, index: int) -> float:
    """Say how far held-out lies above the training loss around it."""
    step, value = seen.heldout[index]
    near = seen.loss[max(0, step - BLOCKS // 2) : max(step, 1)]
    return value - float(np.median(near))


def starved(seen: Evidence) -> Verdict:
    """Look for text that was read over and over.

    Source: muennighoff2023, for the four repeats that do no harm.
    """
    if not seen.passes:
        return Verdict(False, "the size of the text is not known")
    each = seen.text_tokens / max(seen.parameters, 1)
    text = (
        f"a text of {seen.text_tokens:,} tokens, {each:.1f} for each "
        "parameter, was"
    )
    more = "add text, a [[corpus.source]] in the run's recipe.toml"
    if seen.tuning:
        text, more = "the examples were", "add examples"
    return Verdict(
        seen.passes > MOST_EPOCHS,
        f"{text} read {seen.passes:.1f} times; up to "
        f"{MOST_EPOCHS:.0f} times do no harm",
        f"{more}; or, without more, train for fewer steps",
        seen.again(seen.longer(MOST_EPOCHS / max(seen.passes, 1))),
    )


def under_trained(seen: Evidence) -> Verdict:
    """Look for a training that ended while it still learned a lot.

    Source: hoffmann2022, for the twenty tokens of a full model.
    """
    curve = seen.heldout or tuple(enumerate(seen.loss, start=1))
    half = min(curve, key=lambda pair: abs(2 * pair[0] - seen.steps))
    gain = half[1] - curve[-1][1]
    each = seen.tokens / seen.parameters if seen.parameters else 0.0
    kind = "held-out" if seen.heldout else "training"
    evidence = (
        f"{seen.steps:,} steps of {seen.planned or seen.steps:,}; the "
        f"{kind} loss still fell by {gain:.2f} from step {half[0]:,} "
        "to the last"
    )
    if seen.parameters:
        evidence += f", at {each:.1f} tokens for each parameter"
    room = each < ENOUGH_TOKENS and seen.passes <= MOST_EPOCHS
    early = gain > GAIN_NATS and room
    short = early or seen.steps < LEAST_STEPS
    if seen.tuning:
        fall = 1 - float(seen.blocks[-1]) / max(seen.loss[0], 1e-9)
        evidence = (
            f"{seen.steps:,} steps of {seen.planned or seen.steps:,} "
            f"took {fall:.0%} away from the loss"
        )
        short = fall < LEAST_FALL
    if seen.stopped:
        return Verdict(False, evidence)
    if seen.steps < seen.planned:
        return Verdict(True, evidence, "let it go on", seen.again())
    longer = seen.again(seen.longer(2.0))
    return Verdict(short, evidence, "train twice as long", longer)


Check = Callable[[Evidence], Verdict]

CHECKS: dict[str, Check] = {
    "diverged": diverged,
    "too hot": too_hot,
    "tokenizer mismatch": mismatched,
    "over-fitted": over_fitted,
    "starved of data": starved,
    "under-trained": under_trained,
}
