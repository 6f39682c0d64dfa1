"""Ways to cut text, tried against each other at equal compute.

A token of one vocabulary is more text than a token of another, so
neither steps nor losses compare. Here all have as many FLOPs, and are
measured in bits per byte of one text.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from msgspec.structs import replace

from hornbook.base.console import console
from hornbook.base.store import read_json
from hornbook.inference.bits import SPELLED_BITS
from hornbook.model.count import flops_per_token
from hornbook.tokenizer.config import TokenizerConfig
from hornbook.tokenizer.measure import Fit, fit
from hornbook.tokenizer.shards import TokenShard, write_shard
from hornbook.tokenizer.tokenizer import Tokenizer
from hornbook.tokenizer.train import train as learn
from hornbook.training.contest import Contest, judge
from hornbook.training.trials import Text, Trial, run_trials

PARTS = ("train", "heldout")


class Cut(msgspec.Struct, frozen=True):
    """A vocabulary, and how well it fits the held-out text."""

    name: str
    kind: str
    vocab_size: int
    fit: Fit

    @property
    def spelled(self) -> float:
        """Bits per byte of text to write the unknown out."""
        lost, whole = self.fit.lost_bytes, max(self.fit.bytes, 1)
        return SPELLED_BITS * lost / whole


FILE = "training/cuts.json"
"""What ``hornbook trials demo --vary tokenizer.kind=bpe,word,char``
gave, in the package."""


def shipped() -> dict[str, Any]:
    """Read what was found of the demo's text."""
    found: dict[str, Any] = read_json(
        Path(str(resources.files("hornbook") / FILE))
    )
    return found


class Cuts(msgspec.Struct, frozen=True):
    """Vocabularies, each with what models made of it."""

    cuts: tuple[Cut, ...]
    contest: Contest

    def __str__(self) -> str:
        """Write what they cost, then what they gave."""
        lines = [
            f"{cut.name}: {cut.vocab_size:,} tokens, "
            f"{cut.fit.bytes_per_token:.2f} bytes each, "
            f"{cut.fit.lost:.2%} unknown, which to write out takes "
            f"{cut.spelled:.4f} of the bits per byte"
            for cut in self.cuts
        ]
        return "\n".join([*lines, "", str(self.contest)])


@contextmanager
def cut_texts(
    configs: Mapping[str, TokenizerConfig],
    texts: Mapping[str, Sequence[str]],
    folder: Path,
) -> Iterator[dict[str, tuple[Cut, Text]]]:
    """Learn vocabularies and cut the texts with each.

    ``texts`` has the parts ``train`` and ``heldout``. The shards lie
    in ``folder`` as long as they are used.

    Raises:
        RecipeError: a vocabulary is not possible.
    """
    with TemporaryDirectory(
        prefix=".cuts-", dir=folder, ignore_cleanup_errors=True
    ) as place:
        made: dict[str, tuple[Cut, Text]] = {}
        for number, (name, config) in enumerate(configs.items()):
            console.say(f"  cutting text: {name}")
            tok = Tokenizer(learn(texts["train"], config))
            for part in PARTS:
                path = Path(place) / str(number) / part
                write_shard(path, texts[part], tok)
            train, heldout = (
                TokenShard.open(Path(place) / str(number) / part, tok)
                for part in PARTS
            )
            found = fit(tok, texts["heldout"])
            cut = Cut(name, config.kind, tok.vocab_size, found)
            made[name] = cut, Text(train, heldout)
        yield made


def try_cuts(
    trials: Sequence[Trial],
    cuts: Mapping[str, tuple[Cut, Text]],
    seeds: int,
    log: Path,
    source: str = "",
) -> Cuts:
    """Train on each way to cut the text, with one seed, then the next.

    A trial is of the cut that has its name.
    """
    # Give each model the rows of its vocabulary
    sized = []
    for trial in trials:
        rows = cuts[trial.name][0].vocab_size
        shape = replace(trial.shape, vocab_size=rows)
        sized.append(replace(trial, shape=shape))

    # Train all of them with as much compute
    results = []
    for turn in range(seeds):
        for trial in equal_compute(sized):
            _, text = cuts[trial.name]
            seeded = replace(trial, seed=trial.seed + turn)
            results += run_trials([seeded], text, log, source)
    made = tuple(cut for cut, _ in cuts.values())
    return Cuts(made, judge(results))


def equal_compute(trials: Sequence[Trial]) -> list[Trial]:
    """Give all trials as many FLOPs as the first has."""
    budget, even = flops(trials[0]), []
    for trial in trials:
        steps = trial.training.steps * budget / flops(trial)
        training = replace(trial.training, steps=max(1, round(steps)))
        even.append(replace(trial, training=training))
    return even


def flops(trial: Trial) -> float:
    """Count the FLOPs of a trial."""
    return trial.tokens * flops_per_token(trial.shape)
