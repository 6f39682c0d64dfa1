"""Does the best learning rate stay where it is as a model grows?

Trains small models of three widths on a run's text, at rates on a grid
of factors of two, with and without `base_width`, and prints what each
needs in bits per byte of held-out text. Heads stay 32 numbers wide.

    hornbook run smoke --until tokenize
    python benchmarks/transfer.py --run runs/smoke

A stopped benchmark goes on where it stopped.
"""

import argparse
import math
from pathlib import Path

from hornbook.model.config import ModelConfig, make_config
from hornbook.training.config import TrainingConfig
from hornbook.training.contest import over_seeds
from hornbook.training.precision import use_threads
from hornbook.training.trials import Trial, open_text, run_trials

RATES = {
    "adamw": {"lr": 0.004},
    "muon": {"lr": 0.02, "lr_embedding": 0.05, "lr_head": 0.004},
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


def main() -> None:
    words = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    words.add_argument("--run", type=Path, default=Path("runs/smoke"))
    words.add_argument("--widths", type=int, nargs="*", default=[64, 128, 256])
    words.add_argument("--optimizers", nargs="*", default=sorted(RATES))
    words.add_argument("--steps", type=int, default=150)
    words.add_argument("--batch", type=int, default=8)
    words.add_argument("--reach", type=int, default=3)
    words.add_argument("--seeds", type=int, default=2)
    words.add_argument("--threads", type=int, default=1)
    given = words.parse_args()
    use_threads(given.threads)
    text = open_text(given.run, 20_000)
    log = given.run / "trials" / "transfer.jsonl"
    powers = range(-given.reach, given.reach + 1)
    for optimizer in given.optimizers:
        for base_width in (0, given.widths[0]):
            print(f"\n{optimizer}, base_width = {base_width}")
            print("width", *(f"x {2.0**p:<6g}" for p in powers), "best")
            for width in given.widths:
                trials = [
                    Trial(
                        name=f"{optimizer} {base_width} {width} {power}",
                        shape=shape(width, text.train.info.vocab_size),
                        training=TrainingConfig(
                            optimizer=optimizer,
                            steps=given.steps,
                            batch=given.batch,
                            base_width=base_width,
                            precision="fp32",
                            compile="off",
                            **{
                                key: rate * 2.0**power
                                for key, rate in RATES[optimizer].items()
                            },
                        ),
                        seed=seed,
                    )
                    for power in powers
                    for seed in range(1, given.seeds + 1)
                ]
                results = run_trials(trials, text, log)
                bits = [
                    math.inf if any(r.problem for r in cell)
                    else over_seeds(r.bits_per_byte for r in cell)[0]
                    for cell in (
                        results[i : i + given.seeds]
                        for i in range(0, len(results), given.seeds)
                    )
                ]
                best = powers[bits.index(min(bits))]
                cells = (f"{b:<8.3f}" for b in bits)
                print(f"{width:<5}", *cells, f"x {2.0**best:g}", flush=True)


if __name__ == "__main__":
    main()
