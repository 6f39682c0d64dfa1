"""Does the best learning rate stay where it is as a model grows?

Trains small models of three widths on a run's text, at rates on a grid
of factors of two, with and without `base_width`, and prints what each
needs in bits per byte of held-out text. Heads stay 32 numbers wide.

    hornbook run smoke --until tokenize
    python benchmarks/transfer.py --run runs/smoke

A stopped benchmark goes on where it stopped.
"""

import argparse
from pathlib import Path
from typing import Any

import msgspec

from hornbook.model.config import ModelConfig, make_config
from hornbook.training.config import TrainingConfig
from hornbook.training.finder import mean_bits
from hornbook.training.precision import use_threads
from hornbook.training.trials import Trial, open_text, run_trials

RATES = {
    "adamw": {"lr": 0.008},
    "muon": {"lr": 0.04, "lr_embedding": 0.1, "lr_head": 0.008},
}
"""The middle of each grid; all rates of an optimiser move together."""


def shape(width: int, vocab_size: int) -> ModelConfig:
    return make_config(
        form="nanochat",
        vocab_size=vocab_size,
        layers=2,
        width=width,
        heads=width // 32,
        context=64,
    )


def trial(
    optimizer: str, base_width: int, width: int, power: int, given: Any
) -> Trial:
    rates = {k: r * 2.0**power for k, r in RATES[optimizer].items()}
    training = TrainingConfig(
        optimizer=optimizer,
        steps=given.steps,
        batch=given.batch,
        # At its own width it changes nothing, and is one trial
        base_width=base_width if base_width != width else 0,
        precision="fp32",
        compile="off",
        **rates,
    )
    name = f"{optimizer} {base_width} {width} {power}"
    return Trial(
        name=name, shape=shape(width, given.vocab), training=training
    )


def main() -> None:
    words = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    words.add_argument("--run", type=Path, default=Path("runs/smoke"))
    words.add_argument(
        "--widths", type=int, nargs="*", default=[64, 128, 256]
    )
    words.add_argument("--optimizers", nargs="*", default=sorted(RATES))
    words.add_argument("--steps", type=int, default=100)
    words.add_argument("--batch", type=int, default=8)
    words.add_argument("--reach", type=int, default=2)
    words.add_argument("--seeds", type=int, default=2)
    words.add_argument("--threads", type=int, default=1)
    given = words.parse_args()
    use_threads(given.threads)
    text = open_text(given.run, 20_000)
    given.vocab = text.train.info.vocab_size
    log = given.run / "trials" / "transfer.jsonl"
    powers = range(-given.reach, given.reach + 1)
    for optimizer in given.optimizers:
        for base_width in (given.widths[0], 0):
            print(f"\n{optimizer}, base_width = {base_width}")
            heads = (f"x {2.0**p:<6g}" for p in powers)
            print("width", *heads, "best", flush=True)
            for width in given.widths:
                trials = [
                    msgspec.structs.replace(
                        trial(optimizer, base_width, width, p, given),
                        seed=seed,
                    )
                    for p in powers
                    for seed in range(1, given.seeds + 1)
                ]
                results = run_trials(trials, text, log)
                bits = [
                    mean_bits(results[i : i + given.seeds])
                    for i in range(0, len(results), given.seeds)
                ]
                best = 2.0 ** powers[bits.index(min(bits))]
                cells = (f"{b:<8.3f}" for b in bits)
                print(f"{width:<5}", *cells, f"x {best:g}", flush=True)


if __name__ == "__main__":
    main()
