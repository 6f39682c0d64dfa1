"""Predicted and measured memory of trainings, each in a process.

    python benchmarks/memory.py [--sizes 1M 6M] [--batches 8 32]

What a process holds before there is a model is not counted. "Needed" is
what stands in memory at one time; "held" counts what training frees and
keeps for the next step.
"""

import argparse
import itertools

from hornbook.model.config import ModelConfig, make_config
from hornbook.model.count import parameters, training_bytes
from hornbook.training.config import TrainingConfig
from hornbook.training.footprint import footprint

SIZES = {
    "1M": {"layers": 4, "width": 128, "heads": 4, "vocab_size": 1024},
    "6M": {"layers": 6, "width": 256, "heads": 4, "vocab_size": 4096},
    "30M": {"layers": 8, "width": 512, "heads": 8, "vocab_size": 4096},
    "125M": {
        "layers": 12,
        "width": 768,
        "heads": 12,
        "vocab_size": 32768,
    },
}
"""The models of ``training.py``, with 256 tokens of context."""
FORMS = {
    "nanochat": {"form": "nanochat", "attention": "explicit"},
    "llama": {"form": "llama", "attention": "sdpa"},
}

CHOICES = {
    "--sizes": [*SIZES],
    "--forms": [*FORMS],
    "--batches": [8, 32],
    "--precisions": ["bf16", "fp32"],
    "--modes": ["eager", "compiled"],
}


def main() -> None:
    words = argparse.ArgumentParser()
    for option, values in CHOICES.items():
        words.add_argument(
            option, nargs="+", type=type(values[0]), default=values
        )
    words.add_argument("--rows", type=int, default=0)
    words.add_argument("--optimizer", default="muon")
    given = words.parse_args()
    print(
        "size form batch precision mode; MB predicted needed ratio held"
    )
    for form, size, batch, precision, mode in itertools.product(
        given.forms,
        given.sizes,
        given.batches,
        given.precisions,
        given.modes,
    ):
        shape = make_config(**FORMS[form], **SIZES[size], context=256)
        config = TrainingConfig(
            batch=batch,
            rows=given.rows,
            precision=precision,
            optimizer=given.optimizer,
        )
        told, seen, held = compare(shape, config, mode == "compiled")
        count = parameters(shape)["total"] / 1e6
        print(
            f"{size} ({count:.1f}M)", form, batch, precision, mode,
            f"{told / 1e6:.0f} {seen / 1e6:.0f} {told / seen:.2f} "
            f"{held / 1e6:.0f}",
            flush=True,
        )


def compare(
    shape: ModelConfig, config: TrainingConfig, compiled: bool
) -> tuple[int, int, int]:
    """Predict a training's memory, and measure it."""
    told = training_bytes(
        shape,
        config.batch,
        config.precision == "bf16",
        config.rows,
        compiled,
        config.optimizer,
    )
    needed, held = (
        footprint(shape, config, compiled, held)
        for held in (False, True)
    )
    return told, needed, held


if __name__ == "__main__":
    main()
